"""Rows of a Dask array or data frame: partitions stay on the workers, mixtures go there and statistics come back."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import numpy as np

from mixtura.errors import DataError, ParameterError, SourceError
from mixtura.sources import paths
from mixtura.sources.arrays import ArraySource
from mixtura.sources.base import Chunk
from mixtura.sources.partitions import PartitionedSource, PartitionSource, loaded

T = TypeVar("T")

ANSWER = "10s"
"""How long a scheduler may take to answer."""

RETRIES = 3
"""How often a task is tried again on another worker."""


class DaskSource(PartitionedSource):
    """Rows of a Dask collection, as partitions that workers load, keep, and load again where a worker is lost.

    Every question is one round of tasks, one a worker. Their answers are put together in the order of the partitions,
    so neither the number of workers nor their speed decides a bit.

    Parameters
    ----------
    X : dask.array of two dimensions, or dask.dataframe
    columns : names, optional: to choose from a data frame, or to name those of an array
    """

    def __init__(self, X: Any, columns: Sequence[str] | None = None, seed: int = 0) -> None:
        distributed, dask = _library("distributed"), _library("dask")
        try:
            self.client = distributed.default_client()
        except ValueError:
            self.client = distributed.Client(processes=False, dashboard_address=None)  # threads of this process
        if hasattr(X, "columns"):
            chosen = list(X.columns) if columns is None else list(columns)
            missing = [name for name in chosen if name not in X.columns]
            if missing:
                raise DataError(f"the Dask data frame has no column {missing[0]!r}; it has {', '.join(X.columns)}.")
            blocks, self.columns = X[chosen].to_delayed(), tuple(map(str, chosen))
        else:
            if X.ndim != 2:
                raise DataError(f"the Dask array has {X.ndim} dimensions; expected (n_samples, n_features).")
            blocks = X.rechunk({1: -1}).to_delayed().ravel()
            self.columns = None if columns is None else tuple(columns)
        self._n_features = len(self.columns) if self.columns else int(X.shape[1])
        self.seed = seed
        loaded = [dask.delayed(_loaded, pure=True)(block, i) for i, block in enumerate(blocks)]
        self._partitions: list[Any] = self.client.compute(loaded, retries=RETRIES)

    def map(self, function: Callable[..., T], *given: Any) -> list[T]:
        """`function(source of a partition, …)` of every partition where it lies, in order; empty ones are left out."""
        n_groups = max(1, min(len(self._partitions), len(self.client.scheduler_info()["workers"])))
        groups = np.array_split(np.arange(len(self._partitions)), n_groups)
        tasks = []
        for group in groups.tolist() if isinstance(groups, np.ndarray) else groups:
            parts = [self._partitions[i] for i in group]
            tasks.append(self.client.submit(_mapped, function, given, parts, retries=RETRIES, pure=False))
        return [answer for answers in self.client.gather(tasks) for answer in answers]

    @property
    def n_features(self) -> int:
        return self._n_features

    def chunks(self) -> Iterator[Chunk]:
        start = 0
        for partition in self._partitions:
            rows = self.client.gather(partition).rows
            for chunk in ArraySource(rows, None, self.columns).chunks() if len(rows) else ():
                yield chunk._replace(start=start + chunk.start)
            start += len(rows)


@contextmanager
def rows_at(address: str, data: str, columns: Sequence[str] | None) -> Iterator[Any]:
    """The rows of Parquet or CSV files as a Dask data frame of the cluster whose scheduler is there.

    Raises
    ------
    SourceError
        Where no scheduler answers.
    """
    frames = _library("dask.dataframe")
    files = paths.files_of(data)
    names = [str(file.absolute()) for file in files]
    try:
        client = _library("distributed").Client(address, timeout=ANSWER, set_as_default=True)
    except (OSError, ValueError) as error:
        raise SourceError(f"no Dask scheduler answers at {address!r} ({error}); start one: dask scheduler.") from None
    with client:
        kinds = {paths.kind_of(file) for file in files}
        if kinds <= set(paths.PARQUET):
            yield frames.read_parquet(names, columns=None if columns is None else list(columns))
        elif kinds <= set(paths.TEXT):
            found = frames.read_csv(names, sep="\t" if ".tsv" in kinds else ",")
            yield found if columns is None else found[list(columns)]
        else:
            raise ParameterError("a cluster reads .parquet or text files; convert the others.")


def _library(name: str) -> Any:
    """A module of Dask, or how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ParameterError(f"{name} is not installed ({error}); run: pip install 'mixtura[dask]'") from None


class _Partition(NamedTuple):
    """Rows on a worker."""

    number: int
    rows: Any


def _loaded(block: Any, number: int) -> _Partition:
    return _Partition(number, loaded(block, number))


def _mapped(function: Callable[..., T], given: Sequence[Any], partitions: Sequence[_Partition]) -> list[T]:
    """On a worker: the answers of some partitions."""
    return [
        function(PartitionSource(part.rows, None, None, part.number), *given) for part in partitions if len(part.rows)
    ]
