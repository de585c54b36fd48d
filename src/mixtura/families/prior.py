"""A conjugate prior as pseudo-data: what it adds to the moments of Gaussian components, and its log-density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from mixtura.linalg import solve_lower_stack
from mixtura.validation import Array

if TYPE_CHECKING:
    from mixtura.families.covariance import Structure
    from mixtura.families.gaussian import Gaussian, GaussianMoments


@dataclass(frozen=True, slots=True)
class Prior:
    """log p(μ, Σ) = −½ Σ_k [ν₀ log det Σ_k + tr(Λ Σ_k⁻¹) + κ (μ_k − m)ᵀ Σ_k⁻¹ (μ_k − m)], in inner coordinates.

    A covariance that all components share has Λ and the degrees of freedom once, the means' terms once each.

    Attributes
    ----------
    root : square root of Λ in the structure's form: (D, D) lower triangular, (D,), or a number with square tr Λ
    degrees : ν₀ of each component, pseudo-rows of the covariance
    shrinkage : κ, pseudo-rows of the mean
    mean : (D,), m
    log_unit : ½ log det of the total covariance, which log det Σ_k is counted from, so that units do not matter
    share : of Λ that a component has: 1, or 1 / K where the covariance is shared
    """

    root: Array
    degrees: float
    shrinkage: float
    mean: Array
    log_unit: float
    share: float

    @classmethod
    def of(
        cls,
        structure: Structure,
        scatter: Array,
        degrees: float,
        each: float,
        shrinkage: float,
        mean: Array,
        covariance: Array,
        n_components: int,
    ) -> Self:
        """From Λ (D, D), its degrees and those of each component besides, and the total covariance (D, D)."""
        form = structure.form
        share = 1 / n_components if structure.shared else 1.0
        root: Array
        if form.ndim == 2:
            root = np.asarray(np.linalg.cholesky(scatter), dtype=float)
        else:
            root = np.sqrt(scatter.diagonal() if form.ndim else np.asarray(scatter.trace()))
        log_unit = 0.5 * float(np.linalg.slogdet(covariance)[1])
        return cls(root, degrees * share + each, shrinkage, mean, log_unit, share)

    def moments(self, components: Gaussian) -> tuple[Array, Array]:
        """κ z (K, D) and κ z zᵀ + L⁻¹ Λ L⁻ᵀ of each component in its form, z = L⁻¹ (m − μ)."""
        form = components.constraint.form
        z = form.whiten_each(components.factors, self.mean - components.means)
        second = self.shrinkage * form.outer(z, z)
        factors = components.factors
        if form.ndim == 2:
            wide = np.broadcast_to(self.root, (len(factors), *self.root.shape))
            white = solve_lower_stack(factors, np.ascontiguousarray(wide))
            second = second + self.share * white @ np.swapaxes(white, 1, 2)
        else:
            second = second + self.share * (self.root / factors) ** 2
        return self.shrinkage * z, second

    def added_to(
        self, components: Gaussian, moments: GaussianMoments, counts: Array
    ) -> tuple[Array, Array, Array, Array]:
        """Sums, second moments, rows of the means and rows of the covariances, with the pseudo-data."""
        shared = components.constraint.shared
        sums, second = self.moments(components)
        if shared:
            second = second.sum(axis=0, keepdims=True)
        return (
            moments.sums + sums,
            moments.second(shared) + second,
            counts + self.shrinkage,
            counts + self.degrees,
        )

    def log_density(self, components: Gaussian) -> float:
        """The log prior, nats, up to a constant."""
        second = self.moments(components)[1]
        trace = np.einsum("kii->", second) if second.ndim == 3 else second.sum()
        log_dets = components.log_dets - self.log_unit
        return float(-self.degrees * log_dets.sum() - 0.5 * trace)
