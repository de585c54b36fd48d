"""Partitions to start EM from: k-means++ seeding (Arthur & Vassilvitskii 2007) and Lloyd's iterations."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura import _core
from mixtura.validation import Array, Labels

LLOYD_ITERATIONS = 20
"""Enough for a start: EM does the rest."""


def seed_plus_plus(X: Array, weights: Array | None, n_components: int, rng: np.random.Generator) -> Array:
    """(n_components, n_features): rows drawn with probability proportional to their squared distance from those drawn.

    Parameters
    ----------
    X : (n_samples, n_features), columns of comparable scale
    weights : (n_samples,) or None
    """
    zero, one = np.zeros(X.shape[1]), np.ones(X.shape[1])
    distances = np.full(len(X), np.inf)
    mass = np.ones(len(X)) if weights is None else weights
    chosen: list[int] = []
    for _ in range(n_components):
        probability = mass if not chosen else mass * distances
        chosen.append(_draw(probability if probability.sum() > 0 else mass, rng))
        _core.update_distances(X, zero, one, X[chosen[-1]], distances, 1)
    return X[chosen]


def _draw(mass: Array, rng: np.random.Generator) -> int:
    """An index with probability proportional to its mass."""
    cumulative = np.cumsum(mass)
    return min(int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")), len(mass) - 1)


def nearest(X: Array, weights: Array | None, centers: Array, n_threads: int) -> tuple[Labels, float, Array, Array]:
    """Labels of the nearest centers, the inertia Σ w |x − c|², and each cluster's weight and weighted sum of rows."""
    labels: npt.NDArray[Any] = np.empty(len(X), dtype=np.int64)
    zero, one = np.zeros(X.shape[1]), np.ones(X.shape[1])
    inertia, counts, sums = _core.nearest(X, weights, zero, one, np.ascontiguousarray(centers), labels, n_threads)
    return labels, inertia, counts, sums


def k_means(X: Array, weights: Array | None, centers: Array, n_threads: int) -> Array:
    """Centers (K, D) after Lloyd's iterations; a center that loses its rows stays."""
    _, inertia, counts, sums = nearest(X, weights, centers, n_threads)
    for _ in range(LLOYD_ITERATIONS):
        held = counts > 0
        centers = np.where(held[:, None], sums / np.where(held, counts, 1.0)[:, None], centers)
        before = inertia
        _, inertia, counts, sums = nearest(X, weights, centers, n_threads)
        if not inertia < before * (1 - 1e-9):
            break
    return centers
