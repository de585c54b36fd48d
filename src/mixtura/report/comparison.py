"""Several models on the same rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from mixtura.mixture import Mixture
from mixtura.report.document import Document, Grid, Section, plural, shortened_path
from mixtura.report.numbers import criterion_text, evidence


def comparison_record(name: str, mixture: Mixture[Any], X: Any, sample_weight: Any = None) -> dict[str, Any]:
    """What is compared: one model on some rows."""
    return {
        "model": name,
        "structure": mixture.structure,
        "n_components": mixture.n_components,
        "columns": list(mixture.columns) if mixture.columns else None,
        "log_likelihood": mixture.log_likelihood(X, sample_weight),
        "n_parameters": mixture.n_parameters,
        "bic": mixture.bic(X, sample_weight),
        "icl": mixture.icl(X, sample_weight),
        "aic": mixture.aic(X, sample_weight),
    }


def comparison_document(
    records: Sequence[dict[str, Any]],
    criterion: str,
    n_samples: int,
    columns: Collection[tuple[str, ...] | None],
) -> Document:
    """Records, best first, as a table, with the lead of the first in words.

    Parameters
    ----------
    columns : the different sets of columns of the models; the criteria compare only models of the same ones
    """
    rows = [
        (
            shortened_path(r["model"]),
            f"{r['structure']},{r['n_components']}",
            f"{r['log_likelihood']:.4f}",
            str(r["n_parameters"]),
            *(criterion_text(r[name]) for name in ("bic", "icl", "aic")),
        )
        for r in records
    ]
    header = ("model", "mixture", "log-likelihood", "parameters", "BIC", "ICL", "AIC")
    notes = [f"Smaller criteria are better; sorted by {criterion.upper()}."]
    if len(columns) > 1:
        notes.append("The models have different columns, so these numbers do not compare.")
    headline = f"{shortened_path(records[0]['model'])} describes the {plural(n_samples, 'row')} best"
    if len(records) > 1:
        headline += _lead(records, criterion)
    return Document(headline, (Section("", (Grid.of(header, rows, left=2, marked=[0]), *notes)),))


def _lead(records: Sequence[dict[str, Any]], criterion: str) -> str:
    worse = records[1][criterion] - records[0][criterion]
    words = f": {evidence(worse)} (Kass & Raftery 1995)" if criterion == "bic" else ""
    return f"; the next is {worse:.2f} worse in {criterion.upper()}{words}"
