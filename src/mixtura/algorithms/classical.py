"""EM as it is usually taught: a constant on every variance, and a stop at a small change of the log-likelihood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mixtura.algorithms.iteration import inner_floor
from mixtura.algorithms.start import Grouping
from mixtura.algorithms.variational import broadened
from mixtura.errors import CollapseError
from mixtura.families.base import Statistics
from mixtura.families.covariance import Structure
from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture
from mixtura.sweep import Sweep
from mixtura.validation import Array, frozen


class ClassicalEM:
    """E-step and M-step with `reg_covar`; no certificate, for the ridge maximises no likelihood.

    Parameters
    ----------
    sweep : over the rows
    structure : of the components
    reg_covar : ε, data units², added to every variance; 0 adds nothing
    """

    def __init__(self, sweep: Sweep, structure: Structure, reg_covar: float) -> None:
        self.sweep, self.structure = sweep, structure
        self.ridge = reg_covar / sweep.source.coordinates.scale**2
        self.floor = inner_floor(sweep.source)

    def start(self, resp: Array) -> Mixture[Any]:
        """The M-step for responsibilities (n_samples, n_components), data units; rows may be left out (all zero)."""
        statistics = Grouping.of(self.sweep.source, resp).statistics(self.structure, self.floor)
        mixture, collapsed = self._m_step(statistics)
        if collapsed:
            raise CollapseError(
                f"component {collapsed[0]} starts with rows that do not differ in some direction: its covariance is "
                "singular. Try fewer components, or a larger reg_covar."
            )
        return self._outward(mixture)

    def iterate(self, start: Mixture[Any]) -> Iterator[tuple[Mixture[Any], float]]:
        """Parameters after each M-step, data units, and the log-likelihood of those before it, total nats."""
        coordinates = self.sweep.source.coordinates
        mixture = start.into(coordinates.centre, coordinates.scale)
        while True:
            statistics = self.sweep.one(mixture)
            mixture, _ = self._m_step(statistics)
            yield self._outward(mixture), statistics.log_likelihood

    def _m_step(self, statistics: Statistics[Any]) -> tuple[Mixture[Any], tuple[int, ...]]:
        """The next mixture, and the components that were held up by the resolution of the data."""
        origin, counts, moments = statistics.origin, statistics.counts, statistics.moments
        assert isinstance(origin, Gaussian)
        if self.ridge > 0:
            moments = broadened(moments, origin, counts, self.ridge)
        step = origin.m_step(moments, counts, self.floor)
        return Mixture.trusted(frozen(counts / counts.sum()), step.components), step.collapsed

    def _outward(self, mixture: Mixture[Any]) -> Mixture[Any]:
        coordinates = self.sweep.source.coordinates
        return mixture.out_of(coordinates.centre, coordinates.scale)
