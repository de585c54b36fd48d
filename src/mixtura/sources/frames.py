"""Data frames of any library that narwhals knows (pandas, polars, Arrow, …): numbers and column names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura.errors import DataError
from mixtura.validation import nearest_names


def is_frame(X: Any) -> bool:
    """Whether X is a data frame, told without loading any data frame library."""
    if isinstance(X, (np.ndarray, list, tuple)):
        return False
    import narwhals as nw

    return isinstance(_known(X), (nw.DataFrame, nw.LazyFrame))


def is_eager_frame(X: Any) -> bool:
    """Whether X is a data frame whose rows are in memory already."""
    import narwhals as nw

    return isinstance(_known(X), nw.DataFrame)


def _known(X: Any) -> Any:
    """X as narwhals' frame, or as it is."""
    import narwhals as nw
    from narwhals.exceptions import DuplicateError

    try:
        return nw.from_native(X, pass_through=True, eager_only=False)
    except DuplicateError:
        raise DataError("the data frame has several columns of one name; give each its own.") from None


def frame_to_array(X: Any, columns: Sequence[str] | None = None) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """(n_samples, n_features) and the column names: all columns, or the named ones in that order.

    Raises
    ------
    DataError
        For a name that is not there, or a column that holds no numbers, by its name, with its first value.
    """
    import narwhals as nw

    frame = nw.from_native(X)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    known = frame.columns
    for name in columns or ():
        if name not in known:
            texts = [str(other) for other in known]
            near = nearest_names(str(name), texts)
            raise DataError(f"the data frame has no column {name!r}; it has {', '.join(texts)}.{near}")
    frame = frame if columns is None else frame.select(list(columns))
    arrays = []
    for name, column in zip(frame.columns, frame.iter_columns(), strict=True):  # names need not be texts
        dtype = column.dtype
        if not (dtype.is_numeric() or dtype == nw.Boolean):
            first = next((v for v in column.head(100).to_list() if v is not None), None)
            raise DataError(
                f"column {name!r} holds {dtype} (the first value is {first!r}), not numbers; "
                "choose the numeric columns, or encode it."
            )
        kind = np.float32 if dtype == nw.Float32 else np.float64
        arrays.append(np.asarray(column.cast(nw.Float32 if kind is np.float32 else nw.Float64).to_numpy(), dtype=kind))
    if not arrays:
        raise DataError("the data frame has no columns; expected at least one.")
    return np.column_stack(arrays), tuple(str(c) for c in frame.columns)
