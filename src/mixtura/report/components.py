"""What the components of a mixture are like, by column name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mixtura.families.factor_analyzers import FactorAnalyzers
from mixtura.mixture import Mixture
from mixtura.report.document import Document, Grid, Section, plural, printable, shortened
from mixtura.report.numbers import measures, percent

MAX_WIDTH = 92
"""Characters of a table at most."""

MAX_ROWS = 24
"""Rows of a table at most; the rest is counted."""

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


def fixed_words(mixture: Mixture[Any]) -> list[str]:
    """`Held fixed: all weights; the means of 0, 2.`, where anything is."""
    if mixture.fixed is None:
        return []
    parts = []
    for part, numbers in mixture.fixed.to_dict().items():
        some = len(numbers) < mixture.n_components
        parts.append(f"the {part} of {', '.join(_label(mixture, k) for k in numbers)}" if some else f"all {part}")
    return [f"Held fixed: {'; '.join(parts)}."]


def mixture_document(mixture: Mixture[Any], details: bool = False) -> Document:
    """A mixture in one line and one table; with details, the correlations within each component too."""
    size = f"{plural(mixture.n_components, 'component')}, {plural(mixture.n_features, 'column')}"
    headline = (
        f"Mixture of {mixture.components.name.capitalize()}s: {size}, "
        f"{structure_words(mixture)}, {plural(mixture.n_parameters, 'parameter')}"
    )
    noise = mixture.noise
    uniform = () if noise is None else (f"and noise: {percent(noise.weight)}, uniform, volume {noise.volume:.4g}",)
    table = component_table(mixture, "component", digits=3)
    sections = [Section("", (*table, *uniform, *fixed_words(mixture)))]
    if details and mixture.n_features >= 2 and _correlated(mixture):
        sections.append(Section("Correlations within each component", tuple(correlation_table(mixture))))
    if details and isinstance(mixture.components, FactorAnalyzers):
        sections.append(Section("Loadings, and variances of their own", tuple(loadings_table(mixture))))
    return Document(headline, tuple(sections))


def component_table(
    mixture: Mixture[Any], noun: str, sizes: Sequence[str] | None = None, digits: int = 2
) -> list[str | Grid]:
    """Share, rows (where given), mean ± sd of each column: components downwards, or columns where more fits so."""
    components, columns = min(mixture.n_components, MAX_ROWS), min(mixture.n_features, MAX_ROWS)
    means = mixture.components.component_means
    spreads = np.sqrt(np.einsum("kjj->kj", mixture.components.component_covariances))
    lines = [[noun, *(_label(mixture, k) for k in range(components))]]
    lines.append(["share", *(percent(w) for w in mixture.weights[:components])])
    if sizes:
        lines.append(["rows", *sizes[:components]])
    lead = len(lines) - 1
    for j in range(columns):
        cells = measures(means[:, j].tolist(), spreads[:, j].tolist(), digits)
        lines.append([shortened(mixture.column_name(j)), *cells[:components]])
    turned, upright = _cut(lines), _cut([list(row) for row in zip(*lines, strict=True)])
    shown = {
        "components down": (len(upright.rows), len(upright.header) - 1 - lead),
        "columns down": (len(turned.header) - 1, len(turned.rows) - lead),
    }
    down = max(shown, key=lambda way: shown[way][0] * max(shown[way][1], 0))
    return [
        upright if down == "components down" else turned,
        *_more(mixture.n_features - shown[down][1], "column"),
        *_more(mixture.n_components - shown[down][0], noun),
    ]


def _cut(lines: list[list[str]]) -> Grid:
    """The lines as a table, with as many columns as fit into `MAX_WIDTH`, at least two."""
    widths = Grid.of(lines[0], lines[1:]).widths
    ends = np.cumsum([width + 2 for width in widths])
    fits = max(2, int(np.searchsorted(ends, MAX_WIDTH + 2, side="right")))
    return Grid.of(lines[0][:fits], [line[:fits] for line in lines[1:]])


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


def loadings_table(mixture: Mixture[FactorAnalyzers]) -> list[str | Grid]:
    """Loadings of each column on each component's factors, and what the factors leave of its variance, in percent."""
    components = mixture.components
    own = components.uniquenesses / np.einsum("kjj->kj", components.component_covariances)
    shown = range(min(mixture.n_components, MAX_ROWS))
    header = ["column"]
    for k in shown:
        header += [*(f"{_label(mixture, k)}: factor {f}" for f in range(components.n_factors)), "own"]
    rows = []
    for j in range(min(mixture.n_features, MAX_ROWS)):
        cells = [shortened(mixture.column_name(j))]
        for k in shown:
            cells += [*(f"{value:.3g}" for value in components.loadings[k, j]), percent(own[k, j])]
        rows.append(cells)
    return [_cut([header, *rows]), *_more(mixture.n_features - len(rows), "column")]


def _correlated(mixture: Mixture[Any]) -> bool:
    constraint = getattr(mixture.components, "constraint", None)
    return constraint is None or constraint.form.name == "full"


def _label(mixture: Mixture[Any], k: int) -> str:
    """The number of a component, and its name where it has one."""
    return f"{k} {shortened(mixture.names[k])}" if mixture.names else str(k)


def _more(n: int, noun: str) -> list[str]:
    return [f"… and {plural(n, 'more ' + printable(noun))}."] if n > 0 else []
