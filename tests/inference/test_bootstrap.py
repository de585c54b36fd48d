"""Bootstrap and jackknife: closed forms, label switching, and numbers that mclust published."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura.algorithms.compiled import STRUCTURES
from mixtura.errors import CollapseError, DataError, ParameterError
from mixtura.inference.bootstrap import KINDS, _draw, generator_of
from mixtura.inference.matching import expected_log_prob, matched
from mixtura.inference.parameters import Parameters
from mixtura.inference.refit import _compiled, _one_by_one
from mixtura.sources import as_source

CORRECTED_ROW = 103, 1, 455.0


@pytest.fixture(scope="module")
def diabetes(rows):
    X = rows("diabetes").copy()
    X[CORRECTED_ROW[:2]] = CORRECTED_ROW[2]
    return X, mx.fit(X, 3, "VVV")


def test_one_gaussian_is_refitted_to_the_moments_of_each_resample():
    X = np.random.default_rng(0).normal([5.0, -3.0], [1.0, 2.0], (50, 2))
    one = mx.fit(X, 1, "VVV").mixture
    found = mx.bootstrap(one, X, n_resamples=5, seed=4)
    for b in range(5):
        times = generator_of(4, b).multinomial(50, np.full(50, 0.02))
        np.testing.assert_allclose(found.replicates.means[b, 0], np.average(X, axis=0, weights=times), rtol=1e-12)
        covariance = np.cov(X.T, fweights=times, bias=True)
        np.testing.assert_allclose(found.replicates.covariances[b, 0], covariance, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_threads_and_the_number_of_resamples_change_no_bit(faithful, kind):
    fit = mx.fit(faithful, 2, "EEE")
    one = mx.bootstrap(fit, faithful, kind, 40, seed=2, n_threads=1).replicates
    three = mx.bootstrap(fit, faithful, kind, 60, seed=2, n_threads=3).replicates
    assert one.flat().tobytes() == three.flat()[:40].tobytes()
    other = mx.bootstrap(fit, faithful, kind, 40, seed=3).replicates
    assert not np.array_equal(one.weights, other.weights)


@pytest.mark.parametrize("structure", [name for name in STRUCTURES if len(name) == 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_core_and_the_sweep_refit_alike(faithful, structure, kind):
    source = as_source(faithful, np.where(np.arange(272) % 3 == 0, 2.0, 1.0))
    theta = mx.fit(faithful, 2, structure).mixture
    draw = _draw(kind, source, theta, 7)
    fast, slow = _compiled(source, theta, draw, 4, 2), _one_by_one(source, theta, draw, range(4), 2)
    np.testing.assert_allclose(fast.log_likelihood, slow.log_likelihood, rtol=1e-8)
    np.testing.assert_allclose(fast.parameters.flat(), slow.parameters.flat(), rtol=1e-2, atol=1e-3)


def test_switched_labels_are_switched_back():
    rng = np.random.default_rng(0)
    k, d, b = 4, 2, 30
    centre = mx.Mixture(np.full(k, 0.25), mx.Gaussian(rng.normal(0, 4, (k, d)), np.exp(rng.normal(size=k))))
    reference = Parameters.of(centre)
    near = reference.map(lambda a: a + 0.01 * a * rng.normal(size=(b, *a.shape[:1], *[1] * (a.ndim - 1))))
    orders = np.stack([rng.permutation(k) for _ in range(b)])
    shuffled = near.map(lambda a: np.take_along_axis(a, orders.reshape(b, k, *[1] * (a.ndim - 2)), axis=1))
    np.testing.assert_array_equal(matched(shuffled, reference).flat(), near.flat())
    scaled = [Parameters(p.weights, p.means * 1e6, p.covariances * 1e12) for p in (shuffled, reference)]
    np.testing.assert_array_equal(matched(*scaled).weights, near.weights)


def test_agreement_is_the_expected_log_density():
    """By drawing from the reference: 200,000 rows, an error of about 0.01 nats."""
    rng = np.random.default_rng(1)
    reference, other = (
        mx.Mixture(w, mx.Gaussian(rng.normal(0, 1, (2, 2)), [A @ A.T + np.eye(2) for A in rng.normal(size=(2, 2, 2))]))
        for w in ([0.3, 0.7], [0.6, 0.4])
    )
    found = expected_log_prob(Parameters.of(other).map(lambda a: a[None]), Parameters.of(reference))[0]
    for k in range(2):
        X = reference.components.sample(np.full(200_000, k), rng)
        wanted = (other.component_log_prob(X) + other.log_weights).mean(axis=0)
        np.testing.assert_allclose(found[k] - np.log(2 * np.pi), wanted, atol=0.05)


def test_float32_rows_serve(faithful):
    fit = mx.fit(faithful, 2, "VVV")
    double, single = (mx.bootstrap(fit, X, "weighted", 20).replicates for X in (faithful, faithful.astype(np.float32)))
    np.testing.assert_allclose(single.flat(), double.flat(), rtol=2e-2, atol=1e-3)
    errors = [mx.standard_errors(fit, X).standard_errors.flat() for X in (faithful, faithful.astype(np.float32))]
    np.testing.assert_allclose(errors[1], errors[0], rtol=1e-5)


def test_row_weights_count_rows(faithful):
    """In law, not draw by draw: standard errors of doubled rows are smaller by √2."""
    fit = mx.fit(faithful, 2, "EEE")
    for kind in KINDS:
        once = mx.bootstrap(fit, faithful, kind, 400).standard_errors.means
        twice = mx.bootstrap(fit, faithful, kind, 400, sample_weight=np.full(272, 2.0)).standard_errors.means
        np.testing.assert_allclose(once / twice, np.sqrt(2), rtol=0.16)  # three times √2 · 3.5 %


def test_acidity_as_published(rows):
    """V, 999 resamples; both standard deviations are off by 2.2 %, so three of the difference are 9.5 %."""
    X = rows("acidity")
    found = mx.bootstrap(mx.fit(X, 2, "E"), X)
    assert found.n_failed == 0
    errors = found.standard_errors
    assert errors.weights == pytest.approx(0.0413, rel=0.095)
    assert errors.means.ravel() == pytest.approx([0.0467, 0.0672], rel=0.095)
    assert errors.covariances.ravel() == pytest.approx(0.0238, rel=0.095)
    ends = found.interval()  # a 2.5 % percentile of 999 is off by about 0.085 standard errors
    assert ends.lower.means.ravel() == pytest.approx([4.279, 6.184], abs=0.02)
    assert ends.upper.means.ravel() == pytest.approx([4.461, 6.449], abs=0.02)


def test_diabetes_near_the_published_errors(diabetes):
    """V stops EM early (relative 1e-5), which holds refits near the start: its errors are up to 15 % smaller."""
    found = mx.bootstrap(diabetes[1], diabetes[0])
    errors = found.standard_errors
    published = [[1.03, 7.35, 6.89], [3.43, 23.10, 32.49], [16.45, 63.57, 10.36]]
    ratio = np.concatenate([errors.weights / [0.0496, 0.0468, 0.0357], (errors.means / published).ravel()])
    assert ratio.min() > 0.95
    assert ratio.max() < 1.22
    assert np.median(ratio) < 1.1


@pytest.mark.slow
def test_diabetes_as_published_where_em_is_stopped_as_early(diabetes):
    """V: 999 resamples, EM from the fit until |ΔL| / (1 + |L|) < 1e-5."""
    X, fit = diabetes
    weights, means = [], []
    for b in range(999):
        w, last = generator_of(0, b).multinomial(145, np.full(145, 1 / 145)).astype(float), np.inf
        for it in mx.em(fit.mixture, X, w, n_threads=1):
            if abs(it.log_likelihood - last) < 1e-5 * (1 + abs(it.log_likelihood)):
                break
            last = it.log_likelihood
        weights.append(it.before.weights)
        means.append(it.before.components.means)
    published = [[1.03, 7.35, 6.89], [3.43, 23.10, 32.49], [16.45, 63.57, 10.36]]
    assert np.std(weights, axis=0, ddof=1) == pytest.approx(np.array([0.0496, 0.0468, 0.0357]), rel=0.095)
    np.testing.assert_allclose(np.std(means, axis=0, ddof=1), published, rtol=0.095)
    low, high = np.quantile(weights, [0.025, 0.975], axis=0)
    assert low == pytest.approx(np.array([0.461, 0.147, 0.131]), abs=0.013)  # 0.25 of a standard error
    assert high == pytest.approx(np.array([0.661, 0.335, 0.270]), abs=0.013)


def test_a_fit_answers_itself(faithful):
    fit = mx.fit(faithful, 2, "EEE")
    assert repr(fit.bootstrap(faithful, "weighted", 9)) == repr(mx.bootstrap(fit.mixture, faithful, "weighted", 9))
    assert repr(fit.standard_errors(faithful, "scores")) == repr(mx.standard_errors(fit, faithful, "scores"))


def test_degenerate_refits_are_left_out_and_counted():
    X = np.concatenate([np.random.default_rng(0).normal(size=60), [30.0, 30.1, 30.3]])
    theta = mx.fit(X, 2, "V").mixture
    found = mx.bootstrap(theta, X, n_resamples=200)
    assert 0 < found.n_failed < 150
    assert found.n_resamples == 200
    assert "degenerate and left out" in repr(found)
    assert mx.bootstrap(theta, X, "weighted", 200).n_failed < found.n_failed


def test_intervals_and_bias(faithful):
    found = mx.bootstrap(mx.fit(faithful, 2, "EEE"), faithful, n_resamples=200)
    percentile, normal = found.interval(0.9), found.interval(0.9, "normal")
    inside = (found.replicates.means >= percentile.lower.means) & (found.replicates.means <= percentile.upper.means)
    assert inside.mean() == pytest.approx(0.9, abs=0.011)
    np.testing.assert_allclose(normal.upper.means - normal.lower.means, 2 * 1.6448536 * found.standard_errors.means)
    np.testing.assert_allclose(found.bias.weights.sum(), 0, atol=1e-12)
    assert found.table["standard_error"] == pytest.approx(found.standard_errors.flat())
    assert "percentile" in repr(found)
    with pytest.raises(ParameterError, match="percentile"):
        found.interval(0.9, "bca")


def test_assignments_are_as_sure_as_their_responsibilities_over_the_replicates(rows):
    X = rows("acidity")
    fit = mx.fit(X, 2, "E")
    found = fit.bootstrap(X, "weighted", 50)
    lower, upper = found.assignment_interval(X, 0.9)
    resp = fit.mixture.responsibilities(X)
    width = (upper - lower)[:, 0]
    assert np.mean((lower <= resp) & (resp <= upper)) > 0.95
    np.testing.assert_allclose(lower[:, 0], 1 - upper[:, 1], atol=1e-9)
    assert width[fit.mixture.uncertainty(X) > 0.2].min() > 10 * np.median(width)
    each = [
        mx.Mixture(found.replicates.weights[b], mx.Gaussian(found.replicates.means[b], variance, "V"))
        for b, variance in enumerate(found.replicates.covariances[:, :, 0, 0])
    ]
    np.testing.assert_allclose(lower, np.quantile([m.responsibilities(X) for m in each], 0.05, axis=0), rtol=1e-9)


def test_jackknife_of_one_gaussian_is_the_closed_form():
    X = np.random.default_rng(2).gamma(2.0, size=(40, 1)) + 100
    found = mx.jackknife(mx.fit(X, 1), X)
    assert found.standard_errors.means[0, 0] == pytest.approx(X.std(ddof=1) / np.sqrt(40), rel=1e-9)
    assert found.bias.means[0, 0] == pytest.approx(0.0, abs=1e-9)
    assert found.bias.covariances[0, 0, 0] == pytest.approx(-X.var(ddof=1) / 40, rel=1e-7)
    assert "40 rows" in repr(found)


def test_jackknife_counts_a_row_of_weight_two_twice(faithful):
    theta = mx.fit(faithful, 2, "EEE").mixture
    some = faithful[::4]
    weighted = mx.jackknife(theta, some, sample_weight=np.full(68, 2.0))
    twice = mx.jackknife(theta, np.repeat(some, 2, axis=0))
    np.testing.assert_allclose(weighted.standard_errors.flat(), twice.standard_errors.flat(), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(weighted.interval().lower.flat(), twice.interval().lower.flat(), rtol=1e-6, atol=1e-9)
    with pytest.raises(DataError, match="whole numbers"):
        mx.jackknife(theta, some, sample_weight=np.full(68, 0.5))


def test_jackknife_agrees_with_the_sandwich(rows):
    """Both estimate the same; they differ by terms of order 1 / n."""
    X = rows("acidity")
    fit = mx.fit(X, 2, "E")
    sandwich = mx.standard_errors(fit, X).standard_errors.flat()
    np.testing.assert_allclose(mx.jackknife(fit, X).standard_errors.flat(), sandwich, rtol=0.05)


def test_bad_requests_are_refused(faithful):
    theta = mx.fit(faithful, 2, "EEE").mixture
    with pytest.raises(ParameterError, match="weighted"):
        mx.bootstrap(theta, faithful, "bayesian")
    with pytest.raises(ParameterError, match="n_resamples"):
        mx.bootstrap(theta, faithful, n_resamples=1)
    lonely = mx.Mixture([0.99, 0.01], mx.Gaussian([[3.0, 70.0], [500.0, 500.0]], [[[1, 0], [0, 9]]] * 2))
    with pytest.raises(CollapseError, match="too many components"):
        mx.bootstrap(lonely, faithful, n_resamples=5)
    with pytest.raises(CollapseError, match="without row"):
        mx.jackknife(lonely, faithful[:60])
