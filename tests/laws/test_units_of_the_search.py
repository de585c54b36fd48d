"""Units and linear maps of the columns change no label of a whole fit, as far as the structure allows them."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx

SCALED = ["EEI", "VEI", "EVI", "VVI", "EEE", "VVV"]
"""Structures that any scaling of single columns maps to themselves."""

MAPPED = ["EEE", "VVV"]
"""Those that any linear map does."""

TURNED = ["EII", "VII", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"]
"""Those that rotations do."""


def assert_same_groups(X: np.ndarray, Y: np.ndarray, structure: str, log_det: float) -> None:
    """Labels and log-likelihoods (less the map's log-determinant a row) of both fits."""
    one, other = mx.fit(X, 3, structure), mx.fit(Y, 3, structure)
    assert other.log_likelihood == pytest.approx(one.log_likelihood - len(X) * log_det, abs=1e-4)
    np.testing.assert_array_equal(one.mixture.predict(X), other.mixture.predict(Y))


@pytest.mark.parametrize("structure", SCALED)
@pytest.mark.parametrize("factor", [1e-6, 1e6])
@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_units_of_a_column_change_no_label(rows, name: str, structure: str, factor: float) -> None:
    X = rows(name)
    for j in (0, X.shape[1] - 1):
        scale = np.ones(X.shape[1])
        scale[j] = factor
        assert_same_groups(X, X * scale, structure, np.log(factor))


@pytest.mark.parametrize("structure", MAPPED)
@pytest.mark.parametrize("seed", range(3))
def test_linear_maps_change_no_label(rows, structure: str, seed: int) -> None:
    X = rows("iris")
    map_ = np.random.default_rng(seed).normal(size=(4, 4))
    assert_same_groups(X, X @ map_, structure, float(np.linalg.slogdet(map_)[1]))


@pytest.mark.parametrize("structure", TURNED)
def test_rotations_change_no_label(rows, structure: str) -> None:
    X = rows("iris")
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(4, 4)))[0]
    assert_same_groups(X, X @ turn, structure, 0.0)
