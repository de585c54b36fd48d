"""Tables of rows and of parameters, long ones in part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mixtura.explanation.document import Block, Table
from mixtura.explanation.notation import Notation
from mixtura.explanation.numbers import aligned, number
from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture
from mixtura.validation import Array

SHOWN_ROWS = 12
"""A table of rows shows no more than this: half of them the first rows, half the most telling ones."""

SHOWN_COLUMNS = 3
"""More columns of data than this are left out of a table of rows."""

FULL_MATRIX = 8
"""With more columns than this a covariance matrix is shown by its standard deviations alone."""


def telling_rows(scores: Array) -> list[int]:
    """All rows where they are few; else the first and those of largest score, in their order."""
    n = len(scores)
    if n <= SHOWN_ROWS:
        return list(range(n))
    first = SHOWN_ROWS // 2
    rest = first + np.argsort(-scores[first:], kind="stable")[: SHOWN_ROWS - first]
    return [*range(first), *sorted(rest.tolist())]


def left_out(shown: Sequence[int], n: int, telling: str) -> str:
    """The caption of a table of rows: empty where all are shown."""
    if len(shown) == n:
        return ""
    first = SHOWN_ROWS // 2
    return (
        f"The first {first} rows and the {len(shown) - first} {telling} of the others; {n - len(shown)} more "
        "are left out."
    )


def row_columns(notation: Notation, rows: Array, shown: Sequence[int]) -> tuple[list[str], list[list[str]]]:
    """Header and cells that name rows: their number and, where there are few columns, their values."""
    header, cells = ["i"], [[str(i) for i in shown]]
    if rows.shape[1] <= SHOWN_COLUMNS:
        for j, name in enumerate(notation.columns):
            header.append(name if name != "x" else "xᵢ")
            cells.append(aligned(rows[shown, j]))
    return header, cells


def table(
    header: Sequence[str], cells: Sequence[Sequence[str]], caption: str = "", footer: Sequence[str] = ()
) -> Table:
    """A table of numbers from its columns."""
    return Table(tuple(header), tuple(zip(*cells, strict=True)), caption, footer=tuple(footer))


def parameter_tables(notation: Notation, mixture: Mixture[Gaussian], caption: str = "") -> list[Block]:
    """Weights, means and variances by component, and covariance matrices where there are any."""
    components = mixture.components
    header, cells = ["", "π"], [list(notation.gaussians), aligned(mixture.weights)]
    for j, name in enumerate(notation.columns):
        header.append("μ" if notation.flat else f"μ of {name}")
        cells.append(aligned(components.means[:, j]))
    variances = np.diagonal(components.covariance_matrices, axis1=1, axis2=2)
    if notation.form == "spherical":
        header.append("σ²")
        cells.append(aligned(variances[:, 0]))
    if notation.form == "diagonal" or (notation.form == "full" and len(notation.columns) > FULL_MATRIX):
        for j, name in enumerate(notation.columns):
            header.append(f"σ² of {name}")
            cells.append(aligned(variances[:, j]))
    if mixture.noise is not None:
        blank = [""] * (len(cells) - 2)
        cells = [
            [*column, end] for column, end in zip(cells, ("noise", number(mixture.noise.weight), *blank), strict=True)
        ]
    first = Table(tuple(header), tuple(zip(*cells, strict=True)), caption, texts=(0,))
    if notation.form != "full" or len(notation.columns) > FULL_MATRIX:
        return [first]
    return [first, _matrices(notation, components.covariance_matrices)]


def _matrices(notation: Notation, matrices: Array) -> Table:
    """One row for each column of data of each covariance matrix."""
    owners = ("all",) if notation.shared else notation.gaussians
    columns = [aligned(matrices[: len(owners), :, j].ravel()) for j in range(len(notation.columns))]
    names = [[owner if j == 0 else "" for owner in owners for j in range(len(notation.columns))]]
    names.append(list(notation.columns) * len(owners))
    rows = tuple(zip(*names, *columns, strict=True))
    what = "The covariance matrix that all share" if notation.shared else "The covariance matrices"
    return Table(("", "C", *notation.columns), rows, f"{what}:", texts=(0, 1))


def change_table(
    notation: Notation, header: Sequence[str], cells: Sequence[Sequence[str]], names: Sequence[str] | None = None
) -> Table:
    """One row a component: its name and numbers."""
    owners = list(notation.gaussians if names is None else names)
    return Table(("", *header), tuple(zip(owners, *cells, strict=True)), texts=(0,))


def shares(values: Array) -> list[str]:
    """A column of shares as percentages, signed."""
    return [f"{number(100 * v, 4)} %" if np.isfinite(v) else "—" for v in values]
