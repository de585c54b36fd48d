"""How sure the assignment of a row is: its responsibilities over the replicates of a bootstrap."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.errors import ParameterError
from mixtura.families.gaussian import Gaussian
from mixtura.inference.parameters import Parameters
from mixtura.inference.rows import in_memory, mixture_and_rows
from mixtura.mixture import Mixture
from mixtura.validation import Array

PIECE_NUMBERS = 1 << 23
"""Responsibilities that are held together (64 MB)."""


def assignment_interval(mixture: Mixture[Any], replicates: Parameters, X: Any, level: float) -> tuple[Array, Array]:
    """(n_samples, n_components) each: percentiles of p(k | x) over Gaussian replicates (B, …); noise in one more."""
    if not isinstance(mixture.components, Gaussian):
        raise ParameterError(f"assignment intervals are for Gaussian components, not {mixture.structure}.")
    noise = mixture.noise
    rows = in_memory(mixture_and_rows(mixture, X, None)[1]).X
    b, k, d = replicates.means.shape
    drawn = [
        Mixture(w[:k], Gaussian(m, c if d > 1 else c.reshape(k), "VVV"), noise=noise and noise.weighing(float(w[-1])))
        for w, m, c in zip(replicates.weights, replicates.means, replicates.covariances, strict=True)
    ]
    n_labels = replicates.weights.shape[1]
    ends = np.empty((2, len(rows), n_labels))
    step = max(1, PIECE_NUMBERS // (b * n_labels))
    for first in range(0, len(rows), step):
        piece = rows[first : first + step]
        resp = np.stack([theta.responsibilities(piece) for theta in drawn])
        ends[:, first : first + step] = np.quantile(resp, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ends[0], ends[1]
