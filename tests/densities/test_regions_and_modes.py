"""Highest-density regions and modes: contents, closed forms, and searches on fine grids."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, norm

import mixtura as mx
from mixtura.errors import ParameterError


def random_mixture(seed, k=5, d=1):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(k, d, d)) + 1.5 * np.eye(d)
    return mx.Mixture(rng.dirichlet(np.ones(k)), mx.Gaussian(rng.normal(0, 3, (k, d)), roots @ roots.swapaxes(1, 2)))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("level", [0.01, 0.5, 0.95, 1 - 1e-9])
def test_intervals_hold_the_level_and_end_at_the_threshold(seed, level):
    mixture = random_mixture(seed)
    region = mx.highest_density_region(mixture, level)
    below = mx.cdf(mixture, region.intervals.ravel()).reshape(-1, 2)
    np.testing.assert_allclose((below[:, 1] - below[:, 0]).sum(), level, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(mixture.log_prob(region.intervals.ravel()), region.log_threshold, rtol=1e-8, atol=1e-8)
    assert np.all(np.diff(region.intervals.ravel()) > 0)
    middles = region.intervals.mean(axis=1)
    assert region.contains(middles).any()


def test_one_gaussian_has_its_central_interval():
    one = mx.Mixture([1.0], mx.Gaussian([3.0], [4.0]))
    half = 2 * norm.ppf(0.975)
    np.testing.assert_allclose(mx.highest_density_region(one, 0.95).intervals, [[3 - half, 3 + half]], rtol=1e-12)


def test_a_narrow_peak_on_a_broad_hill_is_found():
    hill = mx.Mixture([0.99, 0.01], mx.Gaussian([0.0, 2.5], [1.0, 1e-6]))
    region = mx.highest_density_region(hill, 0.5)
    assert len(region.intervals) == 2
    assert region.intervals[1][0] < 2.5 < region.intervals[1][1]


def test_several_columns_have_the_threshold_of_the_chi_square_within_its_error():
    one = mx.Mixture([1.0], mx.Gaussian([[1.0, 2.0, 3.0]], [np.diag([1.0, 4.0, 9.0]) + 0.5]))
    region = mx.highest_density_region(one, 0.9)
    peak = one.log_prob([[1.0, 2.0, 3.0]])[0]
    assert abs(region.log_threshold - (peak - 0.5 * chi2.ppf(0.9, 3))) < 4 * region.log_threshold_error
    assert region.intervals is None
    assert abs(region.contains(one.sample(100_000, 9)[0]).mean() - 0.9) < 0.005


def test_levels_that_are_none_are_refused():
    with pytest.raises(ParameterError, match="level is 1"):
        mx.highest_density_region(random_mixture(0), 1.0)


@pytest.mark.parametrize("seed", range(8))
def test_modes_of_one_column_are_those_of_a_fine_grid(seed):
    mixture = random_mixture(seed, 4)
    grid = np.linspace(-20, 20, 400_001)
    height = mixture.log_prob(grid)
    peaks = np.sort(grid[1:-1][(height[1:-1] > height[:-2]) & (height[1:-1] >= height[2:])])
    found = mx.modes(mixture)
    assert np.all(np.diff(found.log_density) <= 0)
    for point in found.points.ravel():
        assert np.abs(peaks - point).min() < 2e-4
    assert len(peaks) == len(found.points)
    np.testing.assert_allclose(mixture.log_prob(found.points), found.log_density, rtol=1e-12)


def test_a_mode_that_no_mean_climbs_to_is_found_in_one_column():
    """Some of 400 random mixtures have one."""
    hidden = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        k = rng.integers(1, 7)
        mixture = mx.Mixture(rng.dirichlet(np.ones(k)), mx.Gaussian(rng.normal(0, 3, k), 10.0 ** rng.uniform(-3, 2, k)))
        found = mx.modes(mixture)
        hidden += len(found.points) > len(set(found.components.tolist()))
        gaps = np.sort(found.points.ravel())
        between = mx.cdf(mixture, gaps)
        assert np.all(np.diff(between) > 0)
    assert hidden > 0


@pytest.mark.parametrize("seed", range(6))
def test_at_modes_of_several_columns_every_step_goes_down(seed):
    mixture = random_mixture(seed, 5, 3)
    found = mx.modes(mixture)
    rng = np.random.default_rng(seed)
    for point, height in zip(found.points, found.log_density, strict=True):
        steps = rng.normal(size=(500, 3))
        for size in (1e-3, 1e-2):
            assert mixture.log_prob(point + size * steps).max() < height
    assert found.components.shape == (5,)
    assert set(found.components.tolist()) == set(range(len(found.points)))


def test_a_mean_on_a_saddle_is_left():
    means = [[-3.0, 0.0], [0.0, 0.0], [3.0, 0.0]]
    saddle = mx.Mixture([0.49, 0.02, 0.49], mx.Gaussian(means, [1.0, 16.0, 1.0], "VII"))
    found = mx.modes(saddle)
    assert len(found.points) == 2
    np.testing.assert_allclose(np.abs(found.points[:, 0]), 3, atol=0.01)


def test_modes_do_not_depend_on_the_columns_units():
    mixture = random_mixture(3, 4, 2)
    units = np.array([1e6, 1e-6])
    covariances = mixture.components.covariances * units * units[:, None]
    scaled = mx.Mixture(mixture.weights, mx.Gaussian(mixture.components.means * units, covariances))
    one, other = mx.modes(mixture), mx.modes(scaled)
    assert one.components.tolist() == other.components.tolist()
    np.testing.assert_allclose(other.points, one.points * units, rtol=1e-6)
