"""M-steps of structures whose components share part of their covariance: volume, shape or orientation.

Σ_k = λ_k D_k A_k D_kᵀ with det A_k = 1; the M-step minimises Σ_k [N_k log det Σ_k + tr(W_k Σ_k⁻¹)] (Celeux & Govaert
1995). Each function takes square roots of the mean scatter, W_k / N_k = R_k R_kᵀ, and gives square roots of the
covariances, so that no condition number is squared. Where the minimum has no closed form, parts are minimised in turn
from the old ones, so the objective falls in every step, until nothing moves by more than `TOLERANCE`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mixtura.linalg import diagonals, lower_from_square_roots, solve_lower
from mixtura.validation import Array, Flags

TOLERANCE = 1e-11
"""Of the logarithm of a volume, or of an angle in radians."""

MOST_STEPS = 500

Roots = Array
"""(K, D, D) square roots, or (K, D) standard deviations of the columns."""


def log_volumes(factors: Array) -> Array:
    """(K,): log λ_k = log det Σ_k / D, of stacked triangular or diagonal factors."""
    entries = diagonals(factors) if factors.ndim == 3 else factors
    logs: Array = 2 * np.log(entries).mean(axis=1)
    return logs


def _geometric_means(variances: Array) -> Array:
    """(…, 1): the geometric mean along the last axis."""
    means: Array = np.exp(np.log(variances).mean(axis=-1, keepdims=True))
    return means


def _common_shape(variances: Array, counts: Array, log_lambda: Array) -> Array:
    """λ_k a_j for variances (K, D) of common shape a and own volumes λ_k: VEI, and VEV along each one's own axes."""
    for _ in range(MOST_STEPS):
        shape = np.einsum("k,kj->j", counts * np.exp(-log_lambda), variances)
        shape /= _geometric_means(shape)
        new = np.log((variances / shape).mean(axis=1))
        moved = np.abs(new - log_lambda).max()
        log_lambda = new
        if moved <= TOLERANCE:
            break
    common: Array = np.exp(log_lambda)[:, None] * shape
    return common


def vei(roots: Roots, counts: Array, old: Array) -> Roots:
    """Axis-aligned, own volumes, one shape."""
    return np.sqrt(_common_shape(roots**2, counts, log_volumes(old)))


def own(roots: Roots, counts: Array, old: Array) -> Roots:
    """Nothing shared but, where `one_volume` follows, the volume: EVI and EVV."""
    return roots


def one_volume(factors: Array, counts: Array) -> Array:
    """The same shapes and orientations with the volume that is best for all: λ = Σ N_k λ_k / N."""
    logs = log_volumes(factors)
    volume = np.log(counts @ np.exp(logs) / counts.sum())
    scaled: Array = factors * np.exp((volume - logs) / 2).reshape(-1, *[1] * (factors.ndim - 1))
    return scaled


def eev(roots: Roots, counts: Array, old: Array) -> Roots:
    """One volume and shape, own axes: the mean of the ordered eigenvalues."""
    axes, spreads, _ = np.linalg.svd(roots)
    new: Array = axes * np.sqrt(counts @ spreads**2 / counts.sum())
    return new


def vev(roots: Roots, counts: Array, old: Array) -> Roots:
    """Own volumes and axes, one shape of the ordered eigenvalues."""
    axes, spreads, _ = np.linalg.svd(roots)
    return axes * np.sqrt(_common_shape(spreads**2, counts, log_volumes(old)))[:, None, :]


def vee(roots: Roots, counts: Array, old: Array) -> Roots:
    """Own volumes, one shape and orientation."""
    d = roots.shape[1]
    log_lambda = log_volumes(old)
    for _ in range(MOST_STEPS):
        shares = np.sqrt(counts * np.exp(-log_lambda))[:, None, None] * roots
        common = lower_from_square_roots(np.concatenate(list(shares), axis=1)[None])[0]
        common = common / np.exp(np.log(diagonals(common)).mean())
        whitened = solve_lower(common, np.concatenate(list(roots), axis=1)).reshape(d, len(roots), d)
        new = np.log((whitened**2).sum(axis=(0, 2)) / d)
        moved = np.abs(new - log_lambda).max()
        log_lambda = new
        if moved <= TOLERANCE:
            break
    new_roots: Array = np.exp(log_lambda / 2)[:, None, None] * common
    return new_roots


