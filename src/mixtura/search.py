"""The search over structures and numbers of components: what candidates share, and where each one starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mixtura.algorithms.agglomeration import METHOD as AGGLOMERATION
from mixtura.algorithms.agglomeration import Tree, agglomerate
from mixtura.algorithms.climb import Climb, Rules
from mixtura.algorithms.degeneracy import short_trouble
from mixtura.algorithms.ends import Ends
from mixtura.algorithms.improvement import COSTLY_MOVES, Improvement, improve, splits_at
from mixtura.algorithms.improvement import METHOD as IMPROVEMENT
from mixtura.algorithms.iteration import inner_floor
from mixtura.algorithms.levels import climb_levels, level_tolerance, transplanted
from mixtura.algorithms.moves import Splits, groups_of, with_splits
from mixtura.algorithms.start import Grouping, Groupings, Partitions, Start
from mixtura.algorithms.tournament import Outcome, compete, is_costly
from mixtura.families.covariance import nested, resolve_structure
from mixtura.selection import AGREEMENT, Candidate, best_of, start_report, undisputed
from mixtura.sources import Source
from mixtura.sweep import Sweep

SAMPLE_ROWS, SAMPLE_ROWS_PER_PARAMETER = 5000, 20
"""Starts are tried on this many rows at least, and this many times n_components · n_features."""

ATTEMPTS = 2
"""Ends of the sample that are climbed on all rows before a candidate is called degenerate."""

CLOSE_RIVAL = 10.0
"""Nats, total: the second best optimum of the starts is left by exchanges too, where it lies closer to the best."""

SPLITS = 3
"""Splits of the optimum with one component fewer that a candidate starts from."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a search stands: handed to the `progress` hook after every candidate."""

    done: int
    total: int
    candidate: Candidate
    best: Candidate | None


@dataclass(frozen=True, slots=True)
class Options:
    """How each candidate is fitted."""

    n_starts: int
    tol: float
    max_iter: int
    seed: int
    tol_per_parameter: float = 0.0
    """Nats, total, per free parameter: a candidate stops there where that is more than `tol`."""
    improve: bool = True
    """Whether groups are split and merged once the starts have ended."""
    equal_weights: bool = False
    """Whether all components have the same weight by assumption."""


@dataclass(slots=True)
class _Found:
    """The sound optimum of a candidate on the rows its starts were tried on, for its relatives to start from."""

    sweep: Sweep
    partitions: Partitions
    climb: Climb
    splits: Splits | None

    @property
    def groups(self) -> Grouping:
        return groups_of(self.climb.mixture, self.climb.counts)


class Search:
    """Fits candidates one after the other. Partitions of the rows are shared by all structures, and a candidate also
    starts from what simpler ones found: the structures that it contains, and the best splits of one component fewer.

    Parameters
    ----------
    sweep : over all rows
    options : Options
    """

    def __init__(self, sweep: Sweep, options: Options) -> None:
        self.sweep = sweep
        self.options = options
        self._groupings: dict[int, Groupings] = {}
        self._samples: dict[int, tuple[Sweep, Partitions]] = {}
        self._trees: dict[int, Tree | None] = {}
        self._found: dict[tuple[str, int], _Found] = {}

    def candidate(self, structure: str, n_components: int) -> Candidate:
        """The best optimum that the starts of one candidate, and exchanges of groups after them, lead to."""
        sample, partitions = self._sample(n_components)
        groupings = self._starts(structure, n_components)
        constraint = resolve_structure(structure, self.sweep.source.n_features)
        starts = groupings.starts(constraint, inner_floor(sample.source))
        if self.options.equal_weights:
            starts = starts.with_equal_weights()
        n_rows, total_weight = sample.source.n_samples, self.sweep.source.total_weight
        tol = max(self.options.tol, self.options.tol_per_parameter * starts[0].n_parameters / total_weight)
        whole = sample is self.sweep
        coarse = tol if whole else level_tolerance(starts[0], n_rows, tol)
        rules = Rules(coarse, self.options.max_iter, equal_weights=self.options.equal_weights)
        slack = max(AGREEMENT, rules.tol * sample.source.total_weight)
        outcome = compete(sample, starts, rules)
        best = _quickest(outcome, 10 * tol * total_weight)
        climb, start = outcome.ends.climb(best), Start(starts[best], groupings.methods[best])
        further: Improvement | None = None
        if not short_trouble(climb):
            if self.options.improve and not undisputed(outcome, best, slack):
                further = _improved(sample, partitions, outcome, best, rules, slack)
                climb = further.climb
                start = start if further.start is None else Start(further.start, IMPROVEMENT)
            splits = None if further is None else further.splits
            self._found[structure, n_components] = _Found(sample, partitions, climb, splits)
        report = start_report(outcome, start.method, n_rows, further, slack)
        if not whole:
            ends, order = outcome.ends, [i for i in outcome.ends.best_first() if i != best]
            climb = self._on_all_rows(sample, [climb, *(ends.climb(i) for i in order[: ATTEMPTS - 1])], tol)
            start = Start(transplanted(start.mixture, sample, self.sweep), start.method)
        log_prior = self.sweep.log_prior(climb.mixture)
        return Candidate(structure, n_components, climb, start, report, total_weight, short_trouble(climb), log_prior)

    def _starts(self, structure: str, n_components: int) -> Groupings:
        """The groups that a candidate starts from."""
        sample, partitions = self._sample(n_components)
        if n_components not in self._groupings:
            rng = np.random.default_rng(np.random.SeedSequence(self.options.seed, spawn_key=(n_components,)))
            drawn = partitions.groupings(n_components, self.options.n_starts, rng)
            cut = self._agglomerated(partitions, n_components) if n_components > 1 else None
            self._groupings[n_components] = (drawn if cut is None else drawn + cut).shrunk()
        groupings = self._groupings[n_components]
        return sum(self._relatives(structure, n_components, sample.source), groupings)

    def _agglomerated(self, partitions: Partitions, n_components: int) -> Groupings | None:
        """The groups of the tree of the rows; one tree serves all numbers of components."""
        size = len(partitions.rows)
        if size not in self._trees:
            rng = np.random.default_rng(np.random.SeedSequence(self.options.seed, spawn_key=(1, size)))
            self._trees[size] = agglomerate(partitions, rng)
        tree = self._trees[size]
        labels = None if tree is None else tree.labels(n_components)
        return None if labels is None else partitions.group(labels, n_components, AGGLOMERATION)

    def _relatives(self, structure: str, n_components: int, source: Source) -> list[Groupings]:
        """The groups of the largest structures that this one contains, and the best splits of one group fewer."""
        found: list[Groupings] = []
        inside = [s for s, k in self._found if k == n_components and s != structure and nested(s, structure)]
        for name in inside:
            if not any(name != other and nested(name, other) for other in inside):
                same = self._found[name, n_components]
                groups = Groupings.of(same.groups, f"groups of {name},{n_components}")
                found.append(groups.elsewhere(same.sweep.source, source))
        fewer = self._found.get((structure, n_components - 1))
        if fewer is not None:
            if fewer.splits is None:
                fewer.splits = splits_at(fewer.sweep, fewer.partitions, fewer.climb)
            split = with_splits(fewer.groups, fewer.splits, SPLITS, f"a split of {structure},{n_components - 1}")
            if split is not None:
                found.append(split.elsewhere(fewer.sweep.source, source))
        return found

    def _sample(self, n_components: int) -> tuple[Sweep, Partitions]:
        """All rows where they are few, else a seeded sample that grows with the number of parameters."""
        source = self.sweep.source
        wanted = max(SAMPLE_ROWS, SAMPLE_ROWS_PER_PARAMETER * n_components * source.n_features)
        size = min(wanted, source.n_samples)
        if size not in self._samples:
            rng = np.random.default_rng(np.random.SeedSequence(self.options.seed, spawn_key=(0, size)))
            sample = source.sample(size, rng)
            sweep = self.sweep if sample is source else self.sweep.like(sample)
            self._samples[size] = sweep, _partitions(sample, sweep.n_threads)
        return self._samples[size]

    def _on_all_rows(self, sample: Sweep, ends: list[Climb], tol: float) -> Climb:
        """The best end of the sample climbed on all rows; the next best where it fails there."""
        rules = Rules(tol, self.options.max_iter)
        found: list[Climb] = []
        for end in ends:
            found.append(climb_levels(sample, end.mixture, self.sweep, rules, self.options.seed))
            if not short_trouble(found[-1]):
                return found[-1]
        return found[Ends.of(found).best_first()[0]]


