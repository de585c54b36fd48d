"""Where a command's words go: rich text on a terminal, plain text in a pipe, JSON for machines, whole files."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from mixtura.atomic import check_writable, whole_file
from mixtura.errors import ParameterError

if TYPE_CHECKING:
    import pyarrow as pa

    from mixtura.report.document import Document

TABLE_ENDINGS = (".csv", ".tsv", ".parquet")


def on_terminal() -> bool:
    """Whether a person sees standard output directly."""
    return sys.stdout.isatty()


def show_document(document: Document) -> None:
    """A report on standard output."""
    if on_terminal():
        from rich.console import Console

        from mixtura.report.terminal import document_for_terminal

        Console(highlight=False).print(document_for_terminal(document))
        return
    from mixtura.report.text import document_text

    click.echo(document_text(document))


def show_json(record: Any) -> None:
    """One JSON document on standard output; floats with every digit."""
    click.echo(json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False))


def check_outputs(*paths: str | None, endings: tuple[str, ...] = ()) -> None:
    """Refuse files that could not be written at the end, before the long work begins."""
    for path in paths:
        if path is not None:
            if endings:
                table_ending(path, endings)
            check_writable(path)


def table_ending(path: str, endings: tuple[str, ...] = TABLE_ENDINGS) -> str:
    """The ending of a file of rows, or a `ParameterError` that names those that can be written."""
    ending = Path(path).suffix.lower()
    if ending not in endings:
        raise ParameterError(f"{path!r} ends in {ending!r}; a table is written as {', '.join(endings)}.")
    return ending


def write_table(table: pa.Table, path: str) -> None:
    """An Arrow table as a file of the kind its ending says, whole or not at all."""
    ending = table_ending(path)
    with whole_file(path) as draft:
        if ending == ".parquet":
            from pyarrow import parquet

            parquet.write_table(table, draft)
        else:
            with draft.open("w", encoding="utf-8", newline="") as stream:
                write_csv(table, stream, "\t" if ending == ".tsv" else ",")


def write_csv(table: pa.Table, stream: TextIO, delimiter: str = ",") -> None:
    """An Arrow table as CSV: floats with every digit, quotes only where they are needed."""
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    writer.writerow(table.column_names)
    for batch in table.to_batches(max_chunksize=65536):
        writer.writerows(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def print_csv(table: pa.Table) -> None:
    """An Arrow table as CSV on standard output."""
    write_csv(table, sys.stdout)
