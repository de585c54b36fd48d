"""The search over structures and numbers of components: what candidates share, and where each one starts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mixtura.algorithms.acceleration import accelerated_em
from mixtura.algorithms.agglomeration import METHOD as AGGLOMERATION
from mixtura.algorithms.agglomeration import Tree, agglomerate
from mixtura.algorithms.climb import Climb, Rules, climb_all
from mixtura.algorithms.degeneracy import short_trouble
from mixtura.algorithms.denoising import Background
from mixtura.algorithms.ends import Ends
from mixtura.algorithms.improvement import COSTLY_MOVES, Improvement, improve, splits_at
from mixtura.algorithms.improvement import METHOD as IMPROVEMENT
from mixtura.algorithms.iteration import inner_floor
from mixtura.algorithms.labelled import METHOD as LABELLED
from mixtura.algorithms.labelled import in_order_of_labels, labelled_start
from mixtura.algorithms.levels import climb_levels, climb_one, climb_samples, level_tolerance, transplanted
from mixtura.algorithms.moves import Splits, groups_of, with_splits
from mixtura.algorithms.stack import Stack
from mixtura.algorithms.start import Grouping, Groupings, Partitions, Start
from mixtura.algorithms.stopping import CONFIRMATIONS, FEW_CONFIRMATIONS
from mixtura.algorithms.tournament import Outcome, compete, is_costly
from mixtura.errors import DataError
from mixtura.families.covariance import nested, resolve_structure
from mixtura.imputation import completed
from mixtura.mixture import Mixture
from mixtura.selection import AGREEMENT, Candidate, best_of, start_report, undisputed
from mixtura.sources import Coordinates, Source
from mixtura.sources.strata import StratifiedSource
from mixtura.sweep import Sweep

SAMPLE_ROWS, SAMPLE_ROWS_PER_PARAMETER = 5000, 20
"""Starts are tried on this many rows at least, and this many times n_components · n_features."""

FIRST_ROWS = 1500
"""Of a large search: only contenders start anew on as many rows as above."""

ATTEMPTS = 2
"""Ends of the sample that are climbed on all rows before a candidate is called degenerate."""

OTHER_OPTIMA = 3
"""Optima on completed rows, beside the best one, that are climbed from where cells are missing or labels known; in the
first pass of a large search one."""

ROUGH = 0.05
"""Nats, total, of Aitken's remaining gain: in a large search over many rows only contenders are climbed further."""

CLOSE_RIVAL = 10.0
"""Nats, total: the second best optimum of the starts is left by exchanges too, where it lies closer to the best."""

FEW_CANDIDATES, CONTENDER = 6, 20.0
"""In a search over more candidates exchanges are tried where the criterion lies within this of the best one's."""

SETTLED_ROWS, MANY_DEAR_ROWS = 100_000, 1_000_000
"""Where rows are so many, a climb from a large sample's optimum begins with the plain steps that Aitken's rule needs:
there is rarely anything to accelerate. Where dear rows are so many it takes fewer confirmations of its end, too."""

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
    wary: bool = True
    """Whether spurious ends lose to any other sound one."""
    background: Background | None = None
    """Noise beside the components, and the rows that are none."""


