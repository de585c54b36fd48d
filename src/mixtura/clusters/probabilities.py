"""Probabilities of clusters from those of their components."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.mixture import Mixture
from mixtura.noise import LABEL
from mixtura.validation import Array, Labels


def with_noise_apart(mixture: Mixture[Any], resp: Array, shares: Array) -> Array:
    """(n_samples, n_clusters): Σ_k p(k | x) share_kg; where there is noise, its probability in one more column."""
    of_clusters: Array = resp[:, : mixture.n_components] @ shares
    return of_clusters if mixture.noise is None else np.column_stack([of_clusters, resp[:, -1]])


def largest(mixture: Mixture[Any], probabilities: Array) -> Labels:
    """(n_samples,): the cluster of largest probability, the first of equals; −1 for noise."""
    labels: Labels = probabilities.argmax(axis=1)
    return labels if mixture.noise is None else np.where(labels == probabilities.shape[1] - 1, LABEL, labels)
