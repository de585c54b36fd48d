"""What is known of the parameters, and of their number: estimates with their errors, and tests, as documents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mixtura.report.document import Document, Grid, Section
from mixtura.tables import Table

if TYPE_CHECKING:
    from mixtura.inference.likelihood_ratio import LikelihoodRatioTest

NUMBERS = {"estimate": "estimate", "standard_error": "std. error", "bias": "bias", "lower": "lower", "upper": "upper"}


def errors_document(headline: str, table: Table, notes: Sequence[str] = ()) -> Document:
    """A table of estimates with standard errors and intervals, each row with the digits that its error makes useful."""
    shown = [name for name in NUMBERS if name in table]
    rows = []
    for row in table.rows():
        numbers = [_rounded(row[name], row["standard_error"]) for name in shown]
        rows.append((row["parameter"], row["component"], row["column"], *numbers))
    header = ("parameter", "component", "column", *(NUMBERS[name] for name in shown))
    body: tuple[str | Grid, ...] = (Grid.of(header, rows, left=3), *(f"Not to be relied on: {note}" for note in notes))
    return Document(headline, (Section("", body),))


def tests_document(headline: str, tests: Sequence[LikelihoodRatioTest]) -> Document:
    """Bootstrap likelihood-ratio tests, one a row."""
    rows = [
        (
            f"{t.n_components[0]} against {t.n_components[1]}",
            f"{t.statistic:.4f}",
            f"{t.p_value:.3g} ± {t.monte_carlo_error:.1g}",
            f"{len(t.null)}" + (" (stopped early)" if t.stopped_early else ""),
            str(t.n_failed),
        )
        for t in tests
    ]
    header = ("components", "2 ΔL", "p-value", "resamples", "degenerate")
    note = "2 ΔL: twice the gain in log-likelihood, nats. ±: Monte-Carlo error of the p-value."
    return Document(headline, (Section("", (Grid.of(header, rows), note)),))


def _rounded(value: float, error: float) -> str:
    """A number with the decimals that show two digits of its standard error."""
    if not math.isfinite(value):
        return "—"
    if not (math.isfinite(error) and error > 0):
        return f"{value:.6g}"
    decimals = 1 - math.floor(math.log10(error))
    return f"{value:.{decimals}f}" if 0 <= decimals <= 8 and abs(value) < 1e10 else f"{value:.6g}"
