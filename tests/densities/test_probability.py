"""Probabilities and quantiles: against many digits, inverses, and boxes with known volumes."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mixtura as mx
from mixtura.errors import ParameterError, ShapeError

THREE = mx.Mixture([0.2, 0.5, 0.3], mx.Gaussian([-4.0, 0.0, 7.0], [0.25, 1.0, 9.0]))


def exact_cdf(mixture, x, upper=False):
    """The distribution function with 60 digits."""
    mpmath.mp.dps = 60
    sign = -1 if upper else 1
    return sum(
        mpmath.mpf(w) * mpmath.ncdf(sign * (mpmath.mpf(x) - mpmath.mpf(m)) / mpmath.sqrt(mpmath.mpf(v)))
        for w, m, v in zip(
            mixture.weights.tolist(),
            mixture.components.means[:, 0].tolist(),
            mixture.components.covariances.tolist(),
            strict=True,
        )
    )


@pytest.mark.parametrize("x", [-20.0, -4.0, -1.5, 0.0, 3.0, 12.0, 60.0])
@pytest.mark.parametrize("upper", [False, True])
def test_the_distribution_function_has_its_digits_in_both_tails(x, upper):
    np.testing.assert_allclose(mx.cdf(THREE, x, upper), float(exact_cdf(THREE, x, upper)), rtol=1e-13)


@pytest.mark.parametrize("p", [1e-300, 1e-40, 1e-9, 0.1999, 0.2, 0.5, 0.7, 0.999, 1 - 1e-12])
@pytest.mark.parametrize("upper", [False, True])
def test_quantiles_invert_the_distribution_function_to_the_last_digits(p, upper):
    x = float(mx.quantile(THREE, p, upper))
    density = sum(
        w * mpmath.npdf(mpmath.mpf(x), m, mpmath.sqrt(mpmath.mpf(v)))
        for w, m, v in zip(THREE.weights.tolist(), [-4.0, 0.0, 7.0], [0.25, 1.0, 9.0], strict=True)
    )
    off = (exact_cdf(THREE, x, upper) - mpmath.mpf(p)) / density  # how far x is from the root, to first order
    # The rounding of log p is what may remain.
    assert abs(off) <= 4e-16 * max(1.0, abs(x)) + 4e-16 * max(1.0, -float(mpmath.log(p))) * p / float(density)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(1e-12, 1 - 1e-12), min_size=2, max_size=20), st.integers(0, 2**32))
def test_quantiles_rise_with_p(p, seed):
    rng = np.random.default_rng(seed)
    mixture = mx.Mixture(rng.dirichlet(np.ones(4)), mx.Gaussian(rng.normal(0, 5, 4), rng.exponential(1, 4) + 1e-3))
    x = mx.quantile(mixture, np.sort(p))
    assert np.all(np.diff(x) >= -1e-13 * np.abs(x).max())
    np.testing.assert_allclose(mx.cdf(mixture, x), np.sort(p), rtol=1e-8)


def test_the_ends_are_infinite_and_a_number_gives_a_number():
    assert mx.quantile(THREE, [0.0, 1.0]).tolist() == [-np.inf, np.inf]
    assert mx.quantile(THREE, [0.0, 1.0], upper=True).tolist() == [np.inf, -np.inf]
    np.testing.assert_allclose(mx.cdf(THREE, [-np.inf, np.inf]), [0.0, 1.0], rtol=1e-15)
    assert np.ndim(mx.quantile(THREE, 0.5)) == np.ndim(mx.cdf(THREE, 0.5)) == 0


@pytest.mark.parametrize("unit", [1e-200, 1e-6, 1e6, 1e200])
def test_units_carry_over(unit):
    scaled = mx.Mixture(THREE.weights, THREE.components.out_of(np.zeros(1), unit))
    p = [1e-50, 0.3, 0.9]
    np.testing.assert_allclose(mx.quantile(scaled, p), mx.quantile(THREE, p) * unit, rtol=1e-13)
    np.testing.assert_allclose(mx.cdf(scaled, [unit, 2 * unit]), mx.cdf(THREE, [1, 2]), rtol=1e-13)


def test_components_without_weight_do_not_count():
    with_empty = mx.Mixture([0.0, 1.0], mx.Gaussian([1e9, 0.0], [1.0, 1.0]))
    np.testing.assert_allclose(mx.quantile(with_empty, 0.975), 1.959963984540054, rtol=1e-14)


@pytest.mark.parametrize("rho", [-0.9, 0.0, 0.3, 0.99])
def test_the_orthant_of_two_columns_is_as_sheppard_says(rho):
    one = mx.Mixture([1.0], mx.Gaussian([[0, 0]], [[[1, rho], [rho, 1]]]))
    found = mx.box_probability(one, [0, 0], [np.inf, np.inf])
    assert abs(found.value - (0.25 + np.arcsin(rho) / (2 * np.pi))) <= 5 * found.standard_error + 1e-12
    assert found.standard_error < 2e-5


def test_boxes_of_independent_columns_are_products():
    rng = np.random.default_rng(0)
    mixture = mx.Mixture([0.4, 0.6], mx.Gaussian(rng.normal(size=(2, 5)), rng.exponential(size=(2, 5))))
    low, high = -rng.exponential(size=5), rng.exponential(size=5)
    parts = [mx.Mixture([1.0], mixture.components.take([k])) for k in range(2)]
    boxes = [np.prod([np.diff(mx.cdf(part.marginal([j]), [low[j], high[j]])) for j in range(5)]) for part in parts]
    found = mx.box_probability(mixture, low, high)
    np.testing.assert_allclose(found.value, mixture.weights @ boxes, rtol=1e-12)


def test_a_far_box_keeps_its_relative_accuracy():
    """Independent columns beyond eight standard deviations, on either side."""
    one = mx.Mixture([1.0], mx.Gaussian([[0, 0]], [[1.0, 1.0]]))
    tail = float(mpmath.ncdf(-8) ** 2)
    infinite = np.full(2, np.inf)
    np.testing.assert_allclose(mx.box_probability(one, [8, 8], infinite).value, tail, rtol=1e-12)
    np.testing.assert_allclose(mx.cdf(one, [[-8, -8]]), tail, rtol=1e-12)


def test_a_box_agrees_with_draws(faithful):
    mixture = mx.fit(faithful, 2, "VVV").mixture
    rows = mixture.sample(200_000, 3)[0]
    low, high = [2.0, 50.0], [4.0, 80.0]
    share = np.mean(np.all((rows >= low) & (rows <= high), axis=1))
    found = mx.box_probability(mixture, low, high)
    assert abs(found.value - share) < 5 * np.sqrt(share / 200_000)
    assert found == mx.box_probability(mixture, low, high)


def test_questions_that_make_no_sense_are_refused():
    two = mx.Mixture([1.0], mx.Gaussian([[0, 0]], [[1, 1]]))
    with pytest.raises(ParameterError, match=r"take a marginal"):
        mx.quantile(two, 0.5)
    with pytest.raises(ParameterError, match=r"probabilities from 0 to 1"):
        mx.quantile(THREE, 1.5)
    with pytest.raises(ShapeError, match=r"expected \(n, 2\)"):
        mx.cdf(two, [[1.0, 2.0, 3.0]])
    with pytest.raises(ParameterError, match="lies above"):
        mx.box_probability(two, [1, 1], [0, 0])
    with pytest.raises(ParameterError, match="expected a Mixture"):
        mx.cdf([1.0], 0.0)
