"""`mixtura impute`: fill missing cells from a model."""

from __future__ import annotations

import csv
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from mixtura.cli.options import data_argument

if TYPE_CHECKING:
    import pyarrow as pa

    from mixtura.mixture import Mixture
    from mixtura.validation import Array


@click.command("impute", short_help="Fill missing cells from a model.")
@click.argument("model", metavar="MODEL")
@data_argument
@click.option(
    "--method",
    type=click.Choice(["mean", "draw"], case_sensitive=False),
    default="mean",
    show_default=True,
    help="The conditional mean, or a draw from the conditional distribution.",
)
@click.option("--seed", type=int, help="Of the draws; the same seed gives the same cells. Default: fresh ones.")
@click.option(
    "--out",
    metavar="FILE",
    help="Write to this .csv, .tsv or .parquet file. Default: CSV to standard output.",
)
def command(model: str, data: str, method: str, seed: int | None, out: str | None) -> None:
    """Fill the empty cells of DATA in the columns of MODEL from what is known of each row; all else stays as it is.

    DATA is a file, a folder, or a pattern like 'data/*.parquet', of any size. Of large ones, which are
    read block by block, all columns of MODEL are written to .parquet as float64.
    """
    import numpy as np

    import mixtura as mx
    from mixtura.atomic import whole_file
    from mixtura.cli.blockwise import is_large, rewrite_files
    from mixtura.cli.labelled import is_text
    from mixtura.cli.output import TABLE_ENDINGS, check_outputs, print_csv, table_ending, write_table
    from mixtura.cli.rows import open_table, rows_for_model
    from mixtura.validation import as_count

    check_outputs(out, endings=TABLE_ENDINGS)
    mixture = mx.load(model)
    rng = np.random.default_rng(None if seed is None else as_count(seed, "seed", 0))
    if is_large(data):
        rewrite_files(data, mixture, partial(_filled_batch, mixture, method, rng), out)
        return
    table = open_table(data)
    rows = rows_for_model(table, mixture, Path(data).name)
    cells = _cells(table, mixture, rows, mixture.impute(rows, method, rng))
    if out is not None and (table_ending(out) == ".parquet" or not is_text(data)):
        write_table(_filled(table, cells), out)
    elif out is not None:
        with whole_file(out) as draft, draft.open("w", encoding="utf-8", newline="") as target:
            _copy(data, cells, target, "\t" if table_ending(out) == ".tsv" else ",")
    elif is_text(data):
        _copy(data, cells, sys.stdout, ",")
    else:
        print_csv(_filled(table, cells))


def _filled_batch(
    mixture: Mixture[Any], method: str, rng: Any, batch: Any, rows: Array, names: list[str]
) -> tuple[Any, dict[str, Any]]:
    """The batch with the model's columns filled: texts stay as they were written but for missing cells."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import types

    values = np.asarray(mixture.impute(rows, method, rng))
    for j, name in enumerate(names):
        place, column = batch.schema.get_field_index(name), values[:, j]
        empty = np.isnan(rows[:, j])
        old = batch.column(place)
        if types.is_string(old.type) or types.is_large_string(old.type):
            cells = old.to_pylist()
            for row in np.flatnonzero(empty).tolist():
                cells[row] = repr(float(column[row]))
            filled = pa.array(cells, old.type)
        else:
            filled = pa.array(column.astype(np.float64))
        batch = batch.set_column(place, name, filled)
    return batch, {}


def _cells(table: pa.Table, mixture: Mixture[Any], rows: Array, filled: Array) -> dict[int, dict[int, float]]:
    """{column: {row: value}} of the cells that were missing."""
    import numpy as np

    names = table.column_names if mixture.columns is None else mixture.columns
    cells: dict[int, dict[int, float]] = {}
    for j, name in enumerate(names):
        empty = np.flatnonzero(np.isnan(rows[:, j])).tolist()
        if empty:
            cells[table.column_names.index(name)] = dict(zip(empty, filled[empty, j].tolist(), strict=True))
    return cells


def _filled(table: pa.Table, cells: dict[int, dict[int, float]]) -> pa.Table:
    """The table with these cells in their places; a column that had gaps is float64."""
    import pyarrow as pa

    for j, values in cells.items():
        column = table.column(j).cast(pa.float64()).to_pylist()
        for row, value in values.items():
            column[row] = value
        table = table.set_column(j, table.column_names[j], pa.array(column, pa.float64()))
    return table


def _copy(data: str, cells: dict[int, dict[int, float]], target: TextIO, delimiter: str) -> None:
    """Each row of a text file as it was written, but for these cells."""
    from mixtura.cli.labelled import text_rows

    writer = csv.writer(target, delimiter=delimiter, lineterminator="\n")
    with text_rows(data) as rows:
        writer.writerow(next(rows))
        for number, row in enumerate(rows):
            for j, values in cells.items():
                if number in values:
                    row[j] = repr(values[number])
            writer.writerow(row)
