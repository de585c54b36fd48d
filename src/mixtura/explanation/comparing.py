"""Comparatives chosen by computing them: which values are the largest, and which of them are alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mixtura.validation import Array

ALIKE = 1e-9
"""Two values are alike where they differ by less than this share of the larger."""

STILL = 1e-12
"""A mean or a variance has not moved where it moved by less than this share of its size."""


def largest(values: Any, among: Sequence[int] | None = None) -> tuple[int, ...]:
    """The places of the largest value: more than one where values are alike; none where there is nothing to compare.

    Examples
    --------
    >>> largest([1.0, 3.0, 3.0]), largest([1.0, 3.0], among=[0]), largest([])
    ((1, 2), (0,), ())
    """
    array = np.asarray(values, dtype=np.float64)
    places = [k for k in (range(len(array)) if among is None else among) if not np.isnan(array[k])]
    if not places:
        return ()
    top = max(array[k] for k in places)
    if np.isinf(top):
        return tuple(k for k in places if array[k] == top)
    return tuple(k for k in places if top - array[k] <= ALIKE * abs(top))


def settled(change: Array, scale: Any) -> Array:
    """The change with zeros where it is only rounding beside `scale`."""
    return np.where(np.abs(change) <= STILL * np.asarray(scale), 0.0, change)


def direction(change: float) -> int:
    """−1, 0 or 1."""
    return int(np.sign(change))
