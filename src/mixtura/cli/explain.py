"""`mixtura explain`: EM on a small mixture, worked out step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mixtura.cli.options import Rows, columns_option, joined, json_option
from mixtura.report.document import plural

if TYPE_CHECKING:
    from mixtura.mixture import Mixture


@click.command("explain", short_help="Work out EM step by step on a few rows.")
@click.argument("data", metavar="[DATA]", required=False)
@click.option(
    "--values",
    type=Rows(),
    help="The rows themselves instead of DATA: --values=-1,0,4 or --values='0,0;3,3'.",
)
@columns_option
@click.option("--weights", type=Rows(), help="Mixing proportions of the start: .5,.5.")
@click.option("--means", type=Rows(), multiple=True, help="Means of the start: 6,7; in several dimensions '0,0;3,3'.")
@click.option("--variances", type=Rows(), help="Variances of the start: 1,4; by dimension '1,2;3,4'.")
@click.option(
    "--covariances",
    type=Rows(),
    help="Covariance matrices of the start, each by rows: '1,0,0,1;2,.5,.5,2'; one for all with --structure EEE.",
)
@click.option("--structure", metavar="NAME", help="What EM keeps: VVV, EEE, VVI, … Default: what the shape says.")
@click.option("--model", metavar="MODEL", help="Start from this model file instead of the numbers above.")
@click.option(
    "--iterations", type=click.IntRange(min=1), help="Stop after so many iterations. Default: at convergence."
)
@click.option(
    "--html", metavar="FILE", help="Write the run as a page to step through (one or two columns; no network)."
)
@click.option("--table", metavar="FILE", help="Write one row an iteration to this .csv, .tsv or .parquet file.")
@json_option
def command(
    data: str | None,
    values: list[list[float]] | None,
    columns: tuple[list[str], ...],
    iterations: int | None,
    html: str | None,
    table: str | None,
    as_json: bool,
    **start: Any,
) -> None:
    """Work out EM on the rows of DATA, or on --values, from a start: every step in words, formulas and numbers.

    \b
    mixtura explain --values=-1,0,4,5,6 --weights .5,.5 --means 6,7 --variances 1,4
    """
    import mixtura as mx
    from mixtura.cli.output import TABLE_ENDINGS, check_outputs, show_json, write_table
    from mixtura.report.records import plain

    check_outputs(html)
    check_outputs(table, endings=TABLE_ENDINGS)
    theta0 = starting_mixture(**start)
    X, names = _rows(data, values, joined(columns), theta0)
    if names is not None and len(names) == theta0.n_features:
        theta0 = theta0.with_names(columns=names)
    explanation = mx.explain(theta0, X, iterations=iterations)
    if html is not None:
        explanation.explorer(html)
    if table is not None:
        write_table(explanation.table().to_arrow(), table)
    if as_json:
        show_json(plain(explanation.to_dict()))
    else:
        click.echo(explanation.text(width=_width()))


def starting_mixture(
    *,
    weights: list[list[float]] | None,
    means: tuple[list[list[float]], ...],
    variances: list[list[float]] | None,
    covariances: list[list[float]] | None,
    structure: str | None,
    model: str | None,
) -> Mixture[Any]:
    """The mixture that the options spell out, or that of the model file."""
    import mixtura as mx

    spelled = {"--weights": weights, "--means": means, "--variances": variances, "--covariances": covariances}
    given = [name for name, value in spelled.items() if value]
    if model is not None:
        if given or structure:
            raise click.UsageError(f"--model is the whole start; leave out {', '.join(given or ['--structure'])}.")
        return mx.load(model)
    if not (weights and means and bool(variances) != bool(covariances)):
        raise click.UsageError(
            "a start needs --weights, --means and either --variances or --covariances; or --model MODEL."
        )
    proportions = [w for row in weights for w in row]
    centres = _means(joined(means) or [], len(proportions))
    spreads = _spreads(variances or covariances or [], len(proportions), len(centres[0]), structure)
    return mx.Mixture(proportions, mx.Gaussian(centres, spreads, structure))


def _means(rows: list[list[float]], n_components: int) -> list[list[float]]:
    """One mean a component: in one dimension the numbers of one row, else the rows."""
    flat = len(rows) == 1 and n_components > 1
    centres = [[mean] for mean in rows[0]] if flat else rows
    if len(centres) != n_components:
        raise click.UsageError(f"there are {n_components} weights but {len(centres)} means; expected as many.")
    if len({len(row) for row in centres}) > 1:
        raise click.UsageError("the means have different numbers of columns; expected as many numbers in each.")
    return centres


def _spreads(rows: list[list[float]], n_components: int, n_features: int, structure: str | None) -> Any:
    """Variances or matrices in the shape they are written in: d·d numbers between semicolons are a matrix."""
    if len({len(row) for row in rows}) > 1:
        raise click.UsageError("variances and covariances need as many numbers between the semicolons each.")
    width, alone = len(rows[0]), len(rows) == 1
    if n_features > 1 and width == n_features**2:
        matrices = [[row[i * n_features : (i + 1) * n_features] for i in range(n_features)] for row in rows]
        if not alone or n_components == 1:
            return matrices
        if structure is None:
            raise click.UsageError(
                f"one covariance matrix for {n_components} components; give {n_components}, or add --structure EEE."
            )
        return matrices[0]
    if structure is None and (width if alone and n_components > 1 else len(rows)) != n_components:
        raise click.UsageError(
            f"there are {n_components} components but {plural(width if alone else len(rows), 'variance')}; give one "
            "for each, or name what they share: --structure EEE."
        )
    if width == 1:
        return [variance for row in rows for variance in row]
    return rows[0] if alone and (n_components > 1 or n_features == 1) else rows


def _rows(
    data: str | None, values: list[list[float]] | None, columns: list[str] | None, theta0: Mixture[Any]
) -> tuple[Any, tuple[str, ...] | None]:
    """The rows to explain, and the names of their columns where they have any."""
    import numpy as np

    from mixtura.cli.rows import read_rows
    from mixtura.errors import ShapeError

    if (data is None) == (values is None):
        raise click.UsageError("name a file DATA, or give the rows with --values=…; one of the two.")
    if data is not None:
        source = read_rows(data, columns or (list(theta0.columns) if theta0.columns else None))
        return np.concatenate([chunk.rows for chunk in source.chunks()]), source.columns
    assert values is not None
    if columns is not None and len(columns) != theta0.n_features:
        raise click.UsageError(f"--columns names {len(columns)} columns but the start has {theta0.n_features}.")
    if len({len(row) for row in values}) > 1:
        raise ShapeError("--values: rows have different lengths; expected as many numbers in each.")
    one_row = len(values) == 1 and theta0.n_features > 1
    return (values if one_row or len(values) > 1 else values[0]), tuple(columns) if columns else None


def _width() -> int:
    """Of the terminal, at most 100; 100 in a pipe."""
    import shutil

    from mixtura.cli.output import on_terminal

    return min(100, shutil.get_terminal_size().columns) if on_terminal() else 100
