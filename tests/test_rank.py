"""Before a fit: columns that are combinations of others, and groups for which there are too few rows."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura.algorithms.rank import dependence, flat_directions
from mixtura.errors import DataError
from mixtura.sources.open import open_source
from mixtura.sweep import Sweep

RNG = np.random.default_rng(0)
PLAIN = RNG.normal(size=(200, 3)) + np.repeat([[0.0, 0, 0], [6, 0, 2]], 100, axis=0)


def said(X: np.ndarray, columns: list[str] | None = None) -> str:
    return dependence(Sweep(open_source(X, None, columns)))


@pytest.mark.parametrize(
    ("X", "text"),
    [
        (np.column_stack([PLAIN, PLAIN[:, 0] + 2 * PLAIN[:, 1]]), "column 3 = 1·column 0 + 2·column 1"),
        (np.column_stack([PLAIN + 1e6, PLAIN[:, 2] * 1.8 + 32]), "column 3 = 1.8·column 2 − 1.79997e+06"),
        (np.column_stack([PLAIN, PLAIN[:, 1] * 1e-9]), "column 3 = 1e-09·column 1"),
        (np.column_stack([PLAIN, -PLAIN[:, 2], 5 - PLAIN[:, 0]]), "column 4 = −1·column 0 + 5"),
        (np.column_stack([PLAIN, PLAIN.sum(axis=1)]).astype(np.float32), "column 3 = 1·column 0 + 1·column 1 + 1·col"),
        (RNG.normal(size=(20, 30)), "20 rows in 30 columns spread into 19 directions only"),
    ],
)
def test_the_combination_is_written_out(X, text):
    assert text in said(X)


def test_percentages_that_sum_to_a_hundred_are_named():
    parts = np.exp(RNG.normal(size=(300, 5)))
    text = said(100 * parts / parts.sum(axis=1, keepdims=True), list("vwxyz"))
    assert text == "column 'z' = −1·v − 1·w − 1·x − 1·y + 100"


@pytest.mark.parametrize("noise", [1e-9, 1e-12])
def test_columns_that_differ_by_more_than_rounding_are_independent(noise):
    """A correlation of 1 − 5e-19 is no combination: the rows know the difference, though no sum of squares does."""
    assert said(np.column_stack([PLAIN, PLAIN[:, 0] + noise * RNG.normal(size=200)])) == ""
    assert said(PLAIN) == ""


def test_flat_directions_are_flat_in_every_row():
    X = np.column_stack([PLAIN, PLAIN @ [[1.0, 2.0], [3.0, -1.0], [0.5, 4.0]]])
    sweep = Sweep(open_source(X, np.arange(200) % 3 + 0.5, None))
    flat = flat_directions(sweep)
    assert flat.shape == (5, 2)
    along = sweep.source.coordinates.rows_inward(X) @ flat
    np.testing.assert_allclose(along - along[0], 0, atol=1e-13 * np.abs(flat).max())


def test_many_rows_are_judged_as_few_are():
    X = np.repeat(PLAIN, 60, axis=0) + 0.1 * RNG.normal(size=(12_000, 3))
    assert said(X) == ""
    assert said(np.column_stack([X, X[:, 1] - X[:, 2]])) == "column 3 = 1·column 1 − 1·column 2"


def test_candidates_that_need_full_rank_are_left_out_with_the_reason():
    X = np.column_stack([PLAIN, PLAIN.sum(axis=1)])
    found = mx.fit(X, 2, ["VVI", "EEE", "FA1", "VVV"], n_starts=2)
    trouble = dict(zip(found.table["structure"].tolist(), found.table["trouble"].tolist(), strict=True))
    assert trouble["VVI"] == trouble["FA1"] == ""
    assert (
        trouble["EEE"]
        == trouble["VVV"]
        == "column 3 = 1·column 0 + 1·column 1 + 1·column 2: no covariance of full rank"
    )
    assert np.isnan(found.table["bic"][found.table["structure"] == "VVV"]).all()
    assert any("2 candidates were not fitted (EEE VVV)" in note for note in found.warnings)
    with pytest.raises(DataError, match=r"column 3 = .*as EEE, VVV need.*structure='FA'"):
        mx.fit(X, 2, "EEE,VVV")
    with pytest.raises(DataError, match=r"as VVV needs.*structure='VVI'"):
        mx.fit(X[:, [0, 0]], 2, "VVV")


def test_more_groups_than_rows_bear_are_left_out_with_the_reason():
    found = mx.fit(PLAIN[90:110], range(1, 7), "VVI,VVV", n_starts=2, improve=False)
    table = [
        (row["structure"], row["n_components"]) for row in found.table.rows() if "need more than" in row["trouble"]
    ]
    assert table == [("VVV", 5), ("VVV", 6)]  # of four columns: more than four rows each
    assert found.table.n_rows == 12


def test_all_means_factor_analysers_too_where_rows_are_fewer_than_columns():
    rng = np.random.default_rng(4)
    labels = np.arange(40) % 2
    X = (
        rng.normal(size=(2, 50))[labels]
        + rng.normal(size=(40, 1)) @ rng.normal(size=(1, 50))
        + rng.normal(size=(40, 50)) / 2
    )
    found = mx.fit(X, 2, n_starts=2, improve=False)
    assert found.mixture.structure == "FA1"
    assert mx.adjusted_rand(labels, found.mixture.predict(X)) == 1
    assert {"FA2", "FA3", "VVI"} <= {c.structure for c in found.candidates}
    assert found.table.n_rows == 14 + 3
