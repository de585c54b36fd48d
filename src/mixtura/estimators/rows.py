"""Rows as scikit-learn checks them; missing cells pass where an estimator knows what to do with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from mixtura.validation import Array, Flags


class TakesGaps:
    """Says that NaN is a missing cell, not a mistake."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.allow_nan = True
        return tags


def checked_rows(estimator: Any, X: Any, y: Any = "no_validation", *, gaps: bool = False, **options: Any) -> Any:
    """`validate_data` in float64 or float32; `gaps` lets NaN pass. An infinite cell is named by row and column."""
    finite = "allow-nan" if gaps else True
    try:
        return validate_data(estimator, X, y, dtype=[np.float64, np.float32], ensure_all_finite=finite, **options)
    except ValueError as error:
        place = _first_infinite(X)
        if place is None or "infinity" not in str(error):
            raise
        raise ValueError(f"{error} The first is in row {place[0]}, column {place[1]}, counted from 0.") from None


def _first_infinite(X: Any) -> tuple[int, int] | None:
    if np.iscomplexobj(X):
        return None
    try:
        cells = np.argwhere(np.isinf(np.asarray(X, dtype=np.float64)))
    except (TypeError, ValueError):
        return None
    return (int(cells[0, 0]), int(cells[0, 1])) if len(cells) and cells.shape[1] == 2 else None


def by_pattern(rows: Array) -> Iterator[tuple[Flags, Flags]]:
    """Each pattern of known columns (D,), with the rows (n,) that have it."""
    missing = np.isnan(rows)
    if not missing.any():
        yield np.ones(rows.shape[1], dtype=bool), np.ones(len(rows), dtype=bool)
        return
    patterns, number = np.unique(~missing, axis=0, return_inverse=True)
    for i, seen in enumerate(patterns):
        yield seen, number == i
