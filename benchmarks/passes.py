"""Part 4: readings of the rows that plain and accelerated EM need to come within 1e-5 nats a row of the optimum.

Both climb from the same k-means start to their ends, and the goal is the lower of the two ends less 1e-5 nats a row:
both reach it also where they end at different optima. Every reading counts: rejected extrapolations, and what
acceleration reads to learn the spread of the columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tables import Table, times
from workloads import EXAMPLES, Array

Say = Callable[[str], None]
GAP = 1e-5
"""Nats a row below the optimum."""

SAME = 1e-4
"""Nats a row within which two ends are the same optimum."""

TOLERANCE, MOST = 1e-10, 20_000


@dataclass(frozen=True)
class DataSet:
    """Rows, and how many components are fitted to them."""

    name: str
    X: Array
    k: int


def data_sets() -> Iterator[DataSet]:
    """Ten: four real ones from examples/, digits where scikit-learn is here, and simulated overlap."""
    for name, title, k in (
        ("iris", "iris", 3),
        ("old_faithful", "Old Faithful", 3),
        ("diabetes", "diabetes", 3),
        ("acidity", "acidity, 1-D", 3),
    ):
        X = np.loadtxt(EXAMPLES / f"{name}.csv", delimiter=",", skiprows=1, ndmin=2)
        yield DataSet(f"{title} K={k}", np.ascontiguousarray(X), k)
    yield _digits()
    rng = np.random.default_rng(11)
    yield DataSet("2-D overlap K=3", _overlap(rng, 3000, 2, 3, 1.3), 3)
    yield DataSet("2-D overlap K=8", _overlap(rng, 4000, 2, 8, 2.0), 8)
    yield DataSet("uniform square K=6", rng.uniform(size=(3000, 2)), 6)
    yield DataSet("1-D overlap K=4", _overlap(rng, 3000, 1, 4, 1.5), 4)
    yield DataSet("10-D overlap K=5", _overlap(rng, 4000, 10, 5, 0.6), 5)


def _digits() -> DataSet:
    """Handwritten digits on their first 8 principal axes; simulated rows of that size where they can't be had."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        return DataSet("8-D overlap K=10", _overlap(np.random.default_rng(8), 1797, 8, 10, 1.2), 10)
    X = load_digits().data
    X = X - X.mean(axis=0)
    axes = np.linalg.svd(X, full_matrices=False)[2][:8]
    return DataSet("digits, 8 axes K=10", np.ascontiguousarray(X @ axes.T), 10)


def _overlap(rng: np.random.Generator, n: int, d: int, k: int, spread: float) -> Array:
    means = spread * rng.normal(size=(k, d))
    labels = rng.choice(k, size=n, p=rng.dirichlet(np.full(k, 6.0)))
    factors = np.array([np.linalg.cholesky(0.4 * np.eye(d) + 0.6 * a @ a.T / d) for a in rng.normal(size=(k, d, d))])
    return np.ascontiguousarray(means[labels] + np.einsum("nij,nj->ni", factors[labels], rng.normal(size=(n, d))))


@dataclass(frozen=True)
class Path:
    """A climb: readings of the rows so far and log-likelihood, total nats, after each; whether it stayed sound."""

    readings: list[int]
    log_likelihoods: list[float]
    sound: bool
    prepared: int

    @property
    def end(self) -> float:
        return max(self.log_likelihoods)

    def passes(self, goal: float) -> int:
        """Readings until the log-likelihood reached the goal."""
        return next(r for r, value in zip(self.readings, self.log_likelihoods, strict=True) if value >= goal)


def measure(peers: Sequence[Any], options: Any, say: Say) -> list[dict[str, Any]]:
    """One record a data set."""
    records = []
    for data in data_sets():
        for seed in range(5):
            plain, accelerated = (_climb(data, seed, name) for name in ("plain", "accelerated"))
            if plain.sound and accelerated.sound:
                break
        n = len(data.X)
        same = abs(plain.end - accelerated.end) <= SAME * n
        lower = min(plain.end, accelerated.end)
        needed = [path.passes(lower - GAP * n) for path in (plain, accelerated)]
        say(f"{data.name}: {needed[0]} and {needed[1]} passes")
        records.append(
            {
                "data": data.name,
                "rows": n,
                "plain": needed[0],
                "accelerated": needed[1],
                "of_which_preparation": accelerated.prepared,
                "ratio": needed[0] / needed[1],
                "same_optimum": bool(same),
                "higher_by": (accelerated.end - plain.end) / n,
                "sound": plain.sound and accelerated.sound,
                "seed": seed,
            }
        )
    return records


def _climb(data: DataSet, seed: int, name: str) -> Path:
    """One climb from a k-means start, its readings counted at the source of the rows."""
    from mixtura.algorithms.acceleration import accelerated_em
    from mixtura.algorithms.climb import Climb, Rules, plain_em
    from mixtura.algorithms.iteration import inner_floor
    from mixtura.algorithms.start import Partitions
    from mixtura.families.covariance import resolve_structure
    from mixtura.sources import ArraySource
    from mixtura.sweep import Sweep

    class Counted(ArraySource):
        readings = 0

        def chunks(self) -> Any:
            type(self).readings += 1
            return super().chunks()

    source = Counted.checked(data.X)
    partitions = Partitions(source.X, None, 1, source.coordinates)
    groupings = partitions.groupings(data.k, len(partitions.methods), np.random.default_rng(seed)).shrunk()
    k_means = next(i for i, method in enumerate(groupings.methods) if method.startswith("k-means"))
    structure = resolve_structure("VVV", source.n_features)
    sweep = Sweep(source)
    climb = Climb(groupings.starts(structure, inner_floor(source))[k_means])
    algorithm = plain_em if name == "plain" else accelerated_em
    walk = algorithm(climb, sweep, Rules(TOLERANCE, MOST), None)
    readings: list[int] = []
    values: list[float] = []
    wanted = next(walk)
    prepared = Counted.readings
    while wanted is not None:
        statistics = sweep.one(wanted)
        wanted = _sent(walk, statistics)
        readings.append(Counted.readings)
        values.append(climb.log_likelihood)
    return Path(readings, values, climb.sound, prepared)


def _sent(walk: Any, statistics: Any) -> Any:
    """The next mixture a climb wants; None at its end."""
    try:
        return walk.send(statistics)
    except StopIteration:
        return None


def summary(records: list[dict[str, Any]]) -> tuple[float, float]:
    """The geometric mean of the ratios, and the smallest."""
    ratios = [r["ratio"] for r in records]
    return math.exp(sum(map(math.log, ratios)) / len(ratios)), min(ratios)


def tables(records: list[dict[str, Any]], peers: Sequence[Any]) -> list[Table]:
    """Passes of both, and the ratio."""
    mean, worst = summary(records)
    table = Table(
        f"Passes over the rows to within {GAP:g} nats a row of the optimum",
        ["data", "rows", "plain EM", "accelerated", "fewer by", "optimum"],
        f"Geometric mean {times(mean)}, worst {times(worst)}. Every reading counts, also "
        f"{records[0]['of_which_preparation']} by which acceleration learns the spread of the columns. Where the "
        "optima differ, the goal is the lower one.",
    )
    for r in records:
        optimum = "same" if r["same_optimum"] else f"another, {r['higher_by']:+.1e} nats a row"
        optimum += "" if r["sound"] else ", degenerate"
        table.add(r["data"], str(r["rows"]), str(r["plain"]), str(r["accelerated"]), times(r["ratio"]), optimum)
    return [table]
