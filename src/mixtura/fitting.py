"""`fit`: search, fit, report. The main job."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.algorithms.climb import Climb, Rules, climb_all, plain_em
from mixtura.algorithms.degeneracy import quoted_column, suspicion_of, trouble_of
from mixtura.algorithms.iteration import Iteration, outward
from mixtura.algorithms.start import user_start
from mixtura.certainty import Certainty, certainty_of
from mixtura.errors import CollapseError, ConvergenceWarning, DataError, DegenerateWarning, ParameterError
from mixtura.families.covariance import resolve_structure, resolve_structures
from mixtura.mixture import Mixture
from mixtura.regularization import Regularization, as_regularization
from mixtura.search import Options, Progress, Search, search
from mixtura.selection import (
    Candidate,
    StartReport,
    best_of,
    candidate_table,
    check_criterion,
    ranking,
)
from mixtura.sources import Source, as_source
from mixtura.sweep import Sweep
from mixtura.tables import Table
from mixtura.validation import as_count, as_positive

if TYPE_CHECKING:
    from mixtura.inference.bootstrap import Bootstrap
    from mixtura.inference.standard_errors import StandardErrors

DEFAULT_COMPONENTS = range(1, 10)


@dataclass(frozen=True)
class Fit:
    """What `fit` found.

    Attributes
    ----------
    mixture : in data units; components by falling weight, ties by first mean (with a given start: in its order)
    log_likelihood : of `mixture`, total nats
    converged : whether the estimated remaining gain fell below tol
    n_iter : EM iterations of the winning climb
    remaining_gain : Aitken's estimate of what is still to come, total nats
    trace : one row an iteration: log_likelihood, lower_bound, next log_likelihood, remaining_gain
    warnings : what to be careful about, in words
    table : one row a candidate, in the order of the search
    starts : how many starts were tried and how many agreed on the optimum
    criterion : that decided, such as "bic": smaller is better
    certainty : sizes of the groups and how sure the assignment is
    n_samples, total_weight : rows, and the sum of their weights
    """

    mixture: Mixture[Any]
    log_likelihood: float
    converged: bool
    n_iter: int
    remaining_gain: float
    trace: Table = field(repr=False)
    warnings: list[str]
    table: Table = field(repr=False)
    starts: StartReport
    criterion: str
    certainty: Certainty
    n_samples: int
    total_weight: float
    candidates: tuple[Candidate, ...] = field(repr=False)
    chosen: Candidate = field(repr=False)

    @property
    def bic(self) -> float:
        """p log n − 2 L; smaller is better."""
        return self.chosen.bic

    @property
    def icl(self) -> float:
        """BIC − 2 Σ w log max_k p(k | x); smaller is better."""
        return self.chosen.icl

    @property
    def aic(self) -> float:
        """2 p − 2 L; smaller is better."""
        return self.chosen.aic

    @property
    def cv(self) -> float:
        """−2 times the cross-validated log-likelihood, where the criterion is "cv"; else NaN."""
        return self.chosen.cv

    @property
    def runner_up(self) -> Candidate | None:
        """The second best sound candidate of the search, if there was one."""
        others = [c for c in ranking(self.candidates, self.criterion) if c is not self.chosen]
        return others[0] if others else None

    @property
    def lead(self) -> float:
        """By how much the criterion is smaller than the runner-up's; infinite without one."""
        other = self.runner_up
        return math.inf if other is None else getattr(other, self.criterion) - getattr(self.chosen, self.criterion)

    def summary(self) -> str:
        """What a person wants to know, as plain text."""
        from mixtura.report.text import fit_text

        return fit_text(self)

    def standard_errors(self, X: Any, method: str = "sandwich", **options: Any) -> StandardErrors:
        """Standard errors of the parameters from the rows it was fitted to: see `mixtura.standard_errors`."""
        from mixtura.inference.standard_errors import standard_errors

        return standard_errors(self, X, method, **options)

    def bootstrap(self, X: Any, kind: str = "nonparametric", n_resamples: int = 999, **options: Any) -> Bootstrap:
        """The parameters over resamples of the rows it was fitted to: see `mixtura.bootstrap`."""
        from mixtura.inference.bootstrap import bootstrap

        return bootstrap(self, X, kind, n_resamples, **options)

    def plot(self, ax: Any = None) -> Any:
        """Draw the rows' density by components on a matplotlib axis (one or two columns) and return the axis."""
        from mixtura.plotting import plot_mixture

        return plot_mixture(self.mixture, ax)

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        from mixtura.report.notebook import fit_html

        return fit_html(self)


