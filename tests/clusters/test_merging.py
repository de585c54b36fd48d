"""Clusters from components: merging by entropy and by density."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import xlogy

import mixtura as mx
from mixtura.clusters.entropy import EntropyMerging
from mixtura.densities.path import MergePath
from mixtura.errors import ParameterError, ShapeError


def entropy_of(t, weights=None):
    return -float((np.ones(len(t)) if weights is None else weights) @ xlogy(t, t).sum(axis=1))


@pytest.fixture(scope="module")
def six(faithful):
    return mx.fit(faithful, 6, "VVI").mixture


@pytest.mark.parametrize("weighted", [False, True])
def test_every_merge_is_the_best_of_all_pairs(faithful, six, weighted):
    weights = np.random.default_rng(0).integers(0, 3, len(faithful)).astype(float) if weighted else None
    found = mx.merge_by_entropy(six, faithful, sample_weight=weights)
    t = six.responsibilities(faithful)
    np.testing.assert_allclose(found.entropies[0], entropy_of(t, weights), rtol=1e-12)
    for n in range(5, 0, -1):
        trials = []
        for k in range(n + 1):
            for j in range(k + 1, n + 1):
                merged = t.copy()
                merged[:, k] += merged[:, j]
                trials.append(np.delete(merged, j, axis=1))
        t = min(trials, key=lambda m: entropy_of(m, weights))
        np.testing.assert_allclose(found.entropies[6 - n], entropy_of(t, weights), rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(found.responsibilities(faithful, n), t, atol=1e-14)
        assert found.predict(faithful, n).tolist() == t.argmax(axis=1).tolist()
    assert np.all(np.diff(found.entropies) <= 0)
    assert found.table["n_clusters"].tolist() == [6, 5, 4, 3, 2, 1]


def test_old_faithful_has_three_components_and_two_clusters(faithful):
    """faithful: BIC chooses EEE,3 (published.md C1); its two long-eruption components are one cluster."""
    found = mx.merge_by_entropy(mx.fit(faithful, 3, "EEE").mixture, faithful)
    assert found.suggested == 2
    assert np.bincount(found.predict(faithful)).tolist() == [175, 97]
    assert found.entropies[1] < 0.02 * found.entropies[0]
    assert found.entropies[2] < 1e-9


def test_pieces_of_the_rows_change_nothing_but_the_last_digits(faithful, six, monkeypatch):
    whole = mx.merge_by_entropy(six, np.tile(faithful, (40, 1)))
    monkeypatch.setattr("mixtura.clusters.entropy.PIECE_ROWS", 6000)
    pieces = mx.merge_by_entropy(six, np.tile(faithful, (40, 1)))
    assert whole.path == pieces.path == mx.merge_by_entropy(six, faithful).path
    np.testing.assert_allclose(whole.entropies, pieces.entropies, rtol=1e-10, atol=1e-7)


def test_one_and_two_components_have_no_elbow(faithful):
    for k in (1, 2):
        found = mx.merge_by_entropy(mx.fit(faithful, k, "EEE").mixture, faithful)
        assert found.suggested == k
        assert len(found.entropies) == k
        assert found.groups().tolist() == list(range(k))


@pytest.mark.parametrize("elbow", [2, 3, 5, 7])
def test_two_straight_lines_are_found_again(elbow):
    n = np.arange(8, 0, -1)
    entropies = 0.5 * n + 4.0 * np.maximum(n - elbow, 0)
    eight = mx.Mixture(np.full(8, 0.125), mx.Gaussian(np.arange(8.0), np.ones(8)))
    path = MergePath(8, tuple((0, k) for k in range(1, 8)))
    assert EntropyMerging(eight, path, entropies, np.zeros(7)).suggested == elbow


def test_a_path_says_which_components_are_together():
    path = MergePath(4, ((1, 3), (0, 2), (0, 1)))
    assert [path.groups(n).tolist() for n in (4, 3, 2, 1)] == [[0, 1, 2, 3], [0, 1, 2, 1], [0, 1, 0, 1], [0, 0, 0, 0]]
    assert path.names() == ["1, 3", "0, 2", "0+2, 1+3"]
    with pytest.raises(ParameterError, match="1 to 4 clusters"):
        path.groups(5)


def test_density_cores_of_old_faithful_are_its_two_hills(faithful):
    mixture = mx.fit(faithful, 3, "EEE").mixture
    found = mx.merge_by_density(mixture, faithful)
    assert found.n_clusters == len(mx.modes(mixture).points) == 2
    assert np.bincount(found.labels).tolist() == [175, 97]
    np.testing.assert_allclose(found.shares.sum(axis=1), 1)
    assert found.predict(faithful).tolist() == found.labels.tolist()


def test_a_bent_group_of_several_components_is_one_cluster():
    """Two half-moons: eight Gaussians, two clusters."""
    rng = np.random.default_rng(4)
    angle = rng.uniform(0, np.pi, 1000)
    side = np.arange(1000) % 2
    moon = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    moon[side == 1] = [1.0, 0.4] - moon[side == 1]
    rows = moon + rng.normal(0, 0.07, moon.shape)
    mixture = mx.fit(rows, 8, "VVV", seed=1).mixture
    found = mx.merge_by_density(mixture, rows, min_rows=200)
    assert found.n_clusters == 2
    assert mx.adjusted_rand(found.labels, side) > 0.98


@pytest.mark.parametrize("d", [1, 2, 4, 8])
def test_far_groups_are_found_in_few_and_many_columns_and_any_units(d):
    rng = np.random.default_rng(d)
    truth = np.repeat([0, 1, 2], 60)
    means = np.zeros((3, d))
    means[1, 0], means[2, -1] = 12, -15
    X = means[truth] + rng.normal(size=(180, d))
    mixture = mx.fit(X, 3, "EII" if d > 1 else "E").mixture
    found = mx.merge_by_density(mixture, X)
    assert found.n_clusters == 3
    assert mx.adjusted_rand(found.labels, truth) == 1
    units = 10.0 ** rng.integers(-6, 7, d)
    sigma = mixture.components.covariance_matrices * np.outer(units, units)
    scaled = mx.Mixture(mixture.weights, mx.Gaussian(mixture.components.means * units, sigma))
    assert mx.merge_by_density(scaled, X * units).labels.tolist() == found.labels.tolist()


def test_one_hill_is_one_cluster(faithful):
    found = mx.merge_by_density(mx.fit(faithful, 1, "VVV").mixture, faithful)
    assert found.n_clusters == 1
    assert set(found.labels.tolist()) == {0}
    assert found.table["rows"].tolist() == [272]


def test_rows_that_do_not_fit_are_refused(faithful):
    mixture = mx.fit(faithful, 2, "EEE").mixture
    for merge in (mx.merge_by_entropy, mx.merge_by_density):
        with pytest.raises(ShapeError, match="3 columns"):
            merge(mixture, np.zeros((5, 3)))


def test_rows_with_gaps_are_merged_by_what_they_tell():
    rng = np.random.default_rng(1)
    truth = mx.Mixture([0.3, 0.3, 0.4], mx.Gaussian([[0, 0], [1.5, 0], [9, 9]], [np.eye(2)] * 3))
    X = truth.sample(400, rng)[0]
    X[rng.random(X.shape) < 0.2] = np.nan
    X[3] = np.nan
    found = mx.merge_by_entropy(truth, X)
    known = ~np.isnan(X).all(axis=1)
    resp = truth.responsibilities(X)[known]
    entropy = -(resp * np.log(np.maximum(resp, 1e-300))).sum()
    assert found.entropies[0] == pytest.approx(entropy, rel=1e-12)
    pair = np.column_stack([resp[:, 0] + resp[:, 1], resp[:, 2]])
    assert found.entropies[1] == pytest.approx(-(pair * np.log(np.maximum(pair, 1e-300))).sum(), rel=1e-12)
    assert found.path.merges[0] == (0, 1)
