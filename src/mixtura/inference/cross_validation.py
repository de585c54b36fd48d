"""Cross-validated log-likelihood: how well a mixture predicts rows it has not seen."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from mixtura.algorithms.denoising import background_of
from mixtura.algorithms.iteration import outward
from mixtura.errors import DataError
from mixtura.families.covariance import resolve_structure
from mixtura.inference.optimum import Procedure
from mixtura.inference.rows import in_memory
from mixtura.sources import ArraySource, as_source
from mixtura.sources.open import check_columns
from mixtura.sources.strata import StratifiedSource
from mixtura.threads import thread_count
from mixtura.validation import Flags, Labels, as_count


def cross_validated_log_likelihood(
    X: Any,
    n_components: int,
    structure: str = "VVV",
    folds: int = 10,
    seed: int = 0,
    *,
    n_starts: int = 8,
    sample_weight: Any = None,
    noise: Any = None,
    n_threads: int | None = None,
) -> float:
    """Σ over folds of the log-likelihood of the fold's rows under a fit to the others, total nats; larger is better.

    Parameters
    ----------
    X : (n_samples, n_features); NaN is a missing cell, and a row counts by what is known of it
    n_components, structure : of the mixture
    folds : from 2 to n_samples; rows are dealt to them at random, in equal numbers
    seed : of the dealing and of the starts; equal seeds give equal folds for every mixture, so that values compare
    n_starts : for each fit, as in `fit`
    sample_weight : (n_samples,), optional
    noise : as in `fit`; its volume is that of all rows for every fold, so that values compare
    n_threads : None is the machine's cores. Results do not depend on it.

    Returns
    -------
    float
        −∞ where every start of some fold ended degenerate: such a mixture predicts nothing.

    Raises
    ------
    DataError
        For more folds than rows, or rows that the other folds say nothing about (a constant column, too few of them).

    Notes
    -----
    Stone (1974); Smyth (2000) for mixtures. −2 times the value is on the scale of AIC.

    Examples
    --------
    >>> import numpy as np, mixtura as mx
    >>> X = np.concatenate([np.linspace(-1, 1, 40), np.linspace(9, 11, 40)])
    >>> one, two = (mx.cross_validated_log_likelihood(X, k, "E") for k in (1, 2))
    >>> two > one
    True
    """
    source = in_memory(as_source(X, sample_weight))
    check_columns(source)
    name = resolve_structure(structure, source.n_features).name
    k, starts = as_count(n_components, "n_components"), as_count(n_starts, "n_starts")
    background = background_of(noise, source)
    procedure = Procedure(name, starts, seed, background and background.noise)
    fold = deal(source.n_samples, as_count(folds, "folds", 2), as_count(seed, "seed", 0))
    fewest = source.n_samples - int(np.bincount(fold).max())
    if fewest < k:
        raise DataError(f"n_components is {k} but without one fold only {fewest} rows are left; expected at least {k}.")

    def held_out(i: int) -> float:
        seen, unseen = _rows(source, fold != i), _rows(source, fold == i)
        if not (seen.total_weight > 0 and unseen.total_weight > 0):
            return 0.0 if seen.total_weight > 0 else -math.inf
        check_columns(seen)
        found = procedure(seen, [k])[0]
        if found.trouble:
            return -math.inf
        return outward(found.mixture, seen.coordinates).log_likelihood(unseen)

    with ThreadPoolExecutor(thread_count(n_threads)) as pool:
        return math.fsum(pool.map(held_out, range(folds)))


def deal(n_samples: int, folds: int, seed: int) -> Labels:
    """(n_samples,): the fold of each row; sizes differ by one at most."""
    if folds > n_samples:
        raise DataError(f"folds is {folds} but there are {n_samples} rows; expected at most one fold a row.")
    order = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(folds,))).permutation(n_samples)
    fold = np.empty(n_samples, dtype=np.int64)
    fold[order] = np.arange(n_samples) % folds
    return fold


def _rows(source: ArraySource | StratifiedSource, chosen: Flags) -> ArraySource | StratifiedSource:
    if isinstance(source, StratifiedSource):
        return source.take(np.flatnonzero(chosen))
    weights = source.sample_weight
    return ArraySource(source.X[chosen], None if weights is None else weights[chosen], source.columns)
