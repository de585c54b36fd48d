"""Files of any size written anew with what a model says of their rows, block by block."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixtura.atomic import whole_file
from mixtura.cli.output import table_ending
from mixtura.cli.progress import rows_progress
from mixtura.errors import DataError
from mixtura.sources import paths
from mixtura.sources.conversion import check_names, float_kind, numbers_of, rows_of
from mixtura.sources.readers import FileReader, NumpyReader, TextReader, open_file

if TYPE_CHECKING:
    from mixtura.mixture import Mixture

LARGE = 32_000_000
"""Bytes of a file from which on it is not held in memory."""

Block = tuple[Any, Mapping[str, Any], FileReader]
Work = Callable[[Any, Any, list[str]], tuple[Any, Mapping[str, Any]]]
"""From an Arrow batch of all columns, the model's columns as rows of floats, and their names, to the batch as it is
written, and new columns beside it."""


def is_large(data: str) -> bool:
    """Whether data are several files, of a kind that is read in blocks only, or one large file."""
    path = Path(data)
    if paths.is_pattern(data) or path.is_dir():
        return True
    return path.is_file() and (path.stat().st_size > LARGE or paths.kind_of(path) in paths.ARROW + paths.NUMPY)


def rewrite_files(data: str, mixture: Mixture[Any], work: Work, out: str | None) -> None:
    """Write every row of the files as `work` makes it, whole or not at all; CSV to standard output."""
    files = [open_file(file) for file in paths.files_of(data)]
    ending = ".csv" if out is None else table_ending(out)
    with ExitStack() as stack:
        known = [file.n_rows for file in files]
        total = None if None in known else sum(n for n in known if n is not None)
        advance = stack.enter_context(rows_progress(out is not None and sys.stderr.isatty(), total))
        blocks = _counted(_worked(files, mixture, work, ending == ".parquet"), advance)
        if ending == ".parquet":
            assert out is not None
            _write_parquet(blocks, stack.enter_context(whole_file(out)))
            return
        target = sys.stdout
        if out is not None:
            draft = stack.enter_context(whole_file(out))
            target = stack.enter_context(draft.open("w", encoding="utf-8", newline=""))
        _write_text(blocks, target, "\t" if ending == ".tsv" else ",")


def _counted(blocks: Iterator[Block], advance: Callable[[int], None]) -> Iterator[Block]:
    for block in blocks:
        yield block
        advance(block[0].num_rows)


def _worked(files: list[FileReader], mixture: Mixture[Any], work: Work, typed: bool) -> Iterator[Block]:
    """Blocks of all columns as Arrow batches, the new columns, and the file they come from.

    Columns of text files come as the texts they are, or `typed`.
    """
    import pyarrow as pa

    for file in files:
        row = 0
        if isinstance(file, NumpyReader):
            names = list(mixture.columns or (f"x{j}" for j in range(mixture.n_features)))
            if file.shape[1] != len(names):
                raise DataError(f"{file.where} has {file.shape[1]} columns but the model has {len(names)}.")
            for batch in file.read(()):
                data = pa.RecordBatch.from_arrays([pa.array(column) for column in batch.data.T], names)
                yield *work(data, batch.data, names), file
            continue
        names = file.schema.names
        wanted = names if mixture.columns is None else list(mixture.columns)
        check_names(wanted, names, file.where)
        if len(wanted) != mixture.n_features:
            raise DataError(
                f"{file.where} has {len(names)} columns but the model has {mixture.n_features} without names; expected "
                "as many."
            )
        dtype: Any = float_kind([file.schema.field(name).type for name in wanted])
        as_text = isinstance(file, TextReader) and not typed
        for batch in file.texts(names) if isinstance(file, TextReader) and as_text else file.read(names):
            numbers = numbers_of(batch.data, wanted, file.where, row) if as_text else batch.data
            rows = rows_of(numbers, wanted, dtype, file.where + batch.place, row)
            if len(rows):
                yield *work(batch.data, rows, wanted), file
            row += len(rows)


def _beside(data: Any, added: Mapping[str, Any]) -> Any:
    import pyarrow as pa

    for name, values in added.items():
        data = data.append_column(name, pa.array(values))
    return data


def _write_parquet(blocks: Iterator[Block], draft: Path) -> None:
    from pyarrow import parquet

    writer = None
    try:
        for data, added, file in blocks:
            batch = _beside(data, added)
            writer = writer or parquet.ParquetWriter(draft, batch.schema)
            if batch.schema != writer.schema:
                raise DataError(f"{file.where} has other columns than the files before it; expected the same in all.")
            writer.write_batch(batch)
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise DataError("there are no rows; expected at least one.")


def _write_text(blocks: Iterator[Block], target: Any, delimiter: str) -> None:
    """Cells of text files as they were written, those of others with every digit."""
    writer = csv.writer(target, delimiter=delimiter, lineterminator="\n")
    header: list[str] | None = None
    for data, added, file in blocks:
        names = [*data.schema.names, *added]
        if header is None:
            writer.writerow(names)
        elif names != header:
            raise DataError(f"{file.where} has other columns than the files before it; expected the same in all.")
        header = names
        cells = [column.to_pylist() for column in data.columns]
        writer.writerows(zip(*cells, *map(_listed, added.values()), strict=True))


def _listed(values: Any) -> list[Any]:
    listed: list[Any] = values.tolist()
    return listed
