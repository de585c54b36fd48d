"""The one door through which rows come in, whatever they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mixtura.engines import resolve_engine
from mixtura.errors import DataError, ParameterError
from mixtura.sources.arrays import ArraySource, column_names
from mixtura.sources.base import Source
from mixtura.sources.device import DeviceSource, device, host, in_main_memory, is_other_array
from mixtura.sources.frames import frame_to_array, is_eager_frame, is_frame
from mixtura.sources.strata import StratifiedSource, source_of


def as_source(X: Any, sample_weight: Any = None, engine: str | None = None) -> Source:
    """A source of an array, a data frame, a file path or a source.

    Parameters
    ----------
    X : array-like (n_samples, n_features) or (n_samples,), data frame, path or stream (see `scan`), or Source
    sample_weight : (n_samples,), optional
    engine : that will read the rows, where it was asked for

    Raises
    ------
    DataError, ShapeError, SourceError
        Where the rows cannot be used; the message says which and why.
    """
    if isinstance(X, Source):
        if sample_weight is not None:
            raise TypeError("give sample_weight to the source itself, not beside it")
        return X
    if is_dask(X):
        return _of_dask(X, sample_weight, None)
    if is_spark(X):
        return _of_spark(X, sample_weight, None)
    if is_other_array(X) or (isinstance(X, np.ndarray) and resolve_engine(engine) == "standard"):
        return _of_other_array(X, sample_weight, resolve_engine(engine))
    if is_file_or_stream(X):
        from mixtura.sources.scan import scan

        return scan(X, sample_weight=sample_weight)
    if is_frame(X):
        array, columns = frame_to_array(X)
        return source_of(array, sample_weight, columns)
    return source_of(X, sample_weight)


def is_file_or_stream(X: Any) -> bool:
    """Whether X is a path, or speaks the Arrow C stream and is no data frame in memory."""
    if isinstance(X, (str, os.PathLike)):
        return True
    return hasattr(X, "__arrow_c_stream__") and not is_eager_frame(X)


def is_dask(X: Any) -> bool:
    """Whether X is a Dask array or data frame, told without loading Dask."""
    return type(X).__module__.split(".")[0] in ("dask", "dask_expr") and hasattr(X, "to_delayed")


def _of_dask(X: Any, sample_weight: Any, columns: Sequence[str] | None) -> Source:
    from mixtura.sources.dask import DaskSource

    if sample_weight is not None:
        raise ParameterError("rows of Dask collections have no sample_weight yet; leave it out.")
    return DaskSource(X, columns)


def is_spark(X: Any) -> bool:
    """Whether X is a Spark data frame, told without loading Spark."""
    return type(X).__module__.startswith("pyspark.sql") and hasattr(X, "mapInArrow")


def _of_spark(X: Any, sample_weight: Any, columns: Sequence[str] | None) -> Source:
    from mixtura.sources.spark import SparkSource

    if sample_weight is not None:
        raise ParameterError("rows of Spark data frames have no sample_weight yet; leave it out.")
    return SparkSource(X, columns)


def _of_other_array(X: Any, sample_weight: Any, engine: str | None) -> Source:
    """Rows in main memory go to the engines of arrays without a copy; others stay where they are."""
    if engine != "standard":
        shared = in_main_memory(X)
        if shared is not None:
            return source_of(shared, sample_weight)
    if engine in ("native", "reference"):
        raise ParameterError(
            f"engine={engine!r} needs rows in main memory and X lies on {device(X)}; copy it there, or use None."
        )
    return DeviceSource.checked(X, None if sample_weight is None else host(sample_weight))


def by_columns(source: Source, columns: tuple[str, ...] | None) -> Source:
    """The source with the columns that a mixture knows by name, in the mixture's order; unnamed ones go by position.

    Raises
    ------
    DataError
        Where a column is missing.
    """
    if columns is None or source.columns is None or source.columns == columns:
        return source
    missing = [name for name in columns if name not in source.columns]
    if missing:
        raise DataError(
            f"X has no column {missing[0]!r}; it has {', '.join(source.columns)}. The mixture looks for its columns by "
            "name: rename them, or pass a plain array to go by position."
        )
    return source.select(columns)


def open_source(
    X: Any,
    sample_weight: Any,
    columns: Sequence[str] | None,
    where: Any = None,
    memory_limit: int | str | None = None,
    engine: str | None = None,
) -> Source:
    """The rows of a fit; `columns` choose among those of a file or data frame, and name those of an array."""
    if is_dask(X) and where is None:
        return _of_dask(X, sample_weight, columns)
    if is_spark(X) and where is None:
        return _of_spark(X, sample_weight, columns)
    if is_file_or_stream(X):
        from mixtura.sources.scan import MEMORY_LIMIT, scan

        limit = MEMORY_LIMIT if memory_limit is None else memory_limit
        return scan(X, columns, where=where, sample_weight=sample_weight, memory_limit=limit)
    if where is not None:
        raise ParameterError("where chooses rows of files and streams; choose those of arrays and frames yourself.")
    if columns is not None and not isinstance(X, Source) and is_frame(X):
        array, names = frame_to_array(X, columns)
        return source_of(array, sample_weight, names)
    source = as_source(X, sample_weight, engine)
    if columns is None:
        return source
    if isinstance(source, DeviceSource):
        return replace(source, columns=column_names(columns, source.n_features))
    if not isinstance(source, (ArraySource, StratifiedSource)):
        raise ParameterError("columns can be named for arrays, and chosen from data frames and files.")
    return source_of(source.X, source.sample_weight, columns)


SMALLEST_SCALE = 1e-290
"""Data units: the inverse of the rows' usual spread is still far from infinite, and the spread has all its digits."""

