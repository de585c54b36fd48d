"""The first reading of a stream: how many rows, what lies in their cells, where their middle is, and a sample."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura import _core
from mixtura.errors import DataError
from mixtura.sources.arrays import ArraySource
from mixtura.sources.base import COORDINATE_ROWS, Chunk, Coordinates
from mixtura.sources.collection import Collection, Piece
from mixtura.sources.conversion import NO_NUMBER
from mixtura.sources.gaps import Gaps, Tally
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
    n_samples, total_weight : rows, and the sum of the weights of those that know anything
    lowest, highest : (n_features,), data units
    coordinates : inner coordinates
    pool : a uniform sample of the rows, in their order
    checksum : of every number, in order
    gaps : what is missing; None where nothing is
    """

    n_samples: int
    total_weight: float
    lowest: Array
    highest: Array
    coordinates: Coordinates
    pool: ArraySource | StratifiedSource
    checksum: int
    gaps: Gaps | None


class Places:
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


def survey_of(chunks: Iterable[Chunk], rows: Collection, places: Places, seed: int) -> Survey:
    """Read all chunks of the rows of some files.

    Raises
    ------
    DataError
        For infinities, bad weights or no rows: it names the file, its row and the column.
    """
    n_features, columns = rows.n_features, rows.columns
    pool = Reservoir(max(1, POOL_CELLS // n_features), np.random.default_rng(seed))
    grid, tally, any_gap = _Grid(), Tally(n_features), False
    lows, highs, n_samples, total_weight, checksum = [], [], 0, 0.0, 0
    for chunk in chunks:
        low, high, bad = _core.scan(chunk.rows, thread_count(None))
        weights = None if chunk.weights is None else checked_weights(chunk, places)
        if bad < 0:
            tally.add_whole(len(chunk.rows))
            total_weight += len(chunk.rows) if weights is None else float(weights.sum())
        else:
            refuse_infinite(chunk, columns, places)
            part, any_gap = StratifiedSource(chunk.rows, weights, columns), True
            part.count_gaps(tally)
            low = np.fmin.reduce(chunk.rows, axis=0, initial=np.inf)
            high = np.fmax.reduce(chunk.rows, axis=0, initial=-np.inf)
            total_weight += part.total_weight
        if weights is not None:
            checksum = zlib.crc32(np.ascontiguousarray(weights).data, checksum)
        checksum = zlib.crc32(np.ascontiguousarray(chunk.rows).data, checksum)
        lows.append(low)
        highs.append(high)
        grid.add(chunk)
        pool.add(chunk)
        n_samples += len(chunk.rows)
    if not n_samples:
        raise DataError(f"{rows.name} has a header but no rows; expected at least one row.")
    lowest, highest = np.min(lows, axis=0).astype(np.float64), np.max(highs, axis=0).astype(np.float64)
    empty = lowest > highest
    return Survey(
        n_samples,
        total_weight,
        np.where(empty, 0.0, lowest),
        np.where(empty, 0.0, highest),
        source_of(grid.rows()).coordinates,
        source_of(*pool.rows(), columns),
        checksum,
        tally.gaps() if any_gap else None,
    )


def refuse_infinite(chunk: Chunk, columns: Sequence[str] | None, places: Places) -> None:
    """Name the first infinity of a chunk that is not all finite, if there is one."""
    infinite = np.isinf(chunk.rows)
    if not infinite.any():
        return
    row, j = (int(i) for i in np.argwhere(infinite)[0])
    where, here = places.of(chunk.start + row)
    name = f"column {columns[j]!r}" if columns else f"column {j}"
    raise DataError(
        f"{where} has cells that are infinite ({int(infinite.sum())} among the rows looked at); the first is "
        f"{chunk.rows[row, j]} in row {here}, {name} (rows counted from 0). {NO_NUMBER}"
    )


def checked_weights(chunk: Chunk, places: Places) -> Array:
    """A chunk's weights; one that is negative or not finite is named."""
    weights: Any = chunk.weights
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        row = int(np.argmax(bad))
        where, here = places.of(chunk.start + row)
        raise DataError(
            f"{where}: the weight of row {here} is {weights[row]}; row weights must be finite and non-negative."
        )
    return np.asarray(weights, dtype=np.float64)


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

    def rows(self) -> npt.NDArray[Any]:
        """As `coordinate_stride` wants them."""
        return np.concatenate(self.kept)

    def _thin(self) -> None:
        self.kept = [np.concatenate(self.kept)[::2]]
        self.n_kept = len(self.kept[0])
        self.stride *= 2
