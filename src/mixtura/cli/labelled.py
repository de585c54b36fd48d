"""A file's rows with new columns beside them. Text stays the text it was: `007` does not become 7."""

from __future__ import annotations

import csv
import gzip
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from mixtura.atomic import whole_file
from mixtura.cli.output import print_csv, table_ending, write_table
from mixtura.errors import DataError, SourceError

if TYPE_CHECKING:
    import pyarrow as pa

    from mixtura.mixture import Mixture


def new_columns(
    mixture: Mixture[Any], rows: Any, taken: Sequence[str], responsibilities: bool, log_prob: bool, prefix: str
) -> dict[str, Any]:
    """Label, uncertainty and, where asked for, responsibilities and log-density of rows, by the new columns' names."""
    added = {f"{prefix}label": mixture.predict(rows), f"{prefix}uncertainty": mixture.uncertainty(rows)}
    if responsibilities:
        resp = mixture.responsibilities(rows)
        added |= {f"{prefix}p{k}": resp[:, k] for k in range(mixture.n_components)}
        if mixture.noise is not None:
            added[f"{prefix}noise"] = resp[:, -1]
    if log_prob:
        added[f"{prefix}log_prob"] = mixture.log_prob(rows)
    refuse_taken(added, taken, "; choose other names with --prefix new_")
    return added


def refuse_taken(names: Iterable[str], taken: Sequence[str], remedy: str = "; rename it") -> None:
    """Refuse names of new columns that the data have already."""
    for name in names:
        if name in taken:
            raise DataError(f"the data already have a column {name!r}{remedy}.")


def write_labelled(data: str, table: pa.Table, added: Mapping[str, Any], out: str) -> None:
    """All columns and the new ones in a file, whole or not at all."""
    ending = table_ending(out)
    if ending == ".parquet" or not is_text(data):
        write_table(_beside(table, added), out)
        return
    with whole_file(out) as draft, draft.open("w", encoding="utf-8", newline="") as target:
        _copy_text(data, table.num_rows, added, target, "\t" if ending == ".tsv" else ",")


def print_labelled(data: str, table: pa.Table, added: Mapping[str, Any]) -> None:
    """All columns and the new ones as CSV on standard output."""
    if is_text(data):
        _copy_text(data, table.num_rows, added, sys.stdout, ",")
    else:
        print_csv(_beside(table, added))


def _beside(table: pa.Table, added: Mapping[str, Any]) -> pa.Table:
    import pyarrow as pa

    for name, values in added.items():
        table = table.append_column(name, pa.array(values))
    return table


def _copy_text(data: str, n_rows: int, added: Mapping[str, Any], target: TextIO, delimiter: str) -> None:
    """Each row of a text file as it was written, with the new cells behind it."""
    writer = csv.writer(target, delimiter=delimiter, lineterminator="\n")
    new_cells = zip(*(values.tolist() for values in added.values()), strict=True)
    with text_rows(data) as rows:
        writer.writerow([*next(rows), *added])
        written = 0
        for row, cells in zip(rows, new_cells, strict=False):
            writer.writerow([*row, *cells])
            written += 1
        if written < n_rows or next(rows, None) is not None:
            raise SourceError(f"{data!r} changed while it was read, or its quotes are not balanced.")


@contextmanager
def text_rows(data: str) -> Iterator[Iterator[list[str]]]:
    """The rows of a text file, header first, empty lines left out."""
    path = Path(data)
    endings = [ending.lower() for ending in path.suffixes]
    opener: Any = gzip.open if endings[-1] == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as stream:
        rows = csv.reader(stream, delimiter="\t" if ".tsv" in endings else ",")
        yield (row for row in rows if row)


def is_text(data: str) -> bool:
    return ".parquet" not in [ending.lower() for ending in Path(data).suffixes]
