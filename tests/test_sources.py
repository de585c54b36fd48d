"""Sources: every way of writing the same rows gives the same numbers, and coordinates lose no digits."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

import mixtura as mx
from mixtura.errors import DataError
from mixtura.sources import ArraySource, as_source
from mixtura.sources.base import Coordinates

NAMES = ["eruptions", "waiting"]
FRAMES = {
    "pandas": lambda X: pd.DataFrame(X, columns=NAMES),
    "polars": lambda X: pl.DataFrame(np.ascontiguousarray(X), schema=NAMES),
    "polars, lazy": lambda X: pl.LazyFrame(np.ascontiguousarray(X), schema=NAMES),
    "Arrow": lambda X: pa.table({name: X[:, j] for j, name in enumerate(NAMES)}),
    "pandas, Arrow types": lambda X: pd.DataFrame(X, columns=NAMES).convert_dtypes(dtype_backend="pyarrow"),
}


@pytest.fixture(scope="module")
def want(rows):
    """What the array gives."""
    return mx.fit(rows("faithful"), n_components=2, structure="EEE").mixture


@pytest.mark.parametrize("kind", FRAMES)
def test_data_frames_give_the_numbers_and_bring_their_column_names(faithful, want, kind):
    mixture = mx.fit(FRAMES[kind](faithful), n_components=2, structure="EEE").mixture
    assert mixture.columns == tuple(NAMES)
    assert mixture == want.with_names(None, NAMES)
    np.testing.assert_array_equal(mixture.log_prob(FRAMES[kind](faithful)), want.log_prob(faithful))


@pytest.mark.parametrize("ending", ["csv", "tsv", "csv.gz", "parquet"])
def test_files_give_the_numbers_and_bring_their_column_names(faithful, want, tmp_path, ending):
    path = tmp_path / f"rows.{ending}"
    separator = "\t" if ending == "tsv" else ","
    lines = [separator.join(NAMES), *(separator.join(map(repr, row)) for row in faithful.tolist())]
    if ending == "parquet":
        parquet.write_table(FRAMES["Arrow"](faithful), path)
    elif ending == "csv.gz":
        path.write_bytes(gzip.compress("\n".join(lines).encode()))
    else:
        path.write_text("\n".join(lines))
    for given in (path, str(path)):
        assert mx.fit(given, n_components=2, structure="EEE").mixture == want.with_names(None, NAMES)


def test_columns_of_a_file_are_chosen_by_name_in_that_order(faithful, tmp_path):
    path = tmp_path / "rows.csv"
    pd.DataFrame(faithful, columns=NAMES).assign(comment="text").to_csv(path, index=False)
    fit = mx.fit(path, n_components=2, structure="V", columns=["waiting"])
    assert fit.mixture.columns == ("waiting",)
    assert fit.log_likelihood == mx.fit(faithful[:, 1], n_components=2, structure="V").log_likelihood
    both = mx.fit(path, n_components=1, structure="VVV", columns=["waiting", "eruptions"])
    assert both.mixture.columns == ("waiting", "eruptions")


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_columns_of_a_frame_are_chosen_by_name_in_that_order(faithful, kind):
    frame = kind({"eruptions": faithful[:, 0], "comment": ["text"] * len(faithful), "waiting": faithful[:, 1]})
    mixture = mx.fit(frame, n_components=1, structure="VVV", columns=["waiting", "eruptions"]).mixture
    assert mixture.columns == ("waiting", "eruptions")
    np.testing.assert_allclose(mixture.components.means[0], faithful[:, ::-1].mean(axis=0), rtol=1e-12)
    with pytest.raises(DataError, match=r"no column 'waitin'; it has .*Did you mean waiting"):
        mx.fit(frame, columns=["waitin"])


def test_a_column_of_a_file_may_hold_the_weights(faithful, tmp_path):
    path, w = tmp_path / "rows.csv", np.arange(len(faithful)) % 4 + 1.0
    pd.DataFrame(faithful, columns=NAMES).assign(n=w).to_csv(path, index=False)
    fit = mx.fit(path, n_components=2, structure="EEE", sample_weight="n")
    assert fit.mixture.columns == tuple(NAMES)
    assert fit.total_weight == w.sum()
    want = mx.fit(faithful, n_components=2, structure="EEE", sample_weight=w)
    assert fit.log_likelihood == pytest.approx(want.log_likelihood, rel=1e-12)


def test_names_may_be_given_to_the_columns_of_an_array(faithful):
    fit = mx.fit(faithful, n_components=2, structure="EEE", columns=NAMES, names=["long", "short"])
    assert (fit.mixture.columns, fit.mixture.names) == (tuple(NAMES), ("long", "short"))


@pytest.mark.parametrize("kind", [np.int8, np.int64, np.uint16, np.float16, bool, object])
def test_other_kinds_of_number_become_float64_once(kind):
    X = np.array([[0, 1], [1, 0], [1, 1]]).astype(kind)
    source = as_source(X)
    assert source.X.dtype == np.float64
    np.testing.assert_array_equal(source.X, X.astype(np.float64))


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_floats_are_used_where_they_lie(kind):
    X = np.ones((4, 6), dtype=kind)[::2, ::3]
    assert as_source(X).X is X


def test_frame_of_single_precision_stays_single():
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]}).astype(np.float32)
    assert as_source(frame).X.dtype == np.float32
    assert as_source(frame.astype({"a": np.int64})).X.dtype == np.float64


def test_flat_rows_are_one_column():
    assert as_source([1, 2, 3]).X.shape == (3, 1)
    assert as_source((1.0, 2.0)).n_features == 1


def test_centre_is_a_data_value_and_scale_a_power_of_two(faithful):
    coordinates = as_source(faithful * 1e5 + 1e9).coordinates
    for j in range(2):
        assert coordinates.centre[j] in (faithful * 1e5 + 1e9)[:, j]
    assert np.frexp(coordinates.scale)[0] == 0.5


@pytest.mark.parametrize("offset", [0.0, 1e8, -1e12])
@pytest.mark.parametrize("power", [-300, 0, 300])
def test_inner_coordinates_are_exact(offset, power):
    """Whole numbers about any offset and scale: no bit is lost on the way in or out."""
    X = (np.arange(-50, 50)[:, None] + offset) * 2.0**power
    source = as_source(X)
    inner = source.coordinates.rows_inward(X)
    np.testing.assert_array_equal(inner * source.coordinates.scale + source.coordinates.centre, X)
    assert 0.5 < np.abs(inner).max() < 100


def test_equal_rows_have_coordinates_too():
    coordinates = Coordinates.of_sample(np.full((5, 2), 7.0))
    assert coordinates.scale == 1.0
    np.testing.assert_array_equal(coordinates.rows_inward(np.full((1, 2), 7.0)), [[0.0, 0.0]])


def test_resolution_is_the_rounding_unit_of_each_column():
    X = np.array([[1.0, -1e8], [0.5, 3.0]])
    np.testing.assert_array_equal(as_source(X).resolution, [np.spacing(1.0), np.spacing(1e8)])
    np.testing.assert_array_equal(as_source(X.astype(np.float32)).resolution, np.spacing(np.float32([1.0, 1e8])))


def test_samples_are_rows_in_order_with_their_weights():
    X, w = np.arange(100.0)[:, None], np.arange(100.0) + 1
    sample = ArraySource.checked(X, w, ["x"]).sample(10, np.random.default_rng(0))
    assert sample.n_samples == 10
    assert np.all(np.diff(sample.X[:, 0]) > 0)
    np.testing.assert_array_equal(sample.sample_weight, sample.X[:, 0] + 1)
    assert sample.columns == ("x",)
    whole = as_source(X)
    assert whole.sample(100, np.random.default_rng(0)) is whole


def test_weights_of_a_source_belong_to_the_source():
    with pytest.raises(TypeError, match="to the source itself"):
        as_source(as_source([1.0, 2.0]), [1.0, 1.0])


def test_a_frame_names_its_text_column():
    with pytest.raises(DataError, match=r"column 'b' .*the first value is 'x'"):
        as_source(pd.DataFrame({"a": [1.0], "b": ["x"]}))


def test_a_missing_cell_of_a_frame_is_named_where_whole_rows_are_needed():
    with pytest.raises(DataError, match=r"row 1, column 'a'.*whole rows"):
        list(as_source(pl.DataFrame({"a": [1.0, None, 3.0]})).chunks())
