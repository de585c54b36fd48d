"""Rows of a Spark data frame: each question is one Spark job over its partitions, through Arrow."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import pyarrow as pa

from mixtura.errors import DataError, MixturaError
from mixtura.sources.arrays import ArraySource
from mixtura.sources.base import Chunk
from mixtura.sources.partitions import PartitionedSource, PartitionSource, loaded

T = TypeVar("T")

ANSWERS = "number long, answer binary"
"""Schema of what the partitions say."""


class SparkSource(PartitionedSource):
    """Rows of a `pyspark.sql.DataFrame`; they stay on the executors, which need mixtura too.

    Every question is one job of `mapInArrow`. Answers are put together in the order of the partitions. A frame that is
    computed anew for each job should be cached first (`mixtura.spark.fit` does).

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
    columns : names, optional: which ones, in which order
    """

    def __init__(self, frame: Any, columns: Sequence[str] | None = None, seed: int = 0) -> None:
        chosen = list(frame.columns) if columns is None else list(columns)
        missing = [name for name in chosen if name not in frame.columns]
        if missing:
            raise DataError(f"the Spark data frame has no column {missing[0]!r}; it has {', '.join(frame.columns)}.")
        self.frame, self.columns, self.seed = frame.select(*[f"`{name}`" for name in chosen]), tuple(chosen), seed

    @property
    def n_features(self) -> int:
        return len(self.columns or ())

    def map(self, function: Callable[..., T], *given: Any) -> list[T]:
        rows = self.frame.mapInArrow(_asked(function, given), ANSWERS).collect()
        answers = [pickle.loads(bytes(row.answer)) for row in sorted(rows, key=lambda row: row.number)]
        for answer in answers:
            if isinstance(answer, MixturaError):
                raise answer
        return answers

    def chunks(self) -> Iterator[Chunk]:
        from pyspark.sql.functions import spark_partition_id

        start = 0
        for number in range(self.map(_number)[-1] + 1):
            rows = loaded(self.frame.where(spark_partition_id() == number).toArrow(), number)
            for chunk in ArraySource(rows, None, self.columns).chunks() if len(rows) else ():
                yield chunk._replace(start=start + chunk.start)
            start += len(rows)


def _number(source: PartitionSource) -> int:
    return source.number


def _asked(function: Callable[..., T], given: Sequence[Any]) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """What runs on an executor: the rows of a partition, one answer; an error of ours is an answer too."""

    def answer(batches: Iterator[Any]) -> Iterator[Any]:
        from pyspark import TaskContext

        context = TaskContext.get()
        number = 0 if context is None else context.partitionId()
        found = [batch for batch in batches if batch.num_rows]
        if not found:
            return
        try:
            rows = loaded(pa.Table.from_batches(found), number)
            said: Any = function(PartitionSource(rows, None, None, number), *given)
        except MixturaError as error:
            said = error
        yield pa.RecordBatch.from_arrays([pa.array([number]), pa.array([pickle.dumps(said)])], ["number", "answer"])

    return answer
