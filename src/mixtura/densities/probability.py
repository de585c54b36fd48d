"""Probabilities and quantiles: the distribution function of a mixture, its inverse, and boxes in several columns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import numpy as np

from mixtura.densities.estimate import Estimate
from mixtura.densities.gaussians import Gaussians, as_mixture, log_normal, log_sum_exp, one_column, spreads
from mixtura.densities.roots import bracketed_root
from mixtura.errors import ParameterError, ShapeError
from mixtura.mixture import Mixture
from mixtura.noise import Box
from mixtura.validation import Array, Flags

SHIFTS, POINTS = 12, 4093
"""Randomly shifted lattices, from whose scatter the error of a box is known, and points in each (a prime)."""


def cdf(mixture: Mixture[Any], x: Any, upper: bool = False) -> Array:
    """The distribution function: the probability of lying at or below x in every column.

    F(x) = Σ_k π_k Φ((x − μ_k) / σ_k), and of noise the part of its box

    Parameters
    ----------
    mixture : of Gaussian components
    x : (n,) for one column, (n, n_features) for several, data units; infinite values are legal
    upper : whether to give the probability of lying above x in every column instead, without the rounding of 1 − F

    Returns
    -------
    (n,), or a single number for one x
        One column: to the last digits, however far in the tails. Several: by `box_probability`, which see.

    Raises
    ------
    ShapeError
        Where x has not as many columns as the mixture.

    Notes
    -----
    mclust's cdfMclust.

    Examples
    --------
    >>> import mixtura as mx
    >>> both = mx.Mixture([0.5, 0.5], mx.Gaussian([-2.0, 2.0], [1.0, 1.0]))
    >>> mx.cdf(both, [-2.0, 0.0, 2.0]).round(4)
    array([0.25, 0.5 , 0.75])
    """
    d = as_mixture(mixture).n_features
    points = _points(x, d)
    if d > 1:
        infinite = np.full(d, np.inf)
        boxes = [(row, infinite) if upper else (-infinite, row) for row in points.reshape(-1, d)]
        values = np.array([box_probability(mixture, *box).value for box in boxes])
        return values if points.ndim > 1 else values[0]
    gaussians = one_column(mixture)
    inner = (points - gaussians.coordinates.centre[0]) / gaussians.coordinates.scale
    return tail_probability(gaussians, inner, upper)


def quantile(mixture: Mixture[Any], p: Any, upper: bool = False) -> Array:
    """The value with probability p below it: the inverse of the distribution function of a mixture of one column.

    Parameters
    ----------
    mixture : of one column
    p : (n,), probabilities from 0 to 1, as small as 1e-300
    upper : whether p is the probability above the value: exact where 1 − p would round

    Returns
    -------
    (n,), or a single number for one p; data units, −∞ and ∞ for 0 and 1

    Raises
    ------
    ParameterError
        For a mixture of several columns, or a p that is no probability.

    Notes
    -----
    The root of log F(x) = log p between the smallest and the largest p-quantile of the components, which always
    enclose it, by guarded Newton steps until x no longer moves. Where F is level to rounding (between far groups) any
    value of the level stretch may come. mclust's quantileMclust.

    Examples
    --------
    >>> import mixtura as mx
    >>> both = mx.Mixture([0.5, 0.5], mx.Gaussian([-2.0, 2.0], [1.0, 1.0]))
    >>> mx.quantile(both, [1e-300, 0.25, 0.9]).round(6)
    array([-39.028395,  -2.000079,   2.841624])
    """
    from scipy.special import ndtri

    gaussians = one_column(mixture)
    wanted = np.asarray(p, dtype=np.float64)
    if not np.all((wanted >= 0) & (wanted <= 1)):
        raise ParameterError(f"p is {p!r}; expected probabilities from 0 to 1.")
    flat = wanted.reshape(-1)
    found = np.where(flat == 0, -np.inf, np.inf) * (-1.0 if upper else 1.0)
    inside = (flat > 0) & (flat < 1)
    if inside.any():
        level = flat[inside]
        # From one half on the other tail holds the digits, and 1 − p is exact (Sterbenz 1974).
        tail = np.where(level <= 0.5, level, 1 - level)
        above = (level > 0.5) != upper
        z = np.where(above, -1.0, 1.0)[:, None] * ndtri(tail)[:, None]
        ends = gaussians.means[:, 0] + spreads(gaussians) * z
        if gaussians.uniform is not None:
            ends = np.column_stack([ends, gaussians.uniform.place(tail, above)])

        def off(x: Array) -> tuple[Array, Array]:
            value, slope = _log_tail(gaussians, x, above)
            return value - np.log(tail), slope

        noise = 2 * np.finfo(float).eps * (1 - np.log(tail))
        root = bracketed_root(off, ends.min(axis=1), ends.max(axis=1), noise)
        found[inside] = root * gaussians.coordinates.scale + gaussians.coordinates.centre[0]
    values: Array = found.reshape(wanted.shape)
    return values[()]


def box_probability(mixture: Mixture[Any], lower: Any, upper: Any, seed: int = 0) -> Estimate:
    """The probability of a box: of lying between `lower` and `upper` in every column.

    P = Σ_k π_k ∫_lower^upper N(x; μ_k, Σ_k) dx, and of noise the part of its box

    Parameters
    ----------
    mixture : of Gaussian components
    lower, upper : (n_features,), data units; ±∞ where a side is open
    seed : of the random shifts; equal seeds give equal bits

    Returns
    -------
    Estimate
        The probability, and its standard error; zero where it is exact, as it is for one column.

    Raises
    ------
    ShapeError, ParameterError
        Where the ends do not fit the mixture, or are not in order.

    Notes
    -----
    Genz (1992): the factors turn the box into nested one-dimensional ones, the cube that is left is sampled by
    randomly shifted lattices. Probabilities of far boxes keep their relative accuracy. Cost a box:
    n_components × 50,000 × n_features² operations.

    Examples
    --------
    >>> import mixtura as mx
    >>> one = mx.Mixture([1.0], mx.Gaussian([[0, 0]], [[[1, 0.5], [0.5, 1]]]))
    >>> found = mx.box_probability(one, [0, 0], [float("inf")] * 2)  # 1/4 + arcsin(0.5) / 2π
    >>> round(found.value, 5), found.standard_error < 1e-5
    (0.33333, True)
    """
    gaussians = Gaussians.of(mixture)
    d = gaussians.means.shape[1]
    ends = [np.atleast_1d(_points(end, d)) for end in (lower, upper)]
    if ends[0].shape != (d,) or ends[1].shape != (d,):
        raise ShapeError(f"the ends have shapes {ends[0].shape} and {ends[1].shape}; expected ({d},) each.")
    if not np.all(ends[0] <= ends[1]):
        raise ParameterError(f"lower {lower!r} lies above upper {upper!r} in some column.")
    low, high = ((end - gaussians.coordinates.centre) / gaussians.coordinates.scale for end in ends)
    totals = np.zeros(SHIFTS)
    if mixture.noise is not None:
        totals += mixture.noise.weight * _overlaps(mixture.noise.known_box("a box"), ends[0], ends[1], seed)
    for shift, cube in enumerate(lattices(d - 1, seed)):
        for weight, mean, factor in zip(gaussians.weights, gaussians.means, gaussians.factors, strict=True):
            totals[shift] += weight * nested(factor, low - mean, high - mean, cube).mean()
    error = float(totals.std(ddof=1)) / SHIFTS**0.5
    return Estimate(float(totals.mean()), error)


def lattices(n_columns: int, seed: int) -> Iterator[Array]:
    """Points (n, n_columns) of the unit cube, spread evenly, under each of several random shifts."""
    rng = np.random.default_rng(seed)
    steps = np.sqrt(list(islice(_primes(), n_columns)))
    for _ in range(SHIFTS):
        shift = rng.random(n_columns)
        yield (
            np.abs(2 * ((np.arange(1, POINTS + 1)[:, None] * steps + shift) % 1.0) - 1)
            if n_columns
            else np.ones((1, 0))
        )


def _overlaps(box: Box, lower: Array, upper: Array, seed: int) -> Array:
    """The part of a box between `lower` and `upper` in every column, exact for a box along the columns.

    Of a turned one by lattices, one number each.
    """
    if not box.is_along_columns:
        rows = (box.centre + (2 * points - 1) @ box.edges.T for points in lattices(len(lower), seed))
        return np.array([np.mean(np.all((x >= lower) & (x <= upper), axis=1)) for x in rows])
    low, high = box.ends
    lengths = np.maximum(np.minimum(upper, high) - np.maximum(lower, low), 0.0)
    return np.asarray(np.prod(lengths / (high - low)))


def nested(factor: Array, low: Array, high: Array, cube: Array) -> Array:
    """(n,): the integrand of Genz (1992) at points of the unit cube (n, D − 1)."""
    from scipy.special import ndtr, ndtri

    value = np.ones(len(cube))
    y = np.zeros((len(cube), len(factor)))
    for j, row in enumerate(factor):
        shift = y[:, :j] @ row[:j]
        a, b = (low[j] - shift) / row[j], (high[j] - shift) / row[j]
        mirrored = a > 0  # in the lower tail differences keep their digits
        a, b = np.where(mirrored, -b, a), np.where(mirrored, -a, b)
        start, length = ndtr(a), ndtr(b) - ndtr(a)
        value *= length
        if j < cube.shape[1]:
            inner = np.clip(ndtri(start + cube[:, j] * length), np.maximum(a, -40.0), np.minimum(b, 40.0))
            y[:, j] = np.where(mirrored, -inner, inner)
    return value


def tail_probability(gaussians: Gaussians, x: Array, upper: bool) -> Array:
    """F(x), or 1 − F(x), of one column at any number of places."""
    from scipy.special import ndtr

    z = (x[..., None] - gaussians.means[:, 0]) / spreads(gaussians)
    probability: Array = ndtr(-z if upper else z) @ gaussians.weights
    if gaussians.uniform is not None:
        probability = probability + gaussians.uniform.weight * gaussians.uniform.share(x, upper)
    return np.minimum(probability, 1.0)


def _log_tail(gaussians: Gaussians, x: Array, above: Flags) -> tuple[Array, Array]:
    """log F(x), or log (1 − F(x)) where `above`, and its derivative, at places (m,)."""
    from scipy.special import log_ndtr

    sd = spreads(gaussians)
    z = (x[:, None] - gaussians.means[:, 0]) / sd
    sign = np.where(above, -1.0, 1.0)
    log_weights, uniform = np.log(gaussians.weights), gaussians.uniform
    tails, heights = log_weights + log_ndtr(sign[:, None] * z), log_weights + log_normal(z) - np.log(sd)
    if uniform is not None:
        with np.errstate(divide="ignore"):
            tails = np.column_stack([tails, np.log(uniform.weight) + np.log(uniform.share(x, above))])
        heights = np.column_stack([heights, np.where(uniform.holds(x), uniform.log_height, -np.inf)])
    value = np.minimum(log_sum_exp(tails), 0.0)
    with np.errstate(over="ignore"):
        slope = sign * np.exp(log_sum_exp(heights) - value)
    return value, slope


def _points(x: Any, n_features: int) -> Array:
    """Places as numbers, infinite ones too; their last axis is the columns where there are several."""
    points = np.asarray(x, dtype=np.float64)
    if np.isnan(points).any():
        raise ParameterError("x holds NaN; expected numbers.")
    if n_features > 1 and (points.ndim not in (1, 2) or points.shape[-1] != n_features):
        raise ShapeError(f"x has shape {points.shape}; expected (n, {n_features}) or ({n_features},).")
    return points


def _primes() -> Any:
    return (n for n in count(2) if all(n % m for m in range(2, int(n**0.5) + 1)))
