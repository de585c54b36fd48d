"""`mixtura export`: a model file as an ONNX graph."""

from __future__ import annotations

import click


@click.command("export", short_help="Write a model as an ONNX graph.")
@click.argument("model", metavar="MODEL")
@click.argument("out", metavar="OUT")
@click.option("--float32", is_flag=True, help="Single precision: input, arithmetic and outputs. Default: double.")
def command(model: str, out: str, float32: bool) -> None:
    """Write the mixture of MODEL to OUT, an .onnx file that runs without Python.

    The graph takes X (rows, columns) and gives labels, responsibilities and log_prob. It needs the package onnx.
    """
    import mixtura as mx
    from mixtura.cli.output import check_outputs

    check_outputs(out)
    mixture = mx.load(model)
    mx.to_onnx(mixture, out, "float32" if float32 else "float64")
    columns = ", ".join(mixture.column_name(j) for j in range(mixture.n_features))
    click.echo(f"{out}: X ({columns}) -> labels, responsibilities, log_prob")
