"""Rows of which not the same is known, cut into strata: rows that know the same columns and the same labels.

What is known decides how a row turns into statistics. Strata of many rows go to the engines as arrays of their own,
without the columns that are missing; rows of rare strata are gathered in batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura.errors import DataError, ParameterError
from mixtura.sources.arrays import CHECK_ROWS, ArraySource
from mixtura.sources.base import Chunk, Coordinates, Source, coordinate_stride, resolution_of
from mixtura.sources.gaps import Gaps, Tally
from mixtura.sources.known import Known
from mixtura.validation import Array, Flags, check_finite_rows

Numbers = npt.NDArray[np.intp]

MANY_ROWS = 96
"""Rows of one stratum from which on an engine takes it alone."""

BATCH_ROWS, BATCH_CELLS = 1024, 1 << 17
"""Rows of a batch at most, and its rows times the square of the columns."""

THIN = 2e-9
"""Of a column's spread: what counts as its resolution where cells are missing. A component that collapses loses a share
of its variance in each iteration there, because a missing cell keeps the variance that it is given, and would go on
until rounding decides; variances down to 1e-16 of the column's are left alone."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """Many rows of which the same is known.

    Attributes
    ----------
    observed : (D_o,), the known columns in order
    rows : (m, D_o), float64 or float32, data units
    weights : (m,), or None where every row counts once
    numbers : (m,), of the rows in the source
    code : what is known of their component (`Known.code`)
    """

    observed: Numbers
    rows: npt.NDArray[Any]
    weights: Array | None
    numbers: Numbers
    code: int = 0

    @property
    def chunk(self) -> Chunk:
        return Chunk(self.rows, self.weights, 0)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of several patterns, in the order of their patterns.

    Attributes
    ----------
    rows : (m, D) float64, data units; 0 where a cell is missing
    weights : (m,)
    numbers : (m,), of the rows in the source
    pattern : (m,), the pattern of each row
    seen : (P, D), the columns that each pattern knows
    known : what is known of their components; None where that is nothing
    unit : (m,), rows of one number belong to one component together; None where all rows are alone
    """

    rows: Array
    weights: Array
    numbers: Numbers
    pattern: Numbers
    seen: Flags
    known: Known | None = None
    unit: Numbers | None = None

    @property
    def starts(self) -> Numbers:
        """(P,): where the rows of each pattern begin."""
        return np.searchsorted(self.pattern, np.arange(len(self.seen)))


