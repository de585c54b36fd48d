"""What the components of a mixture are like, by column name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mixtura.mixture import Mixture
from mixtura.report.document import Document, Grid, Section, plural, printable, shortened
from mixtura.report.numbers import measures, percent

MAX_WIDTH = 92
"""A table of components is turned, columns of the data downwards, where it would be wider."""

MAX_ROWS = 24
"""Rows of a table; the rest is counted."""

ALONE = {"full": "correlated columns", "diag": "uncorrelated columns", "spherical": "round"}
"""What a form says of a single component, which shares with nobody."""


def structure_words(mixture: Mixture[Any]) -> str:
    """`EEE (equal size, shape and orientation)`."""
    constraint = getattr(mixture.components, "constraint", None)
    if constraint is None:
        return mixture.structure
    if mixture.n_components > 1:
        return f"{mixture.structure} ({constraint.description})"
    words = "one variance" if mixture.n_features == 1 else ALONE.get(constraint.form.name, constraint.description)
    return f"{mixture.structure} ({words})"


def mixture_document(mixture: Mixture[Any], details: bool = False) -> Document:
    """A mixture in one line and one table; with details, the correlations within each component too."""
    size = f"{plural(mixture.n_components, 'component')}, {plural(mixture.n_features, 'column')}"
    headline = (
        f"Mixture of {mixture.components.name.capitalize()}s: {size}, "
        f"{structure_words(mixture)}, {plural(mixture.n_parameters, 'parameter')}"
    )
    sections = [Section("", tuple(component_table(mixture, "component", digits=3)))]
    if details and mixture.n_features >= 2 and _correlated(mixture):
        sections.append(Section("Correlations within each component", tuple(correlation_table(mixture))))
    return Document(headline, tuple(sections))


def component_table(
    mixture: Mixture[Any], noun: str, sizes: Sequence[str] | None = None, digits: int = 2
) -> list[str | Grid]:
    """Share, rows (where given), mean ± sd of each column: one row a component, or turned where that is too wide."""
    shares = [percent(w) for w in mixture.weights]
    first = ["share", *(["rows"] if sizes else [])]
    lead = [[share, *([sizes[k]] if sizes else [])] for k, share in enumerate(shares)]
    labels = [_label(mixture, k) for k in range(mixture.n_components)]
    names = [shortened(mixture.column_name(j)) for j in range(mixture.n_features)]
    shown = min(mixture.n_features, MAX_ROWS)
    cells = [_measures_of_column(mixture, j, digits) for j in range(shown)]
    rows = [[label, *lead[k], *(column[k] for column in cells)] for k, label in enumerate(labels)]
    grid = Grid.of([noun, *first, *names[:shown]], rows[:MAX_ROWS])
    if shown < mixture.n_features or sum(grid.widths) + 2 * len(grid.widths) > MAX_WIDTH:
        return _turned(mixture, noun, labels, first, lead, names, cells)
    return [grid, *_more(mixture.n_components - MAX_ROWS, noun)]


def _turned(
    mixture: Mixture[Any],
    noun: str,
    labels: list[str],
    first: list[str],
    lead: list[list[str]],
    names: list[str],
    cells: list[list[str]],
) -> list[str | Grid]:
    """One row a column of the data, one column a component, as many as fit; the rest is counted."""
    rows = [[name, *(row[i] for row in lead)] for i, name in enumerate(first)]
    rows += [[name, *column] for name, column in zip(names, cells, strict=False)]
    header = [noun, *labels]
    widths = Grid.of(header, rows).widths
    fits, room = 1, MAX_WIDTH - widths[0] - 2
    while fits < len(widths) and (room := room - widths[fits] - 2) >= 0:
        fits += 1
    fits = max(fits, 2)
    grid = Grid.of(header[:fits], [row[:fits] for row in rows])
    return [
        grid,
        *_more(mixture.n_features - len(cells), "column"),
        *_more(mixture.n_components - (fits - 1), noun),
    ]


def correlation_table(mixture: Mixture[Any]) -> list[str | Grid]:
    """The correlation of each pair of columns within each component; the strongest pairs where there are many."""
    matrices = mixture.components.component_covariances
    spreads = np.sqrt(np.einsum("kii->ki", matrices))
    correlations = matrices / spreads[:, :, None] / spreads[:, None, :]
    above = np.triu_indices(mixture.n_features, 1)
    strength = np.abs(correlations[:, above[0], above[1]]).max(axis=0)
    order = np.argsort(-strength, kind="stable") if len(strength) > MAX_ROWS else np.arange(len(strength))
    rows = []
    for p in order[:MAX_ROWS]:
        i, j = int(above[0][p]), int(above[1][p])
        pair = f"{shortened(mixture.column_name(i))}, {shortened(mixture.column_name(j))}"
        rows.append([pair, *(f"{r:.3f}" for r in correlations[:8, i, j])])
    labels = [_label(mixture, k) for k in range(min(8, mixture.n_components))]
    return [Grid.of(["columns", *labels], rows), *_more(len(order) - MAX_ROWS, "weaker pair")]


def _correlated(mixture: Mixture[Any]) -> bool:
    constraint = getattr(mixture.components, "constraint", None)
    return constraint is None or constraint.form.name == "full"


def _measures_of_column(mixture: Mixture[Any], j: int, digits: int) -> list[str]:
    means = mixture.components.component_means[:, j]
    spreads = np.sqrt(mixture.components.component_covariances[:, j, j])
    return measures(means.tolist(), spreads.tolist(), digits)


def _label(mixture: Mixture[Any], k: int) -> str:
    """The number of a component, and its name where it has one."""
    return f"{k} {shortened(mixture.names[k])}" if mixture.names else str(k)


def _more(n: int, noun: str) -> list[str]:
    return [f"… and {plural(n, 'more ' + printable(noun))}."] if n > 0 else []