WIDEST_RANGE = 60
"""Powers of ten about the scale in which each column's range must lie: fourth powers (common axes turn by squares of
squares) and their rounding units are normal numbers."""


def check_columns(source: Source) -> None:
    """Refuse columns that hold nothing, and constant ones: no Gaussian has a variance of zero."""
    check_observed(source)
    lowest, highest = source.ranges
    constant = np.flatnonzero(lowest == highest)
    if len(constant):
        j = int(constant[0])
        if source.n_samples == 1:
            raise DataError("X has one row; a spread needs at least two different rows.")
        raise DataError(
            f"{source.quoted_column(j)} is constant: {lowest[j]} in all {source.n_samples} rows. "
            "It says nothing about groups and has no variance; leave it out."
        )
    check_scales(source)


def check_observed(source: Source) -> None:
    """Refuse columns that hold nothing."""
    if not source.has_gaps:
        return
    empty = np.flatnonzero(np.array(source.gaps.by_column) == source.n_samples)
    if len(empty):
        raise DataError(
            f"{source.quoted_column(int(empty[0]))} is missing in all {source.n_samples} rows; leave it out."
        )


def check_scales(source: Source) -> None:
    """Refuse rows whose squares, in the one power of two that serves all columns, leave the range of float64.

    Raises
    ------
    DataError
        Names the columns and says what to do.
    """
    lowest, highest = source.ranges
    scale, name = source.coordinates.scale, source.quoted_column
    with np.errstate(over="ignore"):
        width, logs = highest - lowest, np.log10(highest / 2 - lowest / 2) + np.log10(2)
    wide, narrow = int(np.argmax(logs)), int(np.argmin(logs))
    if not np.isfinite(width[wide]):
        raise DataError(
            f"{name(wide)} spans {lowest[wide]:.3g} to {highest[wide]:.3g}, more than float64 can subtract. "
            "Divide it by a power of ten."
        )
    if scale < SMALLEST_SCALE:
        raise DataError(
            f"values of {name(wide)} differ by {width[wide]:.3g} at most and as a rule by {scale:.3g}, where float64 "
            "runs out of digits. Multiply all columns by a power of ten."
        )
    if logs[wide] > np.log10(scale) + WIDEST_RANGE:
        raise DataError(
            f"{name(wide)} spans {width[wide]:.3g}, but half of the rows of every column lie within about {scale:.3g}: "
            "float64 does not hold the squares of both. Look for rows that are wrong, or rescale the column."
        )
    if logs[narrow] < np.log10(scale) - WIDEST_RANGE:
        raise DataError(
            f"{name(wide)} spans {width[wide]:.3g} and {name(narrow)} only {width[narrow]:.3g}: float64 does not hold "
            "the squares of both. Divide each column by a unit of its own size."
        )
