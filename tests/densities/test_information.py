"""Entropy, divergences, distance and reduction: closed forms, bounds and quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

import mixtura as mx
from mixtura.densities.gaussians import Gaussians
from mixtura.errors import ParameterError, ShapeError
from mixtura.families.covariance import STRUCTURES


def random_mixture(seed, k=3, d=2):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(k, d, d)) + 2 * np.eye(d)
    return mx.Mixture(rng.dirichlet(np.ones(k)), mx.Gaussian(rng.normal(0, 2, (k, d)), roots @ roots.swapaxes(1, 2)))


def integral(function):
    """∫ over the line, for densities of spread about one."""
    return quad(lambda x: float(function(np.array([x]))[0]), -40, 40, limit=400, epsabs=1e-12, points=[-5, 0, 5])[0]


@pytest.mark.parametrize("seed", range(4))
def test_entropy_and_divergence_of_one_column_agree_with_quadrature(seed):
    p, q = random_mixture(seed, 3, 1), random_mixture(seed + 50, 2, 1)
    entropy = integral(lambda x: -np.exp(p.log_prob(x)) * p.log_prob(x))
    divergence = integral(lambda x: np.exp(p.log_prob(x)) * (p.log_prob(x) - q.log_prob(x)))
    distance = integral(lambda x: (np.exp(p.log_prob(x)) - np.exp(q.log_prob(x))) ** 2) ** 0.5
    found = mx.entropy(p, 20_000)
    assert abs(found.value - entropy) < 4.5 * found.standard_error
    assert found.lower - 1e-9 <= entropy <= found.upper + 1e-9
    kl = mx.kullback_leibler(p, q, 20_000)
    assert abs(kl.value - divergence) < 4.5 * kl.standard_error
    assert divergence <= kl.upper + 1e-9
    np.testing.assert_allclose(mx.l2_distance(p, q), distance, rtol=1e-7)


def test_one_gaussian_has_closed_forms():
    a = mx.Mixture([1.0], mx.Gaussian([[0.0, 1.0]], [[[2.0, 0.3], [0.3, 1.0]]]))
    b = mx.Mixture([1.0], mx.Gaussian([[1.0, -1.0]], [[[1.0, -0.2], [-0.2, 3.0]]]))
    sa, sb = a.components.covariances[0], b.components.covariances[0]
    off = np.array([1.0, -2.0])
    kl = 0.5 * (
        np.trace(np.linalg.solve(sb, sa))
        + off @ np.linalg.solve(sb, off)
        - 2
        + np.linalg.slogdet(sb)[1]
        - np.linalg.slogdet(sa)[1]
    )
    found = mx.kullback_leibler(a, b, 1000)
    np.testing.assert_allclose([found.variational, found.upper], kl, rtol=1e-12)
    entropy = mx.entropy(a, 1000)
    exact = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * sa)[1]
    np.testing.assert_allclose([entropy.lower, entropy.upper], exact, rtol=1e-12)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_structure_has_triangular_factors_of_its_covariances(faithful, structure):
    if len(structure) == 1:
        faithful = faithful[:, :1]
    mixture = mx.fit(faithful, 3, structure, n_starts=2).mixture
    found = Gaussians.of(mixture)
    covariances = found.covariances * found.coordinates.scale**2
    np.testing.assert_allclose(covariances, mixture.components.component_covariances, rtol=1e-10)
    assert not np.triu(found.factors, 1).any()


@pytest.mark.parametrize("seed", range(6))
def test_bounds_enclose_what_draws_say(seed):
    p, q = random_mixture(seed, 4, 3), random_mixture(seed + 9, 3, 3)
    entropy, kl = mx.entropy(p, 20_000, seed), mx.kullback_leibler(p, q, 20_000, seed)
    assert entropy.lower - 4.5 * entropy.standard_error < entropy.value < entropy.upper + 4.5 * entropy.standard_error
    assert kl.value < kl.upper + 4.5 * kl.standard_error
    assert kl.value > -4.5 * kl.standard_error


def test_a_mixture_does_not_diverge_from_itself_in_whatever_order():
    p = random_mixture(1, 4, 2)
    q = p.take([2, 0, 3, 1])
    found = mx.kullback_leibler(p, q)
    assert abs(found.value) < 1e-13
    assert abs(found.variational) < 1e-13
    assert found.upper < 1e-6
    assert mx.l2_distance(p, q) < 1e-7
    assert mx.l2_distance(p, random_mixture(2)) == pytest.approx(mx.l2_distance(random_mixture(2), p), rel=1e-12)


def test_equal_seeds_give_equal_bits_and_units_shift_entropy():
    p = random_mixture(5)
    assert mx.entropy(p, 1000, 3) == mx.entropy(p, 1000, 3)
    assert mx.entropy(p, 1000, 3) != mx.entropy(p, 1000, 4)
    scaled = mx.Mixture(p.weights, mx.Gaussian(p.components.means * 8, p.components.covariances * 64))
    one, other = mx.entropy(p, 1000), mx.entropy(scaled, 1000)
    np.testing.assert_allclose(
        [other.value, other.lower, other.upper], np.array([one.value, one.lower, one.upper]) + 2 * np.log(8)
    )


def test_stratified_draws_have_the_error_they_state():
    p = mx.Mixture([0.5, 0.5], mx.Gaussian([0.0, 100.0], [1.0, 4.0]))
    exact = 0.5 * np.log(2 * np.pi * np.e) + 0.5 * np.log(2) + np.log(2)
    found = [mx.entropy(p, 500, seed) for seed in range(200)]
    z = np.array([(f.value - exact) / f.standard_error for f in found])
    assert 0.85 < z.std() < 1.15
    assert abs(z.mean()) < 0.25


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("d", [1, 3])
def test_reduction_keeps_moments_and_its_bound_holds(seed, d):
    p = random_mixture(seed, 6, d)
    found = mx.reduce(p, 2)
    np.testing.assert_allclose(found.mixture.mean, p.mean, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.mixture.covariance, p.covariance, rtol=1e-10, atol=1e-12)
    kl = mx.kullback_leibler(p, found.mixture, 20_000)
    assert kl.value < found.bound + 4.5 * kl.standard_error
    assert np.all(found.costs >= 0)
    for k in range(2):
        np.testing.assert_allclose(found.mixture.weights[k], p.weights[found.components == k].sum(), rtol=1e-12)
    assert found.table.n_rows == 4
    assert found.table["n_components"].tolist() == [5, 4, 3, 2]


def test_the_first_merge_is_the_cheapest_of_all_pairs():
    p = random_mixture(7, 5, 2)
    sigma = p.components.covariance_matrices

    def cost(i, j):
        pair = p.take([i, j])
        w = p.weights[[i, j]]
        each = np.linalg.slogdet(sigma[[i, j]])[1]
        return 0.5 * (w.sum() * np.linalg.slogdet(pair.covariance)[1] - w @ each)

    costs = {(i, j): cost(i, j) for i in range(5) for j in range(i + 1, 5)}
    found = mx.reduce(p, 4)
    assert found.path.merges[0] == min(costs, key=costs.get)
    np.testing.assert_allclose(found.costs[0], min(costs.values()), rtol=1e-9)


def test_reduction_does_not_depend_on_units_and_splitting_a_component_is_undone():
    p = random_mixture(3, 4, 2)
    units = np.array([1e6, 1e-6])
    q = mx.Mixture(
        p.weights, mx.Gaussian(p.components.means * units, p.components.covariances * np.outer(units, units))
    )
    one, other = mx.reduce(p, 1), mx.reduce(q, 1)
    assert one.path.merges == other.path.merges
    np.testing.assert_allclose(one.costs, other.costs, rtol=1e-6, atol=1e-9)
    split = mx.Mixture(
        np.repeat(p.weights / 2, 2),
        mx.Gaussian(np.repeat(p.components.means, 2, 0), np.repeat(p.components.covariances, 2, 0)),
    )
    back = mx.reduce(split, 4)
    assert back.bound < 1e-12
    assert back.components.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ShapeError, match="as many"):
        mx.kullback_leibler(random_mixture(0, 2, 2), random_mixture(0, 2, 3))
    with pytest.raises(ParameterError, match="at most as many"):
        mx.reduce(random_mixture(0), 7)
