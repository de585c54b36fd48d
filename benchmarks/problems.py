"""Twenty problems on which optima are compared: real ones, and simulated ones that are hard in different ways."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
DATA = Path(__file__).resolve().parent.parent / "tests" / "data"


@dataclass(frozen=True)
class Problem:
    """Rows, and the mixture that is asked for.

    Attributes
    ----------
    name : of the data
    structure, n_components : what is fitted
    rows : draws or reads the rows (n_samples, n_features)
    """

    name: str
    structure: str
    n_components: int
    rows: Callable[[], Array]

    @property
    def label(self) -> str:
        """`iris VVV,3`."""
        return f"{self.name} {self.structure},{self.n_components}"


def _csv(name: str) -> Array:
    with (DATA / f"{name}.csv").open(newline="") as file:
        records = list(csv.DictReader(line for line in file if not line.startswith("#")))
    rows: list[list[float]] = []
    for record in records:
        rows.append([float(cell) for cell in record.values() if _is_number(cell)])
    return np.array(rows)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _simulated(seed: int, n: int, d: int, k: int, spread: float, equal: bool = False) -> Callable[[], Array]:
    """Gaussian groups with centers `spread` standard deviations about the middle, and ellipses of random shape."""

    def rows() -> Array:
        rng = np.random.default_rng([20261123, seed])
        weights = np.full(k, 1 / k) if equal else rng.dirichlet(np.full(k, 3.0))
        labels = rng.choice(k, size=n, p=weights)
        X = np.empty((n, d))
        for j in range(k):
            a = rng.normal(size=(d, d)) / np.sqrt(d)
            factor = np.linalg.cholesky(0.1 * np.eye(d) + a @ a.T) * rng.uniform(0.5, 1.5)
            here = labels == j
            X[here] = spread * rng.normal(size=d) + rng.normal(size=(int(here.sum()), d)) @ factor.T
        return X

    return rows


def _uniform(seed: int, n: int, d: int) -> Callable[[], Array]:
    """Rows without any groups: many optima of nearly equal height."""
    return lambda: np.random.default_rng([20261123, seed]).uniform(size=(n, d))


def _nested(seed: int, n: int) -> Callable[[], Array]:
    """Three groups about one center: a core, a halo and a cross."""

    def rows() -> Array:
        rng = np.random.default_rng([20261123, seed])
        labels = rng.integers(3, size=n)
        scales = np.array([[0.3, 0.3], [4.0, 0.5], [0.5, 4.0]])
        return rng.normal(size=(n, 2)) * scales[labels]

    return rows


def _grid(seed: int, n: int, side: int, spacing: float) -> Callable[[], Array]:
    """side × side round groups on a lattice: one missed center costs much."""

    def rows() -> Array:
        rng = np.random.default_rng([20261123, seed])
        labels = rng.integers(side * side, size=n)
        centers = spacing * np.stack(np.divmod(labels, side), axis=1)
        return centers + rng.normal(size=(n, 2))

    return rows


def _units(rows: Callable[[], Array], *scales: float) -> Callable[[], Array]:
    """The same rows with columns in other units."""
    return lambda: rows() * np.array(scales)


PROBLEMS = (
    Problem("acidity", "V", 2, lambda: _csv("acidity")[:, :1]),
    Problem("acidity", "V", 3, lambda: _csv("acidity")[:, :1]),
    Problem("galaxies", "V", 4, lambda: _csv("galaxies")[:, :1]),
    Problem("faithful", "VVV", 3, lambda: _csv("faithful")),
    Problem("faithful", "VVI", 5, lambda: _csv("faithful")),
    Problem("iris", "VVV", 3, lambda: _csv("iris")[:, :4]),
    Problem("iris", "EEE", 6, lambda: _csv("iris")[:, :4]),
    Problem("diabetes", "VVV", 3, lambda: _csv("diabetes")[:, -3:]),
    Problem("overlapping 2-D", "VVV", 4, _simulated(1, 600, 2, 4, 1.2)),
    Problem("eight groups 2-D", "VVV", 8, _simulated(2, 2000, 2, 8, 2.5)),
    Problem("four on the line", "V", 4, _simulated(3, 1000, 1, 4, 2.0)),
    Problem("five groups 5-D", "VVV", 5, _simulated(4, 1000, 5, 5, 1.0)),
    Problem("six groups 10-D", "VVV", 6, _simulated(5, 3000, 10, 6, 0.8)),
    Problem("ten groups 8-D", "VVV", 10, _simulated(6, 4000, 8, 10, 1.0)),
    Problem("tied 4-D", "EEE", 6, _simulated(7, 800, 4, 6, 1.5, equal=True)),
    Problem("diagonal 6-D", "VVI", 7, _simulated(8, 1500, 6, 7, 1.2)),
    Problem("nested", "VVV", 3, _nested(9, 900)),
    Problem("grid of 16", "VII", 16, _grid(10, 2000, 4, 4.5)),
    Problem("uniform square", "VVV", 6, _uniform(11, 2000, 2)),
    Problem("units apart", "VVV", 5, _units(_simulated(12, 1200, 3, 5, 1.5), 1e-6, 1.0, 1e6)),
)
