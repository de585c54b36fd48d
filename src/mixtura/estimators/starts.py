"""scikit-learn's four ways to start, by its own k-means: the same random state gives the same start."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.cluster import KMeans, kmeans_plusplus

from mixtura.validation import Array

INIT_PARAMS = {"kmeans", "random", "random_from_data", "k-means++"}


def initial_responsibilities(
    X: Any, n_components: int, init_params: str, random_state: np.random.RandomState, sample_weight: Array | None = None
) -> Array:
    """(n_samples, n_components): by "kmeans", "random", "k-means++" or "random_from_data".

    The last two give one row to each component and leave the others out.
    """
    n_samples = len(X)
    if init_params == "random":
        drawn: Array = random_state.uniform(size=(n_samples, n_components)).astype(X.dtype).astype(np.float64)
        drawn /= drawn.sum(axis=1, keepdims=True)
        return drawn
    if init_params == "kmeans":
        kmeans = KMeans(n_clusters=n_components, n_init=1, random_state=random_state)
        one_hot: Array = np.eye(n_components)[kmeans.fit(X, sample_weight=sample_weight).labels_]
        return one_hot
    if init_params == "k-means++":
        _, rows = kmeans_plusplus(X, n_components, sample_weight=sample_weight, random_state=random_state)
    else:
        rows = random_state.choice(n_samples, size=n_components, replace=False)
    resp = np.zeros((n_samples, n_components))
    resp[rows, np.arange(n_components)] = 1.0
    return resp
