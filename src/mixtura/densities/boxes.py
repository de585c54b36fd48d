"""The box of noise as one more component: what entropies, divergences and distances ask of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.densities.gaussians import Gaussians
from mixtura.densities.probability import lattices, nested
from mixtura.errors import ParameterError
from mixtura.families.gaussian import LOG_2PI
from mixtura.linalg import lower_from_square_roots, solve_lower_stack
from mixtura.mixture import Mixture
from mixtura.noise import Box
from mixtura.sources import Coordinates
from mixtura.validation import Array


def inner_box(mixture: Mixture[Any], what: str, coordinates: Coordinates) -> Box | None:
    """The box of the noise in inner coordinates; None where there is no noise."""
    if mixture.noise is None:
        return None
    return mixture.noise.known_box(what).into(coordinates.centre, coordinates.scale)


def with_box_divergences(between: Array, q: Gaussians, of_p: Box | None, of_q: Box | None) -> Array:
    """(K_p, K_q), nats, with a row and a column more for boxes: ∞ from what reaches beyond a box.

    KL(U ‖ N) = ½ (D log 2π + tr Σ⁻¹ C + |L⁻¹(c − μ)|²) + log det L − log V, C = E Eᵀ / 3 the covariance of the box
    """
    if of_p is not None:
        d = of_p.n_features
        right = np.empty((len(q.means), d, d + 1))
        right[:, :, :d], right[:, :, d] = of_p.edges / np.sqrt(3), of_p.centre - q.means
        squares = (solve_lower_stack(q.factors, right) ** 2).sum(axis=(1, 2))
        between = np.vstack([between, 0.5 * (d * LOG_2PI + squares) + q.log_dets - of_p.log_volume])
    if of_q is not None:
        last = np.full(len(between), np.inf)
        if of_p is not None and _inside(of_p, of_q):
            last[-1] = of_q.log_volume - of_p.log_volume
        between = np.column_stack([between, last])
    return between


def with_box_integrals(integrals: Array, p: Gaussians, q: Gaussians, of_p: Box | None, of_q: Box | None) -> Array:
    """(K_p, K_q): ∫ of products of densities, with a row and a column more for boxes."""
    if of_p is not None:
        integrals = np.vstack([integrals, contents(q, of_p) / np.exp(of_p.log_volume)])
    if of_q is not None:
        last = contents(p, of_q)
        if of_p is not None:
            last = np.append(last, _common(of_p, of_q))
        integrals = np.column_stack([integrals, last / np.exp(of_q.log_volume)])
    return integrals


def contents(gaussians: Gaussians, box: Box) -> Array:
    """(K,): the probability of each component within a box, turned or not: E⁻¹ takes the box to a cube."""
    d = box.n_features
    factors = lower_from_square_roots(np.asarray(np.linalg.solve(box.edges, gaussians.factors)))
    means = np.linalg.solve(box.edges, (gaussians.means - box.centre).T).T
    found = [
        [nested(factor, -1 - mean, 1 - mean, cube).mean() for factor, mean in zip(factors, means, strict=True)]
        for cube in lattices(d - 1, 0)
    ]
    return np.asarray(np.mean(found, axis=0))


def _common(one: Box, other: Box) -> float:
    """The part of one box that lies in the other."""
    if one == other:
        return 1.0
    if not (one.is_along_columns and other.is_along_columns):
        raise ParameterError(
            "the noise of the two mixtures lies in different turned boxes; what they share is unknown."
        )
    low, high = np.maximum(one.ends[0], other.ends[0]), np.minimum(one.ends[1], other.ends[1])
    return float(np.prod(np.maximum(high - low, 0.0) / (one.ends[1] - one.ends[0])))


def _inside(one: Box, other: Box) -> bool:
    """Whether a box lies in another, as far as is told: turned boxes in themselves alone."""
    if one == other:
        return True
    return other.is_along_columns and bool(
        np.all(one.ends[0] >= other.ends[0]) and np.all(one.ends[1] <= other.ends[1])
    )
