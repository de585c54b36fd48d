"""The few directions in which the components differ: where to look to see the groups."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mixtura.densities.gaussians import Gaussians, as_mixture
from mixtura.errors import ParameterError, ShapeError
from mixtura.families.covariance import resolve_structure
from mixtura.families.gaussian import Gaussian
from mixtura.linalg import lower_from_square_roots, solve_lower_stack
from mixtura.mixture import Mixture
from mixtura.sources import as_source, by_columns
from mixtura.tables import Table
from mixtura.validation import Array, frozen

KEPT = 1e-8
"""Directions whose eigenvalue is below this share of the largest show no difference and are left out."""


@dataclass(frozen=True, slots=True)
class DiscriminantDirections:
    """Directions in which the components of a mixture differ most, the most telling first.

    Attributes
    ----------
    mixture : whose components they tell apart, without noise
    directions : (n_features, n_directions), B with Bᵀ Σ B = I, Σ the covariance of the mixture; 1 / data units
    eigenvalues : (n_directions,), how much the components differ along each; without units
    from_means, from_covariances : (n_directions,), the two parts of each eigenvalue
    """

    mixture: Mixture[Any] = field(repr=False)
    directions: Array
    eigenvalues: Array
    from_means: Array
    from_covariances: Array

    def project(self, X: Any) -> Array:
        """(n_samples, n_directions): (x − μ)ᵀ B, coordinates of variance one under the mixture."""
        source = by_columns(as_source(X), self.mixture.columns)
        if source.n_features != self.mixture.n_features:
            raise ShapeError(
                f"X has {source.n_features} columns but the mixture has {self.mixture.n_features}; expected as many."
            )
        pieces = [(np.asarray(c.rows, dtype=np.float64) - self.mixture.mean) @ self.directions for c in source.chunks()]
        return np.concatenate(pieces)

    @property
    def projected(self) -> Mixture[Gaussian]:
        """The mixture of the projected rows: Gaussians with means (μ_k − μ)ᵀ B and covariances Bᵀ Σ_k B."""
        gaussians = Gaussians.of(self.mixture)
        directions = self.directions * gaussians.coordinates.scale
        roots = np.swapaxes(directions, 0, 1) @ gaussians.factors
        d = roots.shape[1]
        factors = lower_from_square_roots(roots)
        structure = resolve_structure("V" if d == 1 else "VVV", d)
        means = gaussians.means @ directions
        components = Gaussian.from_factors(means, factors[:, 0, 0] if d == 1 else factors, structure)
        columns = [f"direction {j + 1}" for j in range(d)]
        return Mixture.trusted(self.mixture.weights, components).with_names(self.mixture.names, columns)

    @property
    def table(self) -> Table:
        """One row a column: the coefficients of the directions for columns measured in standard deviations."""
        spread = np.sqrt(np.diagonal(self.mixture.covariance))
        columns: dict[str, Any] = {"column": [self.mixture.column_name(j) for j in range(len(spread))]}
        standardised = self.directions * spread[:, None]
        return Table(columns | {f"direction {j + 1}": b for j, b in enumerate(standardised.T)})


def discriminant_directions(mixture: Mixture[Any], means_weight: float = 0.5) -> DiscriminantDirections:
    """The directions in which the components of a mixture differ in mean and covariance.

    M b = l Σ b, with M = 2 λ M₁ Σ⁻¹ M₁ + 2 (1 − λ) M₂,
    M₁ = Σ_k π_k (μ_k − μ)(μ_k − μ)ᵀ and M₂ = Σ_k π_k (Σ_k − Σ̄) Σ⁻¹ (Σ_k − Σ̄), Σ̄ = Σ_k π_k Σ_k, Σ = M₁ + Σ̄

    Parameters
    ----------
    mixture : of Gaussian components; noise, which has no direction, is left out
    means_weight : λ, from 0 to 1. One half weighs means and covariances alike; 1 asks for differences of means alone.

    Returns
    -------
    DiscriminantDirections
        As many as tell anything; the largest coefficient of each, in standard deviations, is positive.

    Raises
    ------
    ParameterError
        For a λ outside 0 to 1, or a single component, or components that are all alike.

    Notes
    -----
    Scrucca (2010) for λ = ½, Scrucca (2014) for other λ; mclust's MclustDR. Eigenvalues and projected rows are
    indifferent to any invertible linear map of the columns. Σ is that of the mixture; at a maximum of the likelihood it
    equals that of the rows for structures that are closed under linear maps (EEE, VVV). With λ = 1 an eigenvalue is
    2 (share of the direction's variance that lies between the means)².

    Examples
    --------
    >>> import mixtura as mx
    >>> two = mx.Mixture([0.5, 0.5], mx.Gaussian([[0, 0], [4, 0]], [[1, 0], [0, 9]], "EEE"))
    >>> found = mx.discriminant_directions(two)
    >>> found.eigenvalues.round(4), found.directions.ravel().round(4)
    (array([0.64]), array([0.4472, 0.    ]))
    """
    if not (isinstance(means_weight, (int, float)) and 0 <= means_weight <= 1):
        raise ParameterError(f"means_weight is {means_weight!r}; expected a number from 0 to 1.")
    mixture = as_mixture(mixture).with_noise(None)
    gaussians = Gaussians.of(mixture)
    between, within, total = _whitened(gaussians)
    spread_of_means = between @ between
    off = within - np.einsum("k,kij->ij", gaussians.weights, within)
    spread_of_covariances = np.einsum("k,kij,kjl->il", gaussians.weights, off, off)
    parts = 2 * means_weight * spread_of_means, 2 * (1 - means_weight) * spread_of_covariances
    values, vectors = np.linalg.eigh(parts[0] + parts[1])
    kept = np.flatnonzero(values > KEPT * values[-1])[::-1] if values[-1] > KEPT**2 else np.empty(0, dtype=np.intp)
    if not len(kept):
        raise ParameterError("the components do not differ in what was asked for, so no direction tells them apart.")
    vectors = vectors[:, kept]
    inner = np.linalg.solve(total.T, vectors)
    inner = inner * _signs(inner * np.sqrt((total**2).sum(axis=1))[:, None])
    means_part, covariances_part = (np.einsum("ij,ik,kj->j", vectors, part, vectors) for part in parts)
    return DiscriminantDirections(
        mixture, frozen(inner / gaussians.coordinates.scale), values[kept], means_part, covariances_part
    )


def _whitened(gaussians: Gaussians) -> tuple[Array, Array, Array]:
    """M₁ (D, D) and Σ_k (K, D, D) in coordinates where Σ = I, and the factor C of Σ = C Cᵀ that leads there."""
    off = (gaussians.means - gaussians.weights @ gaussians.means)[..., None]
    roots = np.concatenate([gaussians.factors, off], axis=-1)
    scaled = roots * np.sqrt(gaussians.weights)[:, None, None]
    total = lower_from_square_roots(np.concatenate(list(scaled), axis=1)[None])
    white = solve_lower_stack(np.broadcast_to(total, gaussians.factors.shape), roots)
    means, factors = white[..., -1], white[..., :-1]
    between = (gaussians.weights[:, None] * means).T @ means
    return between, factors @ np.swapaxes(factors, -2, -1), total[0]


def _signs(columns: Array) -> Array:
    """(m,): the sign of the largest entry of each column."""
    largest = np.abs(columns).argmax(axis=0)
    signs: Array = np.where(columns[largest, np.arange(columns.shape[1])] < 0, -1.0, 1.0)
    return signs
