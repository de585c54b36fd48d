"""Climbs: EM run to its limit, several at a time so that all share each reading of the rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mixtura.algorithms.iteration import Iteration, advance, check_certificate, inner_floor
from mixtura.algorithms.stopping import Aitken
from mixtura.families.base import Statistics
from mixtura.mixture import Mixture
from mixtura.sweep import Sweep

OnIteration = Callable[[Iteration], object]


@dataclass(slots=True)
class Climb:
    """EM on its way from one start, and where it stands.

    Attributes
    ----------
    mixture : inner coordinates
    log_likelihood : of `mixture`, total nats
    log_max_resp : Σ w log max_k r of `mixture`, nats (`Mixture.icl`)
    n_iter : M-steps done
    remaining : Aitken's estimate of the gain still to come, total nats
    converged : whether the stopping rule held
    collapsed, emptied : components, with `failed_at` the iteration at which it happened first
    trace : (log-likelihood before, bound after, remaining) of each iteration
    """

    mixture: Mixture[Any]
    log_likelihood: float = -math.inf
    log_max_resp: float = 0.0
    n_iter: int = 0
    remaining: float = math.inf
    converged: bool = False
    collapsed: tuple[int, ...] = ()
    emptied: tuple[int, ...] = ()
    failed_at: int | None = None
    counts: Any = None
    trace: list[tuple[float, float, float]] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether no component collapsed or emptied."""
        return not (self.collapsed or self.emptied) and math.isfinite(self.log_likelihood)


def climb_all(
    sweep: Sweep,
    starts: Sequence[Mixture[Any]],
    tol: float,
    max_iter: int,
    *,
    give_up: bool = True,
    on_iteration: OnIteration | None = None,
) -> list[Climb]:
    """Run EM from each start (inner coordinates) until it converges; each reading of the rows serves all of them.

    Parameters
    ----------
    tol : nats per unit of row weight, Aitken's remaining gain
    max_iter : M-steps at most
    give_up : stop a climb at the first collapsed or emptied component; otherwise go on above the floor
    on_iteration : called with each iteration of each climb
    """
    climbs = [Climb(start) for start in starts]
    stops = [Aitken(tol, sweep.source.total_weight) for _ in starts]
    last: list[Iteration | None] = [None] * len(starts)
    floor = inner_floor(sweep.source)
    active = list(range(len(starts)))
    while active:
        found = sweep([climbs[i].mixture for i in active])
        going = []
        for i, statistics in zip(active, found, strict=True):
            before = last[i]
            if before is not None:
                check_certificate(before, statistics.log_likelihood, sweep.source)
            if not _arrive(climbs[i], stops[i], statistics, max_iter):
                last[i] = _leave(climbs[i], statistics, floor, sweep)
                if on_iteration is not None:
                    on_iteration(last[i])  # type: ignore[arg-type]  # just set
                if not (give_up and not climbs[i].sound):
                    going.append(i)
        active = going
    return climbs


def climb(
    sweep: Sweep, start: Mixture[Any], tol: float, max_iter: int, on_iteration: OnIteration | None = None
) -> Climb:
    """One climb that goes on to the end, collapsed or not: for a result that is shown."""
    return climb_all(sweep, [start], tol, max_iter, give_up=False, on_iteration=on_iteration)[0]


def _arrive(climb: Climb, stop: Aitken, statistics: Statistics[Any], max_iter: int) -> bool:
    """Take in an E-step at the climb's mixture; True where the climb ends there."""
    climb.log_likelihood = statistics.log_likelihood
    climb.log_max_resp = statistics.log_max_resp
    climb.counts = statistics.counts
    climb.converged = stop.converged(statistics.log_likelihood)
    climb.remaining = stop.remaining
    return climb.converged or climb.n_iter >= max_iter or not math.isfinite(statistics.log_likelihood)


def _leave(climb: Climb, statistics: Statistics[Any], floor: Any, sweep: Sweep) -> Iteration:
    """The M-step."""
    step = advance(climb.n_iter + 1, climb.mixture, statistics, floor, sweep.source.coordinates)
    climb.trace.append((step.log_likelihood, step.lower_bound, climb.remaining))
    climb.n_iter += 1
    climb.collapsed, climb.emptied = step.collapsed, step.emptied
    if (step.collapsed or step.emptied) and climb.failed_at is None:
        climb.failed_at = step.index
    climb.mixture = step.inner_after
    return step
