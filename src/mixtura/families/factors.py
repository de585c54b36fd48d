"""Three forms of a covariance factor L, Σ = L Lᵀ: full, diagonal, spherical.

Factors are stored as stacks: (m, D, D) lower triangular, (m, D) or (m,) standard deviations, with m = K where
components have their own and m = 1 where they share one. Every formula of Gaussian EM that depends on the form
stands here once; whether a factor is shared is a matter of broadcasting.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from mixtura.errors import ParameterError
from mixtura.linalg import (
    diagonals,
    lift_singular_values,
    semidefinite_root,
    solve_lower,
    solve_lower_stack,
)
from mixtura.validation import Array, Flags

NEAR_FLOOR = 1e4
"""Below this many floors on its diagonal, a full factor's singular values are looked at; above it they can't act."""


class Form(Protocol):
    """What a form of factor must answer. `factors` is a stack, z = L⁻¹(x − μ) the whitened coordinates."""

    name: str
    ndim: int
    """Dimensions of one factor: 2, 1, 0."""

    def stack_shape(self, m: int, n_features: int) -> tuple[int, ...]: ...
    def from_covariances(self, covariances: Array) -> Array: ...
    def covariances(self, factors: Array) -> Array: ...
    def matrices(self, factors: Array, n_features: int) -> Array: ...
    def log_det(self, factors: Array, n_features: int) -> Array:
        """(m,): log det L."""
        ...

    def whiten(self, factors: Array, k: int, rows: Array) -> Array:
        """(n, D): L_k⁻¹ applied to each of the rows (n, D)."""
        ...

    def whiten_each(self, factors: Array, deltas: Array) -> Array:
        """(K, D): L_k⁻¹ δ_k."""
        ...

    def unwhiten(self, factors: Array, deltas: Array) -> Array:
        """(K, D): L_k δ_k."""
        ...

    def scatter(self, z: Array, resp: Array) -> Array | None:
        """Σ r z zᵀ of one component, as far as the form needs it; None where the squares Σ r |z|² suffice."""
        ...

    def outer(self, a: Array, b: Array) -> Array:
        """(K, …): a_k b_kᵀ, its diagonal or its trace, for a and b (K, D)."""
        ...

    def degrees(self, n_features: int) -> int:
        """How many columns one entry of the moments sums over: D where a factor is spherical, else 1."""
        ...

    def multiply(self, factors: Array, moments: Array, floor: Array) -> tuple[Array, Flags]:
        """L · root(M) with the floor applied, and (m,) where the floor acted."""
        ...

    def lift(self, factors: Array, floor: Array) -> tuple[Array, Flags]:
        """Factors with no standard deviation below the floor, and (m,) where that raised one."""
        ...

    def ratio_trace(self, factors: Array, new: Array, moments: Array) -> Array:
        """tr(R⁻¹ M R⁻ᵀ) with R = L⁻¹ L_new: what Σ r |z|² becomes under new factors."""
        ...


class Full:
    """Factors (m, D, D), lower triangular."""

    name = "full"
    ndim = 2

    def stack_shape(self, m: int, n_features: int) -> tuple[int, ...]:
        return (m, n_features, n_features)

    def from_covariances(self, covariances: Array) -> Array:
        for k, matrix in enumerate(covariances):
            if not np.allclose(matrix, matrix.T, rtol=1e-8, atol=0):
                raise ParameterError(f"covariances[{k}] is not symmetric; expected Σ = Σᵀ.")
        # Scaled to a unit diagonal first, so that columns of very different units lose no digits.
        spread = np.sqrt(diagonals(covariances))
        if not np.all(spread > 0):
            raise ParameterError("a variance on the diagonal of a covariance is not positive; expected all > 0.")
        scaled = covariances / spread[:, :, None] / spread[:, None, :]
        factors = []
        for k, matrix in enumerate(scaled):
            try:
                factors.append(spread[k][:, None] * np.linalg.cholesky(matrix))
            except np.linalg.LinAlgError:
                smallest = float(np.linalg.eigvalsh(matrix)[0])
                raise ParameterError(
                    f"covariances[{k}] is not positive definite (as a correlation matrix its smallest eigenvalue is "
                    f"{smallest:.3g}); expected a symmetric positive definite matrix."
                ) from None
        return np.stack(factors)

    def covariances(self, factors: Array) -> Array:
        return factors @ np.swapaxes(factors, -2, -1)

    def matrices(self, factors: Array, n_features: int) -> Array:
        return self.covariances(factors)

    def log_det(self, factors: Array, n_features: int) -> Array:
        log_det: Array = np.log(diagonals(factors)).sum(axis=-1)
        return log_det

    def whiten(self, factors: Array, k: int, rows: Array) -> Array:
        return solve_lower(factors[k], rows.T).T

    def whiten_each(self, factors: Array, deltas: Array) -> Array:
        return solve_lower_stack(factors, deltas[:, :, None])[:, :, 0]

    def unwhiten(self, factors: Array, deltas: Array) -> Array:
        return (factors @ deltas[:, :, None])[:, :, 0]

    def scatter(self, z: Array, resp: Array) -> Array | None:
        scaled = z * np.sqrt(resp)[:, None]
        scatter: Array = scaled.T @ scaled
        return scatter

    def outer(self, a: Array, b: Array) -> Array:
        return a[:, :, None] * b[:, None, :]

    def degrees(self, n_features: int) -> int:
        return 1

    def multiply(self, factors: Array, moments: Array, floor: Array) -> tuple[Array, Flags]:
        try:
            new = factors @ np.linalg.cholesky(moments)
        except np.linalg.LinAlgError:
            return lift_singular_values(factors @ semidefinite_root(moments), floor)
        return self.lift(new, floor)

    def lift(self, factors: Array, floor: Array) -> tuple[Array, Flags]:
        if np.all(diagonals(factors) > NEAR_FLOOR * floor):
            return factors, np.zeros(len(factors), dtype=bool)
        return lift_singular_values(factors, floor)

    def ratio_trace(self, factors: Array, new: Array, moments: Array) -> Array:
        ratio = solve_lower_stack(factors, np.broadcast_to(new, (max(len(new), len(factors)), *new.shape[1:])))
        half = solve_lower_stack(ratio, moments)
        whitened = solve_lower_stack(ratio, np.swapaxes(half, -2, -1))
        trace: Array = diagonals(whitened).sum(axis=-1)
        return trace


class Diagonal:
    """Factors (m, D): standard deviations of the columns."""

    name = "diag"
    ndim = 1

    def stack_shape(self, m: int, n_features: int) -> tuple[int, ...]:
        return (m, n_features)

    def from_covariances(self, covariances: Array) -> Array:
        if not np.all(covariances > 0):
            where = [int(i) for i in np.argwhere(~(covariances > 0))[0]]
            raise ParameterError(f"covariances{where} is {covariances[tuple(where)]}; a variance must be positive.")
        return np.sqrt(covariances)

    def covariances(self, factors: Array) -> Array:
        covariances: Array = factors**2
        return covariances

    def matrices(self, factors: Array, n_features: int) -> Array:
        return factors[:, :, None] ** 2 * np.eye(n_features)

    def log_det(self, factors: Array, n_features: int) -> Array:
        log_det: Array = np.log(factors).sum(axis=-1)
        return log_det

    def whiten(self, factors: Array, k: int, rows: Array) -> Array:
        whitened: Array = rows / factors[k]
        return whitened

    def whiten_each(self, factors: Array, deltas: Array) -> Array:
        return deltas / factors

    def unwhiten(self, factors: Array, deltas: Array) -> Array:
        return factors * deltas

    def scatter(self, z: Array, resp: Array) -> Array | None:
        scatter: Array = resp @ z**2
        return scatter

    def outer(self, a: Array, b: Array) -> Array:
        return a * b

    def degrees(self, n_features: int) -> int:
        return 1

    def multiply(self, factors: Array, moments: Array, floor: Array) -> tuple[Array, Flags]:
        return self.lift(factors * np.sqrt(np.maximum(moments, 0.0)), floor)

    def lift(self, factors: Array, floor: Array) -> tuple[Array, Flags]:
        acted: Flags = np.any(factors < floor, axis=-1)
        return np.maximum(factors, floor), acted

    def ratio_trace(self, factors: Array, new: Array, moments: Array) -> Array:
        trace: Array = (moments * (factors / new) ** 2).sum(axis=-1)
        return trace


class Spherical:
    """Factors (m,): one standard deviation for all columns."""

    name = "spherical"
    ndim = 0

    def stack_shape(self, m: int, n_features: int) -> tuple[int, ...]:
        return (m,)

    def from_covariances(self, covariances: Array) -> Array:
        if not np.all(covariances > 0):
            k = int(np.argmin(covariances))
            raise ParameterError(f"covariances[{k}] is {covariances[k]}; a variance must be positive.")
        return np.sqrt(covariances)

    def covariances(self, factors: Array) -> Array:
        covariances: Array = factors**2
        return covariances

    def matrices(self, factors: Array, n_features: int) -> Array:
        return factors[:, None, None] ** 2 * np.eye(n_features)

    def log_det(self, factors: Array, n_features: int) -> Array:
        return n_features * np.log(factors)

    def whiten(self, factors: Array, k: int, rows: Array) -> Array:
        whitened: Array = rows / factors[k]
        return whitened

    def whiten_each(self, factors: Array, deltas: Array) -> Array:
        return deltas / factors[:, None]

    def unwhiten(self, factors: Array, deltas: Array) -> Array:
        return factors[:, None] * deltas

    def scatter(self, z: Array, resp: Array) -> Array | None:
        return None

    def outer(self, a: Array, b: Array) -> Array:
        inner: Array = (a * b).sum(axis=-1)
        return inner

    def degrees(self, n_features: int) -> int:
        return n_features

    def multiply(self, factors: Array, moments: Array, floor: Array) -> tuple[Array, Flags]:
        return self.lift(factors * np.sqrt(np.maximum(moments, 0.0)), floor)

    def lift(self, factors: Array, floor: Array) -> tuple[Array, Flags]:
        lowest = float(floor.max())
        acted: Flags = factors < lowest
        return np.maximum(factors, lowest), acted

    def ratio_trace(self, factors: Array, new: Array, moments: Array) -> Array:
        return moments * (factors / new) ** 2


FULL, DIAGONAL, SPHERICAL = Full(), Diagonal(), Spherical()
