"""Uncertainty of mixtures with noise: the weight of the noise is one more proportion, its volume is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mixtura as mx
from mixtura.errors import ParameterError
from mixtura.inference.information import information_of
from mixtura.inference.parameters import Parameters
from mixtura.sources import as_source

RNG = np.random.default_rng(4)
LINE = np.concatenate([RNG.normal(0, 1, 300), RNG.normal(7, 0.5, 200), RNG.uniform(-20, 25, 150)])
NOISE = mx.Noise.between(0.2, LINE.min(), LINE.max())


@pytest.fixture(scope="module")
def line():
    return mx.fit(LINE, 2, "V", noise=NOISE, tol=1e-14, max_iter=5000).mixture


@pytest.fixture(scope="module")
def plane():
    truth = mx.Mixture(
        [0.4, 0.35],
        mx.Gaussian([[0, 0], [4, 3]], [[[1, 0.5], [0.5, 1]], [[0.5, 0], [0, 0.8]]]),
        noise=mx.Noise.between(0.25, [-10, -10], [15, 15]),
    )
    X, _ = truth.sample(600, 1)
    return mx.fit(X, 2, "VVV", noise=True, tol=1e-13).mixture, X


def mixture_at(phi: np.ndarray, noise: mx.Noise) -> mx.Mixture:
    """Two components and noise at φ = (log π_k / π_0, μ_k, σ²_k)."""
    odds = np.exp(np.append(phi[:2], 0.0))
    shares = odds / odds.sum()
    return mx.Mixture(shares[:2], mx.Gaussian(phi[2:4], phi[4:]), noise=noise.weighing(shares[2]))


def test_standard_errors_are_those_of_the_numerical_hessian(line):
    noise, c = line.noise, line.components
    at = np.concatenate([np.log(line.weights / noise.weight), c.means[:, 0], c.component_covariances[:, 0, 0]])

    def value(phi):
        return mixture_at(phi, noise).log_likelihood(LINE)

    h = 1e-3 * np.eye(6)
    hessian = np.array(
        [[value(at + a + b) - value(at + a - b) - value(at - a + b) + value(at - a - b) for a in h] for b in h]
    )
    spread = np.linalg.inv(-hessian / (4 * 1e-6))
    ends = [Parameters.of(mixture_at(at + s * a, noise)).flat() for a in h for s in (1, -1)]
    slope = np.array([(up - down) / 2e-3 for up, down in zip(ends[::2], ends[1::2], strict=True)]).T
    expected = np.sqrt(np.diag(slope @ spread @ slope.T))
    found = mx.standard_errors(line, LINE, "observed")
    np.testing.assert_allclose(found.standard_errors.flat(), expected, rtol=2e-4)
    assert list(found.table["component"])[:3] == ["0", "1", "noise"]
    gradient = information_of(as_source(LINE), line).gradient
    np.testing.assert_allclose(gradient, 0, atol=1e-3)


def test_scores_are_derivatives_of_the_rows_log_density(line):
    """Off the maximum, weighted rows: J = Σ w s sᵀ, its diagonal entry of the weights by difference quotients."""
    theta, w = mixture_at(np.array([0.3, -0.2, 0.5, 6.0, 2.0, 1.0]), line.noise), RNG.uniform(0.5, 2, len(LINE))
    found = information_of(as_source(LINE, w), theta)
    resp = theta.responsibilities(LINE)
    scores = resp[:, :2] - theta.weights
    np.testing.assert_allclose(found.gradient[:2], w @ scores, rtol=1e-10)
    np.testing.assert_allclose(found.scores[:2, :2], (scores * w[:, None]).T @ scores, rtol=1e-10)


def test_equal_weights_leave_one_free_proportion():
    theta = mx.fit(LINE, 2, "E", noise=NOISE, equal_weights=True, tol=1e-14).mixture
    found = mx.standard_errors(theta, LINE, "observed").standard_errors.weights
    assert found[0] == pytest.approx(found[1])
    assert found[2] == pytest.approx(2 * found[0])
    assert found[2] > 0


@pytest.mark.parametrize("kind", ["nonparametric", "weighted", "parametric"])
def test_bootstrap_agrees_with_the_formula(plane, kind):
    theta, X = plane
    formula = mx.standard_errors(theta, X, "observed").standard_errors
    found = mx.bootstrap(theta, X, kind, 150, seed=2, n_threads=2)
    assert found.n_failed == 0
    assert found.replicates.weights.shape == (150, 3)
    np.testing.assert_allclose(found.replicates.weights.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(found.standard_errors.weights, formula.weights, rtol=0.3)
    np.testing.assert_allclose(found.standard_errors.means, formula.means, rtol=0.3)
    lower, upper = found.assignment_interval(X[:5])
    assert lower.shape == (5, 3)
    assert np.all(lower <= upper)


def test_jackknife_agrees_with_the_sandwich(plane):
    theta, X = plane
    sandwich = mx.standard_errors(theta, X).standard_errors
    found = mx.jackknife(theta, X, n_threads=2).standard_errors
    np.testing.assert_allclose(found.weights, sandwich.weights, rtol=0.1)
    np.testing.assert_allclose(found.means, sandwich.means, rtol=0.1)


def test_likelihood_ratio_finds_two_groups_in_noise():
    rng = np.random.default_rng(10)
    X = np.concatenate([rng.normal(0, 1, 100), rng.normal(7, 0.5, 66), rng.uniform(-20, 25, 50)])
    one, two = (mx.likelihood_ratio_test(X, k, "V", 19, n_starts=3, noise=True) for k in ((1, 2), (2, 3)))
    assert one.p_value == 0.05
    assert two.p_value > 0.05
    statistic = [mx.fit(X, k, "V", noise=True).log_likelihood for k in (1, 2)]
    assert one.statistic == pytest.approx(2 * (statistic[1] - statistic[0]), abs=1e-4)
    with pytest.raises(ParameterError, match="only its volume was given"):
        mx.likelihood_ratio_test(X, (1, 2), "V", 19, n_starts=2, noise=mx.Noise(0.2, math.log(45)))


def test_cross_validation_prefers_noise_where_there_is_some():
    plain = mx.cross_validated_log_likelihood(LINE, 2, "V", n_starts=3)
    noisy = mx.cross_validated_log_likelihood(LINE, 2, "V", n_starts=3, noise=NOISE)
    assert noisy > plain
    fit = mx.fit(LINE, [1, 2], "V", criterion="cv", noise=True)
    assert fit.mixture.n_components == 2


def test_no_noise_is_the_end_of_its_range(line):
    with pytest.raises(ParameterError, match="weight of the noise is 0"):
        mx.standard_errors(line.with_noise(line.noise.weighing(0.0)), LINE)
