"""Columns travel by name: a mixture finds its own columns in a frame, whatever their order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mixtura as mx
from mixtura.errors import DataError

X = np.random.default_rng(0).normal(size=(60, 2)) * [1.0, 20.0] + np.where(np.arange(60) % 3 == 0, 8.0, 0.0)[:, None]


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_frame_in_another_order_or_with_more_columns_gives_the_same_answers(frame) -> None:
    fitted = mx.fit(frame({"a": X[:, 0], "b": X[:, 1]}), n_components=2, structure="VVI").mixture
    assert fitted.columns == ("a", "b")
    shuffled = frame({"c": X[:, 0] * 0, "b": X[:, 1], "a": X[:, 0]})
    np.testing.assert_array_equal(fitted.log_prob(shuffled), fitted.log_prob(X))
    step = next(mx.em(fitted, shuffled))
    assert step.log_likelihood == next(mx.em(fitted, X)).log_likelihood
    assert step.after.columns == ("a", "b")


def test_a_missing_column_is_named() -> None:
    fitted = mx.fit(pd.DataFrame(X, columns=["a", "b"]), n_components=1, structure="VVI").mixture
    with pytest.raises(DataError, match="no column 'b'; it has a, d"):
        fitted.predict(pd.DataFrame(X, columns=["a", "d"]))


def test_one_component_with_few_rows_is_no_trouble() -> None:
    assert not mx.fit([[0.0], [1.0]], n_components=1, structure="V").warnings
