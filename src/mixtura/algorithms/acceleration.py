"""Accelerated EM: the same optimum in fewer readings of the rows, and the likelihood still never falls.

SQUAREM (Varadhan & Roland 2008, step length α₃) extrapolates two EM steps while the optimum is far; Anderson's method
finishes. Every extrapolation is guarded by the likelihood that the E-step computes anyway: it is kept only where it
lies above the bound that plain EM was sure of, so the certificate holds from each kept iteration to the next.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator
from typing import Any

import numpy as np

from mixtura.algorithms.climb import Climb, Climbing, OnIteration, Rules, Stepper
from mixtura.algorithms.free_parameters import FreeParameters
from mixtura.algorithms.iteration import Iteration
from mixtura.algorithms.stopping import Aitken
from mixtura.families.base import Statistics
from mixtura.mixture import Mixture
from mixtura.sweep import Sweep
from mixtura.validation import Array

LONGEST_STEP = 4.0
"""The first limit of SQUAREM's step length; it grows fourfold where a step of that length is kept."""

WORTHWHILE = 1.01
"""A step length below this is no extrapolation."""

TAIL_GAIN = 1e-4
"""Nats per row: Anderson's method takes over where a cycle gains less."""

HISTORY = 11
"""Pairs (φ, F(φ) − φ) that Anderson's method remembers; it needs `FEWEST`."""

FEWEST = 3

LONGEST_CHECK = 6
"""Plain steps in a row that ask Aitken's rule whether the limit is near; it needs five."""

PATIENCE = 3
"""SQUAREM cycles after a failed Anderson step, before the next is tried."""

Visit = Generator[Mixture[Any], Statistics[Any], None]
Attempt = Generator[Mixture[Any], Statistics[Any], bool]


def accelerated_em(climb: Climb, sweep: Sweep, rules: Rules, on_iteration: OnIteration | None = None) -> Climbing:
    """EM with SQUAREM far from the optimum and Anderson's method near it: monotone, certified, same fixed points."""
    walk = _Walk(climb, sweep, rules, on_iteration)
    yield from walk.visit(climb.mixture, plain=False)
    if rules.settled:
        yield from walk.settle()
    while not walk.done:
        before = climb.log_likelihood
        if walk.in_tail:
            yield from walk.anderson_step()
        else:
            yield from walk.squarem_cycle()
        walk.gain = climb.log_likelihood - before
        if not walk.done and walk.gain <= rules.tol * sweep.source.total_weight:
            yield from walk.verify()


