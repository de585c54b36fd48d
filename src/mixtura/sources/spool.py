"""Arrow streams, which may be readable only once: kept in memory, or in a temporary file where they do not fit."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mixtura.errors import ParameterError, SourceError
from mixtura.sources.base import Source
from mixtura.sources.collection import Collection, collect
from mixtura.sources.readers import BATCH_ROWS, ArrowReader, Batch, FileReader
from mixtura.sources.stream import StreamSource
from mixtura.validation import Array


def is_stream(X: Any) -> bool:
    """Whether X speaks the Arrow C stream."""
    return hasattr(X, "__arrow_c_stream__")


class _Memory(FileReader):
    """Batches held in memory, in the manner of a file."""

    def __init__(self, schema: Any, held: list[Any]) -> None:
        self._schema, self.held = schema, held

    @property
    def where(self) -> str:
        return "the stream"

    @property
    def schema(self) -> Any:
        return self._schema

    def read(self, columns: Sequence[str]) -> Iterator[Batch]:
        for batch in self.held:
            some = batch.select(list(columns))
            for start in range(0, some.num_rows, BATCH_ROWS):
                yield Batch(some.slice(start, BATCH_ROWS), "")

    batches = read


class _Spool(ArrowReader):
    """A temporary file that goes away with its last reader."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        weakref.finalize(self, shutil.rmtree, path.parent, ignore_errors=True)

    @property
    def where(self) -> str:
        return "the stream"


def spooled(
    X: Any,
    columns: Sequence[str] | None,
    weight: str | None,
    sample_weight: Array | None,
    where: Any,
    needed: Sequence[str],
    most: int,
) -> Source:
    """A source of an Arrow stream: it is read once, here; only the columns that are needed are kept.

    Up to `most` bytes stay in memory, more go to a temporary file.
    """
    import pyarrow as pa

    if not is_stream(X):
        raise ParameterError(
            f"X is a {type(X).__name__}; expected the path of files, or an object with the Arrow C stream."
        )
    try:
        stream = pa.RecordBatchReader.from_stream(X)
    except (pa.ArrowInvalid, RuntimeError, ValueError) as error:
        raise SourceError(f"the stream cannot be read, or was read before: {error}") from None
    rows = collect("the stream", [_Memory(stream.schema, [])], columns, weight, where, needed)
    held, size = [], 0
    wanted = list(dict.fromkeys([*(rows.columns or ()), *([weight] if weight else []), *rows.needed]))
    for batch in stream:
        held.append(batch.select(wanted))
        size += held[-1].nbytes
        if size > most:
            return StreamSource(_to_disk(rows, held, stream, wanted), sample_weight)
    return StreamSource(replace(rows, files=(_Memory(stream.schema, held),)), sample_weight).in_memory()


def _to_disk(rows: Collection, held: list[Any], rest: Iterator[Any], wanted: Sequence[str]) -> Collection:
    """The batches so far and those to come, in a temporary Arrow file."""
    from pyarrow import ipc

    folder = tempfile.mkdtemp(prefix="mixtura-")
    path = Path(folder) / "rows.arrow"
    try:
        with ipc.new_file(os.fspath(path), held[0].schema) as file:
            for batch in held:
                file.write_batch(batch)
            held.clear()
            for batch in rest:
                file.write_batch(batch.select(list(wanted)))
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if not isinstance(error, OSError):
            raise
        raise SourceError(
            f"the stream does not fit in memory and cannot be kept in {folder!r}: {error}. Set TMPDIR to a folder "
            "with more room, or raise memory_limit."
        ) from None
    return replace(rows, files=(_Spool(path),))
