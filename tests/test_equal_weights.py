"""Equal mixing proportions: one assumption that every climb keeps, and K − 1 parameters fewer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

import mixtura as mx
from mixtura.errors import ParameterError
from mixtura.families.covariance import structure_names


@pytest.mark.parametrize("structure", structure_names(2))
def test_weights_stay_equal_and_count_for_nothing(faithful, structure):
    free, equal = (mx.fit(faithful, 3, structure, n_starts=4, equal_weights=e) for e in (False, True))
    np.testing.assert_array_equal(equal.mixture.weights, np.full(3, 1 / 3))
    assert equal.mixture.n_parameters == free.mixture.n_parameters - 2
    assert equal.log_likelihood <= free.log_likelihood + 1e-6
    assert equal.converged


@pytest.mark.parametrize("engine", [None, "reference"])
def test_the_sandwich_holds(faithful, engine):
    theta = mx.Mixture.from_responsibilities(faithful, (faithful[:, 1] > 68).astype(int), "VVV").with_equal_weights()
    path = list(mx.em(theta, faithful, max_iter=8, engine=engine))
    for it in path:
        assert it.log_likelihood <= it.lower_bound + 1e-9
        assert it.lower_bound <= it.after.log_likelihood(faithful) + 1e-9
        np.testing.assert_array_equal(it.after.weights, [0.5, 0.5])


def test_the_maximum_is_that_of_a_general_minimiser(rows):
    x = rows("acidity")[:, 0]

    def minus(p):
        sd = np.exp(p[2:])
        density = np.exp(-0.5 * ((x[:, None] - p[:2]) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
        return -np.log(density.mean(axis=1)).sum()

    best = min(minimize(minus, [a, b, -1, -1], method="BFGS").fun for a, b in ((4.2, 6.2), (4, 5), (5, 6.5)))
    assert mx.fit(x[:, None], 2, "V", equal_weights=True).log_likelihood == pytest.approx(-best, abs=1e-5)


def test_a_given_start_takes_equal_weights(faithful):
    labels = (faithful[:, 1] > 68).astype(int)
    fit = mx.fit(faithful, structure="EEE", start=labels, equal_weights=True)
    np.testing.assert_array_equal(fit.mixture.weights, [0.5, 0.5])
    again = mx.fit(faithful, start=fit.mixture)
    np.testing.assert_array_equal(again.mixture.weights, [0.5, 0.5])


def test_the_assumption_travels(faithful, tmp_path):
    theta = mx.fit(faithful, 2, "VVV", equal_weights=True).mixture
    theta.save(tmp_path / "m.json")
    assert mx.load(tmp_path / "m.json") == theta
    assert mx.load(tmp_path / "m.json").equal_weights
    assert theta.take([1, 0]).equal_weights
    assert theta.marginal([0]).equal_weights
    assert not theta.condition({0: 2.0}).equal_weights
    assert theta != mx.Mixture(theta.weights, theta.components, columns=theta.columns)


def test_unequal_weights_are_refused():
    with pytest.raises(ParameterError, match="with equal_weights expected all the same"):
        mx.Mixture([0.4, 0.6], mx.Gaussian([0, 1], [1, 1]), equal_weights=True)


def test_standard_errors_know_that_weights_are_given(rows):
    X = rows("acidity")[:, :1]
    fit = mx.fit(X, 2, "V", equal_weights=True)
    errors = mx.standard_errors(fit, X)
    assert not errors.warnings
    np.testing.assert_allclose(errors.standard_errors.weights, 0, atol=1e-12)
    resampled = mx.bootstrap(fit, X, n_resamples=60).standard_errors
    np.testing.assert_array_equal(resampled.weights, 0)
    np.testing.assert_allclose(resampled.means, errors.standard_errors.means, rtol=0.35)
