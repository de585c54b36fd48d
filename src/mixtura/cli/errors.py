"""`mixtura errors`: how sure the parameters of a model are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mixtura.cli.options import data_argument, json_option, seed_option, threads_option, weights_option

METHODS = ("sandwich", "observed", "scores", "nonparametric", "weighted", "parametric", "jackknife")


@click.command("errors", short_help="Say how sure the parameters of a model are.")
@click.argument("model", metavar="MODEL")
@data_argument
@click.option(
    "--method",
    type=click.Choice(METHODS, case_sensitive=False),
    default="sandwich",
    show_default=True,
    help="sandwich, observed and scores are formulas; nonparametric, weighted and parametric are kinds of bootstrap.",
)
@click.option("--resamples", type=int, default=999, show_default=True, help="How many, for the bootstrap.")
@seed_option
@weights_option
@threads_option
@json_option
def command(model: str, data: str, as_json: bool, **options: Any) -> None:
    """Standard errors and 95% intervals of the weights, means and covariances of MODEL, fitted to the rows of DATA."""
    import mixtura as mx
    from mixtura.cli.output import show_document, show_json
    from mixtura.cli.rows import open_table, rows_and_weights
    from mixtura.report.records import plain

    mixture = mx.load(model)
    rows, row_weights = rows_and_weights(open_table(data), mixture, options.pop("weights"), Path(data).name)
    found = _found(mixture, rows, row_weights, **options)
    if as_json:
        show_json({"method": options["method"], "parameters": plain(list(found.table.rows()))})
    else:
        show_document(found.document)


def _found(
    mixture: Any, rows: Any, weights: Any, *, method: str, resamples: int, seed: int, threads: int | None
) -> Any:
    """What the method says of the parameters."""
    import mixtura as mx
    from mixtura.inference.bootstrap import KINDS

    if method == "jackknife":
        return mx.jackknife(mixture, rows, sample_weight=weights, n_threads=threads)
    if method in KINDS:
        return mx.bootstrap(mixture, rows, method, resamples, seed, sample_weight=weights, n_threads=threads)
    return mx.standard_errors(mixture, rows, method, sample_weight=weights)
