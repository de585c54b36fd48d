"""Where EM starts: partitions that are seeded and various, and starts that the caller gives."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura.algorithms.kmeans import k_means, nearest, seed_plus_plus
from mixtura.algorithms.start import Grouping, Partitions
from mixtura.errors import ParameterError, ShapeError
from mixtura.sources import as_source


@pytest.fixture(scope="module")
def blobs():
    """Three tight groups of thirty rows."""
    rng = np.random.default_rng(2)
    return np.repeat([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]], 30, axis=0) + rng.normal(size=(90, 2))


def test_seeds_are_rows_one_of_each_far_group(blobs):
    for seed in range(10):
        centers = seed_plus_plus(blobs, None, 3, np.random.default_rng(seed))
        assert all(any(np.array_equal(c, row) for row in blobs) for c in centers)
        assert len(set(nearest(blobs, None, centers, 1)[0][[0, 30, 60]])) == 3


def test_seeds_follow_the_row_weights(blobs):
    weights = np.repeat([1.0, 0.0, 1.0], 30)
    for seed in range(10):
        centers = seed_plus_plus(blobs, weights, 2, np.random.default_rng(seed))
        assert not np.any(centers[:, 0] > 25)


def test_equal_rows_can_be_seeded():
    assert seed_plus_plus(np.ones((5, 1)), None, 3, np.random.default_rng(0)).tolist() == [[1.0], [1.0], [1.0]]


def test_lloyds_iterations_never_raise_the_inertia(blobs):
    centers = blobs[:3]
    before = nearest(blobs, None, centers, 1)[1]
    after = nearest(blobs, None, k_means(blobs, None, centers, 1), 1)[1]
    assert after <= before


def test_lloyds_fixed_point_is_the_means_of_its_groups(blobs):
    centers = k_means(blobs, None, blobs[[0, 30, 60]], 1)
    labels = nearest(blobs, None, centers, 1)[0]
    np.testing.assert_allclose(centers, [blobs[labels == k].mean(axis=0) for k in range(3)], rtol=1e-12)


@pytest.mark.parametrize("d", [1, 2])
def test_partitions_follow_their_seed_and_differ(blobs, d):
    partitions = Partitions(blobs[:, :d], None)
    drawn = partitions.draw(4, 12, np.random.default_rng(1))
    again = partitions.draw(4, 12, np.random.default_rng(1))
    assert [m for m, _ in drawn] == [m for m, _ in again]
    for (_, one), (_, two) in zip(drawn, again, strict=True):
        np.testing.assert_array_equal(one, two)
    groups = {frozenset(frozenset(np.flatnonzero(labels == k)) for k in set(labels)) for _, labels in drawn}
    assert len(groups) == len(drawn) > 1


def test_one_group_has_one_partition(blobs):
    ((method, labels),) = Partitions(blobs, None).draw(1, 12, np.random.default_rng(0))
    assert (method, set(labels.tolist())) == ("one group", {0})


def test_the_same_partition_is_tried_once_whatever_its_numbers(blobs):
    drawn = Partitions(blobs, None).draw(3, 30, np.random.default_rng(0))
    as_sets = [frozenset(frozenset(np.flatnonzero(labels == k)) for k in range(3)) for _, labels in drawn]
    assert len(set(as_sets)) == len(as_sets)


def test_collinear_columns_can_be_partitioned(blobs):
    twice = np.column_stack([blobs[:, 0], 2 * blobs[:, 0]])
    assert Partitions(twice, None).draw(2, 6, np.random.default_rng(0))


def test_groupings_of_labels_and_of_responsibilities_are_one(blobs):
    source = as_source(blobs, np.arange(90) % 4 + 0.5)
    labels = np.arange(90) % 3
    inner = source.coordinates.rows_inward(blobs)
    one, two = Grouping.of_labels(inner, source.sample_weight, labels, 3), Grouping.of(source, np.eye(3)[labels])
    np.testing.assert_allclose(one.counts, two.counts, rtol=1e-14)
    np.testing.assert_allclose(one.means, two.means, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(one.scatter, two.scatter, rtol=1e-12, atol=1e-12)


def test_small_groups_borrow_spread_and_large_ones_do_not():
    rng = np.random.default_rng(0)
    labels = np.array([0] * 50 + [1])
    grouping = Grouping.of_labels(rng.normal(size=(51, 2)), None, labels, 2)
    shrunk = grouping.shrunk()
    assert np.linalg.matrix_rank(grouping.scatter[1]) == 0
    assert np.all(np.linalg.eigvalsh(shrunk.scatter[1]) > 0)
    np.testing.assert_array_equal(shrunk.scatter[0], grouping.scatter[0])
    np.testing.assert_array_equal(shrunk.counts, grouping.counts)


# Starts that the caller gives


@pytest.fixture(scope="module")
def start(faithful):
    """Small group first: not the order that a search would give."""
    return mx.Mixture.from_responsibilities(faithful, (faithful[:, 1] > 68).astype(int), "EEE")


def test_the_callers_order_is_kept(faithful, start):
    labels = (faithful[:, 1] > 68).astype(int)
    fits = [mx.fit(faithful, structure="EEE", start=s) for s in (start, labels, np.eye(2)[labels])]
    assert fits[0].mixture.weights[0] < fits[0].mixture.weights[1]
    for fit, method in zip(fits, ("mixture", "labels", "responsibilities"), strict=True):
        assert fit.starts.method == f"given {method}"
        assert fit.starts.tried == 1
        np.testing.assert_allclose(fit.mixture.weights, fits[0].mixture.weights, atol=1e-9)
        np.testing.assert_allclose(fit.mixture.components.means, fits[0].mixture.components.means, rtol=1e-9)
    reverse = mx.fit(faithful, start=start.take([1, 0]))
    np.testing.assert_allclose(reverse.mixture.weights, fits[0].mixture.weights[::-1], atol=1e-9)


def test_names_of_a_given_mixture_stay(faithful, start):
    fit = mx.fit(faithful, start=start.with_names(["short", "long"], ["eruptions", "waiting"]))
    assert fit.mixture.names == ("short", "long")
    assert fit.mixture.columns == ("eruptions", "waiting")


def test_a_given_mixture_says_its_structure(faithful, start):
    assert mx.fit(faithful, start=start).mixture.structure == "EEE"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"n_components": 3}, ShapeError, "start has 2 components .* expected 3 components"),
        ({"structure": "VVV"}, ParameterError, "start has structure EEE but VVV is to be fitted"),
        ({"n_components": [2, 3]}, ParameterError, "one structure and one n_components"),
    ],
)
def test_a_start_must_fit_what_is_asked(faithful, start, options, error, words):
    with pytest.raises(error, match=words):
        mx.fit(faithful, start=start, **options)


def test_labels_need_one_structure(faithful):
    with pytest.raises(ParameterError, match="structure='VVV'"):
        mx.fit(faithful, start=np.zeros(len(faithful), dtype=int))


def test_a_start_of_other_columns_is_refused(faithful, theta0):
    with pytest.raises((ShapeError, ParameterError)):
        mx.fit(faithful, start=theta0, structure="VVV")
