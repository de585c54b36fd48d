"""Rows of another array library, where they lie: on a GPU, or in main memory."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mixtura.errors import DataError, ParameterError, ShapeError
from mixtura.sources.arrays import CHECK_ROWS, ArraySource
from mixtura.sources.base import Chunk, Coordinates, Source, chunk_rows, coordinate_stride, resolution_of
from mixtura.validation import Array, as_sample_weight, check_finite_rows


class DeviceChunk(NamedTuple):
    """Contiguous rows on their device; the weights as there and as here."""

    rows: Any
    weights: Any
    host_weights: Array | None
    start: int


@dataclass(frozen=True)
class DeviceSource(Source):
    """An (n_samples, n_features) array of any library that follows the array API standard (torch, CuPy, JAX, …).

    A pass over the rows is done where they lie, by `sweep.standard`; only statistics come back. Samples for starts are
    copied to main memory, and so are rows for whoever reads them otherwise, a chunk at a time.
    """

    X: Any
    sample_weight: Array | None = None
    columns: tuple[str, ...] | None = None

    @classmethod
    def checked(cls, X: Any, sample_weight: Any = None) -> DeviceSource:
        """A source of real numbers; whole ones and half precision become float64.

        Raises
        ------
        DataError
            For NaN and infinities: the first is named by row and column.
        ShapeError
            For more than two dimensions.
        """
        xp = namespace(X)
        if xp.isdtype(X.dtype, ("bool", "complex floating")):
            raise DataError(f"X holds {X.dtype}; expected real numbers.")
        rows = X if X.dtype in (xp.float32, xp.float64) else xp.astype(X, xp.float64)
        if rows.ndim == 1:
            rows = rows[:, None]
        if rows.ndim != 2 or 0 in rows.shape:
            raise ShapeError(f"X has shape {tuple(X.shape)}; expected (n_samples, n_features), both at least 1.")
        source = cls(rows, as_sample_weight(sample_weight, int(rows.shape[0])))
        if not bool(xp.all(xp.isfinite(rows))):
            for start in range(0, source.n_samples, CHECK_ROWS):
                check_finite_rows(host(rows[start : min(start + CHECK_ROWS, source.n_samples), :]), None, start)
        return source

    @property
    def n_samples(self) -> int:
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        return int(self.X.shape[1])

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32 if self.X.dtype == namespace(self.X).float32 else np.float64)

    @cached_property
    def total_weight(self) -> float:
        return float(self.n_samples if self.sample_weight is None else self.sample_weight.sum())

    @cached_property
    def coordinates(self) -> Coordinates:
        some = self.X[:: coordinate_stride(self.n_samples), :]
        return Coordinates.of_sample(host(some).astype(np.float64))

    @cached_property
    def ranges(self) -> tuple[Array, Array]:
        xp = namespace(self.X)
        lowest, highest = host(xp.min(self.X, axis=0)), host(xp.max(self.X, axis=0))
        return lowest.astype(np.float64), highest.astype(np.float64)

    @cached_property
    def resolution(self) -> Array:
        return resolution_of(*self.ranges, self.dtype)

    def device_chunks(self) -> Iterator[DeviceChunk]:
        """All rows once, in order, where they lie."""
        size = chunk_rows(self.n_features, self.dtype.itemsize)
        for start in range(0, self.n_samples, size):
            piece = slice(start, min(start + size, self.n_samples))
            here = None if self.sample_weight is None else self.sample_weight[piece]
            there = None if here is None else like(self.X, here)
            yield DeviceChunk(self.X[piece, :], there, here, start)

    def chunks(self) -> Iterator[Chunk]:
        for chunk in self.device_chunks():
            yield Chunk(host(chunk.rows), chunk.host_weights, chunk.start)

    def sample(self, n: int, rng: np.random.Generator) -> ArraySource:
        """As of an array in memory, where it then is."""
        xp, n = namespace(self.X), min(n, self.n_samples)
        edges = np.arange(n + 1) * self.n_samples // n
        rows = edges[:-1] + (rng.random(n) * np.diff(edges)).astype(np.intp)
        taken = xp.take(self.X, xp.asarray(rows, device=device(self.X)), axis=0)
        weights = None if self.sample_weight is None else self.sample_weight[rows]
        return ArraySource(np.ascontiguousarray(host(taken)), weights, self.columns)


def is_other_array(X: Any) -> bool:
    """Whether X is an array of another library than NumPy, told without loading any."""
    if isinstance(X, (np.ndarray, np.generic, list, tuple)):
        return False
    return hasattr(X, "__array_namespace__") or type(X).__module__.split(".")[0] == "torch"


def namespace(X: Any) -> Any:
    """The functions of the array API standard for an array."""
    return _compat().array_namespace(X)


def device(X: Any) -> Any:
    """Where an array lies."""
    return _compat().device(X)


def host(X: Any) -> npt.NDArray[Any]:
    """An array in main memory, without a copy where it lies there."""
    if isinstance(X, np.ndarray):
        return X
    X = X.detach() if hasattr(X, "detach") else X
    shared = in_main_memory(X)
    return np.asarray(_compat().to_device(X, "cpu")) if shared is None else shared


def in_main_memory(X: Any) -> npt.NDArray[Any] | None:
    """NumPy's view of an array of another library; None where it lies elsewhere."""
    try:
        return np.from_dlpack(X.detach() if hasattr(X, "detach") else X)
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError):
        return None


def like(X: Any, values: npt.NDArray[Any]) -> Any:
    """Values as an array of the library of X, where X lies."""
    return namespace(X).asarray(values if values.flags.writeable else values.copy(), device=device(X))


def _compat() -> Any:
    try:
        return importlib.import_module("array_api_compat")
    except ImportError as error:
        raise ParameterError(
            f"arrays of other libraries need array-api-compat ({error}); run: pip install 'mixtura[array-api]'"
        ) from None