class _Walk:
    """One accelerated climb: where it stands, what it remembers, and its guard."""

    def __init__(self, climb: Climb, sweep: Sweep, rules: Rules, on_iteration: OnIteration | None) -> None:
        self.climb, self.rules = climb, rules
        self.stepper = Stepper(sweep, climb, on_iteration)
        self.total_weight = sweep.source.total_weight
        self.admit = sweep.admit
        self.free = FreeParameters(sweep.spread, self.stepper.floor)
        self.history: deque[tuple[Array, Array]] = deque(maxlen=HISTORY)
        self.stop = Aitken(rules.tol, self.total_weight, sweep.source.dtype, rules.confirmations)
        self.longest = LONGEST_STEP
        self.patience = 0
        self.gain = math.inf
        self.here: Iteration

    @property
    def done(self) -> bool:
        """Converged, out of readings, or failed."""
        climb, rules = self.climb, self.rules
        spent = climb.n_iter >= rules.max_iter
        return (
            climb.converged or spent or (rules.give_up and not climb.sound) or not math.isfinite(climb.log_likelihood)
        )

    @property
    def in_tail(self) -> bool:
        """Whether Anderson's method is to take the next step."""
        return self.gain < TAIL_GAIN * self.total_weight and len(self.history) >= FEWEST and self.patience <= 0

    def visit(self, mixture: Mixture[Any], plain: bool) -> Visit:
        """Read the rows at a mixture and move there."""
        statistics = yield mixture
        self.enter(mixture, statistics, plain)

    def enter(self, mixture: Mixture[Any], statistics: Statistics[Any], plain: bool) -> None:
        """Move to a mixture whose E-step is done; `plain` says that one EM step led there, as Aitken's rule needs."""
        if not plain:
            self.stop.restart()
        self.here = self.stepper.step(mixture, statistics)
        self.climb.converged = self.stop.converged(statistics.log_likelihood)
        self.climb.remaining = self.stop.remaining
        if not self.done:
            self.stepper.keep()
            before, after = self.free.pack(mixture), self.free.pack(self.here.inner_after)
            if before is not None and after is not None:
                self.history.append((before, after - before))

    def plain_step(self) -> Visit:
        """One EM step: to where the last M-step points."""
        self.climb.n_iter += 1
        yield from self.visit(self.here.inner_after, plain=True)

    def settle(self) -> Visit:
        """As many plain steps as Aitken's rule needs where a climb begins at its end but for a large sample's error."""
        for _ in range(self.rules.confirmations + 1):
            if not self.done:
                yield from self.plain_step()

    def attempt(self, candidate: Mixture[Any]) -> Attempt:
        """Read the rows at an extrapolation; move there if it lies above the bound that plain EM is sure of."""
        self.climb.n_iter += 1
        candidate = self.admit(candidate)
        statistics = yield candidate
        kept = statistics.log_likelihood >= self.here.lower_bound
        if kept:
            self.enter(candidate, statistics, plain=False)
        return kept

    def squarem_cycle(self) -> Visit:
        """One EM step, and an extrapolation of the last two."""
        self.patience -= 1
        first = self.here
        yield from self.plain_step()
        if self.done:
            return
        candidate, length = self.extrapolation(first, self.here)
        if candidate is None:
            return
        kept = yield from self.attempt(candidate)
        if not kept:
            self.longest = max(LONGEST_STEP, self.longest / 4)
        elif length == self.longest:
            self.longest *= 4

    def extrapolation(self, first: Iteration, second: Iteration) -> tuple[Mixture[Any] | None, float]:
        """φ₀ + 2αr + α²v with r = φ₁ − φ₀, v = φ₂ − φ₁ − r and α = ‖r‖/‖v‖; None where it is no extrapolation."""
        packed = [self.free.pack(m) for m in (first.inner_before, first.inner_after, second.inner_after)]
        p0, p1, p2 = packed
        if p0 is None or p1 is None or p2 is None:
            return None, 1.0
        r = p1 - p0
        v = p2 - p1 - r
        length = float(np.clip(np.linalg.norm(r) / max(float(np.linalg.norm(v)), 1e-300), 1.0, self.longest))
        trial = length
        for _ in range(3):
            if trial <= WORTHWHILE:
                break
            mixture = self.free.unpack(p0 + 2 * trial * r + trial**2 * v, second.inner_after)
            if mixture is not None:
                return mixture, length
            trial = (1 + trial) / 2
        return None, length

    def anderson_step(self) -> Visit:
        """One step of Anderson's method; where it fails, its memory is cleared and SQUAREM goes on for a while."""
        *older, (phi, f) = self.history
        df = np.stack([f - g for _, g in older], axis=1)
        dx = np.stack([phi - p for p, _ in older], axis=1)
        gamma = np.linalg.lstsq(df, f, rcond=1e-8)[0]
        candidate = self.free.unpack(phi + f - (dx + df) @ gamma, self.here.inner_after)
        kept = candidate is not None and (yield from self.attempt(candidate))
        if not kept:
            self.history.clear()
            self.patience = PATIENCE

    def verify(self) -> Visit:
        """Plain steps, as Aitken's estimate needs them, for as long as they gain no more than the tolerance.

        Where they are small because EM crawls, the limit is far: after `LONGEST_CHECK` they are accelerated again.
        """
        small = self.rules.tol * self.total_weight
        for _ in range(LONGEST_CHECK):
            if self.done:
                return
            before = self.climb.log_likelihood
            yield from self.plain_step()
            if self.climb.log_likelihood - before > small:
                return
