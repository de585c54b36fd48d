"""The few pieces of linear algebra that everything shares: stacks of triangular factors.

A *stack* has one matrix a component along its first axis, or a single one that all components share.
SciPy is loaded when the first triangular system is solved, so that `import mixtura` stays light.
"""

from __future__ import annotations

import numpy as np

from mixtura.validation import Array, Flags

FEW_COLUMNS = 24
"""Up to this size a stack is solved by NumPy, all systems at once; above it SciPy's LAPACK takes them one by one."""


def solve_lower(factor: Array, right: Array) -> Array:
    """Solve L y = b for one lower triangular L (D, D) and right-hand sides b (D, m), by forward substitution.

    Backward stable whatever the condition number of L (Higham 2002, section 8.1).
    """
    if len(factor) <= FEW_COLUMNS and right.shape[1] <= FEW_COLUMNS:
        solved: Array = _forward_substitution(factor[None], right[None])[0]
        return solved
    from scipy.linalg.lapack import dtrtrs  # a fifth of what `solve_triangular` spends on a small system

    solution, singular = dtrtrs(factor.T, right, lower=0, trans=1)  # LAPACK reads the transpose where it lies
    if singular:
        raise np.linalg.LinAlgError(f"a triangular factor has a zero in row {singular - 1} of its diagonal.")
    return np.asarray(solution)


def solve_lower_stack(factors: Array, right: Array) -> Array:
    """Solve L_k Y_k = B_k for stacks (K, D, D) and (K, D, m); a stack of one factor serves every k."""
    if factors.shape[1] <= FEW_COLUMNS:
        return _forward_substitution(factors, right)
    if factors.shape[0] == 1:
        wide = np.moveaxis(right, 0, 1).reshape(right.shape[1], -1)
        solved = solve_lower(factors[0], wide)
        return np.ascontiguousarray(np.moveaxis(solved.reshape(right.shape[1], right.shape[0], -1), 1, 0))
    return np.stack([solve_lower(factor, b) for factor, b in zip(factors, right, strict=True)])


def _forward_substitution(factors: Array, right: Array) -> Array:
    """y_i = (b_i − Σ_{j<i} L_ij y_j) / L_ii, for all systems of the stacks together."""
    solution = np.empty((max(len(factors), len(right)), *right.shape[1:]))
    for i in range(factors.shape[1]):
        known = (factors[:, i : i + 1, :i] @ solution[:, :i])[:, 0] if i else 0.0
        solution[:, i] = (right[:, i] - known) / factors[:, i, i : i + 1]
    return solution


def diagonals(stack: Array) -> Array:
    """(m, D): the diagonals of a stack of matrices (m, D, D)."""
    return np.diagonal(stack, axis1=-2, axis2=-1)


def positive_diagonal(factors: Array) -> Array:
    """The same L Lᵀ with every diagonal entry of L positive: columns change sign."""
    signs = np.where(diagonals(factors) < 0, -1.0, 1.0)
    return factors * signs[:, None, :]


def lower_from_square_roots(roots: Array) -> Array:
    """Lower triangular L with L Lᵀ = A Aᵀ for a stack A (m, D, D) of any square roots, by QR of Aᵀ."""
    upper = np.linalg.qr(np.swapaxes(roots, -2, -1), mode="r")
    return positive_diagonal(np.swapaxes(upper, -2, -1))


def semidefinite_root(moments: Array) -> Array:
    """A square root A of each matrix of a stack, A Aᵀ = M, for matrices that rounding may have made singular.

    V diag(λ)^½ with negative eigenvalues set to zero; it is left to the caller to lift singular directions.
    """
    values, vectors = np.linalg.eigh(moments)
    root: Array = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    return root


def lift_singular_values(factors: Array, floor: Array) -> tuple[Array, Flags]:
    """Raise the standard deviation in every direction of a stack of factors to a floor given per column.

    In the metric of the floor, F⁻¹ L with F = diag(floor), singular values below one are set to one.

    Parameters
    ----------
    factors : (m, D, D), any square roots of the covariances
    floor : (D,), the smallest standard deviation, in the units of each column

    Returns
    -------
    lifted : (m, D, D), lower triangular with positive diagonal
    acted : (m,), where something was raised
    """
    left, values, right = np.linalg.svd(factors / floor[:, None])
    acted = values[:, -1] < 1.0
    raised = floor[:, None] * ((left * np.maximum(values, 1.0)[:, None, :]) @ right)
    return lower_from_square_roots(raised), acted


def times_inverse_of_lower(right: Array, lower: Array) -> Array:
    """R G⁻¹ for a lower triangular G."""
    if lower.shape[0] == 0:
        return right
    from scipy.linalg import solve_triangular

    solution: Array = solve_triangular(lower, right.T, lower=True, trans="T", check_finite=False).T
    return solution
