"""Rows of files, read block by block as often as they are needed: memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura import _core
from mixtura.errors import DataError, ShapeError, SourceError
from mixtura.sources.arrays import ArraySource
from mixtura.sources.base import Chunk, Coordinates, Source, chunk_rows, resolution_of
from mixtura.sources.collection import Collection, Piece
from mixtura.sources.gaps import Gaps
from mixtura.sources.read_ahead import read_ahead
from mixtura.sources.reservoir import Reservoir
from mixtura.sources.strata import StratifiedSource, source_of
from mixtura.sources.survey import Places, Survey, checked_weights, refuse_infinite, survey_of
from mixtura.validation import Array


class StreamSource(Source):
    """Rows of a `Collection` of files, read anew for every pass, in chunks of a fixed number of rows.

    The first use reads them once: it counts rows and missing cells, refuses infinite ones, finds ranges and inner
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

    @property
    def is_partial(self) -> bool:
        return self.has_gaps

    @property
    def has_gaps(self) -> bool:
        return self.survey.gaps is not None

    @property
    def gaps(self) -> Gaps:
        return self.survey.gaps or super().gaps

    @cached_property
    def resolution(self) -> Array:
        """The rounding unit of each column; where cells are missing, no less than that of the sample."""
        unit, pool = resolution_of(*self.ranges, self.dtype), self.survey.pool
        return np.maximum(unit, pool.resolution) if isinstance(pool, StratifiedSource) else unit

    @property
    def ranges(self) -> tuple[Array, Array]:
        return self.survey.lowest, self.survey.highest

    @cached_property
    def survey(self) -> Survey:
        """The first reading.

        Raises
        ------
        DataError
            For infinities, bad weights or no rows: it names the file, its row and the column.
        """
        places = Places()
        found = survey_of(self._read(places), self.rows, places, self.seed)
        self._check_length(found.n_samples)
        if not found.total_weight > 0:
            raise DataError("no row counts: their weights are zero, or none has a value; at least one row must count.")
        return found

    def chunks(self) -> Iterator[Chunk]:
        if self.has_gaps:
            raise DataError(
                f"{self.rows.name} has missing cells, {self.gaps.n_cells} in all. This call needs whole rows: leave "
                "those with gaps out (where=…), or fill them (mixtura impute)."
            )
        return self._whole_reading()

    def chunks_with_gaps(self) -> Iterator[Chunk]:
        if not self.has_gaps:
            yield from self._whole_reading()
        else:
            for start, part in self.parts():
                yield Chunk(part.X, part.weights, start)

    def parts(self) -> Iterator[tuple[int, StratifiedSource]]:
        for chunk in self._whole_reading():
            yield chunk.start, StratifiedSource(chunk.rows, chunk.weights, self.columns)

    def _whole_reading(self) -> Iterator[Chunk]:
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
        for chunk in self._whole_reading():
            drawn.add(chunk)
        return source_of(*drawn.rows(), self.columns)

    def rough(self) -> ArraySource | StratifiedSource:
        return self.survey.pool

    def select(self, columns: Sequence[str]) -> StreamSource:
        return StreamSource(self.rows.select(columns), self.sample_weight, self.seed)

    def in_memory(self) -> ArraySource | StratifiedSource:
        """The rows as one array, for files that are small; infinities are named as `survey` names bad cells."""
        places, chunks = Places(), []
        for chunk in self._read(places):
            if _core.scan(chunk.rows, 1)[2] >= 0:
                refuse_infinite(chunk, self.columns, places)
            if chunk.weights is not None:
                checked_weights(chunk, places)
            chunks.append(chunk)
        if not chunks:
            raise DataError(f"{self.rows.name} has a header but no rows; expected at least one row.")
        weights = [chunk.weights for chunk in chunks if chunk.weights is not None]
        return source_of(
            np.concatenate([chunk.rows for chunk in chunks]),
            np.concatenate(weights) if weights else self.sample_weight,
            self.columns,
        )

    def _read(self, places: Places | None) -> Iterator[Chunk]:
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


def fixed_chunks(pieces: Iterator[Piece], size: int, places: Places | None = None) -> Iterator[Chunk]:
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
