"""Rows in partitions that lie elsewhere, as Dask and Spark have them: questions go there, answers come back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from mixtura.errors import DataError
from mixtura.sources.arrays import ArraySource
from mixtura.sources.base import Chunk, Coordinates, Source, resolution_of
from mixtura.sources.frames import frame_to_array
from mixtura.sources.reservoir import Reservoir
from mixtura.validation import Array

T = TypeVar("T")

POOL_CELLS = 1_000_000
"""Cells of the uniform sample that starts are tried on."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What a partition says of itself: kilobytes, and its share of the sample."""

    n_rows: int
    lowest: Array
    highest: Array
    drawn: Array
    rows: Any


@dataclass(frozen=True)
class PartitionSource(ArraySource):
    """The rows of a partition where it lies, and its number."""

    number: int = 0


class PartitionedSource(Source):
    """Rows whose partitions are asked by `map`; one survey of them tells counts, ranges and a sample."""

    seed: int = 0

    @abstractmethod
    def map(self, function: Callable[..., T], *given: Any) -> list[T]:
        """`function(PartitionSource, …)` of every partition that has rows, where it lies, in order."""

    @cached_property
    def _survey(self) -> tuple[list[_Part], ArraySource]:
        size = max(1, POOL_CELLS // self.n_features)
        parts = self.map(_surveyed, size, self.seed)
        if not parts:
            raise DataError("there are no rows in any partition; expected at least one.")
        drawn = np.concatenate([part.drawn for part in parts])
        rows = np.concatenate([part.rows for part in parts])
        if len(drawn) > size:
            kept = np.sort(np.argpartition(drawn, size)[:size])
            rows = rows[kept]
        return parts, ArraySource(rows, None, self.columns)

    @property
    def n_samples(self) -> int:
        return sum(part.n_rows for part in self._survey[0])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._survey[1].dtype

    @property
    def is_dear(self) -> bool:
        return True

    @property
    def total_weight(self) -> float:
        return float(self.n_samples)

    @cached_property
    def coordinates(self) -> Coordinates:
        return self._survey[1].coordinates

    @cached_property
    def resolution(self) -> Array:
        return resolution_of(*self.ranges, self.dtype)

    @property
    def ranges(self) -> tuple[Array, Array]:
        parts = self._survey[0]
        return np.min([part.lowest for part in parts], axis=0), np.max([part.highest for part in parts], axis=0)

    def sample(self, n: int, rng: np.random.Generator) -> Source:
        return self if n >= self.n_samples else self._survey[1].sample(n, rng)

    def rough(self) -> ArraySource:
        return self._survey[1]


def loaded(block: Any, number: int) -> Any:
    """The rows of a partition as a checked array; bad cells are named with the partition."""
    rows = block if isinstance(block, np.ndarray) else frame_to_array(block)[0]
    try:
        return ArraySource.checked(rows).X if len(rows) else rows
    except DataError as error:
        raise DataError(f"partition {number}: {error}") from None


def _surveyed(source: PartitionSource, size: int, seed: int) -> _Part:
    """Where a partition lies: its numbers and its share of the sample."""
    pool = Reservoir(size, np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(source.number,))))
    pool.add(Chunk(source.X, None, 0))
    drawn, rows = pool.drawn()
    lowest, highest = source.ranges
    return _Part(source.n_samples, lowest, highest, drawn, rows)
