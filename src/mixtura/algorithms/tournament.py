"""Many starts, few long climbs: all starts run a while, and the best distinct ones are climbed to the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mixtura.algorithms.acceleration import accelerated_em
from mixtura.algorithms.climb import Climb, Rules, climb_all
from mixtura.algorithms.compiled import climb_compiled
from mixtura.algorithms.compiled import serves as core_serves
from mixtura.algorithms.ends import Ends
from mixtura.algorithms.stack import Stack
from mixtura.mixture import Mixture
from mixtura.sweep import Sweep

CHEAP = 2e10
"""Multiply-adds: where all starts to the end cost less (with `USUAL_ITERATIONS` each), the field is cut late."""

USUAL_ITERATIONS = 100

LONG_RUN = ((60, 6),)
CHALLENGES = ((10, 10), (50, 6))
SHORT_RUNS = ((1, 8), (4, 3))
"""EM iterations, and how many distinct starts go on after them: where they are cheap, there against a champion, and
where they are not."""

NEAR_GAIN = 0.1
"""Nats, total: a start rests where Aitken's estimate of its remaining gain lies below, until the field is cut."""

SAME_WEIGHTS = 0.01
"""Starts within `NEAR_GAIN` whose sorted weights differ by less are on the way to one optimum."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the starts of a tournament.

    Attributes
    ----------
    ends : where each start's climb ended
    finished : the starts that were climbed to the end, or so near to it that they cannot be the best, in their order
    leader : (B,), for each start the finished one that it is, or had come so near to that it was not climbed on; −1 for
        those that fell behind
    """

    ends: Ends
    finished: list[int]
    leader: list[int]

    def winner(self, above: float) -> int | None:
        """The best sound one of the finished, where its log-likelihood lies above a value."""
        best = self.ends.best_first(self.finished)[:1]
        return best[0] if best and self.ends.above(best[0], above) else None


def compete(sweep: Sweep, starts: Stack, rules: Rules, champion: Climb | None = None) -> Outcome:
    """Climb from the starts; climbs are given up where a component collapses.

    With a `champion` only those go to the end that may come out above it.
    """
    if rules.equal_weights:
        starts = starts.with_equal_weights()
    cheap = LONG_RUN if champion is None else CHALLENGES
    rounds = SHORT_RUNS if is_costly(sweep, starts[0], len(starts)) else cheap
    alive = leader = list(range(len(starts)))
    few = len(starts) <= rounds[-1][1] and champion is None
    if few or sum(run for run, _ in rounds) >= rules.max_iter:
        return Outcome(_climbs(sweep, starts, rules)[0], alive, leader)
    near = max(rules.tol, NEAR_GAIN / sweep.source.total_weight)
    ends, here = None, starts
    for run, most in rounds:
        further, here = _climbs(sweep, here, replace(rules, tol=near, max_iter=run))
        ends = further if ends is None else ends.carried_on(alive, further)
        ahead = _leaders(ends, alive, most)
        leader = [ahead.get(i, -1) for i in leader]
        kept = sorted({i for i in leader if i >= 0})
        here = here.take([alive.index(i) for i in kept])
        alive = kept
    assert ends is not None
    sound = [i for i in alive if not ends.troubled[i]]
    if champion is not None:
        alive = sound = [i for i in sound if _may_win(ends, i, champion)]
        leader = [i if i in sound else -1 for i in leader]
        here = here.take([kept.index(i) for i in alive])
    else:
        top = max((ends.log_likelihood[i] for i in sound), default=-np.inf)
        sound = [i for i in sound if not (ends.converged[i] and ends.log_likelihood[i] < top - NEAR_GAIN)]
    if sound:
        further = _climbs(sweep, here.take([alive.index(i) for i in sound]), rules)[0]
        ends = ends.carried_on(sound, further)
    return Outcome(ends, alive, leader)


def _may_win(ends: Ends, i: int, champion: Climb) -> bool:
    """Whether a climb stands above the champion already, or has not come near enough to its end to tell."""
    if not ends.converged[i]:
        return True
    if ends.log_likelihood[i] < champion.log_likelihood - NEAR_GAIN:
        return False
    apart = np.abs(np.sort(ends.weights[i]) - np.sort(champion.mixture.weights)).max()
    return bool(apart > SAME_WEIGHTS or ends.log_likelihood[i] > champion.log_likelihood)


def _climbs(sweep: Sweep, starts: Stack, rules: Rules) -> tuple[Ends, Stack]:
    """Compiled where the core can, else accelerated and in step."""
    if core_serves(sweep, starts.structure):
        ends, stack = climb_compiled(sweep, starts, rules.tol, rules.max_iter)
    else:
        climbs = climb_all(sweep, [starts[i] for i in range(len(starts))], rules, accelerated_em)
        ends, stack = Ends.of(climbs), Stack.of([climb.mixture for climb in climbs])
    return ends if rules.wary else ends.trusting(), stack


def _leaders(ends: Ends, alive: Sequence[int], most: int) -> dict[int, int]:
    """For each start the best one on the way to the same optimum, among the `most` best ones; some have none."""
    leader, final = dict[int, int](), list[int]()
    weights = np.sort(ends.weights, axis=1)
    log_likelihood, troubled = ends.log_likelihood.tolist(), ends.troubled.tolist()
    for i in ends.best_first(alive):
        for j in final:
            near = troubled[i] == troubled[j] and abs(log_likelihood[i] - log_likelihood[j]) <= NEAR_GAIN
            if near and np.abs(weights[i] - weights[j]).max() <= SAME_WEIGHTS:
                leader[i] = j
                break
        else:
            if len(final) < most:
                final.append(i)
                leader[i] = i
    return leader


def is_costly(sweep: Sweep, mixture: Mixture[Any], n_starts: int) -> bool:
    """Whether climbs of usual length from that many starts take more multiply-adds than `CHEAP`."""
    k, d = mixture.n_components, mixture.n_features
    return n_starts * float(sweep.source.n_samples) * k * (d * d + 10) * USUAL_ITERATIONS > CHEAP
