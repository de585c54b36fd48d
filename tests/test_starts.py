"""Where EM starts: partitions that are seeded and various, and starts that the caller gives."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura import _core
from mixtura.algorithms.iteration import inner_floor
from mixtura.algorithms.start import Grouping, Groupings, Partitions
from mixtura.errors import ParameterError, ShapeError
from mixtura.families.covariance import resolve_structure
from mixtura.sources import as_source


@pytest.fixture(scope="module")
def blobs():
    """Three tight groups of thirty rows."""
    rng = np.random.default_rng(2)
    return np.repeat([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]], 30, axis=0) + rng.normal(size=(90, 2))


@pytest.mark.parametrize("d", [1, 2])
def test_partitions_follow_their_seed_and_differ(blobs, d):
    partitions = Partitions(blobs[:, :d], None)
    methods, drawn = partitions.draw(4, 12, np.random.default_rng(1))
    again = partitions.draw(4, 12, np.random.default_rng(1))
    assert methods == again[0]
    np.testing.assert_array_equal(drawn, again[1])
    groups = {frozenset(frozenset(np.flatnonzero(labels == k)) for k in set(labels)) for labels in drawn}
    assert len(groups) == len(drawn) == len(methods) > 1


def test_partitions_do_not_depend_on_threads_or_layout(blobs):
    one = Partitions(blobs, None, 1).draw(5, 24, np.random.default_rng(3))
    three = Partitions(np.asfortranarray(blobs), None, 3).draw(5, 24, np.random.default_rng(3))
    assert one[0] == three[0]
    np.testing.assert_array_equal(one[1], three[1])


def test_one_group_has_one_partition(blobs):
    methods, labels = Partitions(blobs, None).draw(1, 12, np.random.default_rng(0))
    assert methods == ("one group",)
    assert not labels.any()


def test_the_same_partition_is_tried_once_whatever_its_numbers(blobs):
    _, drawn = Partitions(blobs, None).draw(3, 30, np.random.default_rng(0))
    as_sets = [frozenset(frozenset(np.flatnonzero(labels == k)) for k in range(3)) for labels in drawn]
    assert len(set(as_sets)) == len(as_sets)
    assert len(Partitions(blobs[:, :1], None).draw(2, 30, np.random.default_rng(0))[0]) < 30


def test_equal_counts_are_equal():
    X = np.random.default_rng(0).normal(size=(100, 1))
    methods, labels = Partitions(X, None).draw(4, 4, np.random.default_rng(0))
    assert methods[0] == "equal counts"
    assert np.bincount(labels[0]).tolist() == [25] * 4
    assert max(X[labels[0] == labels[0][X.argmin()]]) < np.sort(X, axis=0)[25]


def test_collinear_columns_can_be_partitioned(blobs):
    twice = np.column_stack([blobs[:, 0], 2 * blobs[:, 0]])
    assert len(Partitions(twice, None).draw(2, 6, np.random.default_rng(0))[0])


@pytest.mark.parametrize("structure", ["VVV", "EEE", "VVI", "EEI", "VII", "EII"])
def test_starts_in_a_stack_are_the_m_steps_of_their_partitions(blobs, structure):
    source = as_source(blobs + 1e3, np.arange(90) % 4 + 0.5)
    partitions = Partitions(source.X, source.sample_weight, 2, source.coordinates)
    methods, labels = partitions.draw(3, 8, np.random.default_rng(0))
    groupings = partitions.groupings(3, 8, np.random.default_rng(0))
    constraint, floor = resolve_structure(structure, 2), inner_floor(source)
    stack = groupings.starts(constraint, floor)
    assert len(stack) == len(methods) == len(labels)
    for i in range(len(stack)):
        one = Grouping.of(source, np.eye(3)[labels[i]]).mixture(constraint, floor, "labels").mixture
        np.testing.assert_allclose(stack[i].weights, one.weights, rtol=1e-13)
        np.testing.assert_allclose(stack[i].components.means, one.components.means, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(stack[i].components.factors, one.components.factors, rtol=1e-11, atol=1e-13)


def test_small_groups_borrow_spread_and_large_ones_do_not():
    X = np.random.default_rng(0).normal(size=(51, 2))
    labels = np.array([[0] * 50 + [1]], dtype=np.int32)
    groupings = Groupings(("labels",), *_core.group(X, None, np.zeros(2), np.ones(2), labels, 2, 1))
    shrunk = groupings.shrunk()
    assert np.linalg.matrix_rank(groupings.scatter[0, 1]) == 0
    assert np.all(np.linalg.eigvalsh(shrunk.scatter[0, 1]) > 0)
    np.testing.assert_array_equal(shrunk.scatter[0, 0], groupings.scatter[0, 0])
    np.testing.assert_array_equal(shrunk.counts, groupings.counts)


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
