"""Climbs: EM run to its limit, several at a time so that all share each reading of the rows.

A climb is a generator: it yields the mixture whose statistics it wants and is sent them. What it does with them is its
own affair (plain EM here, accelerated EM in `acceleration`); the driver gathers what all climbs want and reads the rows
once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mixtura.algorithms.iteration import Iteration, advance, check_certificate, inner_floor
from mixtura.algorithms.stopping import CONFIRMATIONS, Aitken
from mixtura.families.base import Statistics
from mixtura.mixture import Mixture
from mixtura.sweep import Sweep

AFTER_COLLAPSE = 50
"""Iterations above the floor that a climb is given to settle, where its result is to be shown all the same."""

OnIteration = Callable[[Iteration], object]
Climbing = Generator[Mixture[Any], Statistics[Any], None]


@dataclass(slots=True)
class Climb:
    """EM on its way from one start, and where it stands.

    Attributes
    ----------
    mixture : inner coordinates
    log_likelihood : of `mixture`, total nats; with regularization, log-likelihood + log prior
    log_max_resp : Σ w log max_k r of `mixture`, nats (`Mixture.icl`)
    n_iter : E-steps taken after the first: readings of the rows that moved the climb or tried to
    remaining : Aitken's estimate of the gain still to come, total nats
    converged : whether the stopping rule held
    collapsed, emptied : components, with `failed_at` the iteration at which it happened first
    counts : (n_components,), N_k at `mixture`
    trace : (log-likelihood before, bound after, remaining) of each iteration that was kept
    regularised : whether a prior or a constraint holds covariances up, so that few rows are enough for one
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
    regularised: bool = False

    @property
    def sound(self) -> bool:
        """Whether no component collapsed or emptied."""
        return not (self.collapsed or self.emptied) and math.isfinite(self.log_likelihood)

    def in_order(self, order: Sequence[int]) -> Climb:
        """The same climb with its components in another order."""
        place = {old: new for new, old in enumerate(order)}
        return replace(
            self,
            mixture=self.mixture.take(order),
            counts=self.counts[list(order)],
            collapsed=tuple(sorted(place[k] for k in self.collapsed)),
            emptied=tuple(sorted(place[k] for k in self.emptied)),
        )

    def arrive(self, mixture: Mixture[Any], statistics: Statistics[Any]) -> None:
        """Stand at a mixture whose E-step has been taken."""
        self.mixture = mixture
        self.log_likelihood = statistics.log_likelihood
        self.log_max_resp = statistics.log_max_resp
        self.counts = statistics.counts


@dataclass(frozen=True, slots=True)
class Rules:
    """When a climb ends.

    Attributes
    ----------
    tol : nats per unit of row weight, of Aitken's remaining gain
    max_iter : readings of the rows at most
    give_up : end at the first collapsed or emptied component; otherwise go on above the floor
    equal_weights : start with equal weights and leave them so
    wary : let spurious ends lose to any other sound one; otherwise the likelihood alone decides
    settled : the start lies near the optimum: first take the plain steps that Aitken's rule needs
    confirmations : how many times running its estimate must lie below the tolerance
    """

    tol: float
    max_iter: int
    give_up: bool = True
    equal_weights: bool = False
    wary: bool = True
    settled: bool = False
    confirmations: int = CONFIRMATIONS


class Stepper:
    """The M-step of one climb: advances, writes the trace, checks each certificate, notes what went wrong."""

    def __init__(self, sweep: Sweep, climb: Climb, on_iteration: OnIteration | None) -> None:
        self.source = sweep.source
        self.floor = inner_floor(sweep.source)
        self.climb = climb
        self.on_iteration = on_iteration
        self.last: Iteration | None = None

    def step(self, mixture: Mixture[Any], statistics: Statistics[Any]) -> Iteration:
        """Take in the E-step at a mixture the climb moves to, and do the M-step; no row is read."""
        if self.last is not None:
            check_certificate(self.last, statistics.log_likelihood, self.source)
        climb = self.climb
        climb.arrive(mixture, statistics)
        self.last = advance(len(climb.trace) + 1, mixture, statistics, self.floor, self.source.coordinates)
        climb.collapsed, climb.emptied = self.last.collapsed, self.last.emptied
        if not climb.sound and climb.failed_at is None:
            climb.failed_at = self.last.index
        return self.last

    def keep(self) -> None:
        """Write the last iteration to the trace: the climb goes on from it."""
        assert self.last is not None
        self.climb.trace.append((self.last.objective, self.last.lower_bound, self.climb.remaining))
        if self.on_iteration is not None:
            self.on_iteration(self.last)


def plain_em(climb: Climb, sweep: Sweep, rules: Rules, on_iteration: OnIteration | None = None) -> Climbing:
    """EM, step by step, until Aitken's estimate says that the limit is near."""
    stop = Aitken(rules.tol, sweep.source.total_weight, sweep.source.dtype)
    stepper = Stepper(sweep, climb, on_iteration)
    mixture = climb.mixture
    while True:
        statistics = yield mixture
        here = stepper.step(mixture, statistics)
        climb.converged = stop.converged(statistics.log_likelihood)
        climb.remaining = stop.remaining
        if climb.converged or climb.n_iter >= rules.max_iter or not math.isfinite(statistics.log_likelihood):
            return
        stepper.keep()
        if climb.failed_at is not None and (rules.give_up or climb.n_iter - climb.failed_at >= AFTER_COLLAPSE):
            return
        climb.n_iter += 1
        mixture = here.inner_after


Algorithm = Callable[[Climb, Sweep, Rules, OnIteration | None], Climbing]


def climb_all(
    sweep: Sweep,
    starts: Sequence[Mixture[Any]],
    rules: Rules | Sequence[Rules],
    algorithm: Algorithm = plain_em,
    on_iteration: OnIteration | None = None,
) -> list[Climb]:
    """Climb from each start (inner coordinates); each reading of the rows serves all climbs that still go on.

    `rules` are those of all, or one a start.
    """
    each = [rules] * len(starts) if isinstance(rules, Rules) else rules
    regularised = sweep.regularization is not None
    climbs = [Climb(sweep.admit(start), regularised=regularised) for start in starts]
    walks = [algorithm(climb, sweep, own, on_iteration) for climb, own in zip(climbs, each, strict=True)]
    wanted = {i: next(walk) for i, walk in enumerate(walks)}
    while wanted:
        found = dict(zip(wanted, sweep(list(wanted.values())), strict=True))
        wanted = {}
        for i, statistics in found.items():
            try:
                wanted[i] = walks[i].send(statistics)
            except StopIteration:
                continue
    return climbs
