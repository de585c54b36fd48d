"""Rows of files, read block by block as often as they are needed: memory does not grow with their number."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura import _core
from mixtura.errors import DataError, ShapeError, SourceError
from mixtura.sources.arrays import ArraySource
from mixtura.sources.base import (
    COORDINATE_ROWS,
    Chunk,
    Coordinates,
    Source,
    chunk_rows,
    resolution_of,
)
from mixtura.sources.collection import Collection, Piece
from mixtura.sources.conversion import NO_NUMBER
from mixtura.sources.read_ahead import read_ahead
from mixtura.sources.reservoir import Reservoir
from mixtura.sources.strata import StratifiedSource, source_of
from mixtura.threads import thread_count
from mixtura.validation import Array

POOL_CELLS = 4_000_000
"""Cells of the sample that the first reading keeps: later samples are drawn from it without another reading."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the first reading finds.

    Attributes
    ----------
    n_samples, total_weight : rows, and the sum of their weights
    lowest, highest : (n_features,), data units
    coordinates : inner coordinates
    pool : a uniform sample of the rows, in their order
    checksum : of every number, in order
    """

    n_samples: int
    total_weight: float
    lowest: Array
    highest: Array
    coordinates: Coordinates
    pool: ArraySource
    checksum: int


class StreamSource(Source):
    """Rows of a `Collection` of files, read anew for every pass, in chunks of a fixed number of rows.

    The first use reads them once: it counts rows, refuses cells that are no finite numbers, finds ranges and inner
    coordinates, and keeps a seeded sample.

    Parameters
    ----------
    rows : Collection
    sample_weight : (n_samples,), optional; weights may instead come from a column of the files
    seed : of the sample

    Attributes
    ----------
    readings : how often the rows were read to the end
    """

    def __init__(self, rows: Collection, sample_weight: Array | None = None, seed: int = 0) -> None:
        self.rows, self.sample_weight, self.seed = rows, sample_weight, seed
        self.columns = rows.columns
        self.readings = 0

    @property
    def n_samples(self) -> int:
        return self.survey.n_samples

    @property
    def n_features(self) -> int:
        return self.rows.n_features

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.rows.dtype)

    @property
    def is_dear(self) -> bool:
        return True

    @property
    def total_weight(self) -> float:
        return self.survey.total_weight

    @property
    def coordinates(self) -> Coordinates:
        return self.survey.coordinates

    @cached_property
    def resolution(self) -> Array:
        return resolution_of(*self.ranges, self.dtype)

    @property
    def ranges(self) -> tuple[Array, Array]:
        return self.survey.lowest, self.survey.highest

    @cached_property
    def survey(self) -> Survey:
        """The first reading.

        Raises
        ------
        DataError
            For missing cells, infinities, bad weights or no rows: it names the file, its row and the column.
        """
        places = _Places()
        pool = Reservoir(max(1, POOL_CELLS // self.n_features), np.random.default_rng(self.seed))
        grid = _Grid()
        lows, highs, n_samples, total_weight, checksum = [], [], 0, 0.0, 0
        for chunk in self._read(places):
            low, high, bad = _core.scan(chunk.rows, thread_count(None))
            if bad >= 0:
                raise _bad_cell(chunk, self.columns, places)
            if chunk.weights is not None:
                total_weight += _checked_weights(chunk, places)
                checksum = zlib.crc32(np.ascontiguousarray(chunk.weights).data, checksum)
            lows.append(low)
            highs.append(high)
            checksum = zlib.crc32(np.ascontiguousarray(chunk.rows).data, checksum)
            grid.add(chunk)
            pool.add(chunk)
            n_samples += len(chunk.rows)
        if not n_samples:
            raise DataError(f"{self.rows.name} has a header but no rows; expected at least one row.")
        self._check_length(n_samples)
        if self.sample_weight is None and not self.rows.weighted:
            total_weight = float(n_samples)
        if not total_weight > 0:
            raise DataError("the weights are zero in every row; at least one row must count.")
        rows, weights = pool.rows()
        coordinates = Coordinates.of_sample(grid.rows(n_samples).astype(np.float64))
        held = ArraySource(rows, weights, self.columns)
        return Survey(n_samples, total_weight, np.min(lows, axis=0), np.max(highs, axis=0), coordinates, held, checksum)

    def chunks(self) -> Iterator[Chunk]:
        expected, found = self.n_samples, 0
        for chunk in self._read(None):
            found += len(chunk.rows)
            yield chunk
        if found != expected:
            raise SourceError(f"{self.rows.name} had {expected} rows and now has {found}; leave it as it is.")

    def sample(self, n: int, rng: np.random.Generator) -> Source:
        if n >= self.n_samples:
            return self
        if n <= self.survey.pool.n_samples:
            return self.survey.pool.sample(n, rng)
        drawn = Reservoir(n, rng)
        for chunk in self.chunks():
            drawn.add(chunk)
        rows, weights = drawn.rows()
        return ArraySource(rows, weights, self.columns)

    def rough(self) -> ArraySource:
        return self.survey.pool

    def select(self, columns: Sequence[str]) -> StreamSource:
        return StreamSource(self.rows.select(columns), self.sample_weight, self.seed)

    def in_memory(self) -> ArraySource | StratifiedSource:
        """The rows as one array, for files that are small; infinities are named as `survey` names bad cells."""
        places, chunks = _Places(), []
        for chunk in self._read(places):
            if _core.scan(chunk.rows, 1)[2] >= 0 and np.isinf(chunk.rows).any():
                raise _bad_cell(chunk, self.columns, places)
            if chunk.weights is not None:
                _checked_weights(chunk, places)
            chunks.append(chunk)
        if not chunks:
            raise DataError(f"{self.rows.name} has a header but no rows; expected at least one row.")
        weights = [chunk.weights for chunk in chunks if chunk.weights is not None]
        return source_of(
            np.concatenate([chunk.rows for chunk in chunks]),
            np.concatenate(weights) if weights else self.sample_weight,
            self.columns,
        )

    def _read(self, places: _Places | None) -> Iterator[Chunk]:
        """One reading, decoded ahead."""
        size = chunk_rows(self.n_features, self.dtype.itemsize)
        chunks = fixed_chunks(self.rows.pieces(), size, places)
        if self.rows.decodes:
            chunks = read_ahead(chunks)
        for chunk in chunks:
            if self.sample_weight is None:
                yield chunk
                continue
            end = chunk.start + len(chunk.rows)
            if end > len(self.sample_weight):
                self._check_length(end)
            yield chunk._replace(weights=self.sample_weight[chunk.start : end])
        self.readings += 1

    def _check_length(self, n_samples: int) -> None:
        if self.sample_weight is not None and len(self.sample_weight) != n_samples:
            raise ShapeError(
                f"sample_weight has {len(self.sample_weight)} values but {self.rows.name} has {n_samples} rows or more;"
                " expected one a row."
            )


def fixed_chunks(pieces: Iterator[Piece], size: int, places: _Places | None = None) -> Iterator[Chunk]:
    """Pieces of any length as chunks of `size` rows; only the last has fewer."""
    rows: npt.NDArray[Any] | None = None
    weights: Array | None = None
    start = filled = 0
    for piece in pieces:
        if places is not None:
            places.add(start + filled, piece)
        taken = 0
        while taken < len(piece.rows):
            some = slice(taken, taken + size - filled)
            if rows is None and len(piece.rows) - taken >= size:
                yield Chunk(piece.rows[some], None if piece.weights is None else piece.weights[some], start)
                taken, start = taken + size, start + size
                continue
            if rows is None:
                rows = np.empty((size, piece.rows.shape[1]), piece.rows.dtype)
                weights = None if piece.weights is None else np.empty(size)
            here = len(piece.rows[some])
            rows[filled : filled + here] = piece.rows[some]
            if weights is not None and piece.weights is not None:
                weights[filled : filled + here] = piece.weights[some]
            taken, filled = taken + here, filled + here
            if filled == size:
                yield Chunk(rows, weights, start)
                rows, start, filled = None, start + size, 0
    if rows is not None:
        yield Chunk(rows[:filled], None if weights is None else weights[:filled], start)


class _Places:
    """Which file and row of it a row of the stream is."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.files: list[tuple[str, int]] = []

    def add(self, start: int, piece: Piece) -> None:
        """Note where a piece begins; one note a file is enough, for its rows follow each other."""
        if not self.files or self.files[-1][0] != piece.where:
            self.starts.append(start)
            self.files.append((piece.where, piece.row))

    def of(self, row: int) -> tuple[str, int]:
        """File, and row in it."""
        i = bisect_right(self.starts, row) - 1
        where, first = self.files[i]
        return where, first + row - self.starts[i]


