"""Noise with a box is a density: drawn from, integrated, cut to fewer columns, compared; and left apart by clusters."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

import mixtura as mx
from mixtura.densities.uniform import log_density
from mixtura.errors import ParameterError
from mixtura.noise import Box, smallest_box
from mixtura.sources import as_source

LINE = mx.Mixture([0.5, 0.3], mx.Gaussian([0.0, 4.0], [1.0, 0.25]), noise=mx.Noise.between(0.2, -3, 7))
PLANE = mx.Mixture(
    [0.5, 0.3],
    mx.Gaussian([[0, 0], [2, 1]], [[[1, 0.5], [0.5, 1]], [[0.5, 0], [0, 0.25]]]),
    columns=["a", "b"],
    noise=mx.Noise.between(0.2, [-4, -5], [6, 5]),
)
TURNED = PLANE.with_noise(mx.Noise.within(0.2, Box([1.0, 0.0], [[4.0, 1.0], [-1.0, 4.0]])))


def integral(f, low=-12.0, high=14.0, points=(-3, 0, 4, 7)):
    return quad(f, low, high, points=points, limit=400, epsabs=1e-13)[0]


def density(theta, x):
    return float(np.exp(log_density(theta, np.atleast_2d(x), "a test"))[0])


@pytest.mark.parametrize("theta", [LINE, PLANE, TURNED])
def test_draws_follow_the_weights_and_lie_in_the_box(theta):
    X, labels = theta.sample(40_000, 0)
    shares = [np.mean(labels == k) for k in (0, 1, -1)]
    np.testing.assert_allclose(shares, [0.5, 0.3, 0.2], atol=0.01)
    noise = X[labels == -1]
    box = theta.noise.box
    assert box.holds(noise).all()
    np.testing.assert_allclose(noise.mean(axis=0), box.centre, atol=0.12)
    np.testing.assert_allclose(np.cov(noise.T).reshape(box.covariance.shape), box.covariance, rtol=0.05, atol=0.1)
    assert math.isclose(theta.noise.volume, math.exp(box.log_volume))


def test_a_turned_box_has_the_volume_of_its_edges():
    assert TURNED.noise.volume == pytest.approx(4 * 17)
    scaled = TURNED.into(np.array([3.0, -1.0]), 4.0)
    assert scaled.noise.volume == pytest.approx(4 * 17 / 16)
    assert scaled.out_of(np.array([3.0, -1.0]), 4.0).noise.box == TURNED.noise.box


def test_distribution_function_is_the_integral_and_quantile_its_inverse():
    x = np.array([-8.0, -3.0, -1.0, 0.5, 3.9, 7.0, 9.0])
    expected = [integral(lambda t: density(LINE, t), high=end) if end > -12 else 0 for end in x]
    np.testing.assert_allclose(mx.cdf(LINE, x), expected, atol=1e-9)
    np.testing.assert_allclose(mx.cdf(LINE, x) + mx.cdf(LINE, x, upper=True), 1, atol=1e-14)
    p = np.array([1e-200, 1e-3, 0.1, 0.5, 0.9, 0.999])
    for upper in (False, True):
        places = mx.quantile(LINE, p, upper=upper)
        np.testing.assert_allclose(mx.cdf(LINE, places, upper=upper), p, rtol=1e-12)


def test_scipy_says_the_same():
    x = np.linspace(-5, 9, 57)
    np.testing.assert_allclose(mx.to_scipy(LINE).cdf(x), mx.cdf(LINE, x), atol=1e-14)


@pytest.mark.parametrize(("theta", "tol"), [(PLANE, 1e-5), (TURNED, 2e-3)])
def test_probability_of_a_box_in_two_columns(theta, tol):
    found = mx.box_probability(theta, [-1, -2], [3, 1.5])
    X, _ = theta.sample(400_000, 1)
    share = np.mean(np.all((X >= [-1, -2]) & (X <= [3, 1.5]), axis=1))
    assert found.value == pytest.approx(share, abs=4 * math.sqrt(0.25 / 400_000))
    assert found.standard_error < tol
    everything = mx.box_probability(theta, [-math.inf] * 2, [math.inf] * 2)
    assert everything.value == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.75, 0.85, 0.95, 0.999])
def test_region_of_one_column_holds_its_share_at_one_height(level):
    region = mx.highest_density_region(LINE, level)
    ends = mx.cdf(LINE, region.intervals.ravel()).reshape(-1, 2)
    assert (ends[:, 1] - ends[:, 0]).sum() == pytest.approx(level, abs=1e-6)
    inside = region.intervals.mean(axis=1)
    assert region.contains(inside).all()
    beyond = [region.intervals.min() - 1e-3, region.intervals.max() + 1e-3]
    assert not region.contains(beyond).any()


def test_region_of_two_columns_holds_its_share():
    region = mx.highest_density_region(TURNED, 0.7)
    assert region.contains(TURNED.sample(100_000, 5)[0]).mean() == pytest.approx(0.7, abs=0.01)


def test_modes_stay_and_are_lifted():
    plain, noisy = mx.modes(LINE.with_noise(None)), mx.modes(LINE)
    np.testing.assert_allclose(noisy.points, plain.points, atol=1e-9)
    np.testing.assert_allclose(noisy.log_density, LINE.log_prob(noisy.points), rtol=1e-12)


def test_entropy_between_its_bounds_and_as_integrated():
    found = mx.entropy(LINE)
    exact = -integral(lambda t: density(LINE, t) * math.log(density(LINE, t)))
    assert found.value == pytest.approx(exact, abs=4 * found.standard_error)
    assert found.lower <= exact <= found.upper
    for theta in (PLANE, TURNED):
        found = mx.entropy(theta)
        assert found.lower <= found.value <= found.upper


OTHER = mx.Mixture([0.7], mx.Gaussian([1.0], [4.0]), noise=mx.Noise.between(0.3, -5, 8))


@pytest.mark.parametrize(
    ("p", "q"), [(LINE, OTHER), (LINE, OTHER.with_noise(None)), (LINE.with_noise(None), OTHER), (LINE, LINE)]
)
def test_divergence_and_distance_as_integrated(p, q):
    found = mx.kullback_leibler(p, q)
    exact = integral(lambda t: density(p, t) * math.log(density(p, t) / density(q, t)), points=(-5, -3, 7, 8))
    assert found.value == pytest.approx(exact, abs=4 * found.standard_error + 1e-15)
    assert exact <= found.upper + 1e-9
    square = integral(lambda t: (density(p, t) - density(q, t)) ** 2, points=(-5, -3, 7, 8))
    assert mx.l2_distance(p, q) == pytest.approx(math.sqrt(square), rel=1e-9)


@pytest.mark.parametrize("theta", [PLANE, TURNED])
def test_distance_in_two_columns_as_integrated(theta):
    one, step = PLANE.with_noise(None), 0.02
    grid = np.stack(np.meshgrid(np.arange(-8, 9, step), np.arange(-9, 9, step)), axis=-1).reshape(-1, 2) + step / 3
    p, q = (np.exp(log_density(m, grid, "a test")) for m in (theta, one))
    assert mx.l2_distance(theta, one) == pytest.approx(math.sqrt(((p - q) ** 2).sum()) * step, rel=1e-3)


def test_fewer_columns_and_conditions_multiply_to_the_whole():
    X = np.array([[0.3, 1.0], [-3.0, 4.0], [5.5, -4.5], [40.0, 1.0]])
    for row in X:
        a = PLANE.marginal(["a"]).log_prob(row[None, :1])
        b = PLANE.condition({"a": row[0]} if row[0] < 30 else {"a": 30.0})
        if row[0] < 30:
            np.testing.assert_allclose(a + b.log_prob(row[None, 1:]), PLANE.log_prob(row[None]), rtol=1e-12)
    order = TURNED.marginal(["b", "a"])
    np.testing.assert_allclose(order.log_prob(X[:, ::-1]), TURNED.log_prob(X), rtol=1e-13)
    assert order.noise.box.holds(TURNED.sample(500, 0)[0][:, ::-1]).mean() > 0.5
    with pytest.raises(ParameterError, match="box of the noise is turned"):
        TURNED.marginal(["a"])


def test_regression_is_that_of_the_components():
    plain = PLANE.with_noise(None)
    for got, expected in zip(
        PLANE.conditional_moments([[0.5]], ["a"]), plain.conditional_moments([[0.5]], ["a"]), strict=True
    ):
        np.testing.assert_array_equal(got, expected)


def test_reduction_leaves_the_noise():
    three = mx.Mixture([0.3, 0.3, 0.2], mx.Gaussian([0.0, 0.1, 6.0], [1.0, 1.0, 1.0]), noise=LINE.noise)
    found = mx.reduce(three, 2)
    assert found.mixture.noise == three.noise
    assert found.mixture.weights.sum() == pytest.approx(0.8)
    assert mx.kullback_leibler(three, found.mixture).value <= found.bound + 1e-3


def test_the_box_of_a_fit_holds_its_rows_and_is_saved(tmp_path):
    X, _ = TURNED.sample(600, 3)
    theta = mx.fit(X, 2, "VVV", noise=True, n_starts=2, improve=False).mixture
    assert theta.noise.box is not None
    assert theta.noise.box.holds(X).all()
    assert theta.noise.log_volume == pytest.approx(smallest_box(as_source(X)).log_volume, abs=1e-12)
    theta.save(tmp_path / "theta.json")
    assert mx.load(tmp_path / "theta.json") == theta
    assert theta.sample(5, 0)[0].shape == (5, 2)


def test_a_volume_without_a_place_is_refused_where_a_place_is_needed():
    theta = PLANE.with_noise(mx.Noise(0.2, math.log(50)))
    for question in (
        lambda: theta.sample(3),
        lambda: theta.marginal(["a"]),
        lambda: mx.box_probability(theta, [0, 0], [1, 1]),
        lambda: mx.highest_density_region(theta),
        lambda: mx.entropy(theta),
        lambda: mx.kullback_leibler(PLANE, theta),
        lambda: mx.l2_distance(PLANE, theta),
    ):
        with pytest.raises(ParameterError, match="only its volume was given"):
            question()
    np.testing.assert_allclose(theta.marginal(["b", "a"]).log_prob([[1, 2]]), theta.log_prob([[2, 1]]))
    assert len(mx.modes(theta).points) == len(mx.modes(PLANE).points)


def test_boxes_that_are_none_are_named():
    with pytest.raises(ParameterError, match="expected rising ends"):
        mx.Noise.between(0.1, [0, 1], [1, 1])
    with pytest.raises(ParameterError, match="the box is flat"):
        Box([0.0, 0.0], [[1.0, 1.0], [1.0, 1.0]])


def test_merging_leaves_noise_apart():
    theta = mx.Mixture(
        [0.3, 0.3, 0.2],
        mx.Gaussian([[0, 0], [0.5, 0.3], [8, 8]], np.stack([np.eye(2)] * 3)),
        noise=mx.Noise.between(0.2, [-15, -15], [20, 20]),
    )
    X, _ = theta.sample(1500, 2)
    noise = theta.predict(X) == -1
    by_entropy, by_density = mx.merge_by_entropy(theta, X), mx.merge_by_density(theta, X)
    assert by_entropy.groups(2).tolist() == [0, 0, 1]
    resp = theta.responsibilities(X)
    merged = np.column_stack([resp[:, :2].sum(axis=1), resp[:, 2], resp[:, 3]])
    np.testing.assert_allclose(by_entropy.responsibilities(X, 2), merged, atol=1e-15)
    assert by_entropy.entropies[1] == pytest.approx(-np.sum(merged * np.log(np.maximum(merged, 1e-300))), rel=1e-10)
    assert by_density.n_clusters == 2
    for labels in (by_density.labels, by_density.predict(X)):
        np.testing.assert_array_equal(labels == -1, noise)
    np.testing.assert_allclose(by_density.responsibilities(X).sum(axis=1), 1, atol=1e-12)
    assert by_density.table["rows"].sum() == (~noise).sum()


def test_directions_are_those_of_the_components():
    plain, noisy = mx.discriminant_directions(PLANE.with_noise(None)), mx.discriminant_directions(PLANE)
    np.testing.assert_array_equal(plain.directions, noisy.directions)
    assert noisy.projected.n_components == 2
