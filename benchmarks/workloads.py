"""What is measured: seeded rows, and the mixture that every peer starts from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@dataclass(frozen=True)
class Parameters:
    """A Gaussian mixture as plain arrays.

    `covariances` is (K, D, D) for full, (D, D) for tied, (K, D) for diag and (K,) for spherical.
    """

    weights: Array
    means: Array
    covariances: Array
    structure: str


@dataclass(frozen=True)
class Workload:
    """A problem size. `spread` is the distance between centers, in standard deviations inside a component."""

    name: str
    n: int
    d: int
    k: int
    structure: str = "full"
    dtype: str = "float64"
    spread: float = 4.0

    @property
    def title(self) -> str:
        """Such as `1e6 x 2, K=5, full`."""
        single = "" if self.dtype == "float64" else f", {self.dtype}"
        return f"{_short(self.n)} x {self.d}, K={self.k}, {self.structure}{single}"

    def rows(self, scale: float) -> int:
        """Rows at a scale; never so few that a covariance would be singular."""
        return min(self.n, max(round(self.n * scale), self.least_rows))

    @property
    def least_rows(self) -> int:
        """Rows that keep every covariance regular for a few iterations."""
        return max(1000, 50 * self.k if self.structure in ("diag", "spherical") else 12 * self.k * self.d)

    @property
    def flops(self) -> float:
        """Useful floating-point operations of one EM iteration per row: E and M step on the symmetric half each."""
        return 2.0 * self.k * self.d**2


def _short(n: int) -> str:
    return f"{n:.0e}".replace("e+0", "e") if n >= 10_000 else str(n)


ITERATION = (
    Workload("W1", 1_000_000, 2, 5),
    Workload("W2", 1_000_000, 2, 50, spread=8.0),
    Workload("W7", 2_000_000, 1, 3),
    Workload("W3", 500_000, 10, 10, spread=2.0),
    Workload("W3t", 500_000, 10, 10, "tied", spread=2.0),
    Workload("W3d", 500_000, 10, 10, "diag", spread=2.0),
    Workload("W3s", 500_000, 10, 10, "spherical", spread=2.0),
    Workload("W4", 200_000, 32, 32, spread=1.2),
    Workload("W6", 50_000, 128, 16, spread=0.8),
    Workload("W5", 100_000, 64, 64, "diag", spread=1.0),
    Workload("W9", 100_000, 784, 10, "diag", spread=0.3),
    Workload("W3f", 500_000, 10, 10, dtype="float32", spread=2.0),
    Workload("W4f", 200_000, 32, 32, dtype="float32", spread=1.2),
)
"""Time and memory of an EM iteration."""

SOLUTION = (
    Workload("T1", 1_000_000, 2, 5),
    Workload("T3", 500_000, 10, 10, spread=2.0),
    Workload("T4", 200_000, 32, 32, spread=1.2),
)
"""Time and likelihood of the default call."""

SMALL = "W8"
"""Old Faithful, 272 x 2, K=3: a whole fit."""

MANY = "W10"
"""1000 problems of 1000 x 1, K=2."""

NAMES = [w.name for w in (*ITERATION, *SOLUTION)] + [SMALL, MANY]


def truth(w: Workload) -> Parameters:
    """The full mixture that the rows of a size are drawn from."""
    rng = np.random.default_rng([w.d, w.k, 20261122])
    weights = rng.dirichlet(np.full(w.k, 10.0))
    means = w.spread * rng.normal(size=(w.k, w.d))
    covariances = np.empty((w.k, w.d, w.d))
    for k in range(w.k):
        a = rng.normal(size=(w.d, w.d)) / np.sqrt(w.d)
        covariances[k] = (0.3 * np.eye(w.d) + 0.7 * a @ a.T) * rng.uniform(0.5, 1.5)
    return Parameters(weights, means, covariances, "full")


def rows_of(w: Workload, scale: float = 1.0) -> Array:
    """(n, d), C order: drawn from `truth`, the same rows every time."""
    theta, n = truth(w), w.rows(scale)
    rng = np.random.default_rng([w.d, w.k, n])
    labels = rng.choice(w.k, size=n, p=theta.weights)
    X = rng.normal(size=(n, w.d)).astype(w.dtype)
    for k in range(w.k):
        mine = np.flatnonzero(labels == k)
        factor = np.linalg.cholesky(theta.covariances[k]).astype(w.dtype)
        X[mine] = X[mine] @ factor.T + theta.means[k].astype(w.dtype)
    return X


def start_of(w: Workload) -> Parameters:
    """Equal weights, centers half a standard deviation off, one covariance half as large again as the true ones."""
    theta = truth(w)
    rng = np.random.default_rng([w.d, w.k, 7])
    pooled = 1.5 * np.tensordot(theta.weights, theta.covariances, axes=1)
    sd = np.sqrt(pooled.diagonal())
    means = theta.means + 0.5 * sd * rng.normal(size=theta.means.shape)
    covariances = {
        "full": np.broadcast_to(pooled, theta.covariances.shape),
        "tied": pooled,
        "diag": np.broadcast_to(sd**2, theta.means.shape),
        "spherical": np.full(w.k, np.mean(sd**2)),
    }[w.structure]
    return Parameters(np.full(w.k, 1 / w.k), means, np.array(covariances), w.structure)


def old_faithful() -> Array:
    """(272, 2): eruption length and waiting time, minutes."""
    return np.ascontiguousarray(np.loadtxt(EXAMPLES / "old_faithful.csv", delimiter=",", skiprows=1))


def many_problems(scale: float = 1.0) -> Array:
    """(1000, 1000, 1): two overlapping groups each, of other places, widths and sizes every time."""
    problems = max(round(1000 * scale), 10)
    rng = np.random.default_rng(10)
    first = rng.uniform(0.25, 0.75, size=(problems, 1))
    second = rng.uniform(size=(problems, 1000)) >= first
    place = rng.uniform(2, 4, size=(problems, 1)) * second
    width = np.where(second, rng.uniform(0.7, 1.3, size=(problems, 1)), 1.0)
    return np.ascontiguousarray((place + width * rng.normal(size=(problems, 1000)))[:, :, None])
