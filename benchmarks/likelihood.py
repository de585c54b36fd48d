"""The log-likelihood of plain parameters by plain NumPy: a judge that belongs to no peer."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from workloads import Array, Parameters

BLOCK = 10_000
JUDGED_ROWS = 100_000
"""Rows that the judge looks at: the first ones, for every peer the same."""


def mean_log_likelihood(X: Array, theta: Parameters, rows: int | None = JUDGED_ROWS) -> float:
    """Mean of log p(x) over the first rows, nats a row, in float64 whatever the kind of the rows."""
    X = X[:rows]
    total = 0.0
    with np.errstate(divide="ignore"):
        log_weights = np.log(theta.weights)
    for start in range(0, len(X), BLOCK):
        block = X[start : start + BLOCK].astype(np.float64)
        total += float(logsumexp(_log_densities(block, theta) + log_weights, axis=1).sum())
    return total / len(X)


def _log_densities(X: Array, theta: Parameters) -> Array:
    """(n, K): log N(x; mean, covariance)."""
    d = X.shape[1]
    out = np.empty((len(X), len(theta.weights)))
    for k, mean in enumerate(theta.means):
        off = X - mean
        if theta.structure in ("full", "tied"):
            covariance = theta.covariances if theta.structure == "tied" else theta.covariances[k]
            factor = np.linalg.cholesky(covariance)
            z = solve_triangular(factor, off.T, lower=True, check_finite=False)
            squares, log_root = (z**2).sum(axis=0), np.log(factor.diagonal()).sum()
        else:
            variance = np.broadcast_to(theta.covariances[k], d)
            squares, log_root = (off**2 / variance).sum(axis=1), 0.5 * np.log(variance).sum()
        out[:, k] = -0.5 * (d * np.log(2 * np.pi) + squares) - log_root
    return out
