"""Several files as one set of rows: their columns agree, chosen ones are read, a filter says which rows count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mixtura.errors import DataError, ParameterError
from mixtura.sources.conversion import check_names, float_kind, is_numeric, rows_of
from mixtura.sources.readers import FileReader, NumpyReader
from mixtura.validation import Array


class Piece(NamedTuple):
    """Rows of one file, however many its format hands out at a time."""

    rows: npt.NDArray[Any]
    weights: Array | None
    where: str
    """the file, for error texts"""
    row: int
    """the number of the first row in its file, among those that the filter keeps"""


@dataclass(frozen=True)
class Collection:
    """The rows of one or more files.

    Attributes
    ----------
    name : for error texts
    files : in order
    columns : the features, by name; None for .npy files
    n_features
    dtype : float32 where every column is as narrow, else float64
    weight : the column of row weights, if any
    where : an Arrow expression that says which rows count, and the columns it needs
    """

    name: str
    files: tuple[FileReader, ...]
    columns: tuple[str, ...] | None
    n_features: int
    dtype: npt.DTypeLike
    weight: str | None = None
    where: Any = None
    needed: tuple[str, ...] = ()

    @property
    def decodes(self) -> bool:
        """Whether a reading is more than looking at mapped memory."""
        return not all(isinstance(file, NumpyReader) for file in self.files)

    @property
    def weighted(self) -> bool:
        """Whether a column holds weights."""
        return self.weight is not None

    @property
    def n_rows(self) -> int | None:
        """Rows of all files before the filter, where they are known without reading."""
        known = [file.n_rows for file in self.files]
        return None if None in known else sum(n for n in known if n is not None)

    @property
    def n_bytes(self) -> int:
        """About how much memory the rows take as an array."""
        n_rows = self.n_rows
        if n_rows is not None:
            return n_rows * self.n_features * np.dtype(self.dtype).itemsize
        return sum(file.text_bytes for file in self.files)

    def select(self, columns: Sequence[str]) -> Collection:
        """The same rows with some of the columns, in that order."""
        return replace(self, columns=tuple(columns), n_features=len(columns))

    def pieces(self) -> Iterator[Piece]:
        """All rows once, in order."""
        for file in self.files:
            row = 0
            if isinstance(file, NumpyReader):
                for batch in file.read(()):
                    yield Piece(batch.data.astype(self.dtype, copy=False), None, file.where, row)
                    row += len(batch.data)
                continue
            assert self.columns is not None
            wanted = tuple(dict.fromkeys([*self.columns, *([self.weight] if self.weight else []), *self.needed]))
            for batch in file.read(wanted):
                data = batch.data if self.where is None else batch.data.filter(self.where)
                if not data.num_rows:
                    continue
                place = file.where + batch.place
                rows = rows_of(data, self.columns, self.dtype, place, row)
                weights = None
                if self.weight is not None:
                    weights = rows_of(data, [self.weight], np.float64, place, row)[:, 0]
                yield Piece(rows, weights, file.where, row)
                row += len(rows)


def collect(
    name: str,
    files: Sequence[FileReader],
    columns: Sequence[str] | None,
    weight: str | None = None,
    where: Any = None,
    needed: Sequence[str] = (),
) -> Collection:
    """The collection of some files, their columns checked against each other before any row is read.

    Raises
    ------
    DataError
        Where a column is missing in a file, is no number there, or another file has columns that the first has not.
    """
    arrays = [file for file in files if isinstance(file, NumpyReader)]
    if arrays:
        return _of_arrays(name, files, arrays, columns, weight, where)
    first = files[0]
    features = list(columns) if columns is not None else [c for c in first.schema.names if c != weight]
    if not features:
        raise DataError(f"{first.where} has no columns; expected at least one.")
    asked = [*features, *([weight] if weight else []), *needed]
    if where is not None and not needed:
        needed = [c for c in first.schema.names if c not in features]
    kinds = []
    for file in files:
        names = file.schema.names
        check_names(list(dict.fromkeys(asked)), names, file.where)
        extra = [c for c in names if c not in first.schema.names]
        if columns is None and extra:
            raise DataError(
                f"{file.where} has a column {extra[0]!r} that {first.where} has not; the files of one fit have the "
                "same columns. Name those to use (columns=… or --columns a,b)."
            )
        kinds += [_kind(file, c) for c in features]
        if weight:
            _kind(file, weight)
    return Collection(
        name, tuple(files), tuple(features), len(features), float_kind(kinds), weight, where, tuple(needed)
    )


def _kind(file: FileReader, column: str) -> Any:
    """The Arrow type of a column of numbers; text is refused with its first cell."""
    import pyarrow as pa

    kind = file.schema.field(column).type
    if not (is_numeric(kind) or pa.types.is_null(kind)):
        for batch in file.read((column,)):
            rows_of(batch.data, (column,), np.float64, file.where, 0)
        raise DataError(f"{file.where}, column {column!r} holds {kind}, not numbers; choose the numeric columns.")
    return kind


def _of_arrays(
    name: str,
    files: Sequence[FileReader],
    arrays: Sequence[NumpyReader],
    columns: Sequence[str] | None,
    weight: str | None,
    where: Any,
) -> Collection:
    """Of .npy files alone; `columns` then are the names of theirs."""
    if len(arrays) < len(files):
        raise DataError(f"{name} mixes .npy files with others; expected files of one kind.")
    if weight is not None or where is not None:
        raise ParameterError(".npy files have no named columns, so none can hold weights or decide which rows count.")
    n_features = arrays[0].shape[1]
    for file in arrays:
        if file.shape[1] != n_features:
            raise DataError(f"{file.where} has {file.shape[1]} columns but {arrays[0].where} has {n_features}.")
    if columns is not None and len(columns) != n_features:
        raise DataError(f"{len(columns)} column names for the {n_features} columns of {name}; expected one a column.")
    dtype = np.float32 if all(file.kind == np.float32 for file in arrays) else np.float64
    return Collection(name, tuple(arrays), None if columns is None else tuple(columns), n_features, dtype)
