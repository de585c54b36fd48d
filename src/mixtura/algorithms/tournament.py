"""Many starts, few long climbs: all to the end where that is cheap, a short run and a final where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mixtura.algorithms.acceleration import accelerated_em
from mixtura.algorithms.climb import Climb, Rules, climb_all
from mixtura.algorithms.compiled import climb_compiled
from mixtura.algorithms.compiled import serves as core_serves
from mixtura.algorithms.degeneracy import short_trouble
from mixtura.algorithms.start import Start
from mixtura.mixture import Mixture
from mixtura.sweep import Sweep

CHEAP = 2e10
"""Multiply-adds: where all starts to the end cost less (with `USUAL_ITERATIONS` each), nobody is sent home early."""

USUAL_ITERATIONS = 100

SHORT_RUN = 5
"""EM iterations before the field is cut."""

FINALISTS = 3
"""Starts that are climbed to the end after a short run."""


def climbs(sweep: Sweep, mixtures: Sequence[Mixture[Any]], rules: Rules) -> list[Climb]:
    """Climbs given up where a component collapses; compiled where the core can, else accelerated and in step."""
    if core_serves(sweep, mixtures):
        return climb_compiled(sweep, mixtures, rules.tol, rules.max_iter)
    return climb_all(sweep, mixtures, rules, accelerated_em)


def best_first(ends: Sequence[Climb]) -> list[int]:
    """Indices of climbs: sound ones first, then by falling log-likelihood, ties by index."""
    return sorted(range(len(ends)), key=lambda i: (bool(short_trouble(ends[i])), -ends[i].log_likelihood, i))


def compete(sweep: Sweep, starts: Sequence[Start], rules: Rules) -> tuple[list[Climb], list[int]]:
    """Climb from the starts.

    Returns
    -------
    ends : where each start's climb ended
    finished : the starts that were climbed to the end, in their order
    """
    mixtures = [start.mixture for start in starts]
    if _cost(sweep, mixtures[0]) * len(starts) <= CHEAP or len(starts) <= FINALISTS:
        return climbs(sweep, mixtures, rules), list(range(len(starts)))
    ends = climbs(sweep, mixtures, Rules(rules.tol, min(SHORT_RUN, rules.max_iter)))
    final = sorted(best_first(ends)[:FINALISTS])
    for i, end in zip(final, climbs(sweep, [ends[i].mixture for i in final], rules), strict=True):
        end.n_iter += ends[i].n_iter
        ends[i] = end
    return ends, final


def _cost(sweep: Sweep, mixture: Mixture[Any]) -> float:
    """Multiply-adds of one climb of usual length."""
    d = mixture.n_features
    return float(sweep.source.n_samples) * mixture.n_components * (d * d + 10) * USUAL_ITERATIONS
