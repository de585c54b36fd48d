"""A mixture is a value: what it is made of, what it says of rows, and what cannot be done to it."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mixtura as mx


@pytest.fixture
def theta() -> mx.Mixture:
    """Three groups in two named columns, for the weights of a textbook."""
    means = [[0.0, 0.0], [4.0, 1.0], [0.0, 6.0]]
    covariances = [[[1.0, 0.3], [0.3, 2.0]], [[2.0, -0.5], [-0.5, 1.0]], [[0.5, 0.0], [0.0, 0.5]]]
    return mx.Mixture([0.5, 0.3, 0.2], mx.Gaussian(means, covariances), ["a", "b", "c"], ["height", "width"])


@pytest.fixture
def X(theta):
    return theta.sample(50, 1)[0]


def test_flat_and_two_dimensional_writing_are_equal(five):
    flat = mx.Mixture([0.5, 0.5], mx.Gaussian([6, 7], [1, 4]))
    column = mx.Mixture([0.5, 0.5], mx.Gaussian([[6], [7]], [[1], [4]]))
    full = mx.Mixture([0.5, 0.5], mx.Gaussian([[6], [7]], [[[1]], [[4]]]))
    assert flat == column == full
    assert flat.structure == "V"
    rows = np.array(five)
    np.testing.assert_array_equal(flat.log_prob(five), flat.log_prob(rows[:, None]))
    assert flat.responsibilities(rows).shape == (5, 2)
    for got, want in zip(mx.em(flat, five, max_iter=3), mx.em(column, rows[:, None], max_iter=3), strict=True):
        assert got.after == want.after


@pytest.mark.parametrize("what", ["weights", "components.means", "components.covariances", "components.factors"])
def test_values_are_frozen(theta, X, what):
    reached = next(mx.em(theta, X)).after
    one_step = mx.Mixture.from_responsibilities(X, theta.responsibilities(X))
    given = theta.condition({0: 1.0})
    for mixture in (theta, reached, one_step, mx.fit(X, 1).mixture, theta.marginal([0]), given, theta.take([1, 0])):
        array = mixture
        for name in what.split("."):
            array = getattr(array, name)
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_attributes_cannot_be_set(theta):
    for name in ("weights", "components", "names", "columns", "anything"):
        with pytest.raises(AttributeError):
            setattr(theta, name, None)


def test_parameters_are_copied(theta):
    weights, means = np.array([0.5, 0.5]), np.array([[0.0], [1.0]])
    mixture = mx.Mixture(weights, mx.Gaussian(means, [1.0, 1.0]))
    weights[:], means[:] = 0.0, 9.0
    assert mixture.weights.tolist() == [0.5, 0.5]
    assert mixture.components.means.ravel().tolist() == [0.0, 1.0]


def test_equality_is_of_all_parts(theta):
    same = mx.Mixture(theta.weights, theta.components, theta.names, theta.columns)
    assert theta == same
    assert theta != same.with_names(["x", "y", "z"])
    assert theta != same.with_names(None, ["u", "v"])
    assert theta != same.take([0, 2, 1])
    assert theta != mx.Mixture([0.5, 0.2, 0.3], theta.components, theta.names, theta.columns)
    assert theta != "a mixture"
    with pytest.raises(TypeError):
        hash(theta)


def test_weights_are_divided_by_a_sum_that_rounding_moved():
    assert mx.Mixture([1 / 3 + 1e-9, 1 / 3, 1 / 3], mx.Gaussian([0, 1, 2], [1, 1, 1])).weights.sum() == 1.0


def test_density_is_the_weighted_sum(theta, X):
    joint = theta.component_log_prob(X) + np.log([0.5, 0.3, 0.2])
    np.testing.assert_allclose(theta.log_prob(X), np.log(np.exp(joint).sum(axis=1)), rtol=1e-13)
    np.testing.assert_allclose(theta.responsibilities(X), np.exp(joint - theta.log_prob(X)[:, None]), rtol=1e-12)


def test_labels_are_the_largest_responsibility_and_the_first_of_equals(theta, X):
    np.testing.assert_array_equal(theta.predict(X), theta.responsibilities(X).argmax(axis=1))
    twins = mx.Mixture([0.5, 0.5], mx.Gaussian([0, 0], [1, 1]))
    assert twins.predict([0.0, 3.0]).tolist() == [0, 0]
    assert twins.predict([0.0]).dtype == np.int64


def test_uncertainty_is_one_minus_the_largest_and_keeps_tiny_values(theta, X):
    np.testing.assert_allclose(theta.uncertainty(X), 1 - theta.responsibilities(X).max(axis=1), atol=1e-15)
    apart = mx.Mixture([0.5, 0.5], mx.Gaussian([0, 10], [1, 1]))
    # log odds at x are ((x − 10)² − x²) / 2, that is 50 at 0, where 1 − r rounds to nothing.
    assert apart.uncertainty([0.0])[0] == pytest.approx(math.exp(-50), rel=1e-12)


def test_a_row_far_from_everything_has_a_finite_density():
    apart = mx.Mixture([0.5, 0.5], mx.Gaussian([0, 1], [1, 1]))
    assert apart.log_prob([1e10])[0] == pytest.approx(-0.5e20, rel=1e-9)
    assert apart.responsibilities([1e10])[0].tolist() == [0.0, 1.0]
    assert apart.predict([-1e10]).tolist() == [0]


def test_weight_zero_is_a_component_that_cannot_be(five):
    mixture = mx.Mixture([1.0, 0.0], mx.Gaussian([0, 5], [1, 1]))
    alone = mx.Mixture([1.0], mx.Gaussian([0], [1]))
    assert mixture.log_weights.tolist() == [0.0, -math.inf]
    np.testing.assert_allclose(mixture.log_prob(five), alone.log_prob(five), rtol=1e-15)
    assert mixture.responsibilities(five)[:, 1].tolist() == [0.0] * 5
    assert mixture.log_likelihood(five) == pytest.approx(alone.log_likelihood(five), rel=1e-15)
    assert set(mixture.sample(50, 0)[1]) == {0}


def test_criteria_are_their_formulas(theta, X):
    ell, p = theta.log_prob(X).sum(), theta.n_parameters
    assert p == 2 + 3 * 2 + 3 * 3
    assert theta.log_likelihood(X) == pytest.approx(ell, rel=1e-14)
    assert theta.aic(X) == pytest.approx(2 * p - 2 * ell, rel=1e-13)
    assert theta.bic(X) == pytest.approx(p * math.log(len(X)) - 2 * ell, rel=1e-13)
    penalty = -2 * np.log(theta.responsibilities(X).max(axis=1)).sum()
    assert theta.icl(X) == pytest.approx(theta.bic(X) + penalty, rel=1e-12)
    assert theta.icl(X) > theta.bic(X)


def test_row_weights_count_in_every_sum(theta, X):
    w = np.arange(len(X)) % 3 + 0.5
    assert theta.log_likelihood(X, w) == pytest.approx(w @ theta.log_prob(X), rel=1e-13)
    assert theta.bic(X, w) == pytest.approx(17 * math.log(w.sum()) - 2 * (w @ theta.log_prob(X)), rel=1e-12)


def test_mean_and_covariance_are_those_of_the_whole(theta):
    X = theta.sample(200_000, 5)[0]
    np.testing.assert_allclose(theta.mean, [0.3 * 4, 0.3 * 1 + 0.2 * 6], rtol=1e-14)
    np.testing.assert_allclose(theta.covariance, np.cov(X.T), rtol=0.03)


def test_labels_give_the_moments_of_each_group():
    mixture = mx.Mixture.from_responsibilities([0.0, 2.0, 10.0, 14.0], [0, 0, 1, 1], "V")
    assert mixture.weights.tolist() == [0.5, 0.5]
    assert mixture.components.means.ravel().tolist() == [1.0, 12.0]
    assert mixture.components.covariances == pytest.approx([1.0, 4.0], rel=1e-15)


def test_names_and_columns_travel(theta, X):
    assert theta.component_name(1) == "b"
    assert theta.column_name(1) == "width"
    assert theta.take([2, 0, 1]).names == ("c", "a", "b")
    assert theta.take([2, 0, 1]).columns == theta.columns
    assert theta.marginal(["width"]).columns == ("width",)
    assert theta.marginal(["width"]).names == theta.names
    assert theta.condition({"height": 1.0}).columns == ("width",)
    after = next(mx.em(theta, X)).after
    assert (after.names, after.columns) == (theta.names, theta.columns)
    bare = mx.Mixture([1.0], mx.Gaussian([[0.0, 0.0]], [[1.0, 1.0]]))
    assert (bare.component_name(0), bare.column_name(1)) == ("0", "x1")


def test_taking_some_components_divides_by_their_weight(theta):
    part = theta.take([0, 2])
    np.testing.assert_allclose(part.weights, [5 / 7, 2 / 7], rtol=1e-15)
    np.testing.assert_array_equal(part.components.means, theta.components.means[[0, 2]])


def test_columns_are_named_by_number_or_name(theta):
    assert theta.marginal(["width", "height"]) == theta.marginal([1, 0])
    assert theta.condition({"width": 2.0}) == theta.condition({1: 2.0})


def test_condition_weighs_components_by_what_they_say_of_the_value(theta):
    given = theta.condition({"width": 6.0})
    np.testing.assert_allclose(given.weights, theta.marginal(["width"]).responsibilities([6.0])[0], rtol=1e-13)
    assert given.n_features == 1


def test_sampling_follows_its_seed(theta):
    X, labels = theta.sample(20, 3)
    again, same = theta.sample(20, np.random.default_rng(3))
    np.testing.assert_array_equal(X, again)
    np.testing.assert_array_equal(labels, same)
    assert not np.array_equal(X, theta.sample(20, 4)[0])
    assert len(set(labels)) > 1  # in random order, not group by group
    assert np.any(np.diff(labels) < 0)


def test_html_and_text_show_every_component(theta):
    for shown in (repr(theta), theta._repr_html_()):
        assert "height" in shown
        assert "width" in shown
        assert all(name in shown for name in theta.names)
