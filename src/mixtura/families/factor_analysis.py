"""Maximum likelihood factor analysis of scatter matrices, by conditional maximisation: the M-step of factor analysers.

    minimise  log |Σ| + tr(S Σ⁻¹),   Σ = Λ Λᵀ + Ψ,   Λ (D, q), Ψ diagonal

over Λ with Ψ fixed (an eigenproblem), then over each uniqueness ψ_i with all else fixed (closed form): no step raises
the objective, so a few rounds are a generalised EM step, and they take far fewer rounds than EM for the factors would
(Zhao, Yu & Jiang 2008; for mixtures Zhao & Yu 2008). S enters as square roots, S = R Rᵀ, and Ψ^(−½) R is what is
decomposed, so neither units of columns nor uniquenesses near zero cost digits, and S may be singular.
"""

from __future__ import annotations

import math

import numpy as np

from mixtura import _core
from mixtura.linalg import lower_from_square_roots, solve_lower_stack
from mixtura.validation import Array

ROUNDS = 2
"""Of an M-step: each takes Λ and then every ψ_i to its conditional optimum."""

SMALLEST_STEP = 0.01
"""A uniqueness shrinks to this share of itself at most in one round. Where rows are few it may want to fall by many
orders of magnitude, and statistics in coordinates whitened by the old covariance would not have the digits."""

GRADED = 1e5
"""Rows of Ψ^(−½) R whose lengths differ by more than this factor need a decomposition that keeps the short ones."""


def most_factors(n_features: int) -> int:
    """The largest q for which factors say less than a covariance matrix: (D − q)² ≥ D + q (Ledermann 1937).

    Examples
    --------
    >>> [most_factors(d) for d in (2, 3, 4, 6, 13)]
    [0, 1, 1, 3, 8]
    """
    root = math.isqrt(8 * n_features + 1)
    exact = root * root == 8 * n_features + 1
    return (2 * n_features + 1 - root - (0 if exact else 1)) // 2