def fit(
    X: Any,
    n_components: int | Iterable[int] | None = None,
    structure: str | Iterable[str] = "all",
    *,
    criterion: str = "bic",
    start: Any = None,
    n_starts: int = 12,
    improve: bool = True,
    equal_weights: bool = False,
    sample_weight: Any = None,
    columns: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    tol: float | None = None,
    max_iter: int = 5000,
    seed: int = 0,
    regularization: Regularization | str | None = None,
    on_degenerate: str = "warn",
    progress: Callable[[Progress], object] | None = None,
    callback: Callable[[Iteration], object] | None = None,
    n_threads: int | None = None,
    engine: str | None = None,
) -> Fit:
    """Find the groups in rows of numbers: how many, of which structure, and what they are like.

    Every candidate (structure × n_components) is fitted by EM from several starts; the smallest criterion wins, and
    every climb carries the certificate log-likelihood ≤ bound ≤ next log-likelihood in each kept iteration.

    Parameters
    ----------
    X : (n_samples, n_features) array, data frame, or path of a CSV or Parquet file
    n_components : a number or several; 1 to 9 where not given (at most the number of rows)
    structure : "all", a name, several, or a text like "VVV,EEE" (see `Gaussian`)
    criterion : "bic" (default), "icl", "aic", "aicc", "caic" or "cv": smaller is better. "cv" is −2 times
        the log-likelihood that ten-fold cross-validation finds for each candidate; it fits every one ten times more.
    start : optional. A mixture, labels (n_samples,) from 0, or responsibilities (n_samples, n_components), instead of
        mixtura's own starts; components then keep its order. Needs one n_components and one structure.
    n_starts : partitions of the rows that each candidate starts from; equal ones are tried once. In a search it also
        starts from what simpler candidates found.
    improve : whether the best optimum is then left by splitting one group and merging two, for as long as that helps
    equal_weights : whether all components have the same weight by assumption (mclust's equalPro)
    sample_weight : (n_samples,), optional; weight 2 counts a row twice, also in the criteria
    columns : names, optional: which columns of a file or data frame to use, or what those of an array are called
    names : of the components, optional
    tol : nats per row: EM stops where Aitken's estimate of the remaining gain lies below it three times running.
        None is 1e-10 up to 10,000 rows, rising with their square to 1e-6 for a million and more: few rows give ICL,
        which is not flat at the optimum, its digits; one nat in a million rows is far below sampling error. Where rows
        and parameters are many, a hundredth of a nat per free parameter is enough (from 110,000 rows on).
    max_iter : EM iterations at most
    seed : of every random choice; equal seeds give equal bits
    regularization : None (default) adds nothing; "ratio" (no variance over 100 times another), "penalty" (Chen & Tan
        2009), "map" (Fraley & Raftery 2007), or a `mixtura.EigenvalueRatio`, `mixtura.Penalty` or
        `mixtura.ConjugatePrior`, keep the likelihood bounded. Log-likelihoods and criteria that are reported leave the
        prior out; the trace holds the sum of both. Such fits take longer: they climb in Python.
    on_degenerate : "warn" or "raise" where no candidate is sound
    progress : called with a `Progress` after every candidate
    callback : called with every `Iteration` of the winner's climb
    n_threads : None is the machine's cores. Results do not depend on it.
    engine : "native", "reference" or None for the fastest that serves

    Returns
    -------
    Fit

    Raises
    ------
    DataError
        NaN or infinite cells, text, a constant column, fewer rows than components: named by row and column.
    ParameterError, ShapeError, StructureError
        Options that make no sense.
    CollapseError
        With on_degenerate="raise", where every start of every candidate ended in a degenerate component.

    Examples
    --------
    >>> import mixtura as mx
    >>> X = [[-1.0], [-0.8], [-1.1], [-0.9], [4.0], [4.2], [3.9], [4.1]]
    >>> found = mx.fit(X, n_components=[1, 2], structure="E")
    >>> found.mixture.n_components, found.converged
    (2, True)
    """
    source = open_source(X, sample_weight, columns)
    check_columns(source)
    criterion = check_criterion(criterion)
    if on_degenerate not in ("warn", "raise"):
        raise ParameterError(f"on_degenerate is {on_degenerate!r}; expected 'warn' or 'raise'.")
    options = Options(
        as_count(n_starts, "n_starts"),
        default_tol(source.total_weight) if tol is None else as_positive(tol, "tol"),
        as_count(max_iter, "max_iter"),
        as_count(seed, "seed", 0),
        default_tol_per_parameter(source.total_weight) if tol is None else 0.0,
        bool(improve),
        bool(equal_weights),
    )
    remedy = as_regularization(regularization)
    sweep = Sweep(source, n_threads, engine, remedy)
    structures = resolve_structures(structure, source.n_features)
    if structure == "all" and remedy is not None:
        structures = tuple(s for s in structures if remedy.serves(resolve_structure(s, source.n_features)))
    if start is not None and criterion == "cv":
        raise ParameterError("criterion 'cv' compares candidates; with a start there is one. Name another criterion.")
    if start is not None:
        candidates, complete = [_given(sweep, start, n_components, structures, options, callback)], True
        chosen = candidates[0]
    else:
        numbers = component_numbers(n_components, source.n_samples)
        pairs = [(s, k) for k in numbers for s in structures]
        first = "bic" if criterion == "cv" else criterion
        candidates, complete = search(Search(sweep, options), pairs, first, progress)
        if criterion == "cv":
            candidates = _cross_validated(sweep, candidates, options.seed)
        best = best_of(candidates, criterion) or max(candidates, key=lambda c: c.log_likelihood)
        chosen = _retraced(sweep, best, options, callback)
        candidates = [chosen if c is best else c for c in candidates]
    return _result(sweep, candidates, chosen, criterion, complete, names, on_degenerate)


