"""Modes: where a mixture is densest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.densities.gaussians import Gaussians, log_normal, log_sum_exp, one_column, spreads
from mixtura.densities.roots import bracketed_root
from mixtura.families.gaussian import LOG_2PI
from mixtura.linalg import solve_lower_stack
from mixtura.mixture import Mixture
from mixtura.validation import Array, Flags, Labels

MAX_STEPS = 10_000
SAME = 1e-3
"""Modes nearer than this, in standard deviations of the density's peak, are one."""

NEWTON_REACH = 0.5
"""The longest Newton step, in standard deviations of the peak that the density seems to have."""

OFF_SADDLE = 0.1
"""How far a climb that stands on a saddle steps aside, in the scale of the density's bend there."""

GRID = np.linspace(-6.0, 6.0, 385)
"""Places about each mean, in its standard deviations, between which critical points of one column are looked for."""


@dataclass(frozen=True, slots=True)
class Modes:
    """Modes of a mixture.

    Attributes
    ----------
    points : (n_modes, n_features), data units, the densest first
    log_density : (n_modes,), nats
    components : (n_components,), the mode that is reached from each component's mean
    """

    points: Array
    log_density: Array
    components: Labels


def modes(mixture: Mixture[Any]) -> Modes:
    """The modes of a mixture: maxima of its density, reached by climbing from each component's mean.

    x ← (Σ_k r_k Σ_k⁻¹)⁻¹ Σ_k r_k Σ_k⁻¹ μ_k, with r_k = p(k | x)

    Parameters
    ----------
    mixture : of Gaussian components

    Returns
    -------
    Modes
        Components that share a mode make one bump of the density. Noise lifts all places alike and moves no mode.

    Notes
    -----
    Carreira-Perpiñán (2000), fixed point: EM for the place, so the density rises in every step; Newton's step is taken
    near the top, where it rises further. In several columns there can be
    modes that no mean leads to, though rarely (Carreira-Perpiñán & Williams 2003); in one column all are found.

    Examples
    --------
    >>> import mixtura as mx
    >>> found = mx.modes(mx.Mixture([0.5, 0.3, 0.2], mx.Gaussian([0.0, 0.5, 9.0], [1.0, 1.0, 1.0])))
    >>> found.points.ravel().round(3), found.components
    (array([0.184, 9.   ]), array([0, 0, 1]))
    """
    climber = Climber(Gaussians.of(mixture))
    reached = np.array([climber.mode_above(mean) for mean in climber.gaussians.means])
    if mixture.n_features == 1:
        for top in critical_points(one_column(mixture))[::2, None]:
            climber.mode_above(top)
    heights = np.array(climber.heights)
    order = np.argsort(-heights, kind="stable")
    coordinates = climber.gaussians.coordinates
    points = np.array(climber.places)[order] * coordinates.scale + coordinates.centre
    heights = heights[order] + climber.gaussians.log_jacobian
    if mixture.noise is not None:
        heights = np.logaddexp(heights, mixture.noise.log_weight - mixture.noise.log_volume)
    return Modes(points, heights, np.argsort(order)[reached])


class Climber:
    """Modes as they are found, in inner coordinates: places and heights grow with every new one."""

    def __init__(self, gaussians: Gaussians) -> None:
        self.gaussians = gaussians
        self.places: list[Array] = []
        self.heights: list[float] = []

    def mode_above(self, x: Array) -> int:
        """The number of the mode that the climb from x ends at."""
        place, height, bend = _climb(self.gaussians, x)
        for m, known in enumerate(self.places):
            if (place - known) @ bend @ (place - known) <= SAME**2:
                return m
        self.places.append(place)
        self.heights.append(height)
        return len(self.places) - 1


def critical_points(gaussians: Gaussians) -> Array:
    """(m,): where the density of one column turns, in rising order: mode, antimode, mode, …, mode.

    They lie between the smallest and the largest mean. Pairs nearer than a 32nd of a component's standard deviation
    can be missed: ripples that hardly rise.
    """
    means, sd = gaussians.means[:, 0], spreads(gaussians)
    grid = np.unique(np.clip(np.concatenate([(means[:, None] + sd[:, None] * GRID).ravel(), means]), *_range(means)))
    signs = np.sign(_slope(gaussians, grid)[0])
    signs[0], signs[-1] = 1.0, -1.0  # outside the means the density only rises, then only falls
    known = np.flatnonzero(signs)
    grid, signs = grid[known], signs[known]
    turns = np.flatnonzero(signs[1:] != signs[:-1])
    if not len(turns):
        return grid[:1]
    return bracketed_root(lambda x: _slope(gaussians, x), grid[turns], grid[turns + 1])


