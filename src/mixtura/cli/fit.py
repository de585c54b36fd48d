"""`mixtura fit`: find the groups in a file."""

from __future__ import annotations

import sys
import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from mixtura.cli.options import (
    Counts,
    Parts,
    columns_option,
    criterion_option,
    joined,
    json_option,
    seed_option,
    threads_option,
    weights_option,
)

if TYPE_CHECKING:
    from mixtura.result import Fit


@click.command("fit", short_help="Find the groups in a file.")
@click.argument("data", metavar="DATA", required=False)
@click.option(
    "-k",
    "--components",
    type=Counts(),
    metavar="NUMBERS",
    help="How many groups to try: 3, 1:9 or 2,4,6. Default: 1:9.",
)
@click.option(
    "--structure",
    default="all",
    show_default=True,
    metavar="NAMES",
    help="Covariance structures to try: all, VVV,EEE,… or full, tied, diag, spherical; FA2: two factors, FA: 1 to 6.",
)
@columns_option
@weights_option
@click.option(
    "--labels", metavar="COLUMN", help="Column of DATA with known groups, numbers or texts; empty is unknown."
)
@click.option("--where", metavar="TEXT", help="Which rows count, for instance \"x > 0 and kind == 'a'\". Default: all.")
@click.option(
    "--memory-limit",
    metavar="SIZE",
    help="Default: 512 MB. Files that would take more than a quarter of this are read block by block.",
)
@criterion_option("bic", "icl", "aic", "aicc", "caic", "cv")
@click.option("--starts", type=int, default=12, show_default=True, help="Partitions each candidate starts from.")
@click.option("--improve/--no-improve", default=True, show_default=True, help="Leave optima by splitting and merging.")
@click.option("--equal-weights", is_flag=True, help="All groups have the same weight by assumption.")
@click.option("--noise", is_flag=True, help="Rows may belong to no group: uniform noise, label -1.")
@click.option(
    "--regularization",
    type=click.Choice(["ratio", "penalty", "map"], case_sensitive=False),
    help="Keep the likelihood bounded: a limit to the ratio of variances, a penalty, or a prior. Default: none.",
)
@click.option("--start", metavar="MODEL", help="Start from this model file instead, and keep its order of groups.")
@click.option(
    "--fixed",
    type=Parts(),
    multiple=True,
    help="Leave this part of the start as it is: weights, means or covariances, or means=0,2 for some groups.",
)
@seed_option
@click.option(
    "--tol",
    type=float,
    show_default="1e-10 up to 10,000 rows, 1e-6 for a million",
    help="EM ends where the estimated gain still to come is below this, in nats a row.",
)
@click.option("--max-iter", type=int, default=5000, show_default=True, help="EM iterations at most.")
@threads_option
@click.option("--scheduler", metavar="ADDRESS", help="Read and fit on the Dask cluster whose scheduler is there.")
@click.option("--checkpoint", metavar="FILE", help="Keep in this file what it takes to go on after an interruption.")
@click.option("--resume", metavar="FILE", help="Go on with the fit of this checkpoint; it knows the options and DATA.")
@click.option("--out", metavar="FILE", help="Write the model to this file (JSON text).")
@click.option("--report", metavar="FILE", help="Write a report with pictures to this .html file.")
@click.option("--table", metavar="FILE", help="Write all candidates to this .csv, .tsv or .parquet file.")
@json_option
@click.option("--quiet", "-q", is_flag=True, help="Print no report and no progress.")
def command(
    data: str | None,
    resume: str | None,
    out: str | None,
    report: str | None,
    table: str | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Find the groups in DATA: how many, what they are like, and how sure that is.

    DATA is a file, a folder, or a pattern like 'data/*.parquet': CSV, TSV, Parquet, Arrow (IPC, Feather) or .npy, of
    any size.
    """
    from mixtura.cli.output import check_outputs, on_terminal, show_document, show_json, write_table
    from mixtura.report.fitted import fit_document
    from mixtura.report.records import fit_record

    check_outputs(out)
    check_outputs(report, endings=(".html", ".htm"))
    check_outputs(table, endings=(".csv", ".tsv", ".parquet"))
    with warnings.catch_warnings():
        if on_terminal() and not (as_json or quiet):
            warnings.simplefilter("ignore", _fit_warnings())  # the report below says them
        if resume is not None:
            found, complete = _resumed(resume, data, quiet or as_json, options["threads"]), True
        elif data is None:
            raise click.UsageError("Missing argument 'DATA'.", click.get_current_context())
        else:
            found, complete = run_fit(data, quiet or as_json, **options)
    if out is not None:
        found.mixture.save(out)
    if report is not None:
        found.report(report)
    if table is not None:
        write_table(found.table.to_arrow(), table)
    if as_json:
        show_json(fit_record(found))
    elif not quiet:
        show_document(fit_document(found))
    if not complete:
        raise KeyboardInterrupt


def run_fit(
    data: str,
    silent: bool,
    *,
    components: list[int] | None,
    columns: tuple[list[str], ...],
    criterion: str,
    weights: str | None,
    labels: str | None,
    where: str | None,
    memory_limit: str | None,
    scheduler: str | None,
    start: str | None,
    fixed: tuple[tuple[str, list[int] | bool], ...],
    starts: int,
    threads: int | None,
    **options: Any,
) -> tuple[Fit, bool]:
    """The fit that the options ask for, and whether the search came to its end (Ctrl-C keeps what is done)."""
    import mixtura as mx
    from mixtura.cli.progress import search_progress
    from mixtura.cli.rows import check_header, read_labels, refuse_repeated

    chosen, y, names = joined(columns), None, None
    refuse_repeated(chosen or (), "--columns")
    if chosen is None:
        check_header(data)
    n_components: Any = components[0] if components and len(components) == 1 else components
    if labels is not None:
        if where is not None:
            raise click.UsageError("--labels and --where do not go together; choose the rows beforehand.")
        y, names, rest = read_labels(data, labels, [weights])
        chosen = chosen or rest
        names = names if names and n_components == len(names) else None
    with ExitStack() as stack:
        rows: Any = data
        if scheduler is not None:
            from mixtura.sources.dask import rows_at

            rows = stack.enter_context(rows_at(scheduler, data, chosen))
        progress = stack.enter_context(search_progress(not silent and sys.stderr.isatty(), criterion))
        found = mx.fit(
            rows,
            n_components,
            columns=chosen,
            sample_weight=weights,
            where=where,
            memory_limit=memory_limit,
            y=y,
            names=names,
            start=None if start is None else mx.load(start),
            fixed=dict(fixed) or None,
            criterion=criterion,
            n_starts=starts,
            n_threads=threads,
            progress=progress,
            **options,
        )
    return found, progress.complete


def _resumed(path: str, data: str | None, silent: bool, threads: int | None) -> Fit:
    """The fit of a checkpoint; options that would make it another fit are refused."""
    import mixtura as mx
    from mixtura.cli.progress import search_progress

    ctx = click.get_current_context()
    free = ("data", "resume", "threads", "out", "report", "table", "as_json", "quiet")
    for param in ctx.command.params:
        given = ctx.get_parameter_source(param.name or "") == click.core.ParameterSource.COMMANDLINE
        if given and param.name not in free:
            raise click.UsageError(f"{param.opts[0]} cannot be given with --resume: the checkpoint holds it.", ctx)
    with search_progress(not silent and sys.stderr.isatty(), "bic") as progress:
        return mx.resume(path, data, n_threads=threads, progress=progress)


def _fit_warnings() -> type[Warning]:
    from mixtura.errors import MixturaWarning

    return MixturaWarning
