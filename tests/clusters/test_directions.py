"""Discriminant directions: the defining equation, invariances, and Fisher's directions as a special case."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import eigh

import mixtura as mx
from mixtura.errors import ParameterError, ShapeError


@pytest.fixture(scope="module")
def iris_fit(rows):
    return mx.fit(rows("iris"), 3, "VVV").mixture


def kernel(mixture, weight):
    """M and Σ as the papers write them, in data units."""
    mu, sigma, pi = mixture.components.means, mixture.components.covariance_matrices, mixture.weights
    total, pooled = mixture.covariance, np.einsum("k,kij->ij", pi, sigma)
    off = mu - pi @ mu
    between = (pi[:, None] * off).T @ off
    varied = sum(p * (s - pooled) @ np.linalg.solve(total, s - pooled) for p, s in zip(pi, sigma, strict=True))
    return 2 * weight * between @ np.linalg.solve(total, between) + 2 * (1 - weight) * varied, total


@pytest.mark.parametrize("weight", [0.0, 0.5, 0.8, 1.0])
def test_directions_solve_the_generalised_eigenproblem(iris_fit, weight):
    m, total = kernel(iris_fit, weight)
    found = mx.discriminant_directions(iris_fit, weight)
    b = found.directions
    np.testing.assert_allclose(m @ b, total @ b * found.eigenvalues, atol=1e-9)
    np.testing.assert_allclose(b.T @ total @ b, np.eye(b.shape[1]), atol=1e-10)
    values = eigh(m, total, eigvals_only=True)[::-1]
    np.testing.assert_allclose(found.eigenvalues, values[: b.shape[1]], rtol=1e-7)
    np.testing.assert_allclose(values[b.shape[1] :], 0, atol=1e-7)
    np.testing.assert_allclose(found.from_means + found.from_covariances, found.eigenvalues, rtol=1e-10)


def test_means_alone_give_the_directions_of_fisher(iris_fit):
    """Three means span a plane, that of the discriminant analysis with within-covariance Σ̄."""
    found = mx.discriminant_directions(iris_fit, 1.0)
    mu, pi = iris_fit.components.means, iris_fit.weights
    within = np.einsum("k,kij->ij", pi, iris_fit.components.covariance_matrices)
    off = mu - pi @ mu
    fisher = eigh((pi[:, None] * off).T @ off, within)[1][:, ::-1][:, :2]
    assert found.directions.shape == (4, 2)
    for one, other in zip(found.directions.T, fisher.T, strict=True):
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        assert abs(cosine) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("kind", ["units", "any linear map"])
def test_projected_rows_do_not_depend_on_a_linear_map_of_the_columns(rows, iris_fit, kind):
    X, rng = rows("iris"), np.random.default_rng(0)
    a = np.diag([1e6, 1e-6, 1.0, 1e3]) if kind == "units" else rng.normal(size=(4, 4))
    shift = a @ rng.normal(size=4)
    sigma = np.einsum("ij,kjl,ml->kim", a, iris_fit.components.covariance_matrices, a)
    mapped = mx.Mixture(iris_fit.weights, mx.Gaussian(iris_fit.components.means @ a.T + shift, sigma))
    one, other = mx.discriminant_directions(iris_fit), mx.discriminant_directions(mapped)
    np.testing.assert_allclose(other.eigenvalues, one.eigenvalues, rtol=1e-6)
    first, second = one.project(X), other.project(X @ a.T + shift)
    signs = np.sign((first * second).sum(axis=0))
    np.testing.assert_allclose(second * signs, first, atol=1e-5)
    assert kind != "units" or np.all(signs == 1)  # units alone do not even turn a direction round


def test_the_projected_mixture_is_that_of_the_projected_rows(rows, iris_fit):
    X = rows("iris")
    found = mx.discriminant_directions(iris_fit)
    np.testing.assert_allclose(found.projected.mean, 0, atol=1e-12)
    np.testing.assert_allclose(found.projected.covariance, np.eye(4), atol=1e-10)
    resp = found.projected.responsibilities(found.project(X))
    np.testing.assert_allclose(resp, iris_fit.responsibilities(X), atol=1e-8)
    two = mx.discriminant_directions(iris_fit, 1.0)
    assert two.projected.n_features == 2
    assert np.mean(two.projected.predict(two.project(X)) != iris_fit.predict(X)) < 0.1


def test_equal_covariances_leave_only_means_and_one_column_one_direction():
    tied = mx.Mixture([0.5, 0.5], mx.Gaussian([[0, 0], [4, 1]], [[1, 0.2], [0.2, 2]], "EEE"))
    found = mx.discriminant_directions(tied)
    assert found.directions.shape == (2, 1)
    assert found.from_covariances[0] == pytest.approx(0, abs=1e-12)
    one = mx.discriminant_directions(mx.Mixture([0.5, 0.5], mx.Gaussian([0.0, 3.0], [1.0, 1.0])))
    assert one.projected.structure == "V"
    assert one.table["column"].tolist() == ["x"]


def test_what_makes_no_sense_is_refused(iris_fit):
    with pytest.raises(ParameterError, match="from 0 to 1"):
        mx.discriminant_directions(iris_fit, 2)
    with pytest.raises(ParameterError, match="do not differ"):
        mx.discriminant_directions(mx.Mixture([1.0], mx.Gaussian([[0, 0]], [[1, 1]])))
    with pytest.raises(ShapeError, match="2 columns"):
        mx.discriminant_directions(iris_fit).project(np.zeros((3, 2)))