@dataclass(frozen=True)
class StratifiedSource(Source):
    """An (n_samples, n_features) array of float64 or float32 in which NaN is a missing cell, row weights, and labels.

    A row of which nothing is known counts for nothing. Whoever reads rows one after the other (`chunks`) is refused
    where cells are missing: only a sweep, and answers for each row, know what to do with gaps.
    """

    X: npt.NDArray[Any]
    sample_weight: Array | None = None
    columns: tuple[str, ...] | None = None
    known: Known | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.X.dtype

    @property
    def n_samples(self) -> int:
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        return int(self.X.shape[1])

    @cached_property
    def missing(self) -> Flags:
        """(n_samples, n_features)"""
        found: Flags = np.isnan(self.X)
        return found

    @cached_property
    def counted(self) -> Flags:
        """(n_samples,): rows that know anything."""
        counted: Flags = np.any(~self.missing, axis=1)
        return counted if self.known is None else counted | self.known.informs

    @cached_property
    def weights(self) -> Array:
        """(n_samples,): row weights, 0 for rows that count for nothing."""
        weights: Array = self.counted.astype(np.float64)
        return weights if self.sample_weight is None else weights * self.sample_weight

    @cached_property
    def total_weight(self) -> float:
        return float(self.weights.sum())

    @cached_property
    def coordinates(self) -> Coordinates:
        rows = self.X[:: coordinate_stride(self.n_samples)].astype(np.float64)
        if np.isnan(rows).all(axis=0).any():
            rows = np.where(np.isnan(self.X).all(axis=0), 0.0, self.X)
        ordered = np.sort(rows, axis=0)  # NaN last
        middle = (~np.isnan(rows)).sum(axis=0) // 2
        centre = np.take_along_axis(ordered, middle[None, :], axis=0)[0].astype(np.float64)
        return Coordinates.about(centre, np.abs(rows - centre))

    @cached_property
    def resolution(self) -> Array:
        """The rounding unit of each column, but at least `THIN` of its spread."""
        thin = THIN * self.column_moments[1] * self.coordinates.scale
        return np.maximum(resolution_of(*self.ranges, self.X.dtype), thin)

    @cached_property
    def ranges(self) -> tuple[Array, Array]:
        """The smallest and the largest known value of every column; 0 where there is none."""
        known = ~self.missing
        lowest = np.min(self.X, axis=0, where=known, initial=np.inf)
        highest = np.max(self.X, axis=0, where=known, initial=-np.inf)
        empty = ~known.any(axis=0)
        return np.where(empty, 0.0, lowest).astype(np.float64), np.where(empty, 0.0, highest).astype(np.float64)

    @cached_property
    def column_moments(self) -> tuple[Array, Array]:
        """(n_features,) each: mean and standard deviation of the known cells of each column, in inner coordinates."""
        rows = np.where(self.missing, 0.0, self.coordinates.rows_inward(self.X))
        weights = np.where(self.missing, 0.0, self.weights[:, None])
        total = np.maximum(weights.sum(axis=0), np.finfo(float).tiny)
        mean = (weights * rows).sum(axis=0) / total
        spread = np.sqrt((weights * (rows - mean) ** 2).sum(axis=0) / total)
        return mean, np.where(spread > 0, spread, 1.0)

    @property
    def is_partial(self) -> bool:
        return True

    @cached_property
    def has_gaps(self) -> bool:
        return bool(self.missing.any())

    def whole(self) -> ArraySource:
        """The rows without what is known of their components, where no cell is missing."""
        return ArraySource(self.X, self.sample_weight, self.columns)

    def chunks(self) -> Iterator[Chunk]:
        if not self.has_gaps:
            yield from self.whole().chunks()
            return
        row, column = (int(i) for i in np.argwhere(self.missing)[0])
        raise DataError(
            f"X has cells that are missing (NaN, {self.gaps.n_cells} in all); the first is in row {row}, "
            f"{self.quoted_column(column)} (rows counted from 0). This call needs whole rows: leave those with gaps "
            "out, or fill them with Mixture.impute."
        )

    def chunks_with_gaps(self) -> Iterator[Chunk]:
        yield Chunk(self.X, self.weights, 0)

    def parts(self) -> Iterator[tuple[int, StratifiedSource]]:
        yield 0, self

    def select(self, columns: Sequence[str]) -> ArraySource | StratifiedSource:
        assert self.columns is not None
        index = [self.columns.index(name) for name in columns]
        if self.known is None:
            return source_of(self.X[:, index], self.sample_weight, tuple(columns))
        return StratifiedSource(self.X[:, index], self.sample_weight, tuple(columns), self.known)

    def sample(self, n: int, rng: np.random.Generator) -> Source:
        if n >= self.n_samples:
            return self
        edges = np.arange(n + 1) * self.n_samples // n
        return self.take(edges[:-1] + (rng.random(n) * np.diff(edges)).astype(np.intp))

    def take(self, numbers: Numbers) -> StratifiedSource:
        """Some of the rows."""
        weights = None if self.sample_weight is None else self.sample_weight[numbers]
        known = None if self.known is None else self.known.take(numbers)
        return StratifiedSource(np.ascontiguousarray(self.X[numbers]), weights, self.columns, known)

    @cached_property
    def gaps(self) -> Gaps:
        tally = Tally(self.n_features)
        self.count_gaps(tally)
        return tally.gaps()

    def count_gaps(self, tally: Tally) -> None:
        """Add what is missing here."""
        tally.add(self.missing, self.counted, self._patterns[0])

    @cached_property
    def _patterns(self) -> tuple[Flags, npt.NDArray[Any]]:
        """(P, D) known columns of each pattern, and (n_samples,) the pattern of each row."""
        if self.n_features <= 16:  # short numbers are sorted by their digits, in one go
            packed = np.packbits(self.missing, axis=1, bitorder="little")
            keys = packed.view("<u2" if packed.shape[1] == 2 else np.uint8)[:, 0]
            unique = np.flatnonzero(np.bincount(keys))
            place = np.zeros(1 << 16, dtype=np.uint16)
            place[unique] = np.arange(len(unique))
            return (unique[:, None] >> np.arange(self.n_features)) & 1 == 0, place[keys]
        if self.n_features <= 62:
            keys = self.missing @ (np.int64(1) << np.arange(self.n_features))
            unique, pattern = np.unique(keys, return_inverse=True)
            seen = (unique[:, None] >> np.arange(self.n_features)) & 1 == 0
        else:
            packed = np.packbits(self.missing, axis=1)
            different, pattern = np.unique(packed, axis=0, return_inverse=True)
            seen = np.unpackbits(different, axis=1, count=self.n_features) == 0
        return seen, pattern.reshape(-1).astype(np.intp)

    @cached_property
    def strata(self) -> tuple[list[Stratum], list[Batch]]:
        """Strata of many rows, and all other rows in batches."""
        if self.known is not None and self.known.linked:
            return [], self._linked_batches()
        large, rare = [], []
        for known, numbers in self._by_pattern():
            for code, rows in self._by_code(numbers):
                if len(rows) >= MANY_ROWS and known.any():
                    observed = np.flatnonzero(known)
                    weights = None if self.sample_weight is None else self.sample_weight[rows]
                    cells = np.ascontiguousarray(self.X[np.ix_(rows, observed)])
                    large.append(Stratum(observed, cells, weights, rows, code))
                else:
                    rare.append(rows)
        return large, self._batches(rare)

    def _by_code(self, numbers: Numbers) -> list[tuple[int, Numbers]]:
        """Rows by what is known of their component."""
        if self.known is None:
            return [(0, numbers)]
        codes = self.known.code[numbers]
        return [(int(code), numbers[codes == code]) for code in np.unique(codes)]

    def _linked_batches(self) -> list[Batch]:
        """All rows in batches that never cut a group."""
        assert self.known is not None
        _, pattern = self._patterns
        group = self.known.group
        if group is None:
            order, ends = np.arange(self.n_samples), np.arange(1, self.n_samples + 1)
        else:
            alone = np.arange(self.n_samples) + group.max(initial=0) + 1
            unit = np.where(group < 0, alone, group)
            order = np.argsort(unit, kind="stable")
            ends = np.flatnonzero(np.diff(unit[order], append=-1)) + 1
        batches, start = [], 0
        most = self._most_rows
        while start < len(order):
            end = int(
                ends[max(np.searchsorted(ends, start + most, side="right") - 1, np.searchsorted(ends, start + 1))]
            )
            rows = order[start:end]
            rows = rows[np.argsort(pattern[rows], kind="stable")]
            cuts = np.flatnonzero(np.diff(pattern[rows])) + 1
            batches.append(self._batch(np.split(rows, cuts)))
            start = end
        return batches

    @property
    def _most_rows(self) -> int:
        return max(16, min(BATCH_ROWS, BATCH_CELLS // self.n_features**2))

    def incomplete_batches(self) -> list[Batch]:
        """All rows that lack a cell, in batches."""
        return self._batches([numbers for known, numbers in self._by_pattern() if not known.all()])

    def batches(self) -> list[Batch]:
        """All rows in batches, whole ones too."""
        return self._batches([numbers for _, numbers in self._by_pattern()])

    def _by_pattern(self) -> Iterator[tuple[Flags, Numbers]]:
        """The known columns (D,) of each pattern, and the numbers of its rows."""
        seen, pattern = self._patterns
        order = np.argsort(pattern, kind="stable")
        ends = np.concatenate([[0], np.cumsum(np.bincount(pattern, minlength=len(seen)))])
        for p, known in enumerate(seen):
            yield known, order[ends[p] : ends[p + 1]]

    def _batches(self, rare: list[Numbers]) -> list[Batch]:
        most = self._most_rows
        batches, here, n_rows = [], list[Numbers](), 0
        for numbers in rare:
            for piece in np.split(numbers, range(most, len(numbers), most)):
                if here and n_rows + len(piece) > most:
                    batches.append(self._batch(here))
                    here, n_rows = [], 0
                here.append(piece)
                n_rows += len(piece)
        return [*batches, self._batch(here)] if here else batches

    def _batch(self, pieces: list[Numbers]) -> Batch:
        numbers = np.concatenate(pieces)
        pattern = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
        seen = ~self.missing[[piece[0] for piece in pieces]]
        rows = np.where(self.missing[numbers], 0.0, self.X[numbers]).astype(np.float64)
        known = None if self.known is None else self.known.take(numbers)
        unit = None
        if known is not None and known.group is not None:
            alone = np.arange(len(numbers)) + self.n_samples + 1
            unit = np.unique(np.where(known.group < 0, alone, known.group), return_inverse=True)[1].reshape(-1)
        return Batch(rows, self.weights[numbers], numbers, pattern, seen, known, unit)


def source_of(
    X: Any, sample_weight: Any = None, columns: Sequence[str] | None = None
) -> ArraySource | StratifiedSource:
    """A source of an array; a `StratifiedSource` where cells are missing (NaN).

    Raises
    ------
    DataError, ShapeError
        See `ArraySource.checked`; infinities are refused, NaN is a missing cell.
    """
    source = ArraySource.shaped(X, sample_weight, columns)
    if source.first_bad_cell < 0:
        return source
    for start in range(0, source.n_samples, CHECK_ROWS):
        rows = source.X[start : start + CHECK_ROWS]
        if np.isinf(rows).any():
            check_finite_rows(np.where(np.isnan(rows), 0, rows), source.columns, start)
    return StratifiedSource(source.X, source.sample_weight, source.columns)


def with_knowledge(source: Source, known: Known | None) -> Source:
    """The same rows with what is known of their components."""
    if known is None:
        return source
    if not isinstance(source, (ArraySource, StratifiedSource)):
        raise ParameterError("y and groups need the rows in memory; raise memory_limit, or pass an array.")
    return StratifiedSource(source.X, source.sample_weight, source.columns, known)
