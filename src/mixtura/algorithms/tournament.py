"""Many starts, few long climbs: all starts run a while, and the best distinct ones are climbed to the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixtura.algorithms.acceleration import accelerated_em
from mixtura.algorithms.climb import Rules, climb_all
from mixtura.algorithms.compiled import climb_compiled
from mixtura.algorithms.compiled import serves as core_serves
from mixtura.algorithms.ends import Ends
from mixtura.algorithms.stack import Stack
from mixtura.sweep import Sweep

CHEAP = 2e10
"""Multiply-adds: where all starts to the end cost less (with `USUAL_ITERATIONS` each), the field is cut late."""

USUAL_ITERATIONS = 100

LONG_RUN, SHORT_RUN = 60, 5
"""EM iterations before the field is cut, where they are cheap and where they are not."""

MANY_FINALISTS, FINALISTS = 6, 3
"""Distinct starts that are climbed to the end after a long and a short run."""

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
    finished : the starts that were climbed to the end, in their order
    leader : (B,), for each start the finished one that it is, or had come so near to that it was not climbed on; −1 for
        those that fell behind
    """

    ends: Ends
    finished: list[int]
    leader: list[int]


def compete(sweep: Sweep, starts: Stack, rules: Rules) -> Outcome:
    """Climb from the starts; climbs are given up where a component collapses."""
    cheap = _cost(sweep, starts) * len(starts) <= CHEAP
    run, most = (LONG_RUN, MANY_FINALISTS) if cheap else (SHORT_RUN, FINALISTS)
    everyone = list(range(len(starts)))
    if len(starts) <= most or run >= rules.max_iter:
        return Outcome(_climbs(sweep, starts, rules)[0], everyone, everyone)
    near = max(rules.tol, NEAR_GAIN / sweep.source.total_weight)
    ends, reached = _climbs(sweep, starts, Rules(near, run))
    leader = _leaders(ends, most)
    final = sorted(set(leader) - {-1})
    going_on = [i for i in final if not ends.troubled[i]]
    if going_on:
        ends = ends.carried_on(going_on, _climbs(sweep, reached.take(going_on), rules)[0])
    return Outcome(ends, final, leader)


def _climbs(sweep: Sweep, starts: Stack, rules: Rules) -> tuple[Ends, Stack]:
    """Compiled where the core can, else accelerated and in step."""
    if core_serves(sweep, starts.structure):
        return climb_compiled(sweep, starts, rules.tol, rules.max_iter)
    climbs = climb_all(sweep, [starts[i] for i in range(len(starts))], rules, accelerated_em)
    return Ends.of(climbs), Stack.of([climb.mixture for climb in climbs])


def _leaders(ends: Ends, most: int) -> list[int]:
    """For each start the best one that is on the way to the same optimum, among the `most` best; −1 for the others."""
    leader, final = [-1] * len(ends), list[int]()
    weights = np.sort(ends.weights, axis=1)
    for i in ends.best_first():
        for j in final:
            near = abs(ends.log_likelihood[i] - ends.log_likelihood[j]) <= NEAR_GAIN
            if near and ends.troubled[i] == ends.troubled[j] and np.abs(weights[i] - weights[j]).max() <= SAME_WEIGHTS:
                leader[i] = j
                break
        else:
            if len(final) < most:
                final.append(i)
                leader[i] = i
    return leader


def _cost(sweep: Sweep, starts: Stack) -> float:
    """Multiply-adds of one climb of usual length."""
    k, d = int(starts.means.shape[1]), int(starts.means.shape[2])
    return float(sweep.source.n_samples) * k * (d * d + 10) * USUAL_ITERATIONS
