"""CSV and Parquet files, read by Apache Arrow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.errors import DataError, SourceError
from mixtura.sources.conversion import check_names, first_text, is_numeric, text_error

if TYPE_CHECKING:
    import pyarrow as pa


def read_table(path: str | os.PathLike[str]) -> pa.Table:
    """The whole file as an Arrow table, by its ending: .csv, .tsv, .txt (also .gz) or .parquet.

    Raises
    ------
    SourceError
        Where the file is missing, empty, or not what its ending says.
    """
    import pyarrow as pa
    from pyarrow import csv, parquet

    file = Path(path)
    if not file.exists():
        raise SourceError(f"there is no file {str(file)!r}; check the path.")
    if file.is_dir():
        raise SourceError(f"{str(file)!r} is a folder; name one CSV or Parquet file.")
    if file.stat().st_size == 0:
        raise SourceError(f"{str(file)!r} is empty; expected a header line and rows.")
    endings = [e.lower() for e in file.suffixes]
    try:
        if ".parquet" in endings:
            return parquet.read_table(file)
        if {".csv", ".tsv", ".txt"} & set(endings):
            delimiter = "\t" if ".tsv" in endings else ","
            options = csv.ConvertOptions(strings_can_be_null=False)
            return csv.read_csv(file, parse_options=csv.ParseOptions(delimiter=delimiter), convert_options=options)
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        raise SourceError(f"{str(file)!r} cannot be read: {error}") from None
    raise SourceError(f"{str(file)!r} ends in {file.suffix!r}; expected .csv, .tsv, .txt or .parquet.")


def choose_columns(table: pa.Table, columns: Sequence[str] | None, where: str) -> pa.Table:
    """The named columns of a table, in that order; unknown names are refused with the nearest ones."""
    check_names(table.column_names if columns is None else columns, table.column_names, where)
    if columns is None:
        return table
    return table.select(list(columns))


def table_to_array(table: pa.Table, where: str) -> np.ndarray[Any, np.dtype[Any]]:
    """(n_samples, n_features) float64, or float32 where every column is; a missing cell (empty, NA, nan) is NaN.

    Raises
    ------
    DataError
        For text, with its row (counted from 0, the header not counted) and column.
    """
    import pyarrow as pa
    from pyarrow import types

    if table.num_rows == 0:
        raise DataError(f"{where} has a header but no rows; expected at least one row.")
    arrays = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        if not is_numeric(kind):
            row, cell = first_text(column)
            raise text_error(where, name, cell, row)
        arrays.append(column.cast(pa.float32() if types.is_float32(kind) else pa.float64()).to_numpy())
    if not arrays:
        raise DataError(f"{where} has no columns; expected at least one.")
    return np.column_stack(arrays)
