"""How many components: the likelihood-ratio test, with its null distribution from the parametric bootstrap."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mixtura.algorithms.iteration import outward
from mixtura.errors import CollapseError, DataError, ParameterError
from mixtura.families.covariance import resolve_structure
from mixtura.inference.bootstrap import generator_of
from mixtura.inference.optimum import Procedure
from mixtura.inference.rows import drawn_like
from mixtura.mixture import Mixture
from mixtura.report.document import Document, plural
from mixtura.report.inference import tests_document
from mixtura.report.text import document_text
from mixtura.selection import Candidate
from mixtura.sources import Source, as_source
from mixtura.sources.open import check_columns
from mixtura.sources.strata import source_of
from mixtura.tables import Table
from mixtura.threads import thread_count
from mixtura.validation import Array, as_count, as_level, frozen

BLOCK = 32
"""Resamples between two looks at the rule of early stopping."""


@dataclass(frozen=True, repr=False)
class LikelihoodRatioTest:
    """A test of fewer against more components.

    Attributes
    ----------
    structure : of both mixtures
    n_components : (fewer, more)
    statistic : 2 (L_more − L_fewer), total nats
    p_value : (1 + #{null ≥ statistic}) / (1 + len(null)); where stopped early, exceedances / len(null)
    null : statistics of the resamples, in the order drawn
    n_failed : resamples whose fit ended degenerate; they are left out
    stopped_early : whether enough resamples exceeded the statistic before all were drawn
    """

    structure: str
    n_components: tuple[int, int]
    statistic: float
    p_value: float
    null: Array = field(repr=False)
    n_failed: int
    stopped_early: bool

    @property
    def monte_carlo_error(self) -> float:
        """√(p (1 − p) / len(null)): by how much another seed would move the p-value."""
        return math.sqrt(self.p_value * (1 - self.p_value) / len(self.null))

    def __repr__(self) -> str:
        few, more = self.n_components
        failed = f", {self.n_failed} more degenerate" if self.n_failed else ""
        stopped = ", stopped early" if self.stopped_early else ""
        return (
            f"{self.structure}: {few} against {more} components: 2 ΔL = {self.statistic:.4f}, p = {self.p_value:.3g} ± "
            f"{self.monte_carlo_error:.2g} ({len(self.null)} resamples{failed}{stopped})"
        )


@dataclass(frozen=True, repr=False)
class LikelihoodRatioSequence:
    """Tests of 1 against 2 components, 2 against 3, … until one is not significant.

    Attributes
    ----------
    tests : in order
    level : of significance
    n_components : the number that the sequence ends at
    note : why it ended, in words
    """

    tests: tuple[LikelihoodRatioTest, ...]
    level: float
    n_components: int
    note: str

    @property
    def table(self) -> Table:
        """One row a test."""
        return Table(
            {
                "fewer": [t.n_components[0] for t in self.tests],
                "more": [t.n_components[1] for t in self.tests],
                "statistic": [t.statistic for t in self.tests],
                "p_value": [t.p_value for t in self.tests],
                "monte_carlo_error": [t.monte_carlo_error for t in self.tests],
                "n_resamples": [len(t.null) for t in self.tests],
                "n_failed": [t.n_failed for t in self.tests],
            }
        )

    @property
    def document(self) -> Document:
        """The tests as a report."""
        groups = plural(self.n_components, "component")
        return tests_document(f"{self.tests[0].structure}: {groups}; {self.note}", self.tests)

    def __repr__(self) -> str:
        return document_text(self.document)


def likelihood_ratio_test(
    X: Any,
    n_components: tuple[int, int] = (1, 2),
    structure: str = "VVV",
    n_resamples: int = 999,
    seed: int = 0,
    *,
    stop_after: int | None = None,
    n_starts: int = 24,
    sample_weight: Any = None,
    noise: Any = None,
    n_threads: int | None = None,
) -> LikelihoodRatioTest:
    """Are more components needed? The likelihood-ratio test with a bootstrap null distribution.

    λ = 2 (L_more − L_fewer), compared with the λ of samples drawn from the mixture of fewer components.

    χ² does not hold here: the smaller mixture lies on the boundary of the larger. Rows and resamples are fitted by the
    same procedure, the starts of `fit`, so a better optimum is looked for on both sides alike.

    Parameters
    ----------
    X : (n_samples, n_features); NaN is a missing cell, and resamples have the gaps of the rows, as if cells were
        missing completely at random
    n_components : (fewer, more)
    structure : of the covariances, see `fit`
    n_resamples : drawn from the smaller mixture
    seed : equal seeds give equal bits
    stop_after : stop once that many resamples exceed the statistic (Besag & Clifford 1991; 10 is usual): quick where
        the p-value is large; p is then exceedances / resamples
    n_starts : for each fit, as in `fit`
    sample_weight : (n_samples,), optional; weight 2 counts a row twice
    noise : as in `fit`: beside both mixtures, in one box, from which resamples are drawn too
    n_threads : None is the machine's cores. Results do not depend on it.

    Returns
    -------
    LikelihoodRatioTest

    Raises
    ------
    ParameterError
        Where n_components are not two rising numbers.
    CollapseError
        Where no start of one of the two mixtures is sound, on the rows or on all resamples.

    Notes
    -----
    McLachlan (1987). The cost is 2 (n_resamples + 1) default fits.

    Examples
    --------
    >>> import numpy as np, mixtura as mx
    >>> X = np.concatenate([np.linspace(-1, 1, 40), np.linspace(9, 11, 40)])
    >>> mx.likelihood_ratio_test(X, (1, 2), "E", n_resamples=19).p_value
    0.05
    """
    few, more = _two_numbers(n_components)
    source, procedure = _opened(X, sample_weight, structure, n_starts, seed, noise)
    if more > source.n_samples:
        raise DataError(f"n_components is {(few, more)} but there are {source.n_samples} rows.")
    resamples = _Resamples(as_count(n_resamples, "n_resamples"), _optional_count(stop_after), thread_count(n_threads))
    return _test(source, procedure, (few, more), resamples)


def likelihood_ratio_sequence(
    X: Any,
    max_components: int = 9,
    structure: str = "VVV",
    n_resamples: int = 999,
    seed: int = 0,
    *,
    level: float = 0.05,
    stop_after: int | None = None,
    n_starts: int = 24,
    sample_weight: Any = None,
    noise: Any = None,
    n_threads: int | None = None,
) -> LikelihoodRatioSequence:
    """How many components: 1 is tested against 2, 2 against 3, and so on, until a test is not significant.

    Parameters
    ----------
    max_components : the last test is max_components − 1 against max_components
    level : a test with a p-value of this or less goes on to the next
    X, structure, n_resamples, seed, stop_after, n_starts, sample_weight, noise, n_threads : as for one test

    Returns
    -------
    LikelihoodRatioSequence

    Notes
    -----
    McLachlan (1987); what mclust's `mclustBootstrapLRT` does.

    Examples
    --------
    >>> import numpy as np, mixtura as mx
    >>> X = np.concatenate([np.linspace(-1, 1, 40), np.linspace(9, 11, 40)])
    >>> mx.likelihood_ratio_sequence(X, 2, "E", n_resamples=19).n_components
    2
    """
    source, procedure = _opened(X, sample_weight, structure, n_starts, seed, noise)
    level, last = as_level(level), min(as_count(max_components, "max_components", 2), source.n_samples)
    resamples = _Resamples(as_count(n_resamples, "n_resamples"), _optional_count(stop_after), thread_count(n_threads))
    tests: list[LikelihoodRatioTest] = []
    for k in range(1, last):
        try:
            tests.append(_test(source, procedure, (k, k + 1), resamples))
        except CollapseError as error:
            if k == 1:
                raise
            return LikelihoodRatioSequence(tuple(tests), level, k, f"no test of {k + 1}: {error}".rstrip("."))
        if tests[-1].p_value > level:
            note = f"{k + 1} are not significantly better at level {level:g}"
            return LikelihoodRatioSequence(tuple(tests), level, k, note)
    return LikelihoodRatioSequence(tuple(tests), level, last, "every test was significant; try a larger max_components")


@dataclass(frozen=True, slots=True)
class _Resamples:
    """How many, when to stop, and on how many threads."""

    n: int
    stop_after: int | None
    n_threads: int


def _opened(
    X: Any, sample_weight: Any, structure: str, n_starts: int, seed: int, noise: Any
) -> tuple[Source, Procedure]:
    """The rows, and how they and their resamples are fitted."""
    source = as_source(X, sample_weight)
    check_columns(source)
    name = resolve_structure(structure, source.n_features).name
    return source, Procedure(name, as_count(n_starts, "n_starts"), as_count(seed, "seed", 0), noise)


def _optional_count(stop_after: Any) -> int | None:
    return None if stop_after is None else as_count(stop_after, "stop_after")


def _two_numbers(n_components: Any) -> tuple[int, int]:
    if not isinstance(n_components, Sequence) or len(n_components) != 2:
        raise ParameterError(f"n_components is {n_components!r}; expected two numbers, such as (1, 2).")
    few, more = (as_count(k, "n_components") for k in n_components)
    if few >= more:
        raise ParameterError(f"n_components is {(few, more)}; expected the smaller number first.")
    return few, more


def _test(source: Source, procedure: Procedure, numbers: tuple[int, int], resamples: _Resamples) -> LikelihoodRatioTest:
    """The statistic of the rows among those of samples from the smaller mixture."""
    pair = procedure(source, numbers)
    for candidate in pair:
        if candidate.trouble:
            raise CollapseError(f"no start of {candidate.label} is sound: {candidate.trouble}; there is no test of it.")
    statistic, smaller = _statistic(pair), outward(pair[0].mixture, source.coordinates)
    procedure = replace(procedure, noise=smaller.noise)
    null: list[float] = []
    failed, exceeded, stopped = 0, 0, False
    for value in _null(source, smaller, procedure, numbers, resamples):
        if math.isnan(value):
            failed += 1
            continue
        null.append(value)
        exceeded += value >= statistic
        if exceeded == resamples.stop_after:
            stopped = True
            break
    if not null:
        raise CollapseError(f"the fits of all {failed} resamples ended degenerate; there is no test of {numbers}.")
    p_value = exceeded / len(null) if stopped else (1 + exceeded) / (1 + len(null))
    structure = procedure.structure
    return LikelihoodRatioTest(structure, numbers, statistic, p_value, frozen(np.array(null)), failed, stopped)


def _null(
    source: Source, smaller: Mixture[Any], procedure: Procedure, numbers: tuple[int, int], resamples: _Resamples
) -> Iterator[float]:
    """Statistics of samples from the smaller mixture, in order; NaN where a fit ended degenerate."""

    def one(b: int) -> float:
        rows = drawn_like(source, smaller, generator_of(procedure.seed, b))
        pair = procedure(source_of(rows), numbers)
        return math.nan if any(c.trouble for c in pair) else _statistic(pair)

    with ThreadPoolExecutor(resamples.n_threads) as pool:
        for first in range(0, resamples.n, BLOCK):
            yield from pool.map(one, range(first, min(first + BLOCK, resamples.n)))


def _statistic(pair: Sequence[Candidate]) -> float:
    """2 (L_more − L_fewer); the larger mixture contains the smaller one, so it is never below zero."""
    return max(0.0, 2 * (pair[1].log_likelihood - pair[0].log_likelihood))
