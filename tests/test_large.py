"""What shows only on many rows: flat memory, the same answer from a sample's climb, fewer readings by acceleration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mixtura as mx
from mixtura.algorithms.acceleration import accelerated_em
from mixtura.algorithms.climb import Rules, climb_all, plain_em
from mixtura.search import Options, Search
from mixtura.sources import as_source
from mixtura.sweep import Sweep

MEMORY = """
import re, numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=({n}, {d}))
X += 4.0 * rng.integers({k}, size=({n}, 1))
import mixtura as mx
mx.fit(X[:2000].copy(), n_components=2, structure="{structure}")  # loads what is loaded once
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) / 1024
before = peak()
fit = mx.fit(X, n_components={k}, structure="{structure}")
print(peak() - before)
"""
"""`ru_maxrss` would start at the peak of the parent, which may be a large test run."""


def groups(n: int, d: int, k: int, separation: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    labels = rng.integers(k, size=n)
    return rng.normal(size=(k, d))[labels] * separation + rng.normal(size=(n, d))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize(("n", "d", "k", "structure"), [(1_000_000, 2, 5, "VVV"), (300_000, 10, 8, "EEE")])
def test_memory_above_the_data_stays_below_64_megabytes(n: int, d: int, k: int, structure: str) -> None:
    code = MEMORY.format(n=n, d=d, k=k, structure=structure)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) <= 64


@pytest.mark.slow
@pytest.mark.parametrize("structure", ["VVV", "EEE", "VVI", "VII"])
def test_a_climb_through_growing_samples_ends_at_the_optimum_of_all_rows(structure: str) -> None:
    X = groups(200_000, 3, 4, 4.0)
    fit = mx.fit(X, n_components=4, structure=structure)
    assert fit.starts.n_rows < len(X)
    assert fit.converged
    again = mx.fit(X, n_components=4, structure=structure, start=fit.mixture, tol=1e-10)
    assert again.log_likelihood - fit.log_likelihood <= 2e-7 * len(X)


READINGS = {
    "iris": ("examples", 3, "VVV"),
    "old_faithful": ("examples", 3, "VVV"),
    "diabetes": ("examples", 3, "VVV"),
    "acidity": ("examples", 3, "V"),
    "plane, three groups that overlap": (groups(2000, 2, 3, 1.5), 3, "VVV"),
    "plane, eight groups that overlap": (groups(3000, 2, 8, 3.0), 8, "VVV"),
    "ten columns, five groups": (groups(2000, 10, 5, 0.8), 5, "VVV"),
    "uniform square": (np.random.default_rng(1).uniform(size=(1500, 2)), 6, "VVV"),
    "line, four groups that overlap": (groups(1500, 1, 4, 2.0), 4, "V"),
    "shared covariance": (groups(2000, 4, 4, 1.2), 4, "EEE"),
}


@pytest.fixture(scope="module")
def readings() -> dict[str, tuple[int, int]]:
    """Readings of the rows until the limit is 1e-5 nats a row away: plain EM, accelerated EM; a set each."""
    return {name: _readings(*READINGS[name], name=name) for name in READINGS}


def _readings(X: np.ndarray | str, k: int, structure: str, name: str) -> tuple[int, int]:
    source = as_source(f"examples/{name}.csv" if isinstance(X, str) else X)
    sweep = Sweep(source)
    search = Search(sweep, Options(6, 1e-10, 20000, 0))
    start = search._stack(search._starts(structure, k), structure, sweep)[0]
    plain = climb_all(sweep, [start], Rules(1e-12, 20000), plain_em)[0]
    counts = []
    for algorithm in (plain_em, accelerated_em):
        end, n = None, 1
        while end is None or end.log_likelihood < plain.log_likelihood - 1e-5 * source.total_weight:
            end = climb_all(sweep, [start], Rules(1e-300, n), algorithm)[0]
            if end.n_iter < n:
                break
            n = n + max(1, n // 20)
        counts.append(end.n_iter)
    return counts[0], counts[1]


@pytest.mark.slow
def test_acceleration_halves_the_readings_and_never_adds_any(readings: dict[str, tuple[int, int]]) -> None:
    ratios = {name: plain / fast for name, (plain, fast) in readings.items()}
    assert np.exp(np.mean(np.log(list(ratios.values())))) >= 2, ratios
    assert min(ratios.values()) >= 0.95, ratios  # counted in steps of one twentieth
