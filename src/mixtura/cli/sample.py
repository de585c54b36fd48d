"""`mixtura sample`: draw rows from a model."""

from __future__ import annotations

import click


@click.command("sample", short_help="Draw rows from a model.")
@click.argument("model", metavar="MODEL")
@click.option("-n", "--rows", type=int, default=1000, show_default=True, help="How many rows to draw.")
@click.option("--seed", type=int, help="The same seed gives the same rows. Default: fresh ones each time.")
@click.option(
    "--out",
    metavar="FILE",
    help="Write to this .csv, .tsv or .parquet file. Default: CSV to standard output.",
)
@click.option("--labels", is_flag=True, help="Add a column label: the group each row came from, counted from 0.")
def command(model: str, rows: int, seed: int | None, out: str | None, labels: bool) -> None:
    """Draw rows from MODEL, under its column names."""
    import pyarrow as pa

    import mixtura as mx
    from mixtura.cli.output import TABLE_ENDINGS, check_outputs, print_csv, write_table
    from mixtura.errors import DataError
    from mixtura.validation import as_count

    check_outputs(out, endings=TABLE_ENDINGS)
    mixture = mx.load(model)
    X, drawn = mixture.sample(rows, None if seed is None else as_count(seed, "seed", 0))
    table = pa.table({mixture.column_name(j): X[:, j] for j in range(mixture.n_features)})
    if labels and "label" in table.column_names:
        raise DataError("the model already has a column 'label'; sample without --labels.")
    if labels:
        table = table.append_column("label", pa.array(drawn))
    if out is None:
        print_csv(table)
    else:
        write_table(table, out)
