"""From an optimum to a better one: exchanges of groups (two merged, a third one split), until none helps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.algorithms.climb import Climb, Rules
from mixtura.algorithms.iteration import inner_floor, outward
from mixtura.algorithms.moves import Splits, exchanges, groups_of, splits_of
from mixtura.algorithms.start import Partitions
from mixtura.algorithms.tournament import SAME_WEIGHTS, compete, is_costly
from mixtura.families.covariance import Structure
from mixtura.mixture import Mixture
from mixtura.sweep import Sweep, labels_of

METHOD = "split and merge"

MOST_MOVES_PER_GROUP = 2

MOVES, COSTLY_MOVES = 48, 8
"""Exchanges that are tried from one optimum: those that promise most. Where each costs much, fewer, and only those that
promise to lose no more nats than a component has parameters."""


@dataclass(frozen=True, slots=True)
class Improvement:
    """Where exchanges led.

    Attributes
    ----------
    climb : the best optimum
    start : the mixture that its climb started from; None where no exchange helped
    moves : exchanges that helped
    gain : in all, nats
    splits : of the groups of that optimum, where they were looked for
    """

    climb: Climb
    start: Mixture[Any] | None
    moves: int
    gain: float
    splits: Splits | None


def splits_at(sweep: Sweep, partitions: Partitions, climb: Climb) -> Splits:
    """How the groups of an optimum (inner coordinates) may be split, largest gain first."""
    labels = labels_of(sweep.source, outward(climb.mixture, sweep.source.coordinates))
    if climb.mixture.noise is not None:
        partitions, labels = partitions.some(labels >= 0), labels[labels >= 0]
    return splits_of(partitions, labels, groups_of(climb.mixture, climb.counts))


def improve(
    sweep: Sweep, partitions: Partitions, climb: Climb, rules: Rules, slack: float, known: Sequence[Climb] = ()
) -> Improvement:
    """Exchange groups of a sound optimum (inner coordinates) for as long as that gains more than `slack` nats.

    Exchanges ended at the optima that are `known`: there they need not be tried again.
    """
    n_components, first = climb.mixture.n_components, climb.log_likelihood
    structure: Structure = climb.mixture.components.constraint
    start: Mixture[Any] | None = None
    moves, splits = 0, None
    while n_components > 2 and moves < MOST_MOVES_PER_GROUP * n_components:
        splits = splits_at(sweep, partitions, climb)
        costly = is_costly(sweep, climb.mixture, COSTLY_MOVES)
        most, least = (COSTLY_MOVES, -climb.mixture.n_parameters / n_components) if costly else (MOVES, -math.inf)
        proposals = exchanges(groups_of(climb.mixture, climb.counts), splits, METHOD, most, least)
        if proposals is None:
            break
        starts = proposals.starts(structure, inner_floor(sweep.source)).with_noise(climb.mixture.noise)
        outcome = compete(sweep, starts, rules, champion=climb)
        best = outcome.winner(climb.log_likelihood + slack)
        if best is None:
            break
        climb, start = outcome.ends.climb(best), starts[best]
        moves, splits = moves + 1, None
        if any(_are_one(climb, other, slack) for other in known):
            break
    return Improvement(climb, start, moves, climb.log_likelihood - first, splits)


def _are_one(climb: Climb, other: Climb, slack: float) -> bool:
    """Whether two climbs ended at one optimum, but for the order of its components."""
    if abs(climb.log_likelihood - other.log_likelihood) > slack:
        return False
    return float(np.abs(np.sort(climb.mixture.weights) - np.sort(other.mixture.weights)).max()) <= SAME_WEIGHTS
