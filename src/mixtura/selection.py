"""The search over structures and numbers of components, and the criteria that decide it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.algorithms.climb import Climb, Rules
from mixtura.algorithms.degeneracy import short_trouble
from mixtura.algorithms.ends import Ends
from mixtura.algorithms.iteration import inner_floor
from mixtura.algorithms.levels import climb_levels, level_tolerance
from mixtura.algorithms.stack import Stack
from mixtura.algorithms.start import Groupings, Partitions, Start
from mixtura.algorithms.tournament import Outcome, compete
from mixtura.errors import ParameterError
from mixtura.families.covariance import resolve_structure
from mixtura.mixture import Mixture
from mixtura.sources import Source
from mixtura.sweep import Sweep
from mixtura.tables import Table

CRITERIA = ("bic", "icl", "aic")
AGREEMENT = 1e-3
"""Starts whose log-likelihoods differ by less (total nats) agree on an optimum."""

SAMPLE_ROWS, SAMPLE_ROWS_PER_PARAMETER = 5000, 20
"""Starts are tried on this many rows at least, and this many times n_components · n_features."""

ATTEMPTS = 2
"""Ends of the sample that are climbed on all rows before a candidate is called degenerate."""


@dataclass(frozen=True, slots=True)
class StartReport:
    """What was tried for one candidate.

    Attributes
    ----------
    tried : different starts
    finished : how many of them were climbed to the end, or until they were on the way to where another one ended; the
        others fell behind
    agreed : how many of these ended at the best optimum, within `AGREEMENT`, or were on the way there
    failed : how many of these ended with a collapsed, emptied or too small component
    gap : log-likelihood of the best minus that of the second best optimum, total nats; infinite if there is none
    method : of the start that won
    n_rows : rows that the starts were climbed on; all of them, or a sample
    """

    tried: int
    finished: int
    agreed: int
    failed: int
    gap: float
    method: str
    n_rows: int

    def __str__(self) -> str:
        if self.tried == 1:
            return f"1 start ({self.method})"
        behind = "" if self.finished == self.tried else f"; {self.tried - self.finished} fell behind"
        gap = "" if math.isinf(self.gap) else f"; the second best optimum lies {self.gap:.4g} nats below"
        failed = f"; {self.failed} ended degenerate" if self.failed else ""
        return f"{self.agreed} of {self.tried} starts agreed (best: {self.method}){gap}{behind}{failed}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One structure with one number of components, at the best optimum found."""

    structure: str
    n_components: int
    climb: Climb
    start: Start
    starts: StartReport
    total_weight: float
    trouble: str
    """Why the candidate is not sound, in words; empty where it is."""

    @property
    def mixture(self) -> Mixture[Any]:
        return self.climb.mixture

    @property
    def log_likelihood(self) -> float:
        return self.climb.log_likelihood

    @property
    def n_parameters(self) -> int:
        return self.mixture.n_parameters

    @property
    def bic(self) -> float:
        return self.n_parameters * math.log(self.total_weight) - 2 * self.log_likelihood

    @property
    def aic(self) -> float:
        return 2 * self.n_parameters - 2 * self.log_likelihood

    @property
    def icl(self) -> float:
        return self.bic - 2 * self.climb.log_max_resp

    @property
    def label(self) -> str:
        """`EEE,3`."""
        return f"{self.structure},{self.n_components}"


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


