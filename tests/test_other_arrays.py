"""Arrays of other libraries: read where they lie by the array API standard, and answered in their own kind."""

from __future__ import annotations

import array_api_strict
import numpy as np
import pandas as pd
import polars as pl
import pytest

import mixtura as mx
from mixtura.errors import DataError, ParameterError, ShapeError
from mixtura.sources import as_source
from mixtura.sources.device import DeviceSource, host

STRUCTURES = ("VVV", "EEE", "VVI", "EEI", "VII", "EII", "VVE", "EEV", "FA1")


def to_strict(array):
    return array_api_strict.asarray(array)


def to_torch(array):
    return pytest.importorskip("torch").as_tensor(array)


LIBRARIES = pytest.mark.parametrize("to", [to_strict, to_torch], ids=["strict", "torch"])


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0, 0], [6, 0, 3], [0, 6, -3]])
    return 1e3 + centres[rng.integers(3, size=3000)] + rng.normal(size=(3000, 3))


@pytest.fixture(scope="module")
def mixture(rows):
    return mx.fit(rows, 3, "VVV").mixture


@LIBRARIES
@pytest.mark.parametrize("structure", STRUCTURES)
def test_iterations_equal_those_over_numpy(rows, to, structure) -> None:
    start = mx.Mixture.from_responsibilities(rows, np.arange(3000) % 3, structure)
    weights = np.random.default_rng(1).integers(1, 4, size=3000).astype(float)
    options = {"sample_weight": weights, "max_iter": 4}
    want = list(mx.em(start, rows, engine="reference", **options))
    found = list(mx.em(start, to(rows), engine="standard", **options))
    for one, other in zip(found, want, strict=True):
        assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-12)
        assert one.lower_bound == pytest.approx(other.lower_bound, rel=1e-12)
        means, others = one.after.components.means, other.after.components.means
        np.testing.assert_allclose(means, others, rtol=1e-12)
        covariances, others = (m.components.covariance_matrices for m in (one.after, other.after))
        np.testing.assert_allclose(covariances, others, rtol=1e-9, atol=1e-9)


@LIBRARIES
@pytest.mark.parametrize("engine", [None, "standard"])
def test_fits_equal_those_over_numpy(rows, to, engine) -> None:
    want = mx.fit(rows, [2, 3], ["VVV", "EII"])
    found = mx.fit(to(rows), [2, 3], ["VVV", "EII"], engine=engine, columns=["a", "b", "c"])
    assert found.mixture.structure == want.mixture.structure
    assert found.log_likelihood == pytest.approx(want.log_likelihood, rel=1e-10)
    np.testing.assert_array_equal(found.certainty.sizes, want.certainty.sizes)
    assert found.mixture.columns == ("a", "b", "c")


@LIBRARIES
@pytest.mark.parametrize("engine", ["native", "standard"])
@pytest.mark.parametrize("noise", [None, mx.Noise(0.1, np.log(1000.0))])
def test_answers_are_arrays_of_the_library(rows, mixture, to, engine, noise, monkeypatch) -> None:
    mixture, X = mixture.with_noise(noise), to(rows)
    names = ("predict", "log_prob", "responsibilities", "component_log_prob", "uncertainty")
    want = {name: getattr(mixture, name)(rows) for name in names}
    monkeypatch.setenv("MIXTURA_ENGINE", engine)
    assert isinstance(as_source(X), DeviceSource) == (engine == "standard")
    for name, values in want.items():
        found = getattr(mixture, name)(X)
        assert type(found) is type(X), name
        np.testing.assert_allclose(host(found), values, rtol=1e-9, atol=1e-12, err_msg=name)
    assert mixture.log_likelihood(X) == pytest.approx(want["log_prob"].sum(), rel=1e-12)
    assert mixture.lower_bound(X, mixture.responsibilities(X)) == pytest.approx(want["log_prob"].sum(), rel=1e-12)
    assert mixture.bic(X) == pytest.approx(mixture.n_parameters * np.log(3000) - 2 * want["log_prob"].sum(), rel=1e-12)


@LIBRARIES
def test_single_precision_whole_numbers_and_one_column(rows, to, monkeypatch) -> None:
    monkeypatch.setenv("MIXTURA_ENGINE", "standard")
    single, whole = rows.astype(np.float32), np.round(rows).astype(np.int64)
    assert as_source(to(single)).dtype == np.float32
    for array in (single, whole, rows[:, 0]):
        start = mx.Mixture.from_responsibilities(
            array.astype(float), np.arange(3000) % 2, "V" if array.ndim < 2 else "VVV"
        )
        found = start.log_likelihood(to(array))
        assert found == pytest.approx(start.log_likelihood(array.astype(float)), rel=1e-12)


@LIBRARIES
def test_everything_else_reads_them_too(rows, mixture, to) -> None:
    fit = mx.fit(to(rows), 3, "VVV")
    found, want = mx.standard_errors(fit, to(rows)), mx.standard_errors(fit, rows)
    np.testing.assert_allclose(found.table["standard_error"], want.table["standard_error"], rtol=1e-9)
    assert "3 groups" in fit.summary()


@LIBRARIES
def test_bad_cells_and_shapes_are_named(rows, to, monkeypatch) -> None:
    monkeypatch.setenv("MIXTURA_ENGINE", "standard")
    bad = rows.copy()
    bad[7, 2] = np.nan
    with pytest.raises(DataError, match="row 7, column 2"):
        mx.fit(to(bad), 2)
    with pytest.raises(ShapeError, match=r"\(2, 3, 4\)"):
        mx.fit(to(np.zeros((2, 3, 4))), 2)
    with pytest.raises(DataError, match="real numbers"):
        mx.fit(to(rows + 1j), 2)
    with pytest.raises(ParameterError, match="expected 'native', 'reference', 'standard' or None"):
        mx.fit(to(rows), 2, engine="fast")


def test_labels_of_a_frame_are_a_series_with_its_index(rows, mixture) -> None:
    index = [f"row {i}" for i in range(3000)]
    labels = mixture.predict(pd.DataFrame(rows, index=index))
    assert isinstance(labels, pd.Series)
    assert labels.index.tolist() == index
    assert isinstance(mixture.predict(pl.DataFrame(rows)), pl.Series)
    np.testing.assert_array_equal(labels, mixture.predict(rows))
