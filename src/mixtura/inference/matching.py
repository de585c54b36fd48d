"""Label switching resolved: the components of refits in the order of the fit they belong to."""

from __future__ import annotations

import numpy as np

from mixtura.inference.parameters import Parameters
from mixtura.validation import Array


def matched(replicates: Parameters, reference: Parameters) -> Parameters:
    """Replicates (B, …) with components permuted to agree best with the reference.

    The permutation maximises Σ_k π_k E[log π*_σ(k) N(x; μ*_σ(k), Σ*_σ(k))], x from the reference's component k: the
    expected complete-data log-likelihood of the replicate under the reference's labels. It depends on no rows and is
    the same in any units. Hungarian algorithm (Kuhn 1955); cost B K² D³.
    """
    from scipy.optimize import linear_sum_assignment

    k = len(reference.weights)
    if k == 1 or not len(replicates.weights):
        return replicates
    gains = expected_log_prob(replicates, reference) * reference.weights[:, None]
    order = np.stack([linear_sum_assignment(gain, maximize=True)[1] for gain in gains])
    return Parameters(
        np.take_along_axis(replicates.weights, order, axis=1),
        np.take_along_axis(replicates.means, order[:, :, None], axis=1),
        np.take_along_axis(replicates.covariances, order[:, :, None, None], axis=1),
    )


def expected_log_prob(replicates: Parameters, reference: Parameters) -> Array:
    """(B, K, K): E[log π*_l N(x; μ*_l, Σ*_l)] for x from component k of the reference, without the constant."""
    d = reference.means.shape[1]
    spread = np.sqrt(np.diagonal(replicates.covariances, axis1=-2, axis2=-1))  # units of the columns taken out
    factors = np.linalg.cholesky(replicates.covariances / (spread[..., :, None] * spread[..., None, :]))
    log_det = np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1) + np.log(spread).sum(axis=-1)
    roots = np.linalg.cholesky(reference.covariances)
    off = reference.means[None, :, None, :] - replicates.means[:, None, :, :]
    right = np.concatenate(
        [np.broadcast_to(roots[None, :, None], (*off.shape[:3], d, d)), off[..., None]], axis=-1
    )  # |L*⁻¹ [L, μ − μ*]|² = tr Σ*⁻¹Σ + (μ − μ*)ᵀ Σ*⁻¹ (μ − μ*)
    whitened = np.linalg.solve(factors[:, None], right / spread[:, None, :, :, None])
    squares = (whitened**2).sum(axis=(-2, -1))
    with np.errstate(divide="ignore"):
        log_weights = np.log(replicates.weights)
    gain: Array = np.maximum(log_weights - log_det, -1e300)[:, None, :] - 0.5 * squares
    return gain
