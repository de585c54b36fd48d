"""Standard errors of factor analysers: where they are full covariances in disguise, and second differences."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura.inference.factor_tangent import factor_tangent
from mixtura.inference.information import information_of
from mixtura.sources import ArraySource


def rows(n: int, d: int, q: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    loadings = rng.normal(size=(2, d, q))
    X = 3.0 * labels[:, None] + np.einsum("ndq,nq->nd", loadings[labels], rng.normal(size=(n, q)))
    return X + rng.normal(size=(n, d)) * rng.uniform(0.7, 1.3, size=d)


@pytest.mark.parametrize("method", ["observed", "scores", "sandwich"])
def test_one_factor_of_three_columns_has_the_errors_of_full_covariances(method: str) -> None:
    """Both say the same of three columns: as many parameters, the same maximum, the same errors."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(900, 1)) * [1.0, 0.8, 1.2] + 0.6 * rng.normal(size=(900, 3))
    z[::2] = 5 + rng.normal(size=(450, 1)) * [0.8, 0.9, 0.7] + 0.5 * rng.normal(size=(450, 3))
    found = mx.fit(z, 2, "FA1", n_starts=3, tol=1e-13)
    full = mx.Mixture(
        found.mixture.weights, mx.Gaussian(found.mixture.components.means, found.mixture.components.covariances)
    )
    here, there = (mx.standard_errors(m, z, method).standard_errors for m in (found.mixture, full))
    np.testing.assert_allclose(here.flat(), there.flat(), rtol=1e-4)


def test_observed_information_is_minus_the_second_derivative() -> None:
    X = rows(160, 7, 3, 2)
    with pytest.warns(mx.errors.ConvergenceWarning):
        found = mx.fit(X, 2, "FA3", n_starts=2, improve=False, max_iter=4)
    source = ArraySource.checked(X)
    inner = source.coordinates.inward(found.mixture.components)
    tangent, information = factor_tangent(inner), information_of(source, found.mixture)
    p = len(tangent.first)
    assert p == 2 * (7 * 3 - 3 + 7)
    way = np.random.default_rng(3).normal(size=p) / np.sqrt(p)
    U = source.coordinates.rows_inward(X)

    def value(step: float) -> float:
        loadings = inner.loadings + step * inner.factors @ np.tensordot(way, tangent.loadings, 1)
        still = ~np.any(tangent.loadings != 0, axis=(1, 2, 3))
        own = inner.uniquenesses * (1 + step * way[still].reshape(2, 7))
        theta = mx.Mixture(found.mixture.weights, mx.FactorAnalyzers(inner.means, loadings, own))
        return theta.log_likelihood(U)

    coarse, fine = ((value(h) - 2 * value(0) + value(-h)) / h**2 for h in (2e-3, 1e-3))
    assert way @ information.observed[-p:, -p:] @ way == pytest.approx(-(4 * fine - coarse) / 3, rel=1e-5)
    slope = (8 * (value(1e-3) - value(-1e-3)) - (value(2e-3) - value(-2e-3))) / 12e-3
    assert way @ information.gradient[-p:] == pytest.approx(slope, rel=1e-5, abs=1e-4)


def test_errors_are_those_of_the_bootstrap() -> None:
    X = rows(1200, 5, 1, 4)
    found = mx.fit(X, 2, "FA1", n_starts=2, improve=False)
    errors = found.standard_errors(X).standard_errors.flat()
    resampled = found.bootstrap(X, n_resamples=60).standard_errors.flat()
    assert np.median(np.abs(np.log(resampled / errors))) < 0.15
