"""Checks at the public doors: arrays in, clear errors out. Nothing behind the doors checks again."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura.errors import DataError, ParameterError, ShapeError

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

WEIGHTS_TOLERANCE = 1e-6
"""How far the weights of a mixture may be from summing to one; they are divided by their sum."""


def frozen(array: Array) -> Array:
    """The array, closed to writing, so that a value stays the value it was."""
    array.setflags(write=False)
    return array


def as_array(value: Any, name: str) -> Array:
    """A float64 copy of a parameter; finite, or a `ParameterError` that names the place."""
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name} must hold numbers of one shape; got {value!r} ({error}).") from None
    if not np.all(np.isfinite(array)):
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ParameterError(f"{name}{list(where) if where else ''} is {array[where]}; expected finite numbers.")
    return array


def as_weights(value: Any, n_components: int, whole: float = 1.0) -> Array:
    """Mixing proportions: non-negative, one a component, summing to one, or to what noise leaves."""
    weights = np.atleast_1d(as_array(value, "weights"))
    if weights.shape != (n_components,):
        raise ShapeError(
            f"weights has shape {weights.shape} but the mixture has {n_components} components; "
            f"expected ({n_components},)."
        )
    if np.any(weights < 0):
        k = int(np.argmin(weights))
        raise ParameterError(f"weights[{k}] is {weights[k]}; mixing proportions must be non-negative.")
    total = float(weights.sum())
    if abs(total - whole) > WEIGHTS_TOLERANCE:
        raise ParameterError(
            f"weights sum to {total:.6g}; mixing proportions must sum to {whole:.6g} (divide them by their sum)."
        )
    if total != whole:
        weights = weights * (whole / total) if whole != 1 else weights / total
    return frozen(weights)


def check_finite_rows(X: npt.NDArray[Any], columns: Sequence[str] | None, first_row: int = 0) -> None:
    """Raise a `DataError` naming the first cell that is NaN or infinite, and how many there are."""
    finite = np.isfinite(X)
    if finite.all():
        return
    row, column = (int(i) for i in np.argwhere(~finite)[0])
    name = f"column {columns[column]!r}" if columns else f"column {column}"
    raise DataError(
        f"X has cells that are NaN or infinite ({int((~finite).sum())} among the rows looked at); the first is "
        f"{X[row, column]} in row {row + first_row}, {name} (rows counted from 0). Remove or fill these rows: every "
        "cell must be a finite number."
    )


def as_sample_weight(value: Any, n_samples: int) -> Array | None:
    """Row weights: finite, non-negative, one a row, not all zero."""
    if value is None:
        return None
    try:
        weights = np.ascontiguousarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"sample_weight must hold numbers, one a row ({error}).") from None
    if weights.shape != (n_samples,):
        raise ShapeError(
            f"sample_weight has shape {weights.shape} but X has {n_samples} rows; expected ({n_samples},)."
        )
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(f"sample_weight[{row}] is {weights[row]}; row weights must be finite and non-negative.")
    if not weights.any():
        raise DataError("sample_weight is zero in every row; at least one row must count.")
    return weights


def as_responsibilities(value: Any, n_samples: int) -> Array:
    """(n_samples, n_components), rows summing to one; labels (n_samples,) counted from 0 are taken too."""
    resp = np.asarray(value)
    if resp.ndim == 1 and resp.shape == (n_samples,) and np.issubdtype(resp.dtype, np.integer):
        if resp.min() < 0:
            row = int(np.argmin(resp))
            raise ParameterError(f"label {int(resp[row])} in row {row}; expected labels counted from 0.")
        if resp.max() >= n_samples:
            row = int(np.argmax(resp))
            raise ParameterError(
                f"label {int(resp[row])} in row {row} asks for more components than there are rows ({n_samples}); "
                "expected labels 0, 1, 2, … without gaps."
            )
        one_hot: Array = np.eye(int(resp.max()) + 1)[resp]
        return one_hot
    if resp.ndim != 2 or resp.shape[0] != n_samples:
        raise ShapeError(
            f"responsibilities have shape {resp.shape} and kind {resp.dtype} but X has {n_samples} rows; "
            f"expected ({n_samples}, n_components), or ({n_samples},) whole numbers as labels."
        )
    resp = np.ascontiguousarray(resp, dtype=np.float64)
    bad = ~(np.isfinite(resp).all(axis=1) & (resp >= 0).all(axis=1) & (np.abs(resp.sum(axis=1) - 1) <= 1e-6))
    if bad.any():
        row = int(np.argmax(bad))
        raise ParameterError(
            f"resp[{row}] is {resp[row].tolist()}; each row of responsibilities must be non-negative and sum to 1."
        )
    return resp


def as_count(value: Any, name: str, minimum: int = 1) -> int:
    """A whole number of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise ParameterError(f"{name} is {value!r}; expected a whole number of at least {minimum}.")
    return int(value)


def as_positive(value: Any, name: str) -> float:
    """A number above zero."""
    if not (isinstance(value, (int, float, np.floating)) and value > 0):
        raise ParameterError(f"{name} is {value!r}; expected a positive number.")
    return float(value)


def as_level(level: Any) -> float:
    """A number between 0 and 1, both left out."""
    if isinstance(level, bool) or not isinstance(level, (int, float, np.floating)) or not 0 < level < 1:
        raise ParameterError(f"level is {level!r}; expected a number between 0 and 1, such as 0.95.")
    return float(level)


def nearest_names(name: str, known: Sequence[str]) -> str:
    """`; did you mean …?` for an error text, or nothing where no name is near."""
    near = get_close_matches(name.upper(), [k.upper() for k in known], n=3, cutoff=0.5)
    near_as_written = [k for k in known if k.upper() in near]
    return f" Did you mean {' or '.join(near_as_written)}?" if near_as_written else ""
