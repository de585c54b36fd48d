"""Noise and missing cells: what is known of a row has the density of the box in these columns."""

import itertools

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import mixtura as mx
from mixtura.errors import ParameterError
from mixtura.noise import Box

RNG = np.random.default_rng(3)
TRUTH = mx.Mixture(
    [0.45, 0.3],
    mx.Gaussian([[0, 0, 0], [5, 4, -3]], [np.eye(3) + 0.5, np.diag([0.5, 1, 2])]),
    noise=mx.Noise.between(0.25, [-10, -10, -10], [15, 15, 15]),
)
WHOLE, LABELS = TRUTH.sample(700, 0)
X = np.where(RNG.random(WHOLE.shape) < 0.15, np.nan, WHOLE)


def joint(theta, row):
    """π_k p(x_o | k), and of the noise π₀ over the lengths of the box in the known columns, brute force."""
    seen = ~np.isnan(row)
    c = theta.components
    if not seen.any():
        return np.append(theta.weights, theta.noise.weight)
    low, high = theta.noise.box.ends
    parts = [
        w * multivariate_normal(m[seen], s[np.ix_(seen, seen)]).pdf(row[seen])
        for w, m, s in zip(theta.weights, c.means, c.covariance_matrices, strict=True)
    ]
    return np.array([*parts, theta.noise.weight / np.prod((high - low)[seen])])


@pytest.mark.parametrize("n", [40, 700])  # few rows of a pattern go in batches, many as strata
def test_answers_are_those_of_the_density(n):
    expected = np.array([joint(TRUTH, row) for row in X[:n]])
    resp = expected / expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(TRUTH.log_prob(X[:n]), np.log(expected.sum(axis=1)), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(TRUTH.responsibilities(X[:n]), resp, atol=1e-10)
    np.testing.assert_allclose(
        TRUTH.component_log_prob(X[:n])[:, 2], np.log(expected[:, 2] / TRUTH.noise.weight), atol=1e-12
    )
    labels = resp.argmax(axis=1)
    np.testing.assert_array_equal(TRUTH.predict(X[:n]), np.where(labels == 2, -1, labels))
    np.testing.assert_allclose(TRUTH.uncertainty(X[:n]), 1 - resp.max(axis=1), atol=1e-10)


@pytest.mark.parametrize("structure", ["VVV", "EEE", "VVI", "EII", "VVE"])
@pytest.mark.parametrize("engine", ["native", "reference"])
def test_the_sandwich_holds(structure, engine):
    theta = mx.fit(WHOLE, 2, structure, noise=TRUTH.noise, n_starts=2, improve=False).mixture
    steps = list(mx.em(theta.with_noise(theta.noise.weighing(0.4)), X, max_iter=6, engine=engine))
    for here, then in itertools.pairwise(steps):
        assert here.log_likelihood <= here.lower_bound + 1e-8 <= then.log_likelihood + 2e-8
    expected = sum(np.log(joint(steps[1].before, row).sum()) for row in X)
    assert steps[1].log_likelihood == pytest.approx(expected, rel=1e-10)


def test_a_fit_finds_the_noise_in_spite_of_the_gaps():
    whole, gappy = mx.fit(WHOLE, 2, "VVV", noise=True), mx.fit(X, 2, "VVV", noise=True)
    assert gappy.mixture.noise.weight == pytest.approx(whole.mixture.noise.weight, abs=0.03)
    np.testing.assert_allclose(gappy.mixture.components.means, whole.mixture.components.means, atol=0.2)
    np.testing.assert_allclose(gappy.mixture.noise.box.ends[0], np.nanmin(X, axis=0))
    flags = mx.fit(X, 2, "VVV", noise=LABELS == -1)
    assert flags.log_likelihood == pytest.approx(gappy.log_likelihood, abs=1e-5)
    given = mx.fit(X, start=TRUTH)
    assert given.log_likelihood >= TRUTH.log_likelihood(X)
    truth = (LABELS == -1) == (gappy.mixture.predict(X) == -1)
    assert truth.mean() > 0.9


def test_filling_takes_the_middle_of_the_box_for_noise():
    row = np.array([[12.0, -8.0, np.nan]])
    resp = TRUTH.responsibilities(row)[0]
    assert resp[2] > 0.999
    assert TRUTH.impute(row)[0, 2] == pytest.approx(2.5, abs=0.02)
    drawn = TRUTH.impute(np.repeat(row, 4000, axis=0), "draw", 0)[:, 2]
    assert drawn.min() < -9
    assert drawn.max() > 14
    assert drawn.std() == pytest.approx(25 / np.sqrt(12), rel=0.05)


def test_labels_beside_gaps_and_noise():
    y = np.where(RNG.random(700) < 0.2, LABELS, -1)
    fit = mx.fit(X, 2, "VVV", noise=TRUTH.noise, y=y)
    np.testing.assert_allclose(fit.mixture.components.means, TRUTH.components.means, atol=0.4)


def test_a_turned_box_and_a_bare_volume_are_refused():
    turned = mx.Noise.within(0.2, Box(np.zeros(3), np.eye(3) * 9 + 1))
    with pytest.raises(ParameterError, match="this one is turned"):
        TRUTH.with_noise(turned).predict(X)
    with pytest.raises(ParameterError, match="only its volume was given"):
        mx.fit(X, 2, "VVV", noise=mx.Noise(0.2, 9.0))
