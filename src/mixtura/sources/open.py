"""The one door through which rows come in, whatever they are."""

from __future__ import annotations

import os
from typing import Any

from mixtura.sources.arrays import ArraySource
from mixtura.sources.base import Source
from mixtura.sources.frames import frame_to_array, is_frame


def as_source(X: Any, sample_weight: Any = None) -> Source:
    """A source of an array, a data frame, a file path or a source.

    Parameters
    ----------
    X : array-like (n_samples, n_features) or (n_samples,), data frame, path of a CSV or Parquet file, or Source
    sample_weight : (n_samples,), optional

    Raises
    ------
    DataError, ShapeError, SourceError
        Where the rows cannot be used; the message says which and why.
    """
    if isinstance(X, Source):
        if sample_weight is not None:
            raise TypeError("give sample_weight to the source itself, not beside it")
        return X
    if isinstance(X, (str, os.PathLike)):
        from mixtura.sources.files import read_file

        return read_file(X, sample_weight=sample_weight)
    if is_frame(X):
        array, columns = frame_to_array(X)
        return ArraySource.checked(array, sample_weight, columns)
    return ArraySource.checked(X, sample_weight)
