"""Answers in the kind that the rows came in: labels of a data frame are a series, arrays stay with their library."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from mixtura.sources.device import is_other_array, like
from mixtura.sources.frames import is_eager_frame, is_frame


def in_kind_of(X: Any, values: npt.NDArray[Any]) -> Any:
    """One value a row, or several, as an array of the library of X where X lies; else as they are."""
    return like(X, values) if is_other_array(X) else values


def labels_in_kind_of(X: Any, labels: npt.NDArray[Any]) -> Any:
    """Labels (n_samples,) as a series `label` with the index of a data frame X in memory, or as `in_kind_of`."""
    if isinstance(X, str) or not is_frame(X) or not is_eager_frame(X):
        return in_kind_of(X, labels)
    import narwhals as nw

    frame = nw.from_native(X, eager_only=True)
    series = nw.new_series("label", labels, backend=nw.get_native_namespace(frame))
    index = nw.maybe_get_index(frame)
    return nw.to_native(series if index is None else nw.maybe_set_index(series, index=index))
