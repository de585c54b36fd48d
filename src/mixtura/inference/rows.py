"""The mixture and the rows that a question about uncertainty is asked of."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura.errors import ParameterError, ShapeError
from mixtura.mixture import Mixture
from mixtura.result import Fit
from mixtura.sources import ArraySource, Source, as_source, by_columns
from mixtura.sources.open import check_columns
from mixtura.sources.strata import StratifiedSource, source_of
from mixtura.validation import Array


def mixture_and_rows(fit: Fit | Mixture[Any], X: Any, sample_weight: Any) -> tuple[Mixture[Any], Source]:
    """The mixture of a fit, and the rows as a source in its order of columns, none of them constant."""
    mixture = fit.mixture if isinstance(fit, Fit) else fit
    if not isinstance(mixture, Mixture):
        raise ParameterError(f"fit is a {type(fit).__name__}; expected what fit returns, or a Mixture.")
    source = by_columns(as_source(X, sample_weight), mixture.columns)
    if source.n_features != mixture.n_features:
        raise ShapeError(
            f"X has {source.n_features} columns but the mixture has {mixture.n_features}; give the rows that it was "
            "fitted to."
        )
    check_columns(source)
    return mixture, source


def in_memory(source: Source) -> ArraySource | StratifiedSource:
    """The rows as one array: resamples weigh or draw them all at once."""
    if isinstance(source, (ArraySource, StratifiedSource)):
        return source
    chunks = list(source.chunks_with_gaps())
    weights = [c.weights for c in chunks if c.weights is not None]
    rows = np.concatenate([c.rows for c in chunks])
    return source_of(rows, np.concatenate(weights) if weights else None, source.columns)


def weights_of(source: ArraySource | StratifiedSource) -> Array:
    """(n_samples,): row weights, ones where there are none; 0 for a row with no known cell."""
    if isinstance(source, StratifiedSource):
        return source.weights
    return np.ones(source.n_samples) if source.sample_weight is None else source.sample_weight


def drawn_like(source: Source, mixture: Mixture[Any], rng: np.random.Generator) -> npt.NDArray[Any]:
    """Rows drawn from a mixture, as many as those of a source weigh, with the gaps of its rows.

    Every row keeps its pattern, as if cells were missing completely at random: the mixture says nothing of gaps.
    """
    n = max(1, round(source.total_weight))
    rows: npt.NDArray[Any] = mixture.sample(n, rng)[0]
    if isinstance(source, StratifiedSource):
        weights = source.weights
        if np.all(weights == np.round(weights)):
            like = np.repeat(np.arange(source.n_samples), weights.astype(np.int64))
        else:
            like = rng.choice(source.n_samples, n, p=weights / weights.sum())
        rows = np.where(source.missing[like], np.nan, rows)
    return rows
