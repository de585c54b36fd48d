"""`mixtura predict`: which group each row belongs to, and how sure that is."""

from __future__ import annotations

from pathlib import Path

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
@click.option("--prefix", default="", metavar="TEXT", help="Put this before the names of the new columns.")
def command(model: str, data: str, out: str | None, responsibilities: bool, prefix: str) -> None:
    """Add to each row of DATA its group under MODEL: label, counted from 0, and uncertainty, 1 - its probability.

    DATA is a file, a folder, or a pattern like 'data/*.parquet', of any size. All columns of DATA are
    kept. The model's columns are found by their names.
    """
    import mixtura as mx
    from mixtura.cli.labelled import new_columns, print_labelled, write_labelled
    from mixtura.cli.labelling import is_large, label_files
    from mixtura.cli.output import TABLE_ENDINGS, check_outputs
    from mixtura.cli.rows import open_table, rows_for_model

    check_outputs(out, endings=TABLE_ENDINGS)
    mixture = mx.load(model)
    if is_large(data):
        label_files(data, mixture, responsibilities, prefix, out)
        return
    table = open_table(data)
    rows = rows_for_model(table, mixture, Path(data).name)
    added = new_columns(mixture, rows, table.column_names, responsibilities, prefix)
    if out is None:
        print_labelled(data, table, added)
    else:
        write_labelled(data, table, added, out)
