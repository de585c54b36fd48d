"""How sure parameters are where cells are missing: closed forms, what gaps must not change, and simulation."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura.inference.rows import drawn_like
from mixtura.sources import as_source


@pytest.fixture(scope="module")
def holey(faithful):
    X = faithful.copy()
    X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    return X


@pytest.fixture(scope="module")
def theta(holey):
    return mx.fit(holey, 2, "EEE").mixture


def test_independent_columns_have_the_errors_of_their_known_cells():
    """One diagonal Gaussian: each column is a sample of its own, of m cells; σ/√m and σ² √(2/m)."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, 3)) * [1.0, 5.0, 0.2] + [0.0, 1e3, 0.0]
    X[rng.random(X.shape) < [0.1, 0.4, 0.0]] = np.nan
    m, variance = (~np.isnan(X)).sum(axis=0), np.nanvar(X, axis=0)
    one = mx.Mixture([1.0], mx.Gaussian(np.nanmean(X, axis=0)[None], variance[None], "VVI"))
    found = mx.standard_errors(one, X, "observed").standard_errors
    np.testing.assert_allclose(found.means[0], np.sqrt(variance / m), rtol=1e-8)
    np.testing.assert_allclose(found.covariances[0].diagonal(), variance * np.sqrt(2 / m), rtol=1e-8)


def test_monotone_gaps_have_the_errors_of_the_regression():
    """y known in the first m of n rows: var of its mean is σ²(1 − ρ²)/m + σ²ρ²/n (Anderson 1957), x a known column."""
    rng = np.random.default_rng(2)
    n, m = 600, 250
    x = rng.normal(size=n)
    X = np.column_stack([x, 0.8 * x + 0.6 * rng.normal(size=n)])
    X[m:, 1] = np.nan
    fit = mx.fit(X, 1, "VVV", tol=1e-14)
    [[[xx, xy], [_, yy]]] = fit.mixture.components.covariances
    left, slope = yy - xy**2 / xx, xy / xx
    expected = left / m * (1 + (X[:m, 0].mean() - x.mean()) ** 2 / X[:m, 0].var()) + slope**2 * xx / n
    found = mx.standard_errors(fit, X, "observed").standard_errors
    assert found.means[0, 1] == pytest.approx(np.sqrt(expected), rel=1e-4)
    assert found.means[0, 0] == pytest.approx(np.sqrt(xx / n), rel=1e-8)


def test_gaps_make_parameters_less_sure_and_blank_rows_say_nothing(faithful, holey, theta):
    for method in ("observed", "scores", "sandwich"):
        found = mx.standard_errors(theta, holey, method)
        blank = np.vstack([holey, np.full((30, 2), np.nan)])
        np.testing.assert_allclose(mx.standard_errors(theta, blank, method).covariance, found.covariance, rtol=1e-9)
    whole = mx.standard_errors(mx.fit(faithful, 2, "EEE"), faithful, "observed").standard_errors
    assert np.all(mx.standard_errors(theta, holey, "observed").standard_errors.means > whole.means)


def test_weight_two_is_the_row_twice(holey, theta):
    twice = mx.standard_errors(theta, np.repeat(holey, 2, axis=0)).covariance
    weighted = mx.standard_errors(theta, holey, sample_weight=np.full(len(holey), 2.0)).covariance
    np.testing.assert_allclose(weighted, twice, rtol=1e-9)
    once, double = (
        mx.cross_validated_log_likelihood(holey, 2, "EII", 3, n_starts=2, sample_weight=np.full(len(holey), w))
        for w in (1.0, 2.0)
    )
    assert double == pytest.approx(2 * once, rel=1e-6)


def test_resamples_agree_with_the_information(holey, theta):
    errors = mx.standard_errors(theta, holey).standard_errors
    for kind in ("nonparametric", "weighted"):
        found = mx.bootstrap(theta, holey, kind, 60, seed=1, n_threads=1)
        np.testing.assert_allclose(found.standard_errors.means, errors.means, rtol=0.35)
    again = mx.bootstrap(theta, holey, "weighted", 6, seed=1, n_threads=2)
    np.testing.assert_array_equal(again.replicates.means, found.replicates.means[:6])
    parametric = mx.bootstrap(theta, holey, "parametric", 60, seed=1, n_threads=1).standard_errors
    of_model = mx.standard_errors(theta, holey, "observed").standard_errors  # as drawn rows are: of the model
    np.testing.assert_allclose(parametric.means, of_model.means, rtol=0.35)


def test_drawn_rows_have_the_gaps_of_the_rows(holey, theta):
    """So that a statistic and its distribution under the smaller mixture know equally many cells."""
    rng = np.random.default_rng(0)
    known = ~np.isnan(holey).all(axis=1)
    drawn = drawn_like(as_source(holey), theta, rng)
    np.testing.assert_array_equal(np.isnan(drawn), np.isnan(holey[known]))
    twice = drawn_like(as_source(holey, np.full(len(holey), 2.0)), theta, rng)
    np.testing.assert_array_equal(np.isnan(twice), np.repeat(np.isnan(holey[known]), 2, axis=0))
    assert np.isnan(drawn_like(as_source(holey, np.full(len(holey), 0.5)), theta, rng)).any()
    one = mx.Mixture([1.0], mx.Gaussian([[0.0, 0.0]], [np.eye(2)], "VVV"))
    alike = drawn_like(as_source(holey), one, rng)
    assert mx.likelihood_ratio_test(alike, (1, 2), "EII", n_resamples=19, n_starts=2, n_threads=1).p_value > 0.05


def test_noise_beside_gaps_stays_a_share(holey):
    """Here the noise empties, and a step that was lengthened gave all rows to it."""
    fit = mx.fit(holey, 2, "EEE", noise=True)
    assert 0 <= fit.mixture.noise.weight < 1e-6


def test_the_jackknife_leaves_out_rows_with_their_gaps(holey):
    """One diagonal Gaussian: the mean of a column moves by (x̄ − x) / (m − 1) where its row is left out."""
    few = holey[:30]
    few = few[~np.isnan(few).all(axis=1)]
    fit = mx.fit(few, 1, "VVI", tol=1e-14)
    left_out = mx.jackknife(fit, few).replicates.means[:, 0]
    known, mean = ~np.isnan(few), np.nanmean(few, axis=0)
    moved = np.where(known, mean - few, 0.0) / (known.sum(axis=0) - 1)
    np.testing.assert_allclose(left_out - mean, moved, atol=1e-4 * np.nanstd(few, axis=0).max())


def test_cross_validation_scores_the_known_cells(holey):
    """One diagonal Gaussian: the folds can be followed by hand, a column at a time."""
    from mixtura.inference.cross_validation import deal

    fold, by_hand = deal(len(holey), 4, 0), 0.0
    for i in range(4):
        seen, unseen = holey[fold != i], holey[fold == i]
        mean, variance = np.nanmean(seen, axis=0), np.nanvar(seen, axis=0)
        by_hand += np.nansum(-0.5 * (np.log(2 * np.pi * variance) + (unseen - mean) ** 2 / variance))
    assert mx.cross_validated_log_likelihood(holey, 1, "VVI", 4) == pytest.approx(by_hand, rel=1e-6)
    one, two = (mx.cross_validated_log_likelihood(holey, k, "EEE", 4, n_starts=2) for k in (1, 2))
    assert two > one + 50
