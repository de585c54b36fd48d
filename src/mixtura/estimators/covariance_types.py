"""Between Gaussian components and scikit-learn's arrays: covariances, precisions and their Cholesky factors.

The shapes follow from the covariance type alone, also for one column, where `Gaussian` knows only E and V.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.families.covariance import Structure, resolve_structure
from mixtura.families.gaussian import Gaussian
from mixtura.linalg import solve_lower_stack
from mixtura.validation import Array


def shapes_of(covariance_type: str) -> Structure:
    """The structure whose form and sharing say the shapes of the arrays."""
    return resolve_structure(covariance_type, 2)


def covariance_shape(covariance_type: str, n_components: int, n_features: int) -> tuple[int, ...]:
    """Of `covariances_`: (K, D, D), (D, D), (K, D), (K,), …"""
    row = shapes_of(covariance_type)
    shape = row.form.stack_shape(1 if row.shared else n_components, n_features)
    return shape[1:] if row.shared else shape


def precision_arrays(components: Gaussian, covariance_type: str) -> dict[str, Array]:
    """`covariances_`, `precisions_` and `precisions_cholesky_` (U, upper triangular with Σ⁻¹ = U Uᵀ)."""
    k, d = components.n_components, components.n_features
    row, shape = shapes_of(covariance_type), covariance_shape(covariance_type, k, d)
    factors = components.factors.reshape(row.form.stack_shape(len(components.factors), d))
    upper = np.swapaxes(_inverse(factors), -2, -1) if row.form.ndim == 2 else _inverse(factors)
    stacks = {
        "covariances_": row.form.covariances(factors),
        "precisions_": row.form.covariances(upper),
        "precisions_cholesky_": upper,
    }
    return {name: np.ascontiguousarray(stack).reshape(shape) for name, stack in stacks.items()}


def components_of(means: Any, precisions_cholesky: Any, covariance_type: str) -> Gaussian:
    """Components whose factors are L = U⁻ᵀ."""
    means = np.array(means, dtype=np.float64)
    d = means.shape[1]
    row = shapes_of(covariance_type)
    upper = np.reshape(np.asarray(precisions_cholesky, dtype=np.float64), row.form.stack_shape(-1, d))
    factors = _inverse(np.swapaxes(upper, -2, -1) if row.form.ndim == 2 else upper)
    structure = resolve_structure(covariance_type, d)
    return Gaussian.from_factors(means, factors.reshape(structure.form.stack_shape(len(factors), d)), structure)


def _inverse(factors: Array) -> Array:
    """L⁻¹ of a stack of lower triangular factors, or reciprocals."""
    if factors.ndim < 3:
        reciprocal: Array = 1 / factors
        return reciprocal
    identity = np.broadcast_to(np.eye(factors.shape[1]), factors.shape)
    return np.ascontiguousarray(solve_lower_stack(np.ascontiguousarray(factors), np.ascontiguousarray(identity)))
