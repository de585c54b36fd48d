"""Noise as a density that integrates to one: uniform within its box."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.mixture import Mixture
from mixtura.sources import Coordinates, as_source, by_columns
from mixtura.validation import Array, Flags


@dataclass(frozen=True, slots=True)
class Uniform:
    """Noise in one column, inner coordinates: `weight` spread evenly from `low` to `high`."""

    weight: float
    low: float
    high: float

    @classmethod
    def of(cls, mixture: Mixture[Any], coordinates: Coordinates, what: str) -> Uniform | None:
        """That of a mixture of one column, where there is any."""
        if mixture.noise is None or mixture.noise.weight == 0:
            return None
        low, high = mixture.noise.known_box(what).into(coordinates.centre, coordinates.scale).ends
        return cls(mixture.noise.weight, float(low[0]), float(high[0]))

    @property
    def log_height(self) -> float:
        """log of its part of the density inside, nats."""
        return math.log(self.weight) - math.log(self.high - self.low)

    def holds(self, x: Array) -> Flags:
        """Whether places lie inside."""
        inside: Flags = (x >= self.low) & (x <= self.high)
        return inside

    def share(self, x: Array, upper: Flags | bool) -> Array:
        """The part of the uniform law at or below x, or above it."""
        reach = np.where(upper, self.high - x, x - self.low)
        share: Array = np.clip(reach / (self.high - self.low), 0.0, 1.0)
        return share

    def place(self, share: Array, upper: Flags) -> Array:
        """The inverse of `share`."""
        length = share * (self.high - self.low)
        place: Array = np.where(upper, self.high - length, self.low + length)
        return place


def log_density(mixture: Mixture[Any], X: Any, what: str) -> Array:
    """(n_samples,): log p(x), nats, with noise within its box only, so that p integrates to one."""
    noise = mixture.noise
    if noise is None:
        return mixture.log_prob(X)
    source = by_columns(as_source(X), mixture.columns)
    rows = np.concatenate([np.asarray(chunk.rows, dtype=np.float64) for chunk in source.chunks()])
    inside = noise.known_box(what).holds(rows)
    of_components = mixture.with_noise(None).log_prob(rows) + math.log1p(-noise.weight)
    with np.errstate(divide="ignore"):
        return np.logaddexp(of_components, np.where(inside, np.log(noise.weight) - noise.log_volume, -np.inf))
