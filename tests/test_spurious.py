"""Tiny, flat components: what they are measured by, that they are named, and that ordinary fits are not accused."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura.algorithms.degeneracy import eigenvalue_ratio, relative_variances, spurious, suspects
from mixtura.algorithms.stack import Stack
from mixtura.errors import DegenerateWarning


def _mixture(structure: str = "VVV", seed: int = 0) -> mx.Mixture:
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(size=(40, 3)), 6 + rng.normal(size=(40, 3)) * [1, 3, 0.2]])
    return mx.fit(X, 2, structure, start=np.repeat([0, 1], 40)).mixture


def _with_flat_rows() -> np.ndarray:
    """200 rows in a plane, and 8 that lie on a line x + y = 20 up to 1e-3."""
    rng = np.random.default_rng(1)
    t = rng.normal(size=8)
    line = np.stack([10 + t, 10 - t], axis=1) + 1e-3 * rng.normal(size=(8, 2))
    return np.concatenate([rng.normal(size=(200, 2)), line])


def test_relative_variances_are_generalised_eigenvalues():
    from scipy.linalg import eigh

    mixture = _mixture()
    covariances = mixture.components.component_covariances
    pooled = np.tensordot(mixture.weights, covariances, 1)
    expected = [eigh(each, pooled, eigvals_only=True)[[0, -1]] for each in covariances]
    np.testing.assert_allclose(relative_variances(mixture), expected, rtol=1e-9)
    assert eigenvalue_ratio(mixture) == pytest.approx(np.min(expected) / np.max(expected))


@pytest.mark.parametrize("structure", ["VVV", "VVI"])
def test_the_ratio_is_free_of_units(structure):
    rng = np.random.default_rng(3)
    X = np.concatenate([rng.normal(size=(40, 2)), 6 + rng.normal(size=(40, 2)) * [3, 0.2]])
    labels = np.repeat([0, 1], 40)
    tables = [mx.fit(Y, 2, structure, start=labels).table for Y in (X, X * [1e6, 1e-6])]
    ratios = [table["eigenvalue_ratio"][0] for table in tables]
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-6)
    assert 0 < ratios[0] < 1
    assert tables[0]["min_size"][0] == pytest.approx(40, abs=1)


def test_shared_covariances_have_ratio_one():
    assert eigenvalue_ratio(_mixture("EEE")) == 1


def test_a_tiny_flat_component_is_named_with_rows_and_direction():
    labels = np.repeat([0, 1], [200, 8])
    fit = mx.fit(_with_flat_rows(), 2, "VVV", start=labels, columns=["x", "y"])
    assert len(fit.warnings) == 1
    words = fit.warnings[0]
    assert "component 1 may be spurious: 8 rows (200, 201, 202, 203, 204, … 8 in all)" in words
    assert "0.71·x + 0.71·y" in words or "0.71·y + 0.71·x" in words


def test_ordinary_small_components_are_not_accused():
    rng = np.random.default_rng(2)
    X = np.concatenate([rng.normal(size=(200, 2)), 10 + 0.5 * rng.normal(size=(8, 2))])
    fit = mx.fit(X, 2, "VVV", start=np.repeat([0, 1], [200, 8]))
    assert fit.warnings == []
    assert spurious(fit.mixture, [200, 8]) == ()


def test_a_collapse_along_several_columns_is_named_as_their_combination():
    rng = np.random.default_rng(4)
    t = rng.normal(size=12)
    X = np.concatenate([rng.normal(size=(60, 2)), np.stack([20 + t, 20 + t], axis=1)])
    with pytest.warns(DegenerateWarning, match=r"0\.7\d?·. − 0\.7\d?·."):
        mx.fit(X, 2, "VVV", start=np.repeat([0, 1], [60, 12]), columns=["a", "b"])


@pytest.mark.parametrize("structure", ["VVV", "EEE", "VVI", "VII", "FA1"])
def test_many_mixtures_are_judged_as_each_one_alone(structure):
    rng = np.random.default_rng(4)
    mixtures, counts = [], []
    for flat in (1.0, 1e-1, 1e-5, 1e-9):
        for n in (1.5, 5.0, 11.0, 40.0):
            covariances = np.stack([np.diag([flat, 1.0, 2.0]), np.eye(3), 2 * np.eye(3)])
            resp = mx.Gaussian(rng.normal(size=(3, 3)), covariances)
            X = mx.Mixture([0.3, 0.3, 0.4], resp).sample(400, rng)[0]
            labels = mx.Mixture([0.3, 0.3, 0.4], resp).predict(X)
            mixtures.append(mx.Mixture.from_responsibilities(X, np.eye(3)[labels], structure))
            counts.append([n, 100.0, 259.0])
    stack, counts = Stack.of(mixtures), np.array(counts)
    among = [i for i in range(16) if i != 3]
    expected = [i != 3 and bool(spurious(stack[i], counts[i])) for i in range(16)]
    np.testing.assert_array_equal(suspects(stack, counts, among), expected)
    assert any(expected) == (structure in ("VVV", "VVI", "FA1"))