def factor_parameters(n_components: int, n_features: int, n_factors: int) -> int:
    """K (D q − q (q − 1) / 2 + D): loadings up to a rotation, and uniquenesses."""
    return n_components * (n_features * (n_factors + 1) - n_factors * (n_factors - 1) // 2)


def improve(roots: Array, loadings: Array, uniquenesses: Array, floor: Array) -> tuple[Array, Array]:
    """Better loadings (K, D, q) and uniquenesses (K, D) than old ones: an M-step, by the compiled core where it serves.

    The core takes Λ to its best within a Krylov space about the old one. Components that are graded, or start from
    fewer than q factors, are done by `climbed`.

    Parameters
    ----------
    roots : (K, D, r), R with R Rᵀ = S, the mean scatter
    loadings, uniquenesses : those to begin with
    floor : (D,), the smallest standard deviation
    """
    better, own, served = _core.factor_step(roots, loadings, uniquenesses, floor, ROUNDS)
    if not served.all():
        rest = ~served
        better[rest], own[rest] = climbed(roots[rest], uniquenesses[rest], loadings.shape[2], floor)
    return better, own


def climbed(
    roots: Array, uniquenesses: Array, n_factors: int, floor: Array, rounds: int = ROUNDS
) -> tuple[Array, Array]:
    """Loadings (K, D, q) and uniquenesses (K, D) after some rounds from old uniquenesses.

    Parameters
    ----------
    roots : (K, D, r), R with R Rᵀ = S, the mean scatter
    uniquenesses : (K, D), those to begin with
    n_factors : q
    floor : (D,), the smallest standard deviation
    rounds : each is a conditional maximum in Λ and then in each ψ_i
    """
    loadings = best_loadings(roots, uniquenesses, n_factors)
    for i in range(rounds):
        uniquenesses = best_uniquenesses(roots, loadings, uniquenesses, floor)
        if i < rounds - 1:
            loadings = best_loadings(roots, uniquenesses, n_factors)
    return loadings, uniquenesses


def best_loadings(roots: Array, uniquenesses: Array, n_factors: int) -> Array:
    """Λ = R V √(1 − 1/θ) with θ and V the q largest squared singular values and right vectors of Ψ^(−½) R.

    This is Ψ^½ U √(θ − 1) (Lawley & Maxwell 1971) with digits kept in each row; a factor with θ ≤ 1 is zero.
    """
    axes, squares = _leading_axes(roots / np.sqrt(uniquenesses)[:, :, None], n_factors)
    size = np.sqrt(np.maximum(1 - 1 / np.maximum(squares, 1.0), 0.0))
    loadings: Array = (roots @ axes) * size[:, None, :]
    missing = n_factors - loadings.shape[2]  # where rows are so few that their scatter has a lower rank
    return np.pad(loadings, ((0, 0), (0, 0), (0, missing))) if missing else loadings


def best_uniquenesses(roots: Array, loadings: Array, uniquenesses: Array, floor: Array) -> Array:
    """One round of ψ_i ← max(ρ_i − c_i, floor²), each at its optimum given Λ and the other uniquenesses.

    With v = Σ⁻¹ e_i and a = v_i, c_i = 1 / a − ψ_i is the variance of the common part of column i given the other
    columns, and ρ_i = |Rᵀ v|² / a² the mean square of what their regression leaves of it. Each change of ψ_i is one of
    rank one to Σ⁻¹; the changes are kept as they are, so a column costs D times the number of columns before it.
    """
    k, d, _ = loadings.shape
    spread = np.sqrt(uniquenesses + (loadings**2).sum(axis=2))  # in units of which Σ is a matrix of correlations
    roots, loadings = roots / spread[:, :, None], loadings / spread[:, :, None]
    new = uniquenesses / spread**2
    least = np.maximum((floor / spread) ** 2, SMALLEST_STEP * new)
    eye = np.broadcast_to(np.eye(d), (k, d, d))
    factors = lower_from_square_roots(np.concatenate([loadings, np.sqrt(new)[:, :, None] * eye], axis=2))
    inverse = solve_lower_stack(factors, eye)
    precision = np.swapaxes(inverse, 1, 2) @ inverse
    seen = precision @ roots  # row i: Rᵀ Σ⁻¹ e_i
    changed, changed_seen, share = np.empty((k, d, d)), np.empty((k, d, roots.shape[2])), np.empty((k, 1, d))
    for i in range(d):
        back = share[:, :, :i] * changed[:, :i, i][:, None]
        v = precision[:, i] - (back @ changed[:, :i])[:, 0]
        seen_i = seen[:, i] - (back @ changed_seen[:, :i])[:, 0]
        own, a = new[:, i], v[:, i]
        common = np.maximum(1 / a - own, 0.0)
        better = np.maximum((seen_i**2).sum(axis=1) / a**2 - common, least[:, i])
        share[:, 0, i] = (better - own) / ((better + common) * a)
        changed[:, i], changed_seen[:, i], new[:, i] = v, seen_i, better
    best: Array = new * spread**2
    return best


def turned_towards(loadings: Array, goal: Array, uniquenesses: Array) -> Array:
    """The same Λ Λᵀ with factors rotated to lie nearest to other loadings, columns in units of √ψ (Procrustes)."""
    left, _, right = np.linalg.svd(np.swapaxes(loadings / uniquenesses[:, :, None], 1, 2) @ goal)
    turned: Array = loadings @ (left @ right)
    return turned


def along_principal_axes(loadings: Array, uniquenesses: Array) -> Array:
    """The same Λ Λᵀ with Λᵀ Ψ⁻¹ Λ diagonal, the strongest factor first and no factor of negative sum."""
    spread = np.sqrt(uniquenesses)[:, :, None]
    right = np.linalg.svd(loadings / spread, full_matrices=False)[2]
    turned = loadings @ np.swapaxes(right, 1, 2)
    signs = np.where((turned / spread).sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    aligned: Array = turned * signs
    return aligned


def _leading_axes(matrices: Array, n: int) -> tuple[Array, Array]:
    """Right singular vectors (K, r, n) and squared singular values (K, n) of a stack (K, D, r), the largest n."""
    lengths = np.linalg.norm(matrices, axis=2)
    if lengths.max() <= GRADED * max(float(lengths.min()), np.finfo(float).tiny):
        _, values, right = np.linalg.svd(matrices, full_matrices=False)
        return np.swapaxes(right[:, :n], 1, 2), values[:, :n] ** 2
    pairs = [_graded_axes(matrix, n) for matrix in matrices]
    return np.stack([axes for axes, _ in pairs]), np.stack([values**2 for _, values in pairs])


def _graded_axes(matrix: Array, n: int) -> tuple[Array, Array]:
    """The same of one matrix whose rows differ by orders of magnitude: one-sided Jacobi (Drmač & Veselić 2008)."""
    from scipy.linalg.lapack import dgejsv

    wide = matrix.shape[0] < matrix.shape[1]
    # joba=2 is LAPACK's "F": rows and columns may be scaled at will. The tall one of the matrix and its transpose is
    # decomposed, for its left or right vectors alone; jobt=0 leaves it as it is.
    tall, left_only, right_only = (matrix.T, 0, 3) if wide else (matrix, 3, 0)
    values, left, right, work, *_ = dgejsv(tall, joba=2, jobu=left_only, jobv=right_only, jobt=0)
    axes = left if wide else right
    return axes[:, :n], values[:n] * (work[0] / work[1])
