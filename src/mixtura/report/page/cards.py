"""A card for each component: how large it is, what it is like, its typical rows, what sets it apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.mixture import Mixture
from mixtura.report.document import count, plural, shortened
from mixtura.report.numbers import measures, percent
from mixtura.report.page.rows import Looked, Row
from mixtura.validation import Array

if TYPE_CHECKING:
    from mixtura.result import Fit

MOST_COLUMNS = 8
"""Columns that a card shows: those that set the component apart most."""

MOST_NAMED = 3
NOTICEABLE = 0.5
"""Of a column's standard deviation: a mean that lies less far from that of all rows is not named."""


@dataclass(frozen=True, slots=True)
class Card:
    """What the page says of one component, as texts.

    Attributes
    ----------
    number, name, share, rows : how it is called, and how large it is
    columns : (name, mean ± standard deviation) of each column shown
    hidden : how many columns are not
    apart : what sets it apart, a sentence
    typical : row numbers and values
    """

    number: int
    name: str
    share: str
    rows: str
    columns: list[tuple[str, str]]
    hidden: int
    apart: str
    typical: list[tuple[str, str]]


def cards(fit: Fit, looked: Looked) -> list[Card]:
    """One a component, in the fit's order."""
    mixture = fit.mixture
    means = mixture.components.component_means
    spreads = np.sqrt(np.einsum("kjj->kj", mixture.components.component_covariances))
    total = np.sqrt(np.diagonal(mixture.covariance))
    off = (means - mixture.mean) / total
    found = []
    for k in range(mixture.n_components):
        order = np.sort(np.argsort(-np.abs(off[k]), kind="stable")[:MOST_COLUMNS])
        cells = [measures([means[k, j]], [spreads[k, j]], 2)[0] for j in order]
        found.append(
            Card(
                k,
                mixture.component_name(k),
                percent(mixture.weights[k]),
                plural(fit.certainty.sizes[k], "row"),
                [(mixture.column_name(int(j)), cell) for j, cell in zip(order, cells, strict=True)],
                mixture.n_features - len(order),
                _apart(mixture, off[k], spreads[k] / total),
                [(f"row {row.number}", values_text(mixture, row, order)) for row in looked.typical[k]],
            )
        )
    return found


def values_text(mixture: Mixture[Any], row: Row, columns: Any) -> str:
    """`eruptions 4.4, waiting 80`."""
    return ", ".join(f"{shortened(mixture.column_name(int(j)))} {cell_text(row.values[j])}" for j in columns)


def cell_text(value: float) -> str:
    """`4.4`, or `missing`."""
    return "missing" if math.isnan(value) else f"{value:.6g}"


def _apart(mixture: Mixture[Any], off: Array, relative: Array) -> str:
    """The columns in which its mean lies farthest from that of all rows, and how wide it is."""
    order = [int(j) for j in np.argsort(-np.abs(off), kind="stable")[:MOST_NAMED] if abs(off[j]) >= NOTICEABLE]
    parts = [
        f"{shortened(mixture.column_name(j))} is {abs(off[j]):.1f} standard deviations "
        f"{'above' if off[j] > 0 else 'below'} the mean of all rows"
        for j in order
    ]
    if not parts:
        wide = float(np.median(relative))
        where = "wider than" if wide > 1.2 else "narrower than" if wide < 0.8 else "about as wide as"
        return f"Its means lie near those of all rows; it is {where} all rows together."
    return "; ".join(parts) + "."


def sizes_text(fit: Fit) -> str:
    """How many rows, and how many of them are noise."""
    text = plural(fit.n_samples, "row")
    if fit.mixture.noise is not None:
        text += f", {count(fit.certainty.noise)} of them noise"
    return text