@dataclass(slots=True)
class _Found:
    """The sound optimum of a candidate on the rows its starts were tried on, for its relatives to start from.

    `unexplored` are optima, the best first, that exchanges of groups have not left yet.
    """

    sweep: Sweep
    partitions: Partitions
    climb: Climb
    rules: Rules
    slack: float
    unexplored: list[Climb]
    splits: Splits | None = None

    @property
    def groups(self) -> Grouping:
        return groups_of(self.climb.mixture, self.climb.counts)

    def arrive(self, climb: Climb, splits: Splits | None = None) -> None:
        """Stand at a better optimum."""
        self.climb, self.splits = climb, splits

    def explore(self) -> Improvement | None:
        """Leave the optima that are unexplored by exchanges, and stand at the best end; None where there are none."""
        top, best, ends = self.climb.log_likelihood, None, list[Climb]()
        for climb in self.unexplored:
            further = improve(self.sweep, self.partitions, climb, self.rules, self.slack, ends)
            ends.append(further.climb)
            if best is None or further.climb.log_likelihood > best.climb.log_likelihood + self.slack:
                best = further
        self.unexplored = []
        if best is not None:
            best = replace(best, gain=best.climb.log_likelihood - top)
            self.arrive(best.climb, best.splits)
        return best


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A candidate between a sample and all rows: the sample's ends, the best first, and where to climb on from."""

    sample: Sweep
    ends: list[Climb]
    rules: Rules
    start: Mixture[Any]


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
        self.sample_rows = SAMPLE_ROWS
        self._groupings: dict[tuple[int, int], Groupings] = {}
        self._samples: dict[int, tuple[Sweep, Partitions]] = {}
        self._true: dict[int, Sweep] = {}
        self._trees: dict[int, Tree | None] = {}
        self._found: dict[tuple[str, int], _Found] = {}
        self._waiting: dict[tuple[str, int], _Waiting] = {}
        self._risen: set[tuple[str, int]] = set()

    @property
    def partly_known(self) -> bool:
        """Whether cells are missing, or more is known than cells."""
        return self.sweep.source.is_partial

    def candidate(self, structure: str, n_components: int, explore: bool = True) -> Candidate:
        """The best optimum that the starts of one candidate lead to, and exchanges of groups after them.

        Without `explore` exchanges are left to `polish`, which tries them where starts were tried on all rows.
        """
        sample, partitions = self._sample(n_components)
        groupings = self._starts(structure, n_components)
        starts = self._stack(groupings, structure, sample)
        n_rows, total_weight = sample.source.n_samples, self.sweep.source.total_weight
        tol = max(self.options.tol, self.options.tol_per_parameter * starts[0].n_parameters / total_weight)
        whole = sample is self.sweep
        coarse = tol if whole else level_tolerance(starts[0], n_rows, tol)
        rules = Rules(coarse, self.options.max_iter, equal_weights=self.options.equal_weights, wary=self.options.wary)
        slack = max(AGREEMENT, rules.tol * sample.source.total_weight)
        outcome = compete(sample, starts, rules)
        best = _quickest(outcome, 10 * tol * total_weight)
        climb, start = outcome.ends.climb(best), Start(starts[best], groupings.methods[best])
        further: Improvement | None = None
        if not short_trouble(climb):
            cheap = explore and not is_costly(sample, climb.mixture, COSTLY_MOVES)
            leave = self.options.improve and (cheap or not undisputed(outcome, best, slack))
            found = _Found(
                sample, partitions, climb, rules, slack, _to_leave(sample, outcome, best, slack) if leave else []
            )
            self._found[structure, n_components] = found
            if explore:
                further = found.explore()
                climb = found.climb
                start = start if further is None or further.start is None else Start(further.start, IMPROVEMENT)
        report = start_report(outcome, start.method, n_rows, further, slack)
        if not whole:
            ends, order = outcome.ends, [i for i in outcome.ends.best_first() if i != best]
            rough = tol if explore else max(tol, ROUGH / total_weight)
            if id(sample) in self._true:
                order = _elsewhere(ends, ends.best_first(outcome.finished), climb, slack)[
                    : OTHER_OPTIMA if explore else 1
                ]
                true = self._true[id(sample)]
                others = [ends.climb(i) for i in order]
                climb, start = self._on_true_rows(sample, true, [climb, *others], rough, start.method)
                if self.sweep.source.is_dear:
                    climb = self._wait((structure, n_components), true, [climb], tol)
                elif true is not self.sweep:
                    rules = Rules(rough, self.options.max_iter)
                    climb = climb_levels(true, climb.mixture, self.sweep, rules, self.options.seed)
            else:
                attempts = [climb, *(ends.climb(i) for i in order[: ATTEMPTS - 1])]
                if self.sweep.source.is_dear:
                    climb = self._wait((structure, n_components), sample, attempts, tol)
                else:
                    climb = self._on_all_rows(sample, attempts, rough)
                start = Start(transplanted(start.mixture, sample, self.sweep), start.method)
        log_prior = self.sweep.log_prior(climb.mixture)
        return Candidate(structure, n_components, climb, start, report, total_weight, short_trouble(climb), log_prior)

    def polish(self, candidate: Candidate, contender: bool) -> Candidate:
        """A candidate once more: from relatives that rose since, and by exchanges of groups where it is a contender."""
        key = candidate.structure, candidate.n_components
        found = self._found.get(key)
        if found is None:
            return candidate
        if found.sweep is not self.sweep:
            return self._again(candidate) if contender and not self.sweep.source.is_dear else candidate
        before, start, report = found.climb.log_likelihood, candidate.start, candidate.starts
        news = self._relatives(*key, self.sweep.source, self._risen)
        if news:
            groupings = sum(news[1:], news[0])
            starts = self._stack(groupings, candidate.structure, self.sweep)
            outcome = compete(self.sweep, starts, found.rules, champion=found.climb)
            report = replace(report, tried=report.tried + len(starts), finished=report.finished + len(outcome.finished))
            best = outcome.ends.best_first(outcome.finished)[:1]
            if best and outcome.ends.above(best[0], before + found.slack):
                found.arrive(outcome.ends.climb(best[0]))
                start = Start(starts[best[0]], groupings.methods[best[0]])
                report = replace(report, agreed=1, gap=found.climb.log_likelihood - before, method=start.method)
                found.unexplored = [found.climb, *found.unexplored[:1]]
        further = found.explore() if contender else None
        if further is not None and further.start is not None:
            start = Start(further.start, IMPROVEMENT)
            report = replace(
                report, agreed=0, gap=further.gain, method=IMPROVEMENT, moves=further.moves, gained=further.gain
            )
        if found.climb.log_likelihood <= before + found.slack:
            return replace(candidate, starts=report)
        self._risen.add(key)
        log_prior = self.sweep.log_prior(found.climb.mixture)
        return replace(candidate, climb=found.climb, start=start, starts=report, log_prior=log_prior)

    def _again(self, candidate: Candidate) -> Candidate:
        """A candidate that started on few rows, from starts on more of them where that leads higher, to its end."""
        if self.sample_rows < SAMPLE_ROWS or self.partly_known:
            few, self.sample_rows = self.sample_rows, SAMPLE_ROWS
            other = self.candidate(candidate.structure, candidate.n_components)
            self.sample_rows = few
            if not other.trouble and other.log_likelihood > candidate.log_likelihood:
                return other
        return self._finished(candidate)

    def _finished(self, candidate: Candidate) -> Candidate:
        """A candidate that was climbed roughly on all rows, to its end."""
        first, total_weight = candidate.climb, self.sweep.source.total_weight
        tol = max(self.options.tol, self.options.tol_per_parameter * candidate.n_parameters / total_weight)
        end = climb_one(self.sweep, first.mixture, Rules(tol, self.options.max_iter))
        if short_trouble(end):
            return candidate
        end.trace = first.trace + end.trace
        end.n_iter += first.n_iter
        return replace(candidate, climb=end, log_prior=self.sweep.log_prior(end.mixture))

    def _stack(self, groupings: Groupings, structure: str, sweep: Sweep) -> Stack:
        """The M-step of a structure for each of the groupings."""
        constraint = resolve_structure(structure, self.sweep.source.n_features)
        starts = groupings.starts(constraint, inner_floor(sweep.source))
        if self.options.background is not None:
            where = sweep.source.coordinates
            starts = starts.with_noise(self.options.background.noise.into(where.centre, where.scale))
        return starts.with_equal_weights() if self.options.equal_weights else starts

    def _starts(self, structure: str, n_components: int) -> Groupings:
        """The groups that a candidate starts from."""
        sample, partitions = self._sample(n_components)
        if self.options.background is not None:
            partitions = self._of_groups(sample, n_components)
        key = n_components, sample.source.n_samples
        if key not in self._groupings:
            rng = np.random.default_rng(np.random.SeedSequence(self.options.seed, spawn_key=(n_components,)))
            drawn = partitions.groupings(n_components, self.options.n_starts, rng)
            cut = self._agglomerated(partitions, n_components) if n_components > 1 else None
            self._groupings[key] = (drawn if cut is None else drawn + cut).shrunk()
        groupings = self._groupings[key]
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

    def _relatives(
        self, structure: str, n_components: int, source: Source, among: Collection[tuple[str, int]] | None = None
    ) -> list[Groupings]:
        """The groups of the largest structures that this one contains, and the best splits of one group fewer."""
        found: list[Groupings] = []
        known = self._found if among is None else among
        inside = [s for s, k in known if k == n_components and s != structure and nested(s, structure)]
        for name in inside:
            if not any(name != other and nested(name, other) for other in inside):
                same = self._found[name, n_components]
                groups = Groupings.of(same.groups, f"groups of {name},{n_components}")
                found.append(groups.elsewhere(same.sweep.source, source))
        if (structure, n_components - 1) in known:
            fewer = self._found[structure, n_components - 1]
            if fewer.splits is None:
                fewer.splits = splits_at(fewer.sweep, fewer.partitions, fewer.climb)
            split = with_splits(fewer.groups, fewer.splits, SPLITS, f"a split of {structure},{n_components - 1}")
            if split is not None:
                found.append(split.elsewhere(fewer.sweep.source, source))
        return found

    def _sample(self, n_components: int) -> tuple[Sweep, Partitions]:
        """All rows where they are few, else a seeded sample that grows with the number of parameters.

        Where cells are missing starts are tried on completed rows.
        """
        source = self.sweep.source
        wanted = max(self.sample_rows, SAMPLE_ROWS_PER_PARAMETER * n_components * source.n_features)
        size = min(wanted, source.n_samples)
        if size not in self._samples:
            rng = np.random.default_rng(np.random.SeedSequence(self.options.seed, spawn_key=(0, size)))
            sample = source.sample(size, rng)
            sweep = self.sweep if sample is source else self.sweep.like(sample)
            if isinstance(sample, StratifiedSource):
                true, sweep = sweep, sweep.like(completed(sweep))
                self._true[id(sweep)] = true
            self._samples[size] = sweep, _partitions(sweep.source, sweep.n_threads)
        return self._samples[size]

    def _of_groups(self, sample: Sweep, n_components: int) -> Partitions:
        """Partitions of rows that do not look like noise."""
        assert self.options.background is not None
        rng = np.random.default_rng(np.random.SeedSequence(self.options.seed, spawn_key=(2, sample.source.n_samples)))
        groups = self.options.background.groups.sample(sample.source.n_samples, rng)
        if groups.n_samples < n_components:
            raise DataError(f"{n_components} components but only {groups.n_samples} rows that do not look like noise.")
        return _partitions(groups, sample.n_threads, sample.source.coordinates)

    def _on_all_rows(self, sample: Sweep, ends: list[Climb], tol: float) -> Climb:
        """The best end of the sample climbed on all rows; the next best where it fails there."""
        rules = Rules(tol, self.options.max_iter, settled=self.sweep.source.n_samples >= SETTLED_ROWS)
        found: list[Climb] = []
        for end in ends:
            found.append(climb_levels(sample, end.mixture, self.sweep, rules, self.options.seed))
            if not short_trouble(found[-1]):
                return found[-1]
        return found[Ends.of(found).best_first()[0]]

    def _on_true_rows(
        self, sample: Sweep, true: Sweep, ends: list[Climb], tol: float, method: str
    ) -> tuple[Climb, Start]:
        """The best climb on the true rows of the sample, and where it started on all rows: from ends on completed rows,
        which are other ones, and from the labelled rows alone."""
        source, equal = true.source, self.options.equal_weights
        assert isinstance(source, StratifiedSource)
        mixtures = [in_order_of_labels(source, transplanted(end.mixture, sample, true)) for end in ends]
        first = mixtures[0]
        labelled = labelled_start(source, sample.source, first.structure, first.n_components)
        if labelled is not None:
            labelled = labelled.with_noise(first.noise)
            mixtures.append(labelled.with_equal_weights() if equal else labelled)
        whole = true is self.sweep
        coarse = tol if whole else level_tolerance(first, source.n_samples, tol)
        climbs = [climb_one(true, mixture, Rules(coarse, self.options.max_iter)) for mixture in mixtures]
        best = Ends.of(climbs).best_first()[0]
        start = Start(transplanted(mixtures[best], true, self.sweep), method if best < len(ends) else LABELLED)
        return climbs[best], start

    def _wait(self, key: tuple[str, int], sample: Sweep, ends: list[Climb], tol: float) -> Climb:
        """The best end of a sample as it would be on all rows, roughly; `on_all_rows` climbs further from there."""
        rows = self.sweep.source.n_samples
        few = FEW_CONFIRMATIONS if rows >= MANY_DEAR_ROWS else CONFIRMATIONS
        rules = Rules(tol, self.options.max_iter, settled=rows >= SETTLED_ROWS, confirmations=few)
        start = climb_samples(sample, ends[0].mixture, self.sweep, rules, self.options.seed)
        self._waiting[key] = _Waiting(sample, ends, rules, start)
        share = self.sweep.source.total_weight / sample.source.total_weight
        log_likelihood, log_max_resp = ends[0].log_likelihood * share, ends[0].log_max_resp * share
        counts = ends[0].counts * share
        return replace(ends[0], mixture=start, log_likelihood=log_likelihood, log_max_resp=log_max_resp, counts=counts)

    def on_all_rows(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Candidates that wait for rows that are dear to read, climbed to their ends: each reading serves them all."""
        done = list(candidates)
        some = [i for i, c in enumerate(done) if (c.structure, c.n_components) in self._waiting]
        waiting = [self._waiting[done[i].structure, done[i].n_components] for i in some]
        climbs = climb_all(self.sweep, [w.start for w in waiting], [w.rules for w in waiting], accelerated_em)
        for i, w, climb in zip(some, waiting, climbs, strict=True):
            if short_trouble(climb) and len(w.ends) > 1:
                other = self._on_all_rows(w.sample, w.ends[1:], w.rules.tol)
                climb = climb if short_trouble(other) else other
            log_prior = self.sweep.log_prior(climb.mixture)
            done[i] = replace(done[i], climb=climb, trouble=short_trouble(climb), log_prior=log_prior)
        self._waiting.clear()
        return done

    @property
    def is_waiting(self) -> bool:
        """Whether candidates stand where samples led them, and all rows have not been asked yet."""
        return bool(self._waiting)


def _to_leave(sample: Sweep, outcome: Outcome, best: int, slack: float) -> list[Climb]:
    """Optima to leave by exchanges: the best one, and the next where it lies close and exchanges are cheap."""
    ends = outcome.ends
    climb = ends.climb(best)
    gaps = climb.log_likelihood - ends.log_likelihood
    rivals = [i for i in ends.best_first(outcome.finished) if not ends.troubled[i] and slack < gaps[i] < CLOSE_RIVAL]
    if not rivals or is_costly(sample, climb.mixture, COSTLY_MOVES):
        return [climb]
    return [climb, ends.climb(rivals[0])]


def _elsewhere(ends: Ends, order: Sequence[int], climb: Climb, slack: float) -> list[int]:
    """Those that ended at another optimum than a climb, and than each other."""
    known, found = [climb.log_likelihood], list[int]()
    for i in order:
        if min(abs(ends.log_likelihood[i] - value) for value in known) > slack:
            known.append(float(ends.log_likelihood[i]))
            found.append(i)
    return found


def _partitions(sample: Source, n_threads: int, coordinates: Coordinates | None = None) -> Partitions:
    """Partitions of the rows of a source, which are used where they lie if they lie in one piece."""
    coordinates = coordinates or sample.coordinates
    chunks = list(sample.chunks())
    if len(chunks) == 1:
        return Partitions(chunks[0].rows, chunks[0].weights, n_threads, coordinates)
    weights = (
        None if chunks[0].weights is None else np.concatenate([c.weights for c in chunks if c.weights is not None])
    )
    return Partitions(np.concatenate([c.rows for c in chunks]), weights, n_threads, coordinates)


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
    pairs: Sequence[tuple[str, int]],
    criterion: str,
    progress: Callable[[Progress], Any] | None,
) -> tuple[list[Candidate], bool]:
    """Fit every candidate; an interrupt (Ctrl-C) ends the search and keeps what is done.

    Where they are many, all are fitted first, and then exchanges of groups are tried for those that may still win.

    Returns
    -------
    candidates, and whether all of them were fitted
    """
    done: list[Candidate] = []
    dear = engine.sweep.source.is_dear
    many = len(pairs) > FEW_CANDIDATES and not (engine.partly_known and dear)
    if many and not dear:
        engine.sample_rows = FIRST_ROWS
    try:
        for structure, n_components in pairs:
            done.append(engine.candidate(structure, n_components, explore=not many))
            if progress is not None:
                progress(Progress(len(done), len(pairs), done[-1], best_of(done, criterion)))
        done = engine.on_all_rows(done)
        best = best_of(done, criterion)
        for i, candidate in enumerate(done if many and best is not None else []):
            contender = getattr(candidate, criterion) - getattr(best, criterion) < CONTENDER
            done[i] = engine.polish(candidate, contender)
    except KeyboardInterrupt:
        if not done or engine.is_waiting or engine.sweep.journal is not None:
            raise
        return done, False
    return done, True
