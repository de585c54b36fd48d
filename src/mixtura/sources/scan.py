"""`scan`: files and streams as rows for any question, in memory where they fit and block by block where not."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from mixtura.errors import ParameterError
from mixtura.sources import paths
from mixtura.sources.base import Source
from mixtura.sources.collection import collect
from mixtura.sources.filters import as_filter
from mixtura.sources.readers import open_file
from mixtura.sources.stream import StreamSource

MEMORY_LIMIT = "512 MB"
"""The default: what a fit of any number of rows may take."""

SMALLEST_LIMIT = 256_000_000
"""Python with its libraries, blocks read ahead and samples take that much by themselves."""

SHARE = 4
"""Rows are held in memory where they take up to one part in so many of the limit: reading and fitting need room too."""

UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def scan(
    X: Any,
    columns: Sequence[str] | None = None,
    *,
    where: Any = None,
    sample_weight: Any = None,
    memory_limit: int | str = MEMORY_LIMIT,
) -> Source:
    """Rows of files or of a stream, for `fit`, `em` and every method that takes rows.

    Files whose rows take less than a quarter of `memory_limit` are loaded; of larger ones a block at a time is held,
    and each pass reads them again. The blocks have fixed sizes, so both ways add the same numbers in the same order.

    Parameters
    ----------
    X : the path of a CSV, Parquet, Arrow (IPC, Feather) or .npy file, a folder of such files, or a pattern such as
        "data/*.parquet"; or anything with the Arrow C stream (DuckDB, polars, a RecordBatchReader), which is read once:
        what does not fit in memory waits in a temporary file
    columns : names of the columns to use, in that order; all of them where not given. They name those of .npy files.
    where : which rows count: a text like "x > 0 and species == 'setosa'", or a pyarrow expression
    sample_weight : (n_samples,), or the name of the column that holds the weights
    memory_limit : bytes, or a text like "2 GB": what the whole process should stay below, however many rows there are

    Returns
    -------
    Source

    Raises
    ------
    SourceError, DataError, ParameterError
        They name the file, the row group, and the row.

    Examples
    --------
    >>> import mixtura as mx
    >>> rows = mx.scan("examples/old_faithful.csv", ["eruptions"], where="waiting > 60")
    >>> rows.n_samples, rows.columns
    (189, ('eruptions',))
    """
    limit = as_bytes(memory_limit)
    weight = sample_weight if isinstance(sample_weight, str) else None
    values = None if weight is not None or sample_weight is None else np.ascontiguousarray(sample_weight, np.float64)
    condition, needed = (None, ()) if where is None else as_filter(where)
    if not isinstance(X, (str, os.PathLike)):
        from mixtura.sources.spool import spooled

        return spooled(X, columns, weight, values, condition, needed, limit // SHARE)
    files = [open_file(file) for file in paths.files_of(X)]
    name = files[0].where if len(files) == 1 else repr(os.fspath(X))
    rows = collect(name, files, columns, weight, condition, needed)
    source = StreamSource(rows, values)
    return source.in_memory() if rows.n_bytes <= limit // SHARE else source


def as_bytes(value: int | str) -> int:
    """`512 MB` or a number of bytes.

    Raises
    ------
    ParameterError
        For what is neither, or less than a fit needs at least.
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*", str(value))
    if isinstance(value, bool) or found is None or found[2].upper() not in UNITS:
        raise ParameterError(f"memory_limit is {value!r}; expected bytes, or a text like '512 MB' or '2 GiB'.")
    limit = int(float(found[1]) * UNITS[found[2].upper()])
    if limit < SMALLEST_LIMIT:
        raise ParameterError(
            f"memory_limit is {value!r}; expected at least '256 MB', which Python and a few blocks of rows need."
        )
    return limit
