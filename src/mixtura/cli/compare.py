"""`mixtura compare`: several models on the same rows."""

from __future__ import annotations

from pathlib import Path

import click

from mixtura.cli.options import criterion_option, data_argument, json_option, weights_option


@click.command("compare", short_help="Compare models on the same rows.")
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@data_argument
@criterion_option("bic", "icl", "aic")
@weights_option
@json_option
def command(models: tuple[str, ...], data: str, criterion: str, weights: str | None, as_json: bool) -> None:
    """Compare models on the rows of DATA: log-likelihood, parameters, BIC, ICL and AIC, best first."""
    import mixtura as mx
    from mixtura.cli.output import show_document, show_json
    from mixtura.cli.rows import open_table, rows_and_weights
    from mixtura.report.comparison import comparison_document, comparison_record

    table, where = open_table(data), Path(data).name
    read = [(path, mx.load(path)) for path in models]
    records = [comparison_record(p, m, *rows_and_weights(table, m, weights, where)) for p, m in read]
    records.sort(key=lambda record: record[criterion])
    if as_json:
        show_json({"criterion": criterion, "n_samples": table.num_rows, "models": records})
    else:
        show_document(comparison_document(records, criterion, table.num_rows, {m.columns for _, m in read}))
