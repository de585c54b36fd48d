"""Highest-density regions: the smallest region that holds a given share of a mixture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mixtura.densities.gaussians import Gaussians, as_mixture, one_column, spreads
from mixtura.densities.modes import critical_points, log_density
from mixtura.densities.probability import tail_probability
from mixtura.densities.roots import bracketed_root
from mixtura.densities.uniform import log_density as proper_log_density
from mixtura.families.gaussian import LOG_2PI
from mixtura.mixture import Mixture
from mixtura.validation import Array, Flags, as_count, as_level


@dataclass(frozen=True, slots=True)
class HighestDensityRegion:
    """The rows whose density is at least a threshold: {x : log p(x) ≥ log_threshold}.

    Attributes
    ----------
    mixture : whose region it is
    level : the share of the mixture inside, between 0 and 1
    log_threshold : nats
    log_threshold_error : its standard error, nats; zero for one column, where nothing is sampled
    intervals : (m, 2) for one column: the region as disjoint intervals in rising order, data units; None for several
    """

    mixture: Mixture[Any] = field(repr=False)
    level: float
    log_threshold: float
    log_threshold_error: float
    intervals: Array | None

    def contains(self, X: Any) -> Flags:
        """(n_samples,): whether rows lie in the region."""
        inside: Flags = proper_log_density(self.mixture, X, "a region") >= self.log_threshold
        return inside


def highest_density_region(
    mixture: Mixture[Any], level: float = 0.95, n_draws: int = 100_000, seed: int = 0
) -> HighestDensityRegion:
    """The smallest region that holds a share `level` of a mixture: where its density is at least a threshold.

    R = {x : p(x) ≥ c}, with c such that P(x ∈ R) = level

    Parameters
    ----------
    mixture : of Gaussian components
    level : between 0 and 1
    n_draws, seed : of the sample that tells the threshold where the mixture has several columns

    Returns
    -------
    HighestDensityRegion
        One column: threshold and intervals by root finding. Several: the threshold with its standard error.

    Raises
    ------
    ParameterError
        For a level that is none.

    Notes
    -----
    Hyndman (1996). The threshold of several columns is the (1 − level) quantile of log p(x) over draws; its error is
    half the distance between the order statistics one standard deviation of the binomial law to either side.
    mclust's hdrlevels takes that quantile over the data.

    Examples
    --------
    >>> import mixtura as mx
    >>> both = mx.Mixture([0.7, 0.3], mx.Gaussian([0.0, 10.0], [1.0, 1.0]))
    >>> mx.highest_density_region(both, 0.9).intervals.round(3)
    array([[-1.857,  1.857],
           [ 8.676, 11.324]])
    """
    level = as_level(level)
    if as_mixture(mixture).n_features > 1:
        rng = np.random.default_rng(as_count(seed, "seed", 0))
        n = as_count(n_draws, "n_draws", 100)
        heights = np.sort(proper_log_density(mixture, mixture.sample(n, rng)[0], "a region"))
        around = (1 - level) * n + np.sqrt(level * (1 - level) * n) * np.array([-1.0, 0.0, 1.0])
        low, middle, high = heights[np.clip(np.rint(around).astype(int), 0, n - 1)].tolist()
        return HighestDensityRegion(mixture, level, middle, 0.5 * (high - low), None)
    gaussians = one_column(mixture)
    turns = critical_points(gaussians)
    log_threshold = _threshold(gaussians, turns, level)
    ends = _ends(gaussians, turns, log_threshold)
    intervals = ends * gaussians.coordinates.scale + gaussians.coordinates.centre[0]
    return HighestDensityRegion(mixture, level, log_threshold + gaussians.log_jacobian, 0.0, intervals)


def _threshold(gaussians: Gaussians, turns: Array, level: float) -> float:
    """log c with P(f < c) = 1 − level."""
    from scipy.optimize import brentq

    heights = [log_density(gaussians, turns, _in_box(gaussians, turns))[0]]
    if gaussians.uniform is not None:
        edges = np.array([gaussians.uniform.low, gaussians.uniform.high])
        heights.append(log_density(gaussians, edges, np.ones(2, dtype=bool))[0])
    highest = float(np.concatenate(heights).max())

    def excess(below: float) -> float:
        return _mass_outside(gaussians, _ends(gaussians, turns, highest - below)) - (1 - level)

    most = 1.0
    while excess(most) > 0:
        most *= 2
    return highest - float(brentq(excess, 0.0, most, xtol=1e-14, rtol=4 * np.finfo(float).eps))


def _ends(gaussians: Gaussians, turns: Array, log_threshold: float) -> Array:
    """(m, 2): the intervals where log f ≥ log_threshold; between two turns f is monotone, so each holds one end.

    At the ends of the noise f leaps, and intervals may end there.
    """
    means, sd = gaussians.means[:, 0], spreads(gaussians)
    # Where every component lies below the threshold, so does the mixture.
    reach = sd * np.sqrt(np.maximum(0.0, -2 * (log_threshold + np.log(sd) + 0.5 * LOG_2PI)))
    places = np.concatenate([[(means - reach).min()], turns, [(means + reach).max()]])
    places[0], places[-1] = min(places[0], places[1]), max(places[-1], places[-2])
    if gaussians.uniform is not None:
        places = np.unique([*places.tolist(), gaussians.uniform.low, gaussians.uniform.high])
    in_box = _in_box(gaussians, 0.5 * (places[1:] + places[:-1]))
    after, before = (
        log_density(gaussians, side, in_box)[0] >= log_threshold for side in (places[:-1], places[1:])
    )  # of each stretch between places, its two ends
    after[0] &= in_box[0]
    before[-1] &= in_box[-1]
    leaps = np.concatenate([[after[0]], before[:-1] != after[1:], [before[-1]]])
    crossing = np.flatnonzero(after != before)

    def off(x: Array) -> tuple[Array, Array]:
        value, slope = log_density(gaussians, x, in_box[crossing])
        return value - log_threshold, slope

    noise = 2 * np.finfo(float).eps * (1 + abs(log_threshold))
    roots = bracketed_root(off, places[crossing], places[crossing + 1], noise)
    return np.sort(np.concatenate([roots, places[leaps]])).reshape(-1, 2)


def _in_box(gaussians: Gaussians, x: Array) -> Flags:
    """(m,): whether the noise, if there is any, is at these places."""
    return np.zeros(len(x), dtype=bool) if gaussians.uniform is None else gaussians.uniform.holds(x)


def _mass_outside(gaussians: Gaussians, ends: Array) -> float:
    """P(x outside the intervals), each gap from the tail that holds its digits."""
    if not len(ends):
        return 1.0
    below, above = (tail_probability(gaussians, ends.ravel(), upper) for upper in (False, True))
    gaps = np.where(below[1:-1:2] < 0.5, below[2::2] - below[1:-1:2], above[1:-1:2] - above[2::2])
    return float(below[0] + above[-1] + gaps.sum())