class Search:
    """Fits candidates one after the other; partitions of the rows are shared by all structures.

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

    def candidate(self, structure: str, n_components: int) -> Candidate:
        """The best optimum that the starts of one candidate lead to."""
        sample, methods, starts = self._starts(structure, n_components)
        n_rows, total_weight = sample.source.n_samples, self.sweep.source.total_weight
        tol = max(self.options.tol, self.options.tol_per_parameter * starts[0].n_parameters / total_weight)
        whole = sample is self.sweep
        rules = Rules(tol if whole else level_tolerance(starts[0], n_rows, tol), self.options.max_iter)
        outcome = compete(sample, starts, rules)
        ends = outcome.ends
        best = _quickest(outcome, 10 * tol * total_weight)
        report = _start_report(outcome, methods[best], n_rows)
        climb, start = ends.climb(best), Start(starts[best], methods[best])
        if not whole:
            climb = self._on_all_rows(sample, ends, [best, *(i for i in ends.best_first() if i != best)], tol)
        return Candidate(structure, n_components, climb, start, report, total_weight, short_trouble(climb))

    def _starts(self, structure: str, n_components: int) -> tuple[Sweep, tuple[str, ...], Stack]:
        """The rows that starts are tried on, methods, and starts; all structures share the groups they start from."""
        sample, partitions = self._sample(n_components)
        if n_components not in self._groupings:
            rng = np.random.default_rng(np.random.SeedSequence(self.options.seed, spawn_key=(n_components,)))
            self._groupings[n_components] = partitions.groupings(n_components, self.options.n_starts, rng).shrunk()
        groupings = self._groupings[n_components]
        constraint = resolve_structure(structure, self.sweep.source.n_features)
        return sample, groupings.methods, groupings.starts(constraint, inner_floor(sample.source))

    def _sample(self, n_components: int) -> tuple[Sweep, Partitions]:
        """All rows where they are few, else a seeded sample that grows with the number of parameters."""
        source = self.sweep.source
        wanted = max(SAMPLE_ROWS, SAMPLE_ROWS_PER_PARAMETER * n_components * source.n_features)
        size = min(wanted, source.n_samples)
        if size not in self._samples:
            rng = np.random.default_rng(np.random.SeedSequence(self.options.seed, spawn_key=(0, size)))
            sample = source.sample(size, rng)
            sweep = self.sweep if sample is source else Sweep(sample, self.sweep.n_threads, self.sweep.engine)
            self._samples[size] = sweep, _partitions(sample, sweep.n_threads)
        return self._samples[size]

    def _on_all_rows(self, sample: Sweep, ends: Ends, order: list[int], tol: float) -> Climb:
        """The best end of the sample climbed on all rows; the next best where it fails there."""
        rules = Rules(tol, self.options.max_iter)
        found: list[Climb] = []
        for i in order[:ATTEMPTS]:
            found.append(climb_levels(sample, ends.climb(i).mixture, self.sweep, rules, self.options.seed))
            if not short_trouble(found[-1]):
                return found[-1]
        return found[Ends.of(found).best_first()[0]]


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


def _start_report(outcome: Outcome, method: str, n_rows: int) -> StartReport:
    """Starts that were not climbed on, because they were on the way to where another ended, count with that one."""
    ends = outcome.ends
    sound = {i: float(ends.log_likelihood[i]) for i in outcome.finished if not ends.troubled[i]}
    top = max(sound.values(), default=-math.inf)
    decided = [leader for leader in outcome.leader if leader >= 0]
    agreed = sum(leader in sound and top - sound[leader] <= AGREEMENT for leader in decided)
    failed = sum(leader not in sound for leader in decided)
    gap = min((top - value for value in sound.values() if top - value > AGREEMENT), default=math.inf)
    return StartReport(len(ends), len(decided), agreed, failed, gap, method, n_rows)


def search(
    engine: Search,
    pairs: Iterable[tuple[str, int]],
    total: int,
    criterion: str,
    progress: Callable[[Progress], object] | None,
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


def best_of(candidates: Sequence[Candidate], criterion: str) -> Candidate | None:
    """The sound candidate with the smallest criterion; None where none is sound."""
    ranked = ranking(candidates, criterion)
    return ranked[0] if ranked else None


def ranking(candidates: Sequence[Candidate], criterion: str) -> list[Candidate]:
    """Sound candidates, smallest criterion first; equals in favour of fewer parameters."""
    sound = [c for c in candidates if not c.trouble]
    return sorted(sound, key=lambda c: (getattr(c, criterion), c.n_parameters))


def check_criterion(criterion: str) -> str:
    """The criterion in lower case, or a `ParameterError` that names the known ones."""
    name = str(criterion).lower()
    if name not in CRITERIA:
        raise ParameterError(f"criterion is {criterion!r}; expected one of {', '.join(CRITERIA)}.")
    return name


def candidate_table(candidates: Sequence[Candidate]) -> Table:
    """One row a candidate, in the order of the search."""
    return Table(
        {
            "structure": [c.structure for c in candidates],
            "n_components": [c.n_components for c in candidates],
            "log_likelihood": [c.log_likelihood for c in candidates],
            "n_parameters": [c.n_parameters for c in candidates],
            "bic": [c.bic for c in candidates],
            "icl": [c.icl for c in candidates],
            "aic": [c.aic for c in candidates],
            "n_iter": [c.climb.n_iter for c in candidates],
            "converged": [c.climb.converged for c in candidates],
            "starts_tried": [c.starts.tried for c in candidates],
            "starts_agreed": [c.starts.agreed for c in candidates],
            "trouble": [c.trouble for c in candidates],
        }
    )
