"""Rows of an array in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura import _core
from mixtura.errors import DataError, ShapeError
from mixtura.sources.base import Chunk, Coordinates, Source, chunk_rows, coordinate_stride, resolution_of
from mixtura.threads import thread_count
from mixtura.validation import Array, as_sample_weight, check_finite_rows

CHECK_ROWS = 65536
"""Rows looked at together when bad cells are counted, so that this needs no copy of the data."""


@dataclass(frozen=True)
class ArraySource(Source):
    """An (n_samples, n_features) array of float64 or float32, and row weights.

    Arrays of other kinds are converted to float64 once; float32 and float64 are used where they lie.
    """

    X: npt.NDArray[Any]
    sample_weight: Array | None = None
    columns: tuple[str, ...] | None = None

    @classmethod
    def checked(cls, X: Any, sample_weight: Any = None, columns: Sequence[str] | None = None) -> ArraySource:
        """A source of anything that NumPy can read as numbers; (n_samples,) is one column.

        Raises
        ------
        DataError
            For text, NaN, infinities, no rows; it names the first bad row and column.
        ShapeError
            For more than two dimensions, or weights of another length.
        """
        source = cls.shaped(X, sample_weight, columns)
        bad, names = source.first_bad_cell, source.columns
        if bad >= 0:
            start = bad // source.n_features // CHECK_ROWS * CHECK_ROWS
            check_finite_rows(source.X[start : start + CHECK_ROWS], names, start)
        return source

    @classmethod
    def shaped(cls, X: Any, sample_weight: Any = None, columns: Sequence[str] | None = None) -> ArraySource:
        """The same, whatever numbers the cells hold."""
        array = numeric_array(X)
        if array.ndim == 1:
            array = array[:, None]
        if array.ndim != 2:
            raise ShapeError(f"X has shape {array.shape}; expected (n_samples, n_features), or flat for one column.")
        if 0 in array.shape:
            raise DataError(
                f"X has shape {array.shape}: there are no rows to look at; expected at least one row and column."
            )
        names = None if columns is None else column_names(columns, array.shape[1])
        return cls(array, as_sample_weight(sample_weight, len(array)), names)

    @property
    def n_samples(self) -> int:
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        return int(self.X.shape[1])

    @cached_property
    def total_weight(self) -> float:
        return float(self.n_samples if self.sample_weight is None else self.sample_weight.sum())

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.X.dtype

    @cached_property
    def coordinates(self) -> Coordinates:
        return Coordinates.of_sample(self.X[:: coordinate_stride(self.n_samples)].astype(np.float64))

    @cached_property
    def resolution(self) -> Array:
        return resolution_of(*self.ranges, self.X.dtype)

    @property
    def ranges(self) -> tuple[Array, Array]:
        return self._scanned[:2]

    @property
    def first_bad_cell(self) -> int:
        """The first cell that is NaN or infinite, counted row by row; −1 where there is none."""
        return self._scanned[2]

    @cached_property
    def _scanned(self) -> tuple[Array, Array, int]:
        """Ranges of the columns and the first bad cell: the rows are looked at once for all of this."""
        return _core.scan(self.X, thread_count(None))

    def chunks(self) -> Iterator[Chunk]:
        size = chunk_rows(self.n_features, self.X.itemsize)
        for start in range(0, self.n_samples, size):
            piece = slice(start, start + size)
            yield Chunk(self.X[piece], None if self.sample_weight is None else self.sample_weight[piece], start)

    def select(self, columns: Sequence[str]) -> ArraySource:
        assert self.columns is not None
        index = [self.columns.index(name) for name in columns]
        return ArraySource(self.X[:, index], self.sample_weight, tuple(columns))

    def sample(self, n: int, rng: np.random.Generator) -> Source:
        if n >= self.n_samples:
            return self
        edges = np.arange(n + 1) * self.n_samples // n
        rows = edges[:-1] + (rng.random(n) * np.diff(edges)).astype(np.intp)
        weights = None if self.sample_weight is None else self.sample_weight[rows]
        return ArraySource(np.ascontiguousarray(self.X[rows]), weights, self.columns)


def column_names(columns: Sequence[str], n_features: int) -> tuple[str, ...]:
    """Names of columns, one each."""
    names = tuple(str(c) for c in columns)
    if len(names) != n_features:
        raise ShapeError(f"{len(names)} column names for {n_features} columns; expected one name a column.")
    return names


def numeric_array(X: Any) -> npt.NDArray[Any]:
    """float64 or float32 of anything numeric; text and objects that are no numbers are refused by name.

    Masked cells of a masked array are NaN.
    """
    if isinstance(X, np.ma.MaskedArray):
        X = np.ma.filled(X.astype(np.result_type(X.dtype, np.float32)), np.nan)
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise ShapeError(f"X cannot be read as an array ({error}); expected rows of equal length.") from None
    if array.dtype in (np.float64, np.float32):
        return array
    if np.iscomplexobj(array):
        raise DataError("X holds complex numbers; expected real ones.")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        cell = next((c for c in array.ravel().tolist() if not _is_number(c)), array.dtype)
        raise DataError(f"X holds {cell!r}, which is not a number; leave out or encode such columns.") from None


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True
