"""Growing samples: climb where rows are few, and let the answer climb on where they are four times as many.

A sample of m rows knows the log-likelihood to p/2 nats (p free parameters), so a level is left as soon as its own
remaining gain is a twentieth of p: most readings of all rows are saved (Meek, Thiesson & Heckerman 2002).
The last level is all rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.algorithms import compiled
from mixtura.algorithms.acceleration import accelerated_em
from mixtura.algorithms.climb import Climb, Rules, climb_all
from mixtura.algorithms.iteration import inward, outward
from mixtura.algorithms.stack import Stack
from mixtura.mixture import Mixture
from mixtura.sweep import Sweep

GROWTH = 4
LEVEL_GAIN = 0.05
"""Nats per free parameter, of Aitken's remaining gain, at which a level is left."""

SHORT_READING = 2e7
"""Multiply-adds of one reading: a few milliseconds of one thread."""

LEAST_SHARE, LEAST_SHARE_DEAR = 4, 2
"""All rows are so many times those of the last sample at least; dear ones may have larger samples."""

LARGEST_SAMPLE = 4_000_000
"""Cells of the largest sample that is copied: memory stays flat however many rows there are."""


def level_tolerance(mixture: Mixture[Any], n_samples: int, tol: float) -> float:
    """Nats per row at which a level of that many rows has told all it knows; never finer than `tol`."""
    return max(tol, LEVEL_GAIN * mixture.n_parameters / n_samples)


def transplanted(mixture: Mixture[Any], old: Sweep, new: Sweep) -> Mixture[Any]:
    """A mixture in the inner coordinates of another source."""
    return inward(outward(mixture, old.source.coordinates), new.source.coordinates)


def climb_levels(sample: Sweep, mixture: Mixture[Any], everything: Sweep, rules: Rules, seed: int) -> Climb:
    """From the inner coordinates of a sample, through growing samples, to the limit on all rows."""
    return climb_one(everything, climb_samples(sample, mixture, everything, rules, seed), rules)


def climb_samples(sample: Sweep, mixture: Mixture[Any], everything: Sweep, rules: Rules, seed: int) -> Mixture[Any]:
    """From the inner coordinates of a sample, through growing samples, to where the climb on all rows begins."""
    size = sample.source.n_samples * GROWTH
    here, mixture_here = sample, mixture
    largest = LARGEST_SAMPLE // everything.source.n_features
    most = everything.source.n_samples // (LEAST_SHARE_DEAR if everything.source.is_dear else LEAST_SHARE)
    while here.source.n_samples < min(size, largest) <= most:
        size = min(size, largest)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, size)))
        level = everything.like(everything.source.sample(size, rng))
        start = transplanted(mixture_here, here, level)
        coarse = Rules(level_tolerance(start, size, rules.tol), rules.max_iter, rules.give_up)
        end = climb_one(level, start, coarse)
        if not end.sound:
            break
        here, mixture_here = level, end.mixture
        size *= GROWTH
    return transplanted(mixture_here, here, everything)


def climb_one(sweep: Sweep, start: Mixture[Any], rules: Rules) -> Climb:
    """One climb to the end: whole in the core where a reading is so short that Python around it would take longer."""
    if rules.give_up and compiled.serves(sweep, start.components.constraint) and is_short(sweep, start):
        return compiled.climb_compiled(sweep, Stack.of([start]), rules.tol, rules.max_iter)[0].climb(0)
    return climb_all(sweep, [start], rules, accelerated_em)[0]


def is_short(sweep: Sweep, mixture: Mixture[Any]) -> bool:
    """Whether one reading of the rows takes fewer multiply-adds than `SHORT_READING`."""
    k, d = mixture.n_components, mixture.n_features
    return float(sweep.source.n_samples) * k * (d * d + 10) < SHORT_READING