class _Grid:
    """The rows 0, s, 2s, … of a stream whose length is not known yet; s doubles as they become many."""

    def __init__(self) -> None:
        self.stride = 1
        self.kept: list[npt.NDArray[Any]] = []
        self.n_kept = 0

    def add(self, chunk: Chunk) -> None:
        """Take what lies on the grid."""
        some = chunk.rows[-chunk.start % self.stride :: self.stride].copy()
        self.kept.append(some)
        self.n_kept += len(some)
        while self.n_kept > COORDINATE_ROWS:
            self._thin()

    def rows(self, n_samples: int) -> npt.NDArray[Any]:
        """As `coordinate_stride` wants them."""
        return np.concatenate(self.kept)

    def _thin(self) -> None:
        self.kept = [np.concatenate(self.kept)[::2]]
        self.n_kept = len(self.kept[0])
        self.stride *= 2


def _bad_cell(chunk: Chunk, columns: Sequence[str] | None, places: _Places) -> DataError:
    finite = ~np.isinf(chunk.rows)
    if finite.all():
        return _missing_cell(chunk, columns, places)
    row, j = (int(i) for i in np.argwhere(~finite)[0])
    where, here = places.of(chunk.start + row)
    name = f"column {columns[j]!r}" if columns else f"column {j}"
    return DataError(
        f"{where} has cells that are infinite ({int((~finite).sum())} among the rows looked at); the first is "
        f"{chunk.rows[row, j]} in row {here}, {name} (rows counted from 0). {NO_NUMBER}"
    )


def _missing_cell(chunk: Chunk, columns: Sequence[str] | None, places: _Places) -> DataError:
    row, j = (int(i) for i in np.argwhere(np.isnan(chunk.rows))[0])
    where, here = places.of(chunk.start + row)
    name = f"column {columns[j]!r}" if columns else f"column {j}"
    return DataError(
        f"{where} has missing cells; the first is in row {here}, {name} (rows counted from 0). Gaps need the rows in "
        "memory: raise memory_limit, or leave these rows out with where."
    )


def _checked_weights(chunk: Chunk, places: _Places) -> float:
    """The sum of a chunk's weights; one that is negative or not finite is named."""
    weights = chunk.weights
    assert weights is not None
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        row = int(np.argmax(bad))
        where, here = places.of(chunk.start + row)
        raise DataError(
            f"{where}: the weight of row {here} is {weights[row]}; row weights must be finite and non-negative."
        )
    return float(weights.sum())
