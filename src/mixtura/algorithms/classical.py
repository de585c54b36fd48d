"""EM as it is usually taught: a constant on every variance, and a stop at a small change of the log-likelihood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mixtura.algorithms.iteration import inner_floor, maximised
from mixtura.algorithms.start import Grouping
from mixtura.algorithms.variational import broadened
from mixtura.errors import CollapseError
from mixtura.families.base import Statistics
from mixtura.families.covariance import Structure
from mixtura.families.gaussian import Gaussian
from mixtura.imputation import completed
from mixtura.mixture import Mixture
from mixtura.sources.strata import StratifiedSource
from mixtura.sweep import Sweep
from mixtura.validation import Array, frozen


class ClassicalEM:
    """E-step and M-step with `reg_covar`; no certificate, for the ridge maximises no likelihood.

    What a start holds fixed (`Mixture.with_fixed`) stays.

    Parameters
    ----------
    sweep : over the rows
    structure : of the components
    reg_covar : ε, data units², added to every variance; 0 adds nothing
    """

    def __init__(self, sweep: Sweep, structure: Structure, reg_covar: float) -> None:
        self.sweep, self.structure, self.reg_covar = sweep, structure, reg_covar
        self.ridge = reg_covar / sweep.source.coordinates.scale**2
        self.floor = inner_floor(sweep.source)

    def start(self, resp: Array) -> Mixture[Any]:
        """The M-step for responsibilities (n_samples, n_components), data units; rows may be left out (all zero)."""
        source = self.sweep.source
        if isinstance(source, StratifiedSource):  # the M-step needs whole rows
            whole = self.sweep.like(completed(self.sweep))
            return ClassicalEM(whole, self.structure, self.reg_covar).start(resp[source.counted])
        statistics = Grouping.of(source, resp).statistics(self.structure, self.floor)
        step = self._broadened(statistics).m_step(self.floor)
        mixture = Mixture.trusted(frozen(statistics.counts / statistics.counts.sum()), step.components)
        if step.collapsed:
            raise CollapseError(
                f"component {step.collapsed[0]} starts with rows that do not differ in some direction: its covariance "
                "is singular. Try fewer components, or a larger reg_covar."
            )
        return self._outward(mixture)

    def iterate(self, start: Mixture[Any]) -> Iterator[tuple[Mixture[Any], float]]:
        """Parameters after each M-step, data units, and the log-likelihood of those before it, total nats."""
        coordinates = self.sweep.source.coordinates
        mixture = start.into(coordinates.centre, coordinates.scale)
        while True:
            statistics = self.sweep.one(mixture)
            mixture, _ = maximised(mixture, self._broadened(statistics), self.floor)
            yield self._outward(mixture), statistics.log_likelihood

    def _broadened(self, statistics: Statistics[Any]) -> Statistics[Any]:
        """Those whose M-step has the ridge on every variance."""
        origin, counts = statistics.origin, statistics.counts
        assert isinstance(origin, Gaussian)
        if not self.ridge > 0:
            return statistics
        return replace(statistics, moments=broadened(statistics.moments, origin, counts, self.ridge))

    def _outward(self, mixture: Mixture[Any]) -> Mixture[Any]:
        coordinates = self.sweep.source.coordinates
        return mixture.out_of(coordinates.centre, coordinates.scale)
