"""`explain`: EM from one start, with every step shown."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from mixtura.algorithms.iteration import Iteration, em
from mixtura.algorithms.stopping import Aitken
from mixtura.errors import DataError, ParameterError
from mixtura.explanation.facts import EStep, Explanation
from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture
from mixtura.sources import ArraySource, as_source
from mixtura.validation import Array, as_count, frozen


def explain(
    theta0: Mixture[Gaussian],
    X: Any,
    *,
    sample_weight: Any = None,
    iterations: int | None = None,
    tol: float = 1e-12,
    max_iter: int = 10000,
) -> Explanation:
    """A worked solution of EM from a mixture: what each step is, in words, in symbols and with the numbers put in.

    L(θ_t) = F(θ_t, γ_t) ≤ F(θ_{t+1}, γ_t) ≤ L(θ_{t+1})

    Parameters
    ----------
    theta0 : a Gaussian mixture, where EM starts; any number of components and columns, any structure, with noise
        or without
    X : (n_samples, n_features) array, data frame, or path of a CSV or Parquet file
    sample_weight : (n_samples,), optional; weight 2 counts a row twice
    iterations : optional: do that many M-steps, instead of going on until EM has converged
    tol : nats per row: converged where Aitken's estimate of the remaining gain lies below it three times running
    max_iter : M-steps at most

    Returns
    -------
    Explanation
        Print it to read it; `.sections`, `.to_dict()` and `.to_markdown()` give it to programs.

    Raises
    ------
    ParameterError
        Where theta0 is not a Gaussian mixture, or an option makes no sense.
    ShapeError, DataError
        Where the rows cannot be used, or one lies so far away that floating point has no log-density for it.

    Notes
    -----
    Dempster, Laird & Rubin (1977); the bound as in Neal & Hinton (1998). It holds all rows and their responsibilities
    in memory, for it is meant for data that a person can look at; long tables are shown in part.

    Examples
    --------
    >>> import mixtura as mx
    >>> theta0 = mx.Mixture([0.5, 0.5], mx.Gaussian(means=[6, 7], covariances=[1, 4]))
    >>> solution = mx.explain(theta0, [-1, 0, 4, 5, 6])
    >>> for section in solution.sections[3:7]:
    ...     print(section.title, "|", section.answer.split(".")[0])
    Which Gaussian each row is given to | In the order of the rows: 2, 2, 2, 1, 1
    The M-step | Mean, variance and weight are averages weighted by the responsibilities
    Which mean moves left more | Gaussian 2, absolutely and relatively
    Which variance grows more | Gaussian 2: its variance grows from 4 to 6
    """
    _check(theta0, tol)
    limit = as_count(max_iter if iterations is None else iterations, "max_iter" if iterations is None else "iterations")
    source = _rows_in_memory(X, sample_weight)
    theta0 = theta0.with_names(None, theta0.columns or source.columns)
    start = _first_e_step(theta0, source)
    steps, gains, converged, log_likelihood = _climb(theta0, source, tol, limit, iterations is not None)
    weights = np.ones(source.n_samples) if source.sample_weight is None else source.sample_weight
    rows: Array = source.X
    after, end = steps[0].after, steps[-1].after
    first = EStep.of(after, rows, weights)
    return Explanation(
        theta0,
        rows,
        source.sample_weight,
        steps,
        end,
        log_likelihood,
        gains,
        converged,
        tol,
        iterations,
        start,
        first,
        EStep.of(end, rows, weights),
        theta0.lower_bound(rows, start.responsibilities, source.sample_weight),
        after.lower_bound(rows, start.responsibilities, source.sample_weight),
        _divergence(start, first, after),
    )


def one_step(facts: Explanation, t: int) -> Explanation:
    """The same run's M-step from θ_t to θ_{t+1} explained by itself, as if EM had begun at θ_t; symbols say θ_t."""
    before, after = facts.mixtures[t : t + 2]
    rows, weights = facts.rows, facts.row_weights
    start, first = EStep.of(before, rows, weights), EStep.of(after, rows, weights)
    return replace(
        facts,
        theta0=before,
        iterations=facts.iterations[t : t + 1],
        mixture=after,
        log_likelihood=facts.log_likelihoods[t + 1],
        remaining_gains=facts.remaining_gains[t : t + 2],
        start=start,
        first=first,
        end=first,
        bound_before=before.lower_bound(rows, start.responsibilities, facts.sample_weight),
        bound_after=after.lower_bound(rows, start.responsibilities, facts.sample_weight),
        divergence=_divergence(start, first, after),
        index=t,
    )


