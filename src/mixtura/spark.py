"""mixtura for Spark users: fit a Spark data frame where it lies, and label its rows.

    from mixtura import spark
    found = spark.fit(frame, n_components=5, structure="VVV")
    labelled = spark.predict(found.mixture, frame)

Needs `pip install 'mixtura[spark]'`, Java, and mixtura on the executors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from mixtura.fitting import fit as fit_source
from mixtura.mixture import Mixture
from mixtura.result import Fit
from mixtura.sources.frames import frame_to_array
from mixtura.sources.spark import SparkSource

__all__ = ["fit", "predict"]


def fit(
    frame: Any,
    n_components: Any = None,
    structure: Any = "all",
    *,
    columns: Sequence[str] | None = None,
    **options: Any,
) -> Fit:
    """`mixtura.fit` of a Spark data frame: rows stay on the executors, each iteration is one job.

    The frame is kept in the executors' memory or on their disks until the fit ends, unless it is cached already.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
    n_components, structure, options : as of `mixtura.fit`
    columns : names, optional: which ones; all of them where not given

    Raises
    ------
    DataError
        For a column that is not there, text, or cells without a number: named with the partition.
    """
    source = SparkSource(frame, columns)
    keep = not frame.is_cached
    if keep:
        source.frame = source.frame.persist()
    try:
        return fit_source(source, n_components, structure, **options)
    finally:
        if keep:
            source.frame.unpersist()


def predict(mixture: Mixture[Any], frame: Any, *, prefix: str = "") -> Any:
    """The same Spark data frame with two columns more: `label`, and `uncertainty` = 1 − max_k p(k | x).

    Parameters
    ----------
    mixture : that knows its columns by name (as `fit` leaves it); without names it takes the columns as they come
    frame : pyspark.sql.DataFrame
    prefix : of the names of the new columns
    """
    from pyspark.sql.types import DoubleType, LongType, StructField, StructType

    names = list(mixture.columns or frame.columns)
    plain = mixture.with_names(columns=[str(j) for j in range(len(names))])
    added = [StructField(f"{prefix}label", LongType()), StructField(f"{prefix}uncertainty", DoubleType())]

    def labelled(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            rows, _ = frame_to_array(pa.Table.from_batches([batch]), names)
            arrays = [pa.array(plain.predict(rows), pa.int64()), pa.array(plain.uncertainty(rows), pa.float64())]
            yield pa.RecordBatch.from_arrays(
                [*batch.columns, *arrays], [*batch.schema.names, *[field.name for field in added]]
            )

    return frame.mapInArrow(labelled, StructType([*frame.schema.fields, *added]))
