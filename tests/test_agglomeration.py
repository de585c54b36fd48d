"""Agglomeration: always the cheapest merge, one tree for all numbers of groups, indifferent to units."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura import _core
from mixtura.algorithms.agglomeration import CELLS, agglomerate
from mixtura.algorithms.start import Partitions


def tree_of(X, weights=None, seed=0, n_threads=1):
    return agglomerate(Partitions(X, weights, n_threads), np.random.default_rng(seed))


def cost(X, tau, nu):
    n, d = X.shape
    off = X - X.mean(axis=0)
    return n * np.linalg.slogdet((off.T @ off + nu * tau * np.eye(d)) / (n + nu))[1] - 2 * n * np.log(n)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5])
def test_every_merge_is_the_cheapest(d):
    X = np.random.default_rng(d).normal(size=(25, d))
    tau, nu = 0.1, 2.0
    groups = {i: [i] for i in range(25)}
    for into, other in _core.agglomerate(np.ones(25), X, np.zeros((25, d, d)), tau, nu):
        rises = {
            (i, j): cost(X[groups[i] + groups[j]], tau, nu) - cost(X[groups[i]], tau, nu) - cost(X[groups[j]], tau, nu)
            for i in groups
            for j in groups
            if i < j
        }
        assert rises[into, other] == pytest.approx(min(rises.values()), rel=1e-9, abs=1e-9)
        groups[into] += groups.pop(other)
    assert len(groups) == 1


def test_levels_of_the_tree_are_nested_and_complete():
    tree = tree_of(np.random.default_rng(0).normal(size=(400, 3)))
    finer = tree.labels(9)[0]
    assert set(finer) == set(range(9))
    for k in range(8, 0, -1):
        labels = tree.labels(k)[0]
        assert set(labels) == set(range(k))
        assert all(len(set(labels[finer == g])) == 1 for g in set(finer))
        finer = labels
    assert tree.labels(CELLS + 1) is None


def test_separate_groups_are_found_whatever_their_units():
    rng = np.random.default_rng(1)
    truth = rng.integers(4, size=300)
    X = np.array([[0.0, 0], [30, 0], [0, 30], [30, 31]])[truth] + rng.normal(size=(300, 2))
    for rows in (X, X * [1e-6, 1e6], X @ np.array([[1.0, 0.9], [0.2, 3.0]]) + 1e5):
        labels = tree_of(rows).labels(4)[0]
        assert len(set(zip(truth.tolist(), labels.tolist(), strict=True))) == 4


def test_weights_count_rows_and_threads_do_not_matter():
    X = np.random.default_rng(2).normal(size=(60, 2))
    twice = tree_of(np.repeat(X, 2, axis=0)).labels(5)[0]
    np.testing.assert_array_equal(tree_of(X, np.full(60, 2.0)).labels(60)[0], np.arange(60))
    assert len(set(twice)) == 5
    np.testing.assert_array_equal(tree_of(X, n_threads=1).merges, tree_of(X, n_threads=3).merges)


def test_no_tree_of_columns_that_depend_on_each_other():
    x = np.random.default_rng(3).normal(size=50)
    assert tree_of(np.column_stack([x, 2 * x])) is None
    assert tree_of(np.column_stack([x, np.zeros(50)])) is None


def test_the_tree_is_one_of_the_starts(faithful):
    with_tree = mx.fit(faithful, 3, "VVV", n_starts=1, improve=False)
    assert with_tree.starts.tried == 2


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="means has shape"):
        _core.agglomerate(np.ones(3), np.ones(3), np.ones((3, 1, 1)), 1.0, 1.0)
    with pytest.raises(ValueError, match="count is not positive"):
        _core.agglomerate(np.zeros(3), np.ones((3, 1)), np.ones((3, 1, 1)), 1.0, 1.0)
    with pytest.raises(ValueError, match="must be positive"):
        _core.agglomerate(np.ones(3), np.ones((3, 1)), np.ones((3, 1, 1)), 0.0, 1.0)