def _check(theta0: Any, tol: Any) -> None:
    if not isinstance(theta0, Mixture) or not isinstance(theta0.components, Gaussian):
        raise ParameterError(
            f"theta0 is {theta0!r}; expected a mixture of Gaussians: Mixture(weights, Gaussian(means, covariances))."
        )
    if theta0.fixed is not None:
        raise ParameterError("explain shows EM where every part moves; free theta0 first: theta0.with_fixed(None).")
    if theta0.components.constraint.n_factors:
        raise ParameterError(
            f"theta0 has structure {theta0.structure}; the M-step that is explained has no factors. "
            "Start from its means and covariances as VVV."
        )
    if isinstance(tol, bool) or not isinstance(tol, (int, float, np.floating)) or not 0 < tol < math.inf:
        raise ParameterError(f"tol is {tol!r}; expected a positive number, nats per row.")


def _rows_in_memory(X: Any, sample_weight: Any) -> ArraySource:
    source = as_source(X, sample_weight)
    chunks = list(source.chunks())
    rows = np.concatenate([np.asarray(chunk.rows, dtype=np.float64) for chunk in chunks])
    parts = [chunk.weights for chunk in chunks if chunk.weights is not None]
    return ArraySource(frozen(rows), np.concatenate(parts) if parts else None, source.columns)


def _first_e_step(theta0: Mixture[Gaussian], source: ArraySource) -> EStep:
    with np.errstate(over="ignore", invalid="ignore"):
        log_prob = theta0.log_prob(source)
    if not np.isfinite(log_prob).all():
        row = int(np.argmin(np.isfinite(log_prob)))
        raise DataError(
            f"row {row} of X, {source.X[row].tolist()}, lies so far from every component of theta0 that its "
            "log-density is beyond floating point; start from components nearer to the rows."
        )
    weights = np.ones(source.n_samples) if source.sample_weight is None else source.sample_weight
    return EStep.of(theta0, source.X, weights)


def _climb(
    theta0: Mixture[Gaussian], source: ArraySource, tol: float, limit: int, exactly: bool
) -> tuple[tuple[Iteration, ...], tuple[float, ...], bool, float]:
    """EM's iterations, the estimated remaining gain before each and at the end, whether it converged, and where."""
    stop = Aitken(tol, source.total_weight)
    steps: list[Iteration] = []
    gains: list[float] = []
    for it in em(theta0, source):
        converged = stop.converged(it.log_likelihood)
        gains.append(stop.remaining)
        if len(steps) >= limit or (converged and not exactly) or not math.isfinite(it.log_likelihood):
            return tuple(steps), tuple(gains), converged, it.log_likelihood
        steps.append(it)
    raise AssertionError("em goes on for as long as it is asked to")


def _divergence(start: EStep, first: EStep, after: Mixture[Gaussian]) -> Array:
    """(n_samples,): Σ_k γ log(γ / γ'), taken of logarithms so that small responsibilities keep their digits."""
    with np.errstate(divide="ignore"):
        new = first.component_log_prob + np.log(after.proportions) - first.log_prob[:, None]
    old = start.responsibilities
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(old > 0, old * (np.log(old) - new), 0.0)
    divergence: Array = np.maximum(terms.sum(axis=1), 0.0)
    return divergence
