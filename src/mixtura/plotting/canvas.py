"""What all pictures share: axes, colours that colour-blind readers tell apart, and the rows of a result."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.errors import ParameterError
from mixtura.marginals import column_numbers
from mixtura.mixture import Mixture
from mixtura.result import Fit
from mixtura.sources import Source, as_source, by_columns
from mixtura.validation import Array

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
"""Okabe & Ito's palette, told apart by colour-blind readers and in print; components beyond the eighth start again."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""Shapes, so that a picture without colours still says which component a row belongs to."""

NOISE = "0.6"
"""The grey of rows that belong to no component."""

POINTS = 2000
"""Points of a drawn curve, and rows drawn at most."""


def axes(ax: Any) -> Any:
    """The axes given, or new ones."""
    return pyplot().subplots()[1] if ax is None else ax


def pyplot() -> Any:
    """matplotlib's, or an error that says how to get it."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ParameterError(
            "matplotlib is not installed, which draws the picture: pip install mixtura[plot]"
        ) from None
    return pyplot


def colour(k: int) -> str:
    """Of component k; −1 is noise."""
    return NOISE if k < 0 else COLOURS[k % len(COLOURS)]


def marker(k: int) -> str:
    """Of component k; −1 is noise."""
    return "." if k < 0 else MARKERS[k % len(MARKERS)]


def mixture_of(result: Fit | Mixture[Any]) -> Mixture[Any]:
    """That of a fit, or the mixture itself."""
    mixture = result.mixture if isinstance(result, Fit) else result
    if not isinstance(mixture, Mixture):
        raise ParameterError(f"result is a {type(result).__name__}; expected what fit returns, or a Mixture.")
    return mixture


def source_of(result: Fit | Mixture[Any], X: Any) -> Source:
    """The rows given, or those the fit knows."""
    if X is not None:
        source = by_columns(as_source(X), mixture_of(result).columns)
    elif isinstance(result, Fit) and result.source is not None:
        source = result.source
    else:
        raise ParameterError("this picture shows rows; give them: X=….")
    wanted = mixture_of(result).n_features
    if source.n_features != wanted:
        raise ParameterError(f"X has {source.n_features} columns but the mixture has {wanted}; expected as many.")
    return source


def some_rows(source: Source, most: int = POINTS) -> Array:
    """At most so many rows (m, n_features), evenly spaced through the data; missing cells are NaN."""
    wanted = np.unique(np.linspace(0, source.n_samples - 1, min(source.n_samples, most)).astype(np.intp))
    parts = []
    for chunk in source.chunks_with_gaps():
        here = wanted[(wanted >= chunk.start) & (wanted < chunk.start + len(chunk.rows))] - chunk.start
        parts.append(np.asarray(chunk.rows[here], dtype=np.float64))
    rows: Array = np.concatenate(parts)
    return rows


def two_columns(mixture: Mixture[Any], columns: Any) -> list[int]:
    """The numbers of the two columns that a plane shows: those given, or the first two."""
    if mixture.n_features < 2:
        raise ParameterError(
            "this picture shows two columns and the mixture has one; draw kind='mixture' or 'quantiles'."
        )
    index = column_numbers(mixture, [0, 1] if columns is None else columns)
    if len(index) != 2:
        raise ParameterError(f"columns is {columns!r}; a picture has two, such as [0, 1].")
    return index
