"""Files read in pieces, again and again, one reader a format: Parquet, Arrow, CSV, NumPy."""

from __future__ import annotations

import mmap
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mixtura.errors import DataError, SourceError
from mixtura.sources import paths
from mixtura.sources.base import chunk_rows
from mixtura.sources.conversion import is_numeric, numbers_of

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 65536
"""Rows that are decoded at a time, whatever the size of a row group."""

CSV_BLOCK = 4 << 20
"""Bytes of text that are parsed at a time."""


class Batch(NamedTuple):
    """Rows of one file."""

    data: Any
    """an Arrow record batch, or for .npy an array"""
    place: str
    """where in the file, for error texts: `, row group 3`"""


class FileReader(ABC):
    """One file: what its columns are, and its rows in pieces."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = _state(path)
        if self.state[0] == 0:
            raise SourceError(f"{str(path)!r} is empty; expected a header line and rows.")

    @property
    def where(self) -> str:
        """The file's name, for error texts."""
        return self.path.name

    @property
    @abstractmethod
    def schema(self) -> pa.Schema: ...

    @property
    def n_rows(self) -> int | None:
        """Known without reading; None for text."""
        return None

    @property
    def text_bytes(self) -> int:
        """About how much memory the numbers of a file of text take."""
        return self.state[0] * (8 if self.path.suffix.lower() in paths.COMPRESSED else 1)

    @abstractmethod
    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """All rows, in order, of at least these columns."""

    def read(self, columns: Sequence[str]) -> Iterator[Batch]:
        """`batches`, with what goes wrong in a file's own words."""
        if _state(self.path) != self.state:
            raise SourceError(f"{str(self.path)!r} changed while its rows were used; leave it as it is during a fit.")
        place = ""
        try:
            for batch in self.batches(columns):
                place = batch.place
                yield batch
        except (ValueError, OSError, KeyError) as error:
            if isinstance(error, (DataError, SourceError)):
                raise
            raise self.broken(error, columns, place) from None

    def broken(self, error: Exception, columns: Sequence[str], place: str) -> Exception:
        """What is said of a file that cannot be read on."""
        after = f" after{place.replace(',', '', 1)}" if place else ""
        return SourceError(f"{str(self.path)!r} cannot be read{after}: {error}")


class ParquetReader(FileReader):
    """Row group by row group, and each in batches, so that its size does not matter."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with self._opened() as file:
            self._schema, self._n_rows = file.schema_arrow, file.metadata.num_rows

    def _opened(self) -> Any:
        from pyarrow import parquet

        return parquet.ParquetFile(self.path, pre_buffer=False, buffer_size=1 << 20)

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    @property
    def n_rows(self) -> int | None:
        return int(self._n_rows)

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        with self._opened() as file:
            for group in range(file.metadata.num_row_groups):
                place = f", row group {group}"
                try:
                    for batch in file.iter_batches(BATCH_ROWS, [group], list(columns), use_threads=True):
                        yield Batch(batch, place)
                except (ValueError, OSError) as error:
                    if isinstance(error, (DataError, SourceError)):
                        raise
                    raise SourceError(f"{str(self.path)!r}{place} cannot be read: {error}") from None


class ArrowReader(FileReader):
    """Arrow's own file format (Feather) or its stream format, memory-mapped; pages leave memory once they were used."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        file, _ = self._opened()
        self._schema, self._n_rows = file.schema, None
        if hasattr(file, "num_record_batches"):
            self._n_rows = sum(file.get_batch(i).num_rows for i in range(file.num_record_batches))

    def _opened(self) -> tuple[Any, mmap.mmap]:
        import pyarrow as pa
        from pyarrow import ipc

        with self.path.open("rb") as file:
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        opened = ipc.open_file if pages[:6] == b"ARROW1" else ipc.open_stream
        return opened(pa.py_buffer(pages)), pages

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    @property
    def n_rows(self) -> int | None:
        return self._n_rows

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        file, pages = self._opened()
        many = range(file.num_record_batches) if hasattr(file, "num_record_batches") else None
        found = file if many is None else map(file.get_batch, many)
        for number, batch in enumerate(found):
            some = batch.select(list(columns))
            for start in range(0, some.num_rows, BATCH_ROWS):
                yield Batch(some.slice(start, BATCH_ROWS), f", record batch {number}")
                leave_memory(pages)


