"""Rows of a Spark data frame: the numbers of one machine. `make spark` installs what this needs, but for Java 17."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

import mixtura as mx
from mixtura.errors import DataError, ParameterError
from mixtura.sources import as_source

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
sql = pytest.importorskip("pyspark.sql")
if shutil.which("java") is None:
    pytest.skip("Spark needs Java", allow_module_level=True)

N = 20_000
NAMES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def session() -> Iterator[object]:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    options = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "3", "spark.driver.host": "127.0.0.1"}
    builder = sql.SparkSession.builder.master("local[2]").config(map=options)
    with builder.getOrCreate() as found:
        found.sparkContext.setLogLevel("OFF")
        yield found


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0, 0], [5, 1, 2], [-3, 6, 0.0]])
    return centres[rng.integers(3, size=N)] + rng.normal(size=(N, 3))


@pytest.fixture(scope="module")
def frame(session, rows) -> object:
    return session.createDataFrame(pd.DataFrame(rows, columns=NAMES)).repartition(5).cache()


def test_iterations_are_those_of_one_machine(frame, rows) -> None:
    theta = mx.Mixture([0.3, 0.3, 0.4], mx.Gaussian(rows[:3], [np.eye(3)] * 3))
    *_, found = mx.em(theta, frame, max_iter=20)
    *_, want = mx.em(theta, rows, max_iter=20)
    assert found.log_likelihood == pytest.approx(want.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(found.after.weights, want.after.weights, rtol=1e-12)
    np.testing.assert_allclose(found.after.components.means, want.after.components.means, rtol=1e-11, atol=1e-12)
    covariances = (it.after.components.covariances for it in (found, want))
    np.testing.assert_allclose(*covariances, rtol=1e-11, atol=1e-12)


def test_a_search_finds_the_groups_and_labels_them(frame, rows) -> None:
    from mixtura import spark

    found = spark.fit(frame, [2, 3, 4], ["VVV", "EII"], columns=["c", "a", "b"])
    want = mx.fit(rows[:, [2, 0, 1]], [2, 3, 4], ["VVV", "EII"])
    assert (found.mixture.structure, found.mixture.n_components) == (want.mixture.structure, want.mixture.n_components)
    assert found.log_likelihood == pytest.approx(want.log_likelihood, abs=0.1)
    assert found.mixture.columns == ("c", "a", "b")
    labelled = spark.predict(found.mixture, frame, prefix="mixture_").toPandas()
    assert labelled.columns.tolist() == [*NAMES, "mixture_label", "mixture_uncertainty"]
    np.testing.assert_array_equal(labelled["mixture_label"], found.mixture.predict(labelled[NAMES]))
    np.testing.assert_allclose(labelled["mixture_uncertainty"], found.mixture.uncertainty(labelled[NAMES]), atol=1e-15)


def test_a_frame_goes_in_as_it_is_and_rows_come_back_in_chunks(frame, rows) -> None:
    assert mx.fit(frame, 3, "EII").converged
    read = np.concatenate([chunk.rows for chunk in as_source(frame).chunks()])
    np.testing.assert_array_equal(np.sort(read, axis=0), np.sort(rows, axis=0))


def test_whole_numbers_decimals_and_empty_partitions(session) -> None:
    frame = session.sql("select id % 7 as a, cast(id * id % 11 as decimal(10, 2)) as b from range(0, 500, 1, 4)")
    numbers = np.array([[i % 7, i * i % 11] for i in range(500)], dtype=float)
    spread = frame.union(session.createDataFrame([], frame.schema))
    assert mx.fit(spread, 2, "EEE").log_likelihood == pytest.approx(mx.fit(numbers, 2, "EEE").log_likelihood, abs=1e-3)


def test_bad_cells_columns_and_options_are_named(session, frame) -> None:
    with pytest.raises(DataError, match=r"partition \d+: .*NaN"):
        mx.fit(session.sql("select id as a, if(id = 400, null, id * 2.5d) as b from range(0, 500, 1, 3)"), 2)
    with pytest.raises(DataError, match="'b' holds String"):
        mx.fit(session.sql("select id as a, 'x' as b from range(50)"), 2)
    with pytest.raises(DataError, match="no column 'z'; it has a, b, c"):
        mx.fit(frame, 2, columns=["a", "z"])
    with pytest.raises(DataError, match="no rows"):
        mx.fit(frame.where("a > 1000"), 2)
    with pytest.raises(ParameterError, match="no sample_weight"):
        mx.fit(frame, 2, sample_weight=np.ones(N))
