"""The ranges of columns and the first bad cell, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import _core


def numpy_scan(X):
    bad = np.flatnonzero(~np.isfinite(X))
    return X.min(axis=0).astype(float), X.max(axis=0).astype(float), int(bad[0]) if len(bad) else -1


LAYOUTS = {
    "rows": lambda X: X,
    "columns": np.asfortranarray,
    "backwards": lambda X: X[::-1],
    "every other row": lambda X: X[::2],
    "some columns": lambda X: X[:, ::-2],
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("n", "D"), [(1, 1), (7, 3), (256, 2), (1025, 5), (30011, 3), (700, 40)])
def test_scan_equals_numpy(engine, n, D, layout, dtype):
    X = LAYOUTS[layout](np.random.default_rng([n, D]).normal(1e6, 3, size=(n, D)).astype(dtype))
    want = numpy_scan(X)
    for n_threads in (1, 2, 3, 7):
        lowest, highest, bad = _core.scan(X, n_threads)
        np.testing.assert_array_equal(lowest, want[0])
        np.testing.assert_array_equal(highest, want[1])
        assert bad == -1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_scan_finds_the_first_bad_cell(engine, value, dtype):
    rng = np.random.default_rng(1)
    for cells in ([0], [4], [3 * 40000 - 1], [17, 16], [90000, 61234, 119999]):
        X = rng.normal(size=(40000, 3)).astype(dtype)
        X.ravel()[cells] = value
        for n_threads in (1, 3):
            assert _core.scan(X, n_threads)[2] == min(cells)
            assert _core.scan(np.asfortranarray(X), n_threads)[2] == min(cells)


def test_scan_keeps_extreme_numbers(engine):
    X = np.array([[-np.finfo(float).max, 5e-324], [np.finfo(float).max, -5e-324], [0.0, 0.0]])
    lowest, highest, bad = _core.scan(X, 1)
    assert (lowest.tolist(), highest.tolist(), bad) == (
        [-np.finfo(float).max, -5e-324],
        [np.finfo(float).max, 5e-324],
        -1,
    )


def test_scan_of_no_rows(engine):
    lowest, highest, bad = _core.scan(np.empty((0, 2)), 2)
    assert (lowest.tolist(), highest.tolist(), bad) == ([np.inf, np.inf], [-np.inf, -np.inf], -1)


def test_scan_says_what_it_wants():
    with pytest.raises(ValueError, match="no columns"):
        _core.scan(np.empty((3, 0)), 1)
    with pytest.raises(TypeError, match="float64 or float32"):
        _core.scan(np.ones((3, 2), int), 1)