def vve(roots: Roots, counts: Array, old: Array) -> Roots:
    """Own volumes and shapes along common axes: Σ_k N_k Σ_j log (Dᵀ W_k D)_jj is least."""

    def objective(squares: Array) -> float:
        return float(counts @ np.log(squares).sum(axis=1))

    axes, squares = _common_axes(roots, counts, old, lambda squares: counts, objective)
    return axes * np.sqrt(squares)[:, None, :]


def eve(roots: Roots, counts: Array, old: Array) -> Roots:
    """Own shapes along common axes, before `one_volume`: Σ_k N_k gm_j (Dᵀ W_k D)_jj is least."""

    def weights(squares: Array) -> Array:
        return counts * _geometric_means(squares)[:, 0]

    axes, squares = _common_axes(roots, counts, old, weights, lambda squares: float(weights(squares).sum()))
    return axes * np.sqrt(squares)[:, None, :]


def thin_along_common_axes(roots: Roots, factors: Array, floor: Array) -> Flags:
    """(K,): where a spread along the common axes of the factors is below the floor, before one volume hides it."""
    axes = _axes_of(factors)
    spreads = np.sqrt(((np.swapaxes(axes, 0, 1) @ roots) ** 2).sum(axis=2))
    thin: Flags = np.any(spreads < np.sqrt((floor**2) @ axes**2), axis=1)
    return thin


def _common_axes(
    roots: Roots, counts: Array, old: Array, weights: Callable[[Array], Array], objective: Callable[[Array], float]
) -> tuple[Array, Array]:
    """Common axes D (D, D) and the variances (K, D) along them, by rotations of two axes at a time.

    Each rotation minimises Σ_k w_k Σ_j (Dᵀ W_k D)_jj / a_kj for the present variances a (Flury & Gautschi 1986), on the
    rows of Dᵀ R_k. It starts from the old axes or from those of the pooled scatter, whichever lies lower.
    """
    pooled = np.linalg.svd(np.concatenate(list(np.sqrt(counts)[:, None, None] * roots), axis=1))[0]
    starts = [(axes, np.swapaxes(axes, 0, 1) @ roots) for axes in (_axes_of(old), pooled)]
    axes, rows = min(starts, key=lambda start: objective((start[1] ** 2).sum(axis=2)))
    axes, rows = axes.copy(), rows.copy()
    planes = [(i, j) for i in range(len(axes)) for j in range(i + 1, len(axes))]
    for _ in range(MOST_STEPS):
        if max(_rotate(axes, rows, i, j, weights) for i, j in planes) <= TOLERANCE:
            break
    return axes, (rows**2).sum(axis=2)


def _rotate(axes: Array, rows: Array, i: int, j: int, weights: Callable[[Array], Array]) -> float:
    """Turn axes i and j in their plane, in place, to the least of the objective with the variances as they are.

    Returns the sine of the angle.
    """
    squares = (rows**2).sum(axis=2)
    pull = weights(squares) * (1 / squares[:, i] - 1 / squares[:, j])
    p, r = pull @ squares[:, i], pull @ squares[:, j]
    q = pull @ np.einsum("kd,kd->k", rows[:, i], rows[:, j])
    half = 0.5 * np.arctan2(-2 * q, r - p)
    c, s = np.cos(half), np.sin(half)
    turn = np.array([[c, s], [-s, c]])
    pair = [i, j]
    axes[:, pair] = axes[:, pair] @ turn.T
    rows[:, pair] = turn @ rows[:, pair]
    return float(abs(s))


def _axes_of(factors: Array) -> Array:
    """(D, D): axes that all covariances of a stack of factors share, as those of an uneven mean of their shapes."""
    shapes = factors / np.exp(log_volumes(factors) / 2)[:, None, None]
    uneven = np.sqrt(1 + 0.618 * np.arange(len(factors)))[:, None, None] * shapes
    axes: Array = np.linalg.svd(np.concatenate(list(uneven), axis=1))[0]
    return axes
