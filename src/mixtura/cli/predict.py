"""`mixtura predict`: which group each row belongs to, and how sure that is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mixtura.cli.options import data_argument


@click.command("predict", short_help="Say which group each row belongs to.")
@click.argument("model", metavar="MODEL")
@data_argument
@click.option(
    "--out",
    metavar="FILE",
    help="Write to this .csv, .tsv or .parquet file. Default: CSV to standard output.",
)
@click.option("--responsibilities", is_flag=True, help="Add a column p0, p1, … with the probability of each group.")
@click.option("--log-prob", is_flag=True, help="Add a column log_prob: the log-density of each row, in nats.")
@click.option("--prefix", default="", metavar="TEXT", help="Put this before the names of the new columns.")
def command(model: str, data: str, out: str | None, responsibilities: bool, log_prob: bool, prefix: str) -> None:
    """Add to each row of DATA its group under MODEL: label, counted from 0, and uncertainty, 1 - its probability.

    DATA is a file, a folder, or a pattern like 'data/*.parquet', of any size. All columns of DATA are
    kept. The model's columns are found by their names.
    """
    import mixtura as mx
    from mixtura.cli.blockwise import is_large, rewrite_files
    from mixtura.cli.labelled import new_columns, print_labelled, write_labelled
    from mixtura.cli.output import TABLE_ENDINGS, check_outputs
    from mixtura.cli.rows import open_table, rows_for_model

    check_outputs(out, endings=TABLE_ENDINGS)
    mixture = mx.load(model)

    def added(rows: Any, taken: list[str]) -> dict[str, Any]:
        return new_columns(mixture, rows, taken, responsibilities, log_prob, prefix)

    if is_large(data):
        rewrite_files(data, mixture, lambda batch, rows, _: (batch, added(rows, batch.schema.names)), out)
        return
    table = open_table(data)
    columns = added(rows_for_model(table, mixture, Path(data).name), table.column_names)
    if out is None:
        print_labelled(data, table, columns)
    else:
        write_labelled(data, table, columns, out)
