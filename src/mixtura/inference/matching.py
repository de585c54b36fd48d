"""Label switching resolved: the components of refits in the order of the fit they belong to."""

from __future__ import annotations

import numpy as np

from mixtura.inference.parameters import Parameters
from mixtura.linalg import solve_lower_stack
from mixtura.validation import Array


def matched(replicates: Parameters, reference: Parameters) -> Parameters:
    """Replicates (B, …) with components permuted to agree best with the reference.

    The permutation maximises Σ_k π_k E[log π*_σ(k) N(x; μ*_σ(k), Σ*_σ(k))], x from the reference's component k: the
    expected complete-data log-likelihood of the replicate under the reference's labels. It depends on no rows and is
    the same in any units. Hungarian algorithm (Kuhn 1955); cost B K² D³.
    """
    from scipy.optimize import linear_sum_assignment

    k = len(reference.means)
    if k == 1 or not len(replicates.weights):
        return replicates
    gains = expected_log_prob(replicates, reference) * reference.weights[:k, None]
    order = np.stack([linear_sum_assignment(gain, maximize=True)[1] for gain in gains])
    return Parameters(
        np.hstack([np.take_along_axis(replicates.weights, order, axis=1), replicates.weights[:, k:]]),
        np.take_along_axis(replicates.means, order[:, :, None], axis=1),
        np.take_along_axis(replicates.covariances, order[:, :, None, None], axis=1),
    )


def expected_log_prob(replicates: Parameters, reference: Parameters) -> Array:
    """(B, K, K): E[log π*_l N(x; μ*_l, Σ*_l)] for x from component k of the reference, without the constant."""
    b, k, d = replicates.means.shape
    spread = np.sqrt(np.diagonal(replicates.covariances, axis1=-2, axis2=-1))  # takes out the units of the columns
    factors = np.linalg.cholesky(replicates.covariances / (spread[..., :, None] * spread[..., None, :]))
    log_det = np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1) + np.log(spread).sum(axis=-1)
    # tr Σ*⁻¹ Σ + (μ − μ*)ᵀ Σ*⁻¹ (μ − μ*) = |L*⁻¹ [L, μ − μ*]|²
    right = np.empty((b, k, d, k, d + 1))
    right[..., :d] = np.swapaxes(np.linalg.cholesky(reference.covariances), 0, 1)
    right[..., d] = np.swapaxes(reference.means[None, None] - replicates.means[:, :, None], 2, 3)
    right /= spread[..., None, None]
    whitened = solve_lower_stack(factors.reshape(-1, d, d), right.reshape(b * k, d, -1)).reshape(right.shape)
    squares = np.swapaxes((whitened**2).sum(axis=(2, 4)), 1, 2)
    with np.errstate(divide="ignore"):
        log_weights = np.log(replicates.weights[:, :k])
    gain: Array = np.maximum(log_weights - log_det, -1e300)[:, None, :] - 0.5 * squares
    return gain
