"""CSV and Parquet files, read by Apache Arrow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.errors import DataError, SourceError
from mixtura.sources.arrays import ArraySource
from mixtura.validation import nearest_names

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
    repeated = {name for name in table.column_names if table.column_names.count(name) > 1}
    if repeated:
        raise DataError(f"{where} has several columns named {min(repeated)!r}; give each its own name.")
    if columns is None:
        return table
    for name in columns:
        if name not in table.column_names:
            raise DataError(
                f"{where} has no column {name!r}; it has {', '.join(table.column_names)}."
                f"{nearest_names(name, table.column_names)}"
            )
    return table.select(list(columns))


def table_to_array(table: pa.Table, where: str) -> np.ndarray[Any, np.dtype[Any]]:
    """(n_samples, n_features) float64, or float32 where every column is; the first bad cell is named.

    Raises
    ------
    DataError
        For text or an empty cell, with its row (counted from 0, the header not counted) and column.
    """
    import pyarrow as pa
    from pyarrow import types

    if table.num_rows == 0:
        raise DataError(f"{where} has a header but no rows; expected at least one row.")
    arrays = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        if not (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind)):
            row, cell = first_text(column)
            raise DataError(
                f"{where}, column {name!r} holds text: {cell!r} in row {row} (rows counted from 0). "
                "Choose the numeric columns (columns=… or --columns a,b), or correct the cell."
            )
        if column.null_count:
            row = next(i for i, v in enumerate(column) if not v.is_valid)
            raise DataError(
                f"{where}, column {name!r}: {counted(column.null_count, 'cell')} without a number (empty, NA or nan), "
                f"the first in row {row} (rows counted from 0). Remove or fill these rows: every cell must be a finite "
                "number."
            )
        arrays.append(column.cast(pa.float32() if types.is_float32(kind) else pa.float64()).to_numpy())
    if not arrays:
        raise DataError(f"{where} has no columns; expected at least one.")
    return np.column_stack(arrays)


def counted(n: int, what: str) -> str:
    """`1 cell`, `2 cells`."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def first_text(column: Any) -> tuple[int, Any]:
    """The row and value of the first cell that is not a number."""
    for row, value in enumerate(column):
        cell = value.as_py()
        try:
            float(cell)
        except (TypeError, ValueError):
            return row, cell
    return 0, column[0].as_py()


def read_file(
    path: str | os.PathLike[str], columns: Sequence[str] | None = None, sample_weight: Any = None
) -> ArraySource:
    """A source of the numeric columns of a file.

    Parameters
    ----------
    path : of a .csv, .tsv, .txt or .parquet file
    columns : names of the columns to use, in that order; all of them where not given
    sample_weight : (n_samples,), or the name of a column that holds the weights

    Raises
    ------
    SourceError, DataError
        See `read_table`, `choose_columns` and `table_to_array`.
    """
    table = read_table(path)
    where = f"{Path(path).name}"
    weights = sample_weight
    if isinstance(sample_weight, str):
        weights = table_to_array(choose_columns(table, [sample_weight], where), where)[:, 0]
        table = table if columns is not None else table.drop_columns([sample_weight])
    table = choose_columns(table, columns, where)
    return ArraySource.checked(table_to_array(table, where), weights, table.column_names)
