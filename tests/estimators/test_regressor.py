"""`MixtureRegressor`: scikit-learn's checks, least squares as its simplest case, and laws."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import mixtura as mx
from mixtura import MixtureRegressor


@pytest.fixture(scope="module")
def bent():
    """A curve of two straight pieces, noisier on the second."""
    rng = np.random.default_rng(2)
    x = rng.uniform(-3, 3, size=400)
    y = np.where(x < 0, -2 * x, 0.5 * x) + rng.normal(size=400) * np.where(x < 0, 0.1, 0.6)
    return x[:, None], y


# The checks have rows that lie in a plane: y is a linear function of x, or fewer rows than columns.
@pytest.mark.filterwarnings("ignore::mixtura.errors.DegenerateWarning")
@parametrize_with_checks([MixtureRegressor(n_components=1)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_one_component_is_least_squares(rows):
    X, y = rows("iris")[:, :3], rows("iris")[:, 3]
    ours, theirs = MixtureRegressor(n_components=1, structure="VVV").fit(X, y), LinearRegression().fit(X, y)
    mean, std = ours.predict(X, return_std=True)
    np.testing.assert_allclose(mean, theirs.predict(X), atol=1e-10)
    np.testing.assert_allclose(std, np.sqrt(np.mean((y - theirs.predict(X)) ** 2)), rtol=1e-9)


def test_mean_and_covariance_are_those_of_the_conditional_mixture(rows):
    X, Y = rows("iris")[:, :2], rows("iris")[:, 2:]
    found = MixtureRegressor(n_components=3, structure="VVV").fit(X, Y)
    mean, covariance = found.predict(X[:5], return_cov=True)
    _, std = found.predict(X[:5], return_std=True)
    assert (mean.shape, covariance.shape, std.shape) == ((5, 2), (5, 2, 2), (5, 2))
    for i in range(5):
        conditional = found.mixture_.condition({0: X[i, 0], 1: X[i, 1]})
        np.testing.assert_allclose(mean[i], conditional.mean, rtol=1e-10)
        np.testing.assert_allclose(covariance[i], conditional.covariance, rtol=1e-9)
        np.testing.assert_allclose(std[i], np.sqrt(conditional.covariance.diagonal()), rtol=1e-9)


def test_curves_bend_and_spreads_differ(bent):
    X, y = bent
    found = MixtureRegressor(structure="VVV", random_state=0).fit(X, y)
    mean, std = found.predict([[-2.0], [2.0]], return_std=True)
    np.testing.assert_allclose(mean, [4.0, 1.0], atol=0.15)
    np.testing.assert_allclose(std, [0.1, 0.6], rtol=0.25)
    assert found.score(X, y) > LinearRegression().fit(X, y).score(X, y) + 0.2
    assert found.fit_.mixture == found.mixture_


def test_row_weights_count_rows(bent):
    X, y = bent[0][:60], bent[1][:60]
    weight = 1.0 + (np.arange(60) % 3 == 0)
    twice = np.repeat(np.arange(60), weight.astype(int))
    options = {"n_components": 1, "structure": "VVV"}
    one = MixtureRegressor(**options).fit(X, y, sample_weight=weight)
    other = MixtureRegressor(**options).fit(X[twice], y[twice])
    np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=1e-9)


def test_units_pipelines_and_pickles(bent):
    X, y = bent
    plain = MixtureRegressor(n_components=2, structure="VVV", random_state=0).fit(X, y)
    same = MixtureRegressor(n_components=2, structure="VVV", random_state=0)
    scaled = make_pipeline(StandardScaler(), same).fit(X, y)
    np.testing.assert_allclose(scaled.predict(X), plain.predict(X), atol=1e-4)
    again = pickle.loads(pickle.dumps(plain))
    np.testing.assert_array_equal(again.predict(X), plain.predict(X))
    assert isinstance(again.mixture_, mx.Mixture)


def test_errors_say_what_was_wanted(bent):
    found = MixtureRegressor(n_components=1).fit(*bent)
    with pytest.raises(ValueError, match="return_std and return_cov are both True"):
        found.predict(bent[0], return_std=True, return_cov=True)
    with pytest.raises(ValueError, match="criterion is 'best'"):
        MixtureRegressor(criterion="best").fit(*bent)