class TextReader(FileReader):
    """CSV and TSV, also compressed, parsed in blocks; numbers become float64 whatever the first rows look like."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with self._opened() as file:
            self._schema = file.schema

    def _opened(self, kinds: dict[str, Any] | None = None, only: Sequence[str] = (), use_threads: bool = True) -> Any:
        from pyarrow import csv

        delimiter = "\t" if paths.kind_of(self.path) == ".tsv" else ","
        return csv.open_csv(
            self.path,
            read_options=csv.ReadOptions(block_size=CSV_BLOCK, use_threads=use_threads),
            parse_options=csv.ParseOptions(delimiter=delimiter),
            convert_options=csv.ConvertOptions(
                column_types=kinds, include_columns=list(only), strings_can_be_null=False
            ),
        )

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        with self._opened(self._kinds(columns), columns) as file:
            for batch in file:
                yield Batch(batch, "")

    def texts(self, columns: Sequence[str], use_threads: bool = True) -> Iterator[Batch]:
        """All rows, every cell as the text it is."""
        import pyarrow as pa

        with self._opened(dict.fromkeys(columns, pa.string()), columns, use_threads) as file:
            for batch in file:
                yield Batch(batch, "")

    def _kinds(self, columns: Sequence[str]) -> dict[str, Any]:
        import pyarrow as pa

        numbers = [c for c in columns if is_numeric(self._schema.field(c).type) or self._is_unknown(c)]
        return {c: pa.float64() for c in numbers if not pa.types.is_boolean(self._schema.field(c).type)}

    def _is_unknown(self, column: str) -> bool:
        """Whether the first rows of a column are all empty."""
        import pyarrow as pa

        return bool(pa.types.is_null(self._schema.field(column).type))

    def broken(self, error: Exception, columns: Sequence[str], place: str) -> Exception:
        """Read once more, slowly, to say in which row."""
        import pyarrow as pa

        row = 0
        try:
            for batch in self.texts(columns, use_threads=False):
                numbers_of(batch.data, list(self._kinds(columns)), self.where, row)
                row += batch.data.num_rows
        except DataError as found:
            return found
        except pa.ArrowInvalid as found:
            return SourceError(f"{str(self.path)!r} cannot be read: {found} (the header is row 1)")
        return super().broken(error, columns, place)


class NumpyReader(FileReader):
    """A .npy file, memory-mapped; each piece leaves memory once it was used."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        array = self._mapped()
        if array.ndim not in (1, 2) or array.dtype.kind not in "fiub":
            raise DataError(
                f"{self.where} holds an array of shape {array.shape} and kind {array.dtype}; expected real numbers, "
                "(n_samples, n_features) or (n_samples,)."
            )
        self.shape = (len(array), array.shape[1] if array.ndim == 2 else 1)
        self.kind: npt.DTypeLike = np.float32 if array.dtype in (np.float32, np.float16) else np.float64

    def _mapped(self) -> Any:
        try:
            array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise SourceError(f"{str(self.path)!r} cannot be read: {error}") from None
        return array

    @property
    def schema(self) -> pa.Schema:
        raise AssertionError("an array has no schema")

    @property
    def n_rows(self) -> int | None:
        return self.shape[0]

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        array = self._mapped().reshape(self.shape)
        pages = getattr(array, "_mmap", None)
        rows = chunk_rows(self.shape[1], np.dtype(self.kind).itemsize)
        for start in range(0, len(array), rows):
            yield Batch(np.asarray(array[start : start + rows], dtype=self.kind), "")
            leave_memory(pages)


READERS: dict[str, type[FileReader]] = (
    dict.fromkeys(paths.PARQUET, ParquetReader)
    | dict.fromkeys(paths.ARROW, ArrowReader)
    | dict.fromkeys(paths.TEXT, TextReader)
    | dict.fromkeys(paths.NUMPY, NumpyReader)
)


def open_file(path: Path) -> FileReader:
    """The reader for a file's ending.

    Raises
    ------
    SourceError
        Where the file is empty, cut off, or not what its ending says.
    """
    reader = READERS[paths.kind_of(path)]
    try:
        return reader(path)
    except (ValueError, KeyError, OSError) as error:
        if isinstance(error, (DataError, SourceError)):
            raise
        raise SourceError(f"{str(path)!r} cannot be read: {error}") from None


def leave_memory(pages: mmap.mmap | None) -> None:
    """Give the memory of mapped pages back; they are read again from the file where they are looked at again."""
    if pages is not None and hasattr(mmap, "MADV_DONTNEED"):
        pages.madvise(mmap.MADV_DONTNEED)


def _state(path: Path) -> tuple[int, int]:
    """Size and time of change: whoever changes a file between two readings is found out."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise SourceError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from None
    return found.st_size, found.st_mtime_ns