def _improved(
    sample: Sweep, partitions: Partitions, outcome: Outcome, best: int, rules: Rules, slack: float
) -> Improvement:
    """Exchanges from the best optimum; and from the next one where it lies close, and exchanges are cheap."""
    ends = outcome.ends
    climb = ends.climb(best)
    further = improve(sample, partitions, climb, rules, slack)
    top = climb.log_likelihood
    rivals = [
        i
        for i in ends.best_first(outcome.finished)
        if not ends.troubled[i] and slack < top - ends.log_likelihood[i] < CLOSE_RIVAL
    ]
    if rivals and not is_costly(sample, climb.mixture, COSTLY_MOVES):
        other = improve(sample, partitions, ends.climb(rivals[0]), rules, slack)
        if other.climb.log_likelihood > further.climb.log_likelihood + slack:
            return replace(other, gain=other.climb.log_likelihood - top)
    return further


def _partitions(sample: Source, n_threads: int) -> Partitions:
    """Partitions of the rows of a source, which are used where they lie if they lie in one piece."""
    chunks = list(sample.chunks())
    if len(chunks) == 1:
        return Partitions(chunks[0].rows, chunks[0].weights, n_threads, sample.coordinates)
    weights = (
        None if chunks[0].weights is None else np.concatenate([c.weights for c in chunks if c.weights is not None])
    )
    return Partitions(np.concatenate([c.rows for c in chunks]), weights, n_threads, sample.coordinates)


def _quickest(outcome: Outcome, slack: float) -> int:
    """Of the starts that reached the best optimum within `slack` nats, the one of fewest iterations."""
    ends = outcome.ends
    order = ends.best_first(outcome.finished)
    top = order[0]
    equal = [
        i
        for i in order
        if ends.troubled[i] == ends.troubled[top]
        and ends.converged[i] == ends.converged[top]
        and ends.log_likelihood[top] - ends.log_likelihood[i] <= slack
    ]
    return min(equal, key=lambda i: (ends.n_iter[i], i), default=top)


def search(
    engine: Search,
    pairs: Iterable[tuple[str, int]],
    total: int,
    criterion: str,
    progress: Callable[[Progress], Any] | None,
) -> tuple[list[Candidate], bool]:
    """Fit every candidate; an interrupt (Ctrl-C) ends the search and keeps what is done.

    Returns
    -------
    candidates, and whether all of them were fitted
    """
    done: list[Candidate] = []
    try:
        for structure, n_components in pairs:
            done.append(engine.candidate(structure, n_components))
            if progress is not None:
                progress(Progress(len(done), total, done[-1], best_of(done, criterion)))
    except KeyboardInterrupt:
        if not done:
            raise
        return done, False
    return done, True