def _cross_validated(sweep: Sweep, candidates: list[Candidate], seed: int) -> list[Candidate]:
    """Candidates with their cross-validated log-likelihood; those that are not sound are left as they are."""
    from mixtura.inference.cross_validation import cross_validated_log_likelihood

    def value(c: Candidate) -> float:
        if c.trouble:
            return math.inf
        found = cross_validated_log_likelihood(
            sweep.source, c.n_components, c.structure, seed=seed, n_threads=sweep.n_threads
        )
        return -2 * found

    return [replace(c, cv=value(c)) for c in candidates]


def open_source(X: Any, sample_weight: Any, columns: Sequence[str] | None) -> Source:
    """The rows of a fit; `columns` choose among those of a file or data frame, and name those of an array."""
    if isinstance(X, (str, os.PathLike)) and columns is not None:
        from mixtura.sources.files import read_file

        return read_file(X, columns, sample_weight)
    from mixtura.sources import ArraySource
    from mixtura.sources.frames import frame_to_array, is_frame

    if columns is not None and not isinstance(X, Source) and is_frame(X):
        array, names = frame_to_array(X, columns)
        return ArraySource.checked(array, sample_weight, names)
    source = as_source(X, sample_weight)
    if columns is None:
        return source
    if not isinstance(source, ArraySource):
        raise ParameterError("columns can be named for arrays, and chosen from data frames and files.")
    return ArraySource.checked(source.X, source.sample_weight, columns)


def check_columns(source: Source) -> None:
    """Refuse constant columns: no Gaussian has a variance of zero."""
    lowest, highest = source.ranges
    constant = np.flatnonzero(lowest == highest)
    if len(constant):
        j = int(constant[0])
        if source.n_samples == 1:
            raise DataError("X has one row; a spread needs at least two different rows.")
        raise DataError(
            f"{quoted_column(source, j)} is constant: {lowest[j]} in all {source.n_samples} rows. "
            "It says nothing about groups and has no variance; leave it out."
        )


def component_numbers(n_components: int | Iterable[int] | None, n_samples: int) -> list[int]:
    """The numbers of components to try, each once; more than there are rows is refused where it was asked for."""
    if n_components is None:
        return [k for k in DEFAULT_COMPONENTS if k <= n_samples]
    given = list(n_components) if isinstance(n_components, Iterable) else [n_components]
    numbers = list(dict.fromkeys(as_count(k, "n_components") for k in given))
    if not numbers:
        raise ParameterError("n_components is empty; expected at least one number.")
    if max(numbers) > n_samples:
        raise DataError(
            f"n_components is {max(numbers)} but there are {n_samples} rows; expected at least one row a component."
        )
    return numbers


def component_order(mixture: Mixture[Any]) -> list[int]:
    """Largest weight first, ties by the first mean, then the next."""
    keys = [tuple(row) for row in mixture.components.component_means]
    return sorted(range(mixture.n_components), key=lambda k: (-mixture.weights[k], keys[k]))


def default_tol(total_weight: float) -> float:
    """Nats per row: 1e-10 up to 10,000 rows, 1e-6 from a million on, with the square of the rows between."""
    return 1e-10 * min(max(total_weight / 1e4, 1.0), 100.0) ** 2


def default_tol_per_parameter(total_weight: float) -> float:
    """Nats per free parameter: 0 up to 10,000 rows, 0.01 from 110,000 on, with the square of the rows between.

    Fitting a parameter to noise alone gains half a nat, so an optimum is not worth a hundredth of that.
    """
    return 0.01 * min(max((total_weight - 1e4) / 1e5, 0.0), 1.0) ** 2


