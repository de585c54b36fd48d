"""`fit`: search, fit, report. The main job."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from mixtura.algorithms.climb import Climb, Rules, climb_all, plain_em
from mixtura.algorithms.degeneracy import trouble_of
from mixtura.algorithms.denoising import background_of
from mixtura.algorithms.iteration import Iteration
from mixtura.algorithms.levels import transplanted
from mixtura.algorithms.rank import feasible
from mixtura.algorithms.start import user_start
from mixtura.errors import DataError, ParameterError
from mixtura.families.covariance import resolve_structure, resolve_structures
from mixtura.imputation import completed
from mixtura.mixture import Mixture
from mixtura.regularization import Regularization, as_regularization
from mixtura.result import Fit, result_of
from mixtura.search import Options, Progress, Search, search
from mixtura.selection import Candidate, StartReport, best_of, check_criterion
from mixtura.sources import Source
from mixtura.sources.known import as_known
from mixtura.sources.open import check_columns, open_source
from mixtura.sources.strata import StratifiedSource, with_knowledge
from mixtura.sweep import Sweep
from mixtura.validation import as_count, as_positive, as_responsibilities

DEFAULT_COMPONENTS = range(1, 10)


def fit(
    X: Any,
    n_components: int | Iterable[int] | None = None,
    structure: str | Iterable[str] = "all",
    *,
    criterion: str = "bic",
    start: Any = None,
    fixed: Any = None,
    n_starts: int = 12,
    improve: bool = True,
    equal_weights: bool = False,
    noise: Any = None,
    sample_weight: Any = None,
    y: Any = None,
    groups: Any = None,
    columns: Sequence[str] | None = None,
    where: Any = None,
    memory_limit: int | str | None = None,
    names: Sequence[str] | None = None,
    tol: float | None = None,
    max_iter: int = 5000,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
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
    X : (n_samples, n_features) array, data frame, file, folder, pattern like "data/*.parquet", or stream (`scan`). NaN
        and null are missing cells: the likelihood is that of what is known, exactly; a row that knows nothing counts
        for nothing.
    n_components : a number or several; 1 to 9 where not given (at most the number of rows)
    structure : "all", a name, several, or a text like "VVV,EEE" (see `Gaussian`); "FA2" has two factors
        (`FactorAnalyzers`, for many columns), "FA" chooses how many, up to six. "all" are mclust's fourteen, and where
        rows are no more than columns FA1 to FA3 in place of those with full covariances.
    criterion : "bic" (default), "icl", "aic", "aicc", "caic" or "cv": smaller is better. "cv" is −2 times
        the log-likelihood that ten-fold cross-validation finds for each candidate; it fits every one ten times more.
    start : optional. A mixture, labels (n_samples,) from 0, or responsibilities (n_samples, n_components), instead of
        mixtura's own starts; components then keep its order. Needs one n_components and one structure.
    fixed : optional, with a start: what stays as it is there. "weights", "means" or "covariances", several of them, or
        component numbers of each, such as {"means": [0, 2], "weights": [1]}; see `Mixture.with_fixed`. What is fixed
        counts for nothing in the criteria.
    n_starts : partitions of the rows that each candidate starts from; equal ones are tried once. In a search it also
        starts from what simpler candidates found.
    improve : whether the best optimum is then left by splitting one group and merging two, for as long as that helps
    equal_weights : whether all components have the same weight by assumption (mclust's equalPro)
    noise : whether some rows may belong to no component: True, flags (n_samples,) of rows that look like noise, or a
        `mixtura.Noise` whose volume is taken as it is. The noise is uniform over the smallest box around the rows; it
        has the label −1. True looks for rows with far neighbours (Byers & Raftery 1998) to start from.
    sample_weight : (n_samples,), optional; weight 2 counts a row twice, also in the criteria
    y : what is known of the rows' components, optional: labels (n_samples,) counted from 0, −1 where unknown; or, with
        one n_components, flags (n_samples, n_components) of components that a row may belong to, or non-negative
        numbers that multiply their weights for that row
    groups : (n_samples,) whole numbers, optional: rows of one number belong to one component together; −1 is none
    columns : names, optional: which columns of a file or data frame to use, or what those of an array are called
    where : which rows of files or a stream count, optional: a text like "x > 0 and species == 'setosa'" (see `scan`)
    memory_limit : bytes, or a text like "2 GB"; "512 MB" where not given. Files that need more than a quarter of it as
        an array are read block by block, once for every pass.
    names : of the components, optional
    tol : nats per row: EM stops where Aitken's estimate of the remaining gain lies below it three times running.
        None is 1e-10 up to 10,000 rows, rising with their square to 1e-6 for a million and more: few rows give ICL,
        which is not flat at the optimum, its digits; one nat in a million rows is far below sampling error. Where rows
        and parameters are many, a hundredth of a nat per free parameter is enough (from 110,000 rows on).
    max_iter : EM iterations at most
    seed : of every random choice; equal seeds give equal bits
    checkpoint : path, optional: a file that keeps what every reading of the rows found, so that a fit that was cut off
        goes on to the same bits: call `fit` again in the same way, or `mixtura.resume(path)`
    regularization : None (default) adds nothing; "ratio" (no variance over 100 times another), "penalty" (Chen & Tan
        2009), "map" (Fraley & Raftery 2007), or a `mixtura.EigenvalueRatio`, `mixtura.Penalty` or
        `mixtura.ConjugatePrior`, keep the likelihood bounded. Log-likelihoods and criteria that are reported leave the
        prior out; the trace holds the sum of both. Such fits take longer: they climb in Python.
    on_degenerate : "warn" or "raise" where no candidate is sound
    progress : called with a `Progress` after every candidate
    callback : called with every `Iteration` of the winner's climb
    n_threads : None is the machine's cores. Results do not depend on it.
    engine : "native", "reference" or None for the fastest that serves; "standard" reads X by the array API standard

    Returns
    -------
    Fit

    Raises
    ------
    DataError
        Infinite cells, text, a constant column or one without any value, fewer rows than components: named by row and
        column. Columns that are combinations of others, where rows are enough and every structure needs full rank.
    ParameterError, ShapeError, StructureError
        Options that make no sense.
    CheckpointError
        Where the checkpoint is of other rows or another fit.
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
    arguments = dict(locals())
    source = open_source(X, sample_weight, columns, where, memory_limit, engine)
    if y is not None or groups is not None:
        source = with_knowledge(source, as_known(y, groups, source.n_samples))
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
        background=background_of(noise, source),
    )
    remedy = as_regularization(regularization)
    if source.is_partial and criterion == "cv":
        raise ParameterError("criterion 'cv' knows neither missing cells nor labels; name another criterion.")
    sweep = Sweep(source, n_threads, engine, remedy)
    structures = resolve_structures(structure, source.n_features)
    if structure == "all" and remedy is not None:
        structures = tuple(s for s in structures if remedy.serves(resolve_structure(s, source.n_features)))
    if start is not None and criterion == "cv":
        raise ParameterError("criterion 'cv' compares candidates; with a start there is one. Name another criterion.")
    if fixed is not None and start is None:
        raise ParameterError(
            "fixed parts keep the values of a start and there is none; give start=, such as a Mixture."
        )
    left_out: list[tuple[str, int, str]] = []
    with _journaled(sweep, checkpoint, arguments):
        if start is not None:
            candidates, complete = [_given(sweep, start, fixed, n_components, structures, options, callback)], True
            chosen = candidates[0]
        else:
            numbers = component_numbers(n_components, source)
            pairs = [(s, k) for k in numbers for s in structures]
            if remedy is None:
                found = feasible(sweep, structures, numbers, every=structure == "all")
                pairs, left_out = found.pairs, found.left_out
            first = "bic" if criterion == "cv" else criterion
            candidates, complete = search(Search(sweep, options), pairs, first, progress)
            if criterion == "cv":
                candidates = _cross_validated(sweep, candidates, options.seed, noise)
            best = best_of(candidates, criterion) or max(candidates, key=lambda c: c.log_likelihood)
            chosen = _retraced(sweep, best, options, callback)
            candidates = [chosen if c is best else c for c in candidates]
        return result_of(sweep, candidates, chosen, criterion, complete, names, on_degenerate, left_out)


def _journaled(
    sweep: Sweep, checkpoint: str | os.PathLike[str] | None, arguments: dict[str, Any]
) -> AbstractContextManager[None]:
    """`checkpoint.journaled`, loaded where it is wanted."""
    if checkpoint is None:
        return nullcontext()
    from mixtura.checkpoint import journaled

    return journaled(sweep, checkpoint, arguments)


def _cross_validated(sweep: Sweep, candidates: list[Candidate], seed: int, noise: Any) -> list[Candidate]:
    """Candidates with their cross-validated log-likelihood; those that are not sound are left as they are."""
    from mixtura.inference.cross_validation import cross_validated_log_likelihood

    def value(c: Candidate) -> float:
        if c.trouble:
            return math.inf
        found = cross_validated_log_likelihood(
            sweep.source, c.n_components, c.structure, seed=seed, noise=noise, n_threads=sweep.n_threads
        )
        return -2 * found

    return [replace(c, cv=value(c)) for c in candidates]


def component_numbers(n_components: int | Iterable[int] | None, source: Source) -> list[int]:
    """The numbers of components to try, each once; more than there are rows is refused where it was asked for.

    Numbers below that of the labels are left out, or refused where nothing else was asked for.
    """
    n_samples, known = source.n_samples, source.known if isinstance(source, StratifiedSource) else None
    if n_components is None:
        fewest = 1 if known is None else known.n_classes
        n_components = None if known is None else known.n_components
        if n_components is None:
            return [k for k in range(fewest, max(DEFAULT_COMPONENTS.stop, fewest + 1)) if k <= n_samples]
    given = list(n_components) if isinstance(n_components, Iterable) else [n_components]
    numbers = list(dict.fromkeys(as_count(k, "n_components") for k in given))
    if not numbers:
        raise ParameterError("n_components is empty; expected at least one number.")
    if known is not None:
        numbers = [k for k in numbers if k >= known.n_classes] or numbers
        for k in numbers:
            known.check(k)
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
    fixed: Any,
    n_components: int | Iterable[int] | None,
    structures: tuple[str, ...],
    options: Options,
    callback: Callable[[Iteration], object] | None,
) -> Candidate:
    """The candidate that a caller's start leads to."""
    source = sweep.source
    if isinstance(start, Mixture) and len(structures) > 1:
        structures = (start.structure,)
    if len(structures) > 1 or not (n_components is None or isinstance(n_components, (int, np.integer))):
        raise ParameterError(
            "a start needs one structure and one n_components; name them, for instance structure='VVV'."
        )
    constraint = resolve_structure(structures[0], sweep.source.n_features)
    wanted = None if n_components is None else as_count(n_components, "n_components")
    if source.is_partial and not isinstance(start, Mixture):
        if not isinstance(source, StratifiedSource):
            raise ParameterError(
                "rows with gaps that are read block by block start from a Mixture; fit one to some of them."
            )
        rows = completed(sweep)
        first = user_start(as_responsibilities(start, source.n_samples)[source.counted], rows, constraint, wanted)
        first = replace(first, mixture=transplanted(first.mixture, sweep.like(rows), sweep))
    else:
        first = user_start(start, source, constraint, wanted)
    if isinstance(source, StratifiedSource) and source.known is not None:
        source.known.check(first.mixture.n_components)
    if options.background is not None and first.mixture.noise is None:
        where = sweep.source.coordinates
        uniform = options.background.noise.into(where.centre, where.scale)
        first = replace(first, mixture=first.mixture.with_noise(uniform))
    if options.equal_weights:
        first = replace(first, mixture=first.mixture.with_equal_weights())
    if fixed is not None:
        first = replace(first, mixture=first.mixture.with_fixed(fixed))
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
    if not (isinstance(sweep.source, StratifiedSource) and sweep.source.known):  # labels say which is which
        end = end.in_order(component_order(end.mixture))
    return replace(best, climb=end, trouble=trouble_of(sweep.source, end), log_prior=sweep.log_prior(end.mixture))
