"""Split and merge: moves keep moments, promise what they say, and lead from poor optima to better ones."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura.algorithms.moves import exchanges, groups_of, merges_of, splits_of, with_splits
from mixtura.algorithms.start import Grouping, Partitions
from mixtura.families.covariance import nested
from mixtura.sources import as_source


def hard_groups(X, labels, k):
    partitions = Partitions(X, None)
    return partitions, partitions.group(labels[None], k)[0]


def gaussian_log_likelihood(X):
    """Of the rows under their own Gaussian."""
    n, d = X.shape
    return -0.5 * n * (d * np.log(2 * np.pi) + d + np.linalg.slogdet(np.cov(X.T, bias=True))[1])


@pytest.fixture(scope="module")
def blobs():
    """Four groups of fifty; the partition takes the first two as one and cuts the third in two."""
    rng = np.random.default_rng(4)
    X = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [20.0, 20.0]], 50, axis=0) + rng.normal(size=(200, 2))
    labels = np.repeat([0, 0, 1, 3], 50)
    labels[100:150][X[100:150, 0] > 0] = 2
    return X, labels


def test_a_merge_is_the_group_of_both_and_costs_their_likelihood(blobs):
    X, labels = blobs
    _, groups = hard_groups(X, labels, 4)
    merges = merges_of(groups, 6)
    assert np.all(np.diff(merges.loss) >= 0)
    for pair, loss, count, mean, scatter in zip(
        merges.pair, merges.loss, merges.counts, merges.means, merges.scatter, strict=True
    ):
        i, j = (X[labels == k] for k in pair)
        both = np.concatenate([i, j])
        assert count == len(both)
        np.testing.assert_allclose(mean, both.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(scatter, np.cov(both.T, bias=True) * len(both), rtol=1e-12)
        lost = gaussian_log_likelihood(i) + gaussian_log_likelihood(j) - gaussian_log_likelihood(both)
        assert loss == pytest.approx(lost, rel=1e-6)


def test_a_split_promises_the_classification_likelihood_of_its_halves(blobs):
    X, labels = blobs
    partitions, groups = hard_groups(X, labels, 4)
    splits = splits_of(partitions, labels, groups)
    assert splits.group[0] == 0  # the two that are one
    np.testing.assert_allclose(splits.counts[0], [50, 50])
    a, b = X[:50], X[50:100]
    gained = gaussian_log_likelihood(a) + gaussian_log_likelihood(b) - gaussian_log_likelihood(X[:100])
    assert splits.gain[0] == pytest.approx(gained - 100 * np.log(2), rel=1e-6)


def test_promises_do_not_depend_on_units(blobs):
    X, labels = blobs
    one, other = (
        splits_of(*hard_groups(rows, labels, 4)[:1], labels, hard_groups(rows, labels, 4)[1])
        for rows in (X, X @ np.array([[1e4, 3e-3], [2e4, 1e-3]]))
    )
    np.testing.assert_array_equal(one.group, other.group)
    np.testing.assert_allclose(one.gain, other.gain, rtol=1e-5)


def test_the_best_exchange_mends_the_partition(blobs):
    X, labels = blobs
    partitions, groups = hard_groups(X, labels, 4)
    moved = exchanges(groups, splits_of(partitions, labels, groups), "moved", 5, 0.0)
    assert len(moved.methods) == 1  # the others promise to lose
    assert sorted(moved.counts[0]) == [50] * 4
    assert sorted(np.round(moved.means[0]).tolist()) == [[0, 0], [0, 9], [9, 0], [20, 20]]


def test_splitting_one_makes_one_more(blobs):
    X, labels = blobs
    partitions, groups = hard_groups(X, labels, 4)
    more = with_splits(groups, splits_of(partitions, labels, groups), 3, "split")
    assert more.counts.shape == (3, 5)
    np.testing.assert_allclose(more.counts.sum(axis=1), 200)
    np.testing.assert_allclose((more.counts[:, :, None] * more.means).sum(axis=1), [X.sum(axis=0)] * 3)


def test_groups_of_a_mixture_lead_back_to_it(theta0, faithful):
    fit = mx.fit(faithful, 3, "VVV")
    groups = groups_of(fit.mixture, fit.mixture.weights * 272)
    again = mx.Mixture(groups.counts / 272, mx.Gaussian(groups.means, groups.scatter / groups.counts[:, None, None]))
    assert again.log_likelihood(faithful) == pytest.approx(fit.log_likelihood, rel=1e-12)


def test_a_group_of_equal_rows_promises_nothing_infinite():
    X = np.concatenate([np.zeros((30, 2)), np.random.default_rng(0).normal(size=(60, 2)) + 5])
    labels = np.repeat([0, 1, 2], 30)
    partitions, groups = hard_groups(X, labels, 3)
    soft = Grouping(groups.counts, groups.means, groups.scatter + np.eye(2))
    assert np.all(np.isfinite(splits_of(partitions, labels, soft).gain))
    assert np.all(np.isfinite(merges_of(soft, 3).loss))


# Improvement


def test_exchanges_leave_the_optimum_that_most_starts_find(faithful):
    """published.md, C1: −1119.214 is the basin most often hit; the best known lies at −1114.439873."""
    stuck = mx.fit(faithful, 3, "VVV", n_starts=4, improve=False)
    assert stuck.log_likelihood == pytest.approx(-1119.214, abs=1e-3)
    free = mx.fit(faithful, 3, "VVV", n_starts=4)
    assert free.log_likelihood == pytest.approx(-1114.439873, abs=1e-6)
    assert (free.starts.moves, free.starts.agreed, free.starts.method) == (1, 0, "split and merge")
    assert free.starts.gained == pytest.approx(free.log_likelihood - stuck.log_likelihood, abs=1e-6)
    assert "splitting one group and merging two, once, gained 4.774 nats" in str(free.starts)


@pytest.mark.parametrize("seed", range(3))
def test_a_missed_center_of_a_grid_is_found(seed):
    rng = np.random.default_rng(seed)
    X = 6.0 * np.stack(np.divmod(rng.integers(25, size=1500), 5), axis=1) + rng.normal(size=(1500, 2))
    poor, good = (mx.fit(X, 25, "VII", n_starts=2, improve=improve, seed=seed) for improve in (False, True))
    assert good.log_likelihood >= poor.log_likelihood
    assert np.sort(good.mixture.weights)[0] > 0.02  # no center between two groups, none twice


def test_improvement_does_not_depend_on_threads(faithful):
    one, three = (mx.fit(faithful, 4, "VVV", n_threads=n) for n in (1, 3))
    assert one.log_likelihood == three.log_likelihood
    assert one.mixture == three.mixture


# What candidates of a search tell each other


@pytest.fixture(scope="module", params=["faithful", "iris"])
def searched(request, rows):
    return mx.fit(rows(request.param), n_components=range(1, 7), n_starts=4)


def test_likelihood_rises_with_the_number_of_components(searched):
    sound = {(c.structure, c.n_components): c.log_likelihood for c in searched.candidates if not c.trouble}
    for (structure, k), value in sound.items():
        if (structure, k - 1) in sound:
            assert value >= sound[structure, k - 1] - 1e-6


def test_a_structure_is_never_below_one_that_it_contains(searched):
    sound = {(c.structure, c.n_components): c.log_likelihood for c in searched.candidates if not c.trouble}
    for (inner, k), value in sound.items():
        for (outer, other), above in sound.items():
            if other == k and nested(inner, outer):
                assert above >= value - 1e-6


def test_nesting_goes_by_letters():
    assert nested("EII", "VVV")
    assert nested("EEI", "EEE")
    assert not nested("VII", "EEE")
    assert nested("E", "V")
    assert not nested("V", "VVV")


def test_criteria_follow_their_formulas(faithful):
    fit = mx.fit(faithful, [1, 2], "EEE", criterion="aicc")
    for c in fit.candidates:
        p, n = c.n_parameters, 272
        assert c.aicc == pytest.approx(2 * p - 2 * c.log_likelihood + 2 * p * (p + 1) / (n - p - 1))
        assert c.caic == pytest.approx(p * (np.log(n) + 1) - 2 * c.log_likelihood)
    assert fit.chosen.aicc == min(c.aicc for c in fit.candidates)
    tiny = mx.fit(as_source(faithful[:6]), [1], "VVV", criterion="caic")
    assert tiny.chosen.aicc == np.inf
