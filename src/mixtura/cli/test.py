"""`mixtura test`: how many groups, by bootstrap likelihood-ratio tests."""

from __future__ import annotations

from typing import Any

import click

from mixtura.cli.options import (
    columns_option,
    data_argument,
    joined,
    json_option,
    seed_option,
    threads_option,
    weights_option,
)


@click.command("test", short_help="Test how many groups there are.")
@data_argument
@click.option("--structure", default="VVV", show_default=True, metavar="NAME", help="Covariance structure.")
@click.option("--max-components", type=int, default=9, show_default=True, help="The last number that is tested.")
@click.option("--resamples", type=int, default=999, show_default=True, help="Samples drawn under each smaller model.")
@click.option("--level", type=float, default=0.05, show_default=True, help="Go on while p-values are at most this.")
@click.option("--stop-after", type=int, help="End a test once that many samples exceed the statistic: quicker.")
@columns_option
@weights_option
@seed_option
@threads_option
@json_option
def command(
    data: str,
    as_json: bool,
    columns: tuple[list[str], ...],
    weights: str | None,
    resamples: int,
    threads: int | None,
    **options: Any,
) -> None:
    """Test 1 group against 2, 2 against 3, … in DATA, until a test is not significant (McLachlan 1987)."""
    import mixtura as mx
    from mixtura.cli.output import show_document, show_json
    from mixtura.cli.rows import read_rows
    from mixtura.report.records import plain

    source = read_rows(data, joined(columns), weights)
    found = mx.likelihood_ratio_sequence(source, n_resamples=resamples, n_threads=threads, **options)
    if as_json:
        record = {"n_components": found.n_components, "level": found.level, "note": found.note}
        show_json(plain(record | {"tests": list(found.table.rows())}))
    else:
        show_document(found.document)
