"""Uniform noise: rows that belong to no group (Banfield & Raftery 1993)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mixtura.errors import ParameterError

if TYPE_CHECKING:
    from mixtura.sources.base import Source
    from mixtura.validation import Array

LABEL = -1
"""Of a row that is more likely noise than any component."""

N_PARAMETERS = 2
"""The weight and the volume."""

LEAST_LOG_WEIGHT = -700.0
"""What the kernels are told of a weight that is smaller: exp of it is still a number."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Rows that belong to no component: the same density everywhere.

    p(x) = Σ_k π_k p(x | k) + π₀ / V

    Parameters
    ----------
    weight : π₀, from 0 to below 1: the share of the noise; the weights of the components add up to 1 − π₀
    log_volume : log V, V in the product of the columns' units

    Notes
    -----
    The density is improper: it has no border, so that a new row far from everything is noise too (Coretto & Hennig
    2016). EM keeps the volume and estimates the weight; both count as parameters, as in mclust.

    Examples
    --------
    >>> import math, mixtura as mx
    >>> theta = mx.Mixture([0.9], mx.Gaussian([0.0], [1.0]), noise=mx.Noise(0.1, math.log(20)))
    >>> theta.predict([0.0, 9.0])
    array([ 0, -1])
    """

    weight: float
    log_volume: float

    def __post_init__(self) -> None:
        if not 0 <= self.weight < 1:
            raise ParameterError(f"the weight of the noise is {self.weight}; expected a share from 0 to below 1.")
        if not math.isfinite(self.log_volume):
            raise ParameterError(f"log_volume is {self.log_volume}; expected a finite number of nats.")

    @property
    def volume(self) -> float:
        """V, in the product of the columns' units."""
        return math.exp(self.log_volume)

    @property
    def log_weight(self) -> float:
        """log π₀, nats, not below `LEAST_LOG_WEIGHT`."""
        return max(math.log(self.weight), LEAST_LOG_WEIGHT) if self.weight > 0 else LEAST_LOG_WEIGHT

    def weighing(self, weight: float) -> Noise:
        """The same volume with another weight."""
        return replace(self, weight=weight)

    def scaled(self, scale: float, n_features: int) -> Noise:
        """The same noise in units that are `scale` times as large."""
        return replace(self, log_volume=self.log_volume - n_features * math.log(scale))


def smallest_box(source: Source) -> float:
    """log V of the smaller of two boxes that hold all rows: along the columns, and along the principal axes of the
    standardised columns, so that units do not matter. mclust takes the same two, the second of the columns as they are.
    """
    lowest, highest = source.ranges
    along_columns = float(np.log(highest - lowest).sum())
    axes, centre, spread = _principal_axes(source)
    low, high = np.full(len(axes), np.inf), np.full(len(axes), -np.inf)
    for rows in _rows(source):
        turned = ((rows - centre) / spread) @ axes
        low, high = np.minimum(low, turned.min(axis=0)), np.maximum(high, turned.max(axis=0))
    with np.errstate(divide="ignore"):
        along_axes = float(np.log(high - low).sum() + np.log(spread).sum())
    return min(along_columns, along_axes) if math.isfinite(along_axes) else along_columns


def _principal_axes(source: Source) -> tuple[Array, Array, Array]:
    """Eigenvectors (D, D) of the rows' correlation, and the centre and spread (D,) that standardise them."""
    centre = source.coordinates.centre
    scatter = np.zeros((len(centre), len(centre)))
    total, weight = np.zeros(len(centre)), 0.0
    for rows in _rows(source):
        off = rows - centre
        scatter += off.T @ off
        total += off.sum(axis=0)
        weight += len(rows)
    covariance = scatter / weight - np.outer(total, total) / weight**2
    spread = np.sqrt(covariance.diagonal())
    axes: Array = np.linalg.eigh(covariance / np.outer(spread, spread))[1]
    return axes, centre, spread


def _rows(source: Source, at_once: int = 1 << 16) -> Iterator[Array]:
    for chunk in source.chunks():
        for first in range(0, len(chunk.rows), at_once):
            yield np.asarray(chunk.rows[first : first + at_once], dtype=np.float64)
