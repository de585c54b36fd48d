"""`mixtura show`: what is in a model file."""

from __future__ import annotations

import click

from mixtura.cli.options import json_option


@click.command("show", short_help="Show what is in a model file.")
@click.argument("model", metavar="MODEL")
@json_option
def command(model: str, as_json: bool) -> None:
    """Show the groups of MODEL: share, and mean and standard deviation of each column."""
    import mixtura as mx
    from mixtura.cli.output import show_document, show_json
    from mixtura.persistence import mixture_record
    from mixtura.report.components import mixture_document

    mixture = mx.load(model)
    if as_json:
        show_json(mixture_record(mixture))
    else:
        show_document(mixture_document(mixture, details=True))
