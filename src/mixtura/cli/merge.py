"""`mixtura merge`: clusters that several components make up together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mixtura.cli.options import data_argument, json_option, weights_option


@click.command("merge", short_help="Merge components into clusters.")
@click.argument("model", metavar="MODEL")
@data_argument
@click.option(
    "--by",
    type=click.Choice(["entropy", "density"], case_sensitive=False),
    default="entropy",
    show_default=True,
    help="entropy joins the components whose union is assigned most surely; density those on one hill.",
)
@click.option("--clusters", type=click.IntRange(min=1), help="With --by entropy. Default: the elbow.")
@click.option("--min-rows", type=click.IntRange(min=1), help="With --by density: fewest rows of a hill.")
@click.option("--out", metavar="FILE", help="Write DATA with a column `cluster` to this .csv, .tsv or .parquet file.")
@weights_option
@json_option
def command(
    model: str,
    data: str,
    by: str,
    clusters: int | None,
    min_rows: int | None,
    out: str | None,
    weights: str | None,
    as_json: bool,
) -> None:
    """Merge the components of MODEL into clusters, by the rows of DATA: one group may need several Gaussians."""
    import mixtura as mx
    from mixtura.cli.labelled import refuse_taken, write_labelled
    from mixtura.cli.output import TABLE_ENDINGS, check_outputs, show_document, show_json
    from mixtura.cli.rows import open_table, rows_and_weights
    from mixtura.report.clusters import entropy_document
    from mixtura.report.records import plain

    _check(by, clusters=clusters, min_rows=min_rows, weights=weights)
    check_outputs(out, endings=TABLE_ENDINGS)
    mixture, table = mx.load(model), open_table(data)
    refuse_taken(["cluster"] if out else [], table.column_names)
    rows, row_weights = rows_and_weights(table, mixture, weights, Path(data).name)
    found: Any
    if by == "entropy":
        found = mx.merge_by_entropy(mixture, rows, sample_weight=row_weights)
        labels, document = found.predict(rows, clusters), entropy_document(found, clusters)
    else:
        found = mx.merge_by_density(mixture, rows, min_rows)
        labels, document = found.labels, found.document
    if out is not None:
        write_labelled(data, table, {"cluster": labels}, out)
    if as_json:
        components = found.shares if by == "density" else found.groups(clusters)
        show_json(plain({"by": by, "components": components, "table": list(found.table.rows())}))
    else:
        show_document(document)


def _check(by: str, **options: Any) -> None:
    """Refuse options that the chosen way does not know."""
    foreign = ("min_rows",) if by == "entropy" else ("clusters", "weights")
    for name in foreign:
        if options[name] is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} does not go with --by {by}.")
