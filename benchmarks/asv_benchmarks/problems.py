"""Seeded rows and starts; they must not change, or the history breaks."""

from __future__ import annotations

from typing import Any

import numpy as np

SIZES = {
    "200000x2 K5": (200_000, 2, 5),
    "100000x10 K10": (100_000, 10, 10),
    "50000x32 K32": (50_000, 32, 32),
    "10000x128 K16": (10_000, 128, 16),
}
STRUCTURES = ("VVV", "EEE", "VVI", "VII")


def problem(size: str, structure: str) -> tuple[Any, Any]:
    """Rows, and a mixture to start from."""
    import mixtura

    n, d, k = SIZES[size]
    rng = np.random.default_rng([n, d, k])
    means = 3 * rng.normal(size=(k, d)) / np.sqrt(max(d / 4, 1))
    X = means[rng.integers(k, size=n)] + rng.normal(size=(n, d))
    covariances = {
        "VVV": np.broadcast_to(1.5 * np.eye(d), (k, d, d)),
        "EEE": 1.5 * np.eye(d),
        "VVI": np.full((k, d), 1.5),
        "VII": np.full(k, 1.5),
    }[structure]
    start = means + 0.5 * rng.normal(size=(k, d))
    return X, mixtura.Mixture(np.full(k, 1 / k), mixtura.Gaussian(start, np.array(covariances), structure))
