"""The Gaussian components of a mixture as plain arrays, in coordinates that neither overflow nor lose digits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.densities.uniform import Uniform
from mixtura.errors import ParameterError, ShapeError
from mixtura.families.gaussian import LOG_2PI, Gaussian
from mixtura.linalg import diagonals, solve_lower_stack
from mixtura.mixture import Mixture
from mixtura.sources import Coordinates
from mixtura.validation import Array


@dataclass(frozen=True, slots=True)
class Gaussians:
    """Weights, means and triangular factors in coordinates u = (x − centre) / scale.

    Attributes
    ----------
    weights : (K,)
    means : (K, D)
    factors : (K, D, D), lower triangular, Σ_k = L_k L_kᵀ
    coordinates : where data units are
    uniform : noise beside components of one column; several columns see to theirs themselves
    """

    weights: Array
    means: Array
    factors: Array
    coordinates: Coordinates
    uniform: Uniform | None = None

    @classmethod
    def of(cls, mixture: Mixture[Any], coordinates: Coordinates | None = None) -> Gaussians:
        """Those of a mixture, about its mean where no coordinates are given."""
        components = as_mixture(mixture).components
        if not isinstance(components, Gaussian):
            raise ParameterError(f"the components are {type(components).__name__}; expected Gaussian ones.")
        coordinates = Coordinates(mixture.mean, components.scale) if coordinates is None else coordinates
        inner = coordinates.inward(components)
        k, d = inner.means.shape
        factors = inner.factors
        if factors.ndim < 3:
            factors = factors.reshape(len(factors), -1, 1) * np.eye(d)
        return cls(mixture.weights, inner.means, np.broadcast_to(factors, (k, d, d)), coordinates)

    @property
    def covariances(self) -> Array:
        """(K, D, D): Σ_k."""
        return self.factors @ np.swapaxes(self.factors, -2, -1)

    @property
    def log_dets(self) -> Array:
        """(K,): log det L_k, half of log det Σ_k."""
        log_dets: Array = np.log(diagonals(self.factors)).sum(axis=-1)
        return log_dets

    @property
    def entropies(self) -> Array:
        """(K,): ½ log det(2πe Σ_k), nats, of u."""
        entropies: Array = self.log_dets + 0.5 * self.means.shape[1] * (LOG_2PI + 1)
        return entropies

    @property
    def log_jacobian(self) -> float:
        """log |du/dx|: a log-density of u plus this is one of x."""
        return self.coordinates.log_jacobian


def as_mixture(mixture: Any) -> Mixture[Any]:
    """The mixture itself, or an error that says where one is."""
    if not isinstance(mixture, Mixture):
        hint = "; give its .mixture" if isinstance(getattr(mixture, "mixture", None), Mixture) else ""
        raise ParameterError(f"mixture is a {type(mixture).__name__}; expected a Mixture{hint}.")
    return mixture


def pair(p: Mixture[Any], q: Mixture[Any]) -> tuple[Gaussians, Gaussians]:
    """Two mixtures in the coordinates of the first."""
    if as_mixture(p).n_features != as_mixture(q).n_features:
        raise ShapeError(f"p has {p.n_features} columns but q has {q.n_features}; expected as many.")
    first = Gaussians.of(p)
    return first, Gaussians.of(q, first.coordinates)


def log_product_integrals(p: Gaussians, q: Gaussians) -> Array:
    """(K_p, K_q): log ∫ N(x; μ_a, Σ_a) N(x; μ_b, Σ_b) dx = log N(μ_a; μ_b, Σ_a + Σ_b), nats."""
    sums = p.covariances[:, None] + q.covariances[None]
    spread = np.sqrt(diagonals(sums))  # units of the columns taken out
    factors = np.linalg.cholesky(sums / (spread[..., :, None] * spread[..., None, :]))
    off = (p.means[:, None] - q.means[None]) / spread
    d = p.means.shape[1]
    z = solve_lower_stack(factors.reshape(-1, d, d), off.reshape(-1, d, 1)).reshape(off.shape)
    log_det = np.log(diagonals(factors)).sum(axis=-1) + np.log(spread).sum(axis=-1)
    integrals: Array = -0.5 * ((z**2).sum(axis=-1) + d * LOG_2PI) - log_det
    return integrals


def divergences(p: Gaussians, q: Gaussians) -> Array:
    """(K_p, K_q): the Kullback–Leibler divergence of each component of p from each of q, nats.

    KL(a ‖ b) = ½ (tr Σ_b⁻¹Σ_a + |L_b⁻¹(μ_a − μ_b)|² − D) + log det L_b − log det L_a
    """
    d = p.means.shape[1]
    found = np.empty((len(p.means), len(q.means)))
    for b, factor in enumerate(q.factors):
        right = np.concatenate([p.factors, (p.means - q.means[b])[..., None]], axis=-1)
        squares = (solve_lower_stack(np.broadcast_to(factor, p.factors.shape), right) ** 2).sum(axis=(-2, -1))
        found[:, b] = 0.5 * (squares - d) + q.log_dets[b] - p.log_dets
    return np.maximum(found, 0.0)


def log_sum_exp(terms: Array, axis: int = -1) -> Array:
    """log Σ exp, shifted by the largest; −∞ where all terms are."""
    shift = np.max(terms, axis=axis, keepdims=True)
    shift = np.where(np.isfinite(shift), shift, 0.0)
    with np.errstate(divide="ignore"):
        total: Array = np.log(np.exp(terms - shift).sum(axis=axis)) + np.squeeze(shift, axis)
    return total


def one_column(mixture: Mixture[Any]) -> Gaussians:
    """The components of a mixture of one column, those of weight zero left out, and its noise."""
    if as_mixture(mixture).n_features != 1:
        raise ParameterError(
            f"the mixture has {mixture.n_features} columns; this asks for one: take a marginal, such as "
            "mixture.marginal([0])."
        )
    found = Gaussians.of(mixture)
    kept = found.weights > 0
    uniform = Uniform.of(mixture, found.coordinates, "this question")
    return Gaussians(found.weights[kept], found.means[kept], found.factors[kept], found.coordinates, uniform)


def spreads(gaussians: Gaussians) -> Array:
    """(K,): standard deviations of components of one column."""
    return np.abs(gaussians.factors[:, 0, 0])


def log_normal(z: Array) -> Array:
    """log φ(z) of the standard normal, nats."""
    return -0.5 * (z**2 + math.log(2 * math.pi))
