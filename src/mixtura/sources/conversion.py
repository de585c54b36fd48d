"""Arrow columns to rows of floats, a block at a time; what is no number is refused by column and row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mixtura.errors import DataError
from mixtura.validation import nearest_names

if TYPE_CHECKING:
    import pyarrow as pa

MISSING = {"", "#N/A", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null", "-NaN", "-nan"}
"""Texts that Arrow reads as a cell without a value."""

NO_NUMBER = "Remove or fill these rows: every cell must be a finite number."


def is_numeric(kind: pa.DataType) -> bool:
    """Whether a column of that Arrow type is one of numbers: integers, floats of any width, decimals, booleans,
    and cells that are all missing."""
    from pyarrow import types

    numbers = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind)
    return bool(numbers or types.is_null(kind))


def float_kind(kinds: Sequence[pa.DataType]) -> npt.DTypeLike:
    """float32 where every column is float32 or float16, else float64."""
    from pyarrow import types

    narrow = all(types.is_float32(kind) or types.is_float16(kind) for kind in kinds)
    return np.float32 if kinds and narrow else np.float64


def check_names(names: Sequence[str], known: Sequence[str], where: str) -> None:
    """Refuse columns that are not there, with the nearest names, and names that stand for several columns."""
    for name in names:
        if name not in known:
            raise DataError(f"{where} has no column {name!r}; it has {', '.join(known)}.{nearest_names(name, known)}")
    repeated = {name for name in names if known.count(name) > 1}
    if repeated:
        raise DataError(f"{where} has several columns named {min(repeated)!r}; give each its own name.")


def rows_of(batch: pa.RecordBatch, names: Sequence[str], dtype: npt.DTypeLike, where: str, first_row: int) -> Any:
    """(m, n_features): the named columns of a batch; a missing cell (empty, NA, nan) is NaN.

    Raises
    ------
    DataError
        For text; it says `where`, the column, and the row counted from `first_row`.
    """
    import pyarrow as pa

    target = pa.from_numpy_dtype(np.dtype(dtype))
    rows = np.empty((batch.num_rows, len(names)), dtype)
    for j, name in enumerate(names):
        column = batch.column(batch.schema.get_field_index(name))
        if not is_numeric(column.type):
            row, cell = first_text(column)
            raise text_error(where, name, cell, first_row + row)
        rows[:, j] = (column if column.type == target else column.cast(target, safe=False)).to_numpy(
            zero_copy_only=False
        )
    return rows


def numbers_of(batch: pa.RecordBatch, names: Sequence[str], where: str, first_row: int) -> pa.RecordBatch:
    """Columns of texts as float64, cells without a value as such; a text that is no number is refused."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = []
    for name in names:
        cells = batch.column(batch.schema.get_field_index(name))
        missing = pc.is_in(pc.utf8_trim_whitespace(cells), value_set=pa.array(sorted(MISSING)))
        try:
            columns.append(pc.if_else(missing, None, cells).cast(pa.float64()))
        except pa.ArrowInvalid:
            row = first_word(cells)
            raise text_error(where, name, cells[row].as_py(), first_row + row) from None
    return pa.RecordBatch.from_arrays(columns, list(names))


def first_word(cells: Any) -> int:
    """The first of some texts that is neither a number nor a missing cell; −1 where there is none."""
    for row, cell in enumerate(cells.to_pylist()):
        try:
            float(cell)
        except ValueError:
            if cell.strip() not in MISSING:
                return row
    return -1


def text_error(where: str, name: str, cell: Any, row: int) -> DataError:
    """What is said of a column of text."""
    return DataError(
        f"{where}, column {name!r} holds text: {cell!r} in row {row} (rows counted from 0). "
        "Choose the numeric columns (columns=… or --columns a,b), or correct the cell."
    )


def first_text(column: Any) -> tuple[int, Any]:
    """The row and value of the first cell that is not a number."""
    for row, value in enumerate(column):
        cell = value.as_py()
        if cell is None:
            continue
        try:
            float(cell)
        except (TypeError, ValueError):
            return row, cell
    return 0, column[0].as_py() if len(column) else None
