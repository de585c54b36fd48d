"""Statistics of different blocks, taken with different mixtures, made to add: moved about one origin, and scaled.

Whitened sums mean something only with the components that whitened them. With z = L⁻¹(x − μ), other components see
z' = L'⁻¹(x − μ') = A z + b, A = L'⁻¹ L, b = L'⁻¹(μ − μ'): an affine map, so sums follow exactly and no row is needed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mixtura.errors import ParameterError
from mixtura.families.base import Family, Statistics
from mixtura.families.gaussian import Gaussian, GaussianMoments
from mixtura.linalg import solve_lower_stack
from mixtura.validation import Array


def about(statistics: Statistics[Any], origin: Family) -> Statistics[GaussianMoments]:
    """The same sums in coordinates whitened by other components of the same structure.

    s' = A s + N b,  T' = A T Aᵀ + (A s) bᵀ + b (A s)ᵀ + N b bᵀ
    """
    old, moments, counts = statistics.origin, statistics.moments, statistics.counts
    if old is origin:
        return statistics
    assert isinstance(old, Gaussian)
    assert isinstance(origin, Gaussian)
    form, shared = old.constraint.form, old.constraint.shared
    turned = form.whiten_each(origin.factors, form.unwhiten(old.factors, moments.sums))
    shift = form.whiten_each(origin.factors, old.means - origin.means)
    cross = form.outer(turned, shift)
    cross = cross + (np.swapaxes(cross, -2, -1) if form.ndim == 2 else cross)
    moved = cross + form.outer(shift, shift) * counts.reshape(-1, *[1] * form.ndim)
    sums = turned + counts[:, None] * shift
    if form.ndim == 0:
        squares: Array = moments.squares * (old.factors / origin.factors) ** 2 + moved
        return replace(statistics, moments=GaussianMoments(sums, squares, None), origin=origin)
    ratio = solve_lower_stack(origin.factors, old.factors) if form.ndim == 2 else old.factors / origin.factors
    second = moments.second(shared)
    second = ratio @ second @ np.swapaxes(ratio, -2, -1) if form.ndim == 2 else ratio**2 * second
    second = second + (moved.sum(axis=0, keepdims=True) if shared else moved)
    return replace(statistics, moments=GaussianMoments(sums, _squares(second, counts, shared), second), origin=origin)


def _squares(second: Array, counts: Array, shared: bool) -> Array:
    """(K,): Σ r |z|² of each component; of pooled moments only the total is known, and shared out by the counts."""
    traces: Array = np.trace(second, axis1=1, axis2=2) if second.ndim == 3 else second.sum(axis=1)
    return traces[0] * counts / max(counts.sum(), np.finfo(float).tiny) if shared else traces


def scaled(statistics: Statistics[GaussianMoments], factor: float) -> Statistics[GaussianMoments]:
    """As if every row counted `factor` times."""
    moments = statistics.moments
    scatter = None if moments.scatter is None else factor * moments.scatter
    return replace(
        statistics,
        log_likelihood=factor * statistics.log_likelihood,
        log_max_resp=factor * statistics.log_max_resp,
        counts=factor * statistics.counts,
        noise=factor * statistics.noise,
        moments=GaussianMoments(factor * moments.sums, factor * moments.squares, scatter),
    )


def blended(
    old: Statistics[GaussianMoments], new: Statistics[GaussianMoments], share: float
) -> Statistics[GaussianMoments]:
    """(1 − share) · old + share · new, about the origin of the new."""
    return scaled(about(old, new.origin), 1 - share) + scaled(new, share)


def expected(weights: Array, noise: float, components: Gaussian) -> Statistics[GaussianMoments]:
    """What one row of the mixture itself contributes on average: the M-step of it is the mixture.

    N_k = π_k, Σ r z = 0, Σ r z zᵀ = π_k I
    """
    form, shared = components.constraint.form, components.constraint.shared
    k, d = components.n_components, components.n_features
    sums, squares = np.zeros((k, d)), weights * d
    scatter: Array | None = None
    if form.ndim:
        scatter = np.multiply.outer(weights, np.eye(d) if form.ndim == 2 else np.ones(d))
        scatter = scatter.sum(axis=0, keepdims=True) if shared else scatter
    return Statistics(0.0, 0.0, np.array(weights), GaussianMoments(sums, squares, scatter), components, noise)


def check_gaussian(components: Any) -> None:
    """Refuse families whose sums cannot be moved."""
    if not isinstance(components, Gaussian):
        raise ParameterError(f"online EM is for Gaussian components; got {components!r}.")