def _given(
    sweep: Sweep,
    start: Any,
    n_components: int | Iterable[int] | None,
    structures: tuple[str, ...],
    options: Options,
    callback: Callable[[Iteration], object] | None,
) -> Candidate:
    """The candidate that a caller's start leads to."""
    if isinstance(start, Mixture) and len(structures) > 1:
        structures = (start.structure,)
    if len(structures) > 1 or not (n_components is None or isinstance(n_components, (int, np.integer))):
        raise ParameterError(
            "a start needs one structure and one n_components; name them, for instance structure='VVV'."
        )
    constraint = resolve_structure(structures[0], sweep.source.n_features)
    wanted = None if n_components is None else as_count(n_components, "n_components")
    first = user_start(start, sweep.source, constraint, wanted)
    if options.equal_weights:
        first = replace(first, mixture=first.mixture.with_equal_weights())
    end = _to_the_end(sweep, first.mixture, options, callback)
    report = StartReport(1, 1, 1, 0, math.inf, first.method, sweep.source.n_samples)
    return Candidate(
        constraint.name,
        end.mixture.n_components,
        end,
        first,
        report,
        sweep.source.total_weight,
        trouble_of(sweep.source, end),
        sweep.log_prior(end.mixture),
    )


def _to_the_end(
    sweep: Sweep, start: Mixture[Any], options: Options, callback: Callable[[Iteration], object] | None
) -> Climb:
    """One climb that goes on whether or not a component collapses, for a result that is shown."""
    return climb_all(sweep, [start], Rules(options.tol, options.max_iter, give_up=False), plain_em, callback)[0]


def _retraced(
    sweep: Sweep, best: Candidate, options: Options, callback: Callable[[Iteration], object] | None
) -> Candidate:
    """The winner as it is shown: in order, and climbed once more where it has no trace, was given up, or is watched."""
    end = best.climb
    if not end.trace or not end.sound or callback is not None:
        end = _to_the_end(sweep, best.start.mixture, options, callback)
    end = end.in_order(component_order(end.mixture))
    return replace(best, climb=end, trouble=trouble_of(sweep.source, end), log_prior=sweep.log_prior(end.mixture))


def _result(
    sweep: Sweep,
    candidates: list[Candidate],
    chosen: Candidate,
    criterion: str,
    complete: bool,
    names: Sequence[str] | None,
    on_degenerate: str,
) -> Fit:
    source = sweep.source
    mixture = outward(chosen.mixture, source.coordinates)
    mixture = mixture.with_names(names, source.columns or mixture.columns)
    if chosen.trouble and on_degenerate == "raise":
        raise CollapseError(f"no start of any candidate is sound: {chosen.trouble}")
    notes = _warn(candidates, chosen, complete)
    suspicion = "" if chosen.trouble else suspicion_of(source, chosen.climb)
    if suspicion:
        notes.append(suspicion)
    climb = chosen.climb
    return Fit(
        mixture,
        chosen.log_likelihood,
        climb.converged,
        climb.n_iter,
        climb.remaining,
        trace_table(climb),
        notes,
        candidate_table(candidates),
        chosen.starts,
        criterion,
        certainty_of(source, mixture, sweep.n_threads, sweep.engine),
        source.n_samples,
        source.total_weight,
        tuple(candidates),
        chosen,
    )


def _warn(candidates: list[Candidate], chosen: Candidate, complete: bool) -> list[str]:
    """Say what to be careful about: as Python warnings, and as a list for the report."""
    notes = []
    if chosen.trouble:
        notes.append(chosen.trouble)
        warnings.warn(chosen.trouble, DegenerateWarning, stacklevel=4)
    if not chosen.climb.converged and not chosen.trouble:
        text = (
            f"EM stopped after {chosen.climb.n_iter} iterations (max_iter) with an estimated "
            f"{chosen.climb.remaining:.3g} nats still to gain; raise max_iter, or tol if that is near enough."
        )
        notes.append(text)
        warnings.warn(text, ConvergenceWarning, stacklevel=4)
    if not complete:
        notes.append(f"the search was interrupted after {len(candidates)} candidates; the best of these is shown.")
    degenerate = [c.label for c in candidates if c.trouble and c is not chosen]
    if degenerate:
        notes.append(f"left out because every start ended degenerate: {' '.join(degenerate)} (see the table).")
    return notes


def trace_table(climb: Climb) -> Table:
    """One row an iteration: the certificate's three numbers in order, and what was still to come."""
    before = [row[0] for row in climb.trace]
    return Table(
        {
            "iteration": list(range(1, len(before) + 1)),
            "log_likelihood": before,
            "lower_bound": [row[1] for row in climb.trace],
            "next_log_likelihood": [*before[1:], climb.log_likelihood][: len(before)],
            "remaining_gain": [row[2] for row in climb.trace],
        }
    )
