"""The contract of a source: rows, in chunks, in coordinates that lose no digits."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from mixtura.errors import ParameterError
from mixtura.families.base import Family
from mixtura.sources.gaps import Gaps
from mixtura.validation import Array

if TYPE_CHECKING:
    from mixtura.sources.strata import StratifiedSource

F = TypeVar("F", bound=Family)
T = TypeVar("T")


CHUNK_BYTES, FEWEST_CHUNK_ROWS, MOST_CHUNK_ROWS = 16 << 20, 1 << 14, 1 << 20

COORDINATE_ROWS = 1024
"""Rows at most that choose the inner coordinates."""


def chunk_rows(n_features: int, itemsize: int) -> int:
    """Rows of every chunk but the last: about 16 MiB. All sources cut there, so that their sums have equal bits."""
    rows = MOST_CHUNK_ROWS
    while rows > FEWEST_CHUNK_ROWS and rows * n_features * itemsize > CHUNK_BYTES:
        rows //= 2
    return rows


def coordinate_stride(n_samples: int) -> int:
    """Rows 0, s, 2s, … choose the inner coordinates; s is a power of two, so that a stream can thin them out."""
    stride = 1
    while -(-n_samples // stride) > COORDINATE_ROWS:
        stride *= 2
    return stride


def resolution_of(lowest: Array, highest: Array, dtype: npt.DTypeLike) -> Array:
    """(n_features,): the rounding unit of the largest value of each column; of all columns, where one holds only 0."""
    kind = np.dtype(dtype)
    largest = np.maximum(highest, -lowest).astype(kind)
    largest = np.where(largest > 0, largest, largest.max() or 1)
    resolution: Array = np.spacing(np.maximum(largest, np.finfo(kind).tiny)).astype(np.float64)
    return resolution


class Chunk(NamedTuple):
    """Contiguous rows of a source."""

    rows: npt.NDArray[Any]
    """(m, n_features), float64 or float32, any strides"""
    weights: Array | None
    """(m,), or None where every row counts once"""
    start: int
    """the number of the first row"""


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Exact inner coordinates u = (x − centre) / scale.

    The centre is a data value of each column and the scale one power of two, so the subtraction is exact near the
    centre and the division always (Sterbenz 1974). One scale serves all columns, so that spherical
    structures stay spherical.

    Attributes
    ----------
    centre : (n_features,), data units
    scale : a power of two, data units
    """

    centre: Array
    scale: float

    @classmethod
    def of_sample(cls, rows: npt.NDArray[Any]) -> Coordinates:
        """A centre near the median and a scale near the spread of a sample (m, n_features), m ≥ 1."""
        ordered = np.sort(rows, axis=0)
        centre = ordered[len(rows) // 2].astype(np.float64)
        return cls.about(centre, np.abs(rows - centre))

    @classmethod
    def about(cls, centre: Array, distances: npt.NDArray[Any]) -> Coordinates:
        """A scale near the spread for a centre, from the distances of a sample to it (m, n_features); NaN is left out.

        Examples
        --------
        >>> Coordinates.about(np.zeros(1), np.array([[1.0], [2.5], [9.0]])).scale
        2.0
        """
        median = np.nanmedian if np.isnan(distances).any() else np.median
        spread = float(median(distances, axis=0).max())
        if not spread > 0:
            spread = float(np.nanmax(distances))
        return cls(centre, math.ldexp(1.0, math.frexp(spread)[1] - 1) if spread > 0 else 1.0)

    def inward(self, components: F) -> F:
        """Components given in data units, in inner coordinates."""
        return components.into(self.centre, self.scale)

    def outward(self, components: F) -> F:
        """Components of inner coordinates, in data units."""
        return components.out_of(self.centre, self.scale)

    def rows_inward(self, rows: npt.NDArray[Any]) -> Array:
        """(m, n_features) float64: u of x."""
        inner: Array = (np.asarray(rows, dtype=np.float64) - self.centre) / self.scale
        return inner

    @property
    def log_jacobian(self) -> float:
        """log |du/dx| of one row, to be added to a log-density of u to make it one of x."""
        return -len(self.centre) * math.log(self.scale)


class Source(ABC):
    """Rows that can be read again and again in the same order."""

    columns: tuple[str, ...] | None
    """Names of the columns, where they have any."""

    @property
    @abstractmethod
    def n_samples(self) -> int: ...

    @property
    @abstractmethod
    def n_features(self) -> int: ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """The kind of number the rows come in: float64 or float32."""
        return np.dtype(np.float64)

    @property
    def is_dear(self) -> bool:
        """Whether a reading costs more than the work on the rows: they are decoded anew each time."""
        return False

    @property
    def is_partial(self) -> bool:
        """Whether cells are missing, or more is known of rows than their cells: they are read in `parts`."""
        return False

    @property
    def has_gaps(self) -> bool:
        """Whether any cell is missing."""
        return False

    @property
    @abstractmethod
    def total_weight(self) -> float:
        """Σ w: the number of rows where they have no weights."""

    @property
    @abstractmethod
    def coordinates(self) -> Coordinates: ...

    @property
    @abstractmethod
    def resolution(self) -> Array:
        """(n_features,): the rounding unit of each column, data units."""

    @property
    def ranges(self) -> tuple[Array, Array]:
        """(n_features,) each: the smallest and the largest value of every column, data units."""
        chunks = [(chunk.rows.min(axis=0), chunk.rows.max(axis=0)) for chunk in self.chunks()]
        lowest: Array = np.min([low for low, _ in chunks], axis=0).astype(np.float64)
        highest: Array = np.max([high for _, high in chunks], axis=0).astype(np.float64)
        return lowest, highest

    @abstractmethod
    def chunks(self) -> Iterator[Chunk]:
        """All rows once, in order."""

    def chunks_with_gaps(self) -> Iterator[Chunk]:
        """The same, for those who know what to do with missing cells, which are NaN."""
        return self.chunks()

    def parts(self) -> Iterator[tuple[int, StratifiedSource]]:
        """All rows once, in order, where they are partial: the number of the first row of each part, and the part."""
        raise ParameterError(f"the rows of a {type(self).__name__} are whole.")

    @property
    def gaps(self) -> Gaps:
        """How much is missing, and where."""
        raise ParameterError(f"no cell of a {type(self).__name__} is missing.")

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> Source:
        """`n` rows drawn without replacement, in the order of the source; itself where it has no more.

        An array gives one row of each of `n` equal stretches: a draw that costs nothing by the rows left out.
        """

    def map(self, function: Callable[..., T], *given: Any) -> list[T]:
        """`function(rows, …)` of all rows, or of each part of them where they are spread over machines, in order."""
        return [function(self, *given)]

    def rough(self) -> Source:
        """These rows, or a large sample of them where they are dear to read: enough for spreads and scales."""
        return self

    def select(self, columns: Sequence[str]) -> Source:
        """The same rows with some of the columns, by name, in that order; `columns` has to know them."""
        raise ParameterError(f"columns of a {type(self).__name__} cannot be chosen; choose them where it is made.")

    def column_name(self, j: int) -> str:
        """The name of a column, or its number in words."""
        return self.columns[j] if self.columns else f"column {j}"

    def quoted_column(self, j: int) -> str:
        """`column 'waiting'`, or its number."""
        return f"column {self.columns[j]!r}" if self.columns else f"column {j}"