def log_density(gaussians: Gaussians, x: Array, in_box: Flags) -> tuple[Array, Array]:
    """log f(x) of one column and its derivative, at places (m,), with noise where `in_box`."""
    means, sd = gaussians.means[:, 0], spreads(gaussians)
    z = (x[:, None] - means) / sd
    terms = np.log(gaussians.weights) + log_normal(z) - np.log(sd)
    value = log_sum_exp(terms)
    slope: Array = -(np.exp(terms - value[:, None]) * z / sd).sum(axis=1)
    if gaussians.uniform is not None:
        of_components = value
        value = np.logaddexp(value, np.where(in_box, gaussians.uniform.log_height, -np.inf))
        slope = slope * np.exp(of_components - value)
    return value, slope


def _slope(gaussians: Gaussians, x: Array) -> tuple[Array, Array]:
    """d log f / dx of one column and its derivative, at places (m,)."""
    means, sd = gaussians.means[:, 0], spreads(gaussians)
    z = (x[:, None] - means) / sd
    terms = np.log(gaussians.weights) + log_normal(z) - np.log(sd)
    r = np.exp(terms - log_sum_exp(terms)[:, None])
    slope = -(r * z / sd).sum(axis=1)
    return slope, (r * (z**2 - 1) / sd**2).sum(axis=1) - slope**2


def _range(means: Array) -> tuple[float, float]:
    return float(means.min()), float(means.max())


def _climb(gaussians: Gaussians, x: Array) -> tuple[Array, float, Array]:
    """The mode above x, its log-density, and minus the Hessian of the log-density there."""
    height, towards, bend, fixed = _local(gaussians, x)
    for _ in range(MAX_STEPS):
        tries = [(_local(gaussians, x + step), step) for step in (*_newton(towards, bend), fixed)]
        best, step = max(tries, key=lambda found: found[0][0])
        if not best[0] > height:
            values, vectors = np.linalg.eigh(bend)
            if values[0] >= 0:
                break
            away = vectors[:, 0] * OFF_SADDLE / np.sqrt(-values[0])
            best, step = max(((_local(gaussians, x + s), s) for s in (away, -away)), key=lambda found: found[0][0])
            if not best[0] > height:
                break
        x, (height, towards, bend, fixed) = x + step, best
    return x, height, bend


def _newton(towards: Array, bend: Array) -> list[Array]:
    """Newton's step, where the log-density is concave and the step so short that it leaps to no other hill."""
    try:
        factor = np.linalg.cholesky(bend)
    except np.linalg.LinAlgError:
        return []
    half = np.linalg.solve(factor, towards)
    return [np.linalg.solve(factor.T, half)] if half @ half <= NEWTON_REACH**2 else []


def _local(gaussians: Gaussians, x: Array) -> tuple[float, Array, Array, Array]:
    """log f, its gradient, minus its Hessian, and the fixed point's step at one place (D,)."""
    d = len(x)
    right = np.concatenate(
        [(x - gaussians.means)[..., None], np.broadcast_to(np.eye(d), (len(gaussians.means), d, d))], -1
    )
    solved = solve_lower_stack(gaussians.factors, right)
    z, inverses = solved[..., 0], solved[..., 1:]
    with np.errstate(divide="ignore"):
        terms = np.log(gaussians.weights) - 0.5 * ((z**2).sum(axis=-1) + d * LOG_2PI) - gaussians.log_dets
    height = float(log_sum_exp(terms))
    r = np.exp(terms - height)
    pulls = -np.einsum("kij,ki->kj", inverses, z)
    towards = r @ pulls
    precision = np.einsum("k,kij,kil->jl", r, inverses, inverses)
    bend = precision - np.einsum("k,ki,kj->ij", r, pulls, pulls) + np.outer(towards, towards)
    return height, towards, bend, np.linalg.solve(precision, towards)
