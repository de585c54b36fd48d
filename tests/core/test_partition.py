"""Partitions and their moments against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import _core

LLOYD = 20


def draw(mass, uniform):
    cumulative = np.cumsum(mass)
    return min(int(np.searchsorted(cumulative, uniform * cumulative[-1], side="right")), len(mass) - 1)


def squared(u, centers):
    return ((u[:, None] - centers) ** 2).sum(axis=2)


def numpy_partition(u, w, K, uniforms, spread, lloyd):
    """Labels by k-means++ or random rows and Lloyd's iterations, numbered by first appearance."""
    distance, chosen = np.ones(len(u)), []
    for k in range(K):
        mass = w * distance
        rows = [draw(mass if mass.sum() > 0 else w, uniforms[k, t]) for t in range(max(spread if k else 1, 1))]
        if not spread:
            distance[rows[0]] = 0
            chosen.append(rows[0])
            continue
        left = [np.minimum(distance if k else np.inf, squared(u, u[[row]])[:, 0]) for row in rows]
        best = int(np.argmin([w @ d for d in left]))
        distance = left[best]
        chosen.append(rows[best])
    centers, before = u[chosen], np.inf
    for _ in range(lloyd):
        labels = squared(u, centers).argmin(axis=1)
        inertia = w @ squared(u, centers).min(axis=1)
        if not inertia < before * (1 - 1e-9):
            break
        before = inertia
        for k in range(K):
            if w[labels == k].sum() > 0:
                centers[k] = np.average(u[labels == k], axis=0, weights=w[labels == k])
    labels = squared(u, centers).argmin(axis=1)
    firsts = list(dict.fromkeys(labels.tolist()))
    return np.array([firsts.index(label) for label in labels])


def blobs(n, D, K, seed=0):
    """Rows in K well separated groups, so that rounding moves no label; and weights, some of them 0."""
    rng = np.random.default_rng([seed, n, D, K])
    X = 20 * rng.normal(size=(K, D))[rng.integers(K, size=n)] + rng.normal(size=(n, D))
    w = rng.uniform(0.5, 2, n)
    w[::7] = 0
    return X, w


def views(X, V):
    rng = np.random.default_rng(V)
    D = X.shape[1]
    factors = [None, *(np.tril(0.2 * rng.normal(size=(D, D)), -1) + np.eye(D) for _ in range(V - 1))]
    return X.mean(axis=0) + rng.normal(size=(V, D)), rng.uniform(0.5, 2, size=(V, D)), factors


def looked_at(X, centre, scale, factor):
    u = (X.astype(np.float64) - centre) * scale
    return u if factor is None else np.linalg.solve(factor, u.T).T


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "D", "K"), [(1, 1, 1), (5, 2, 5), (272, 2, 3), (700, 5, 9), (1500, 33, 12)])
@pytest.mark.parametrize("weighted", [False, True])
def test_partition_equals_numpy(engine, n, D, K, weighted, dtype):
    X, w = blobs(n, D, K)
    X = X.astype(dtype)
    weight = w if weighted and n > 5 else None
    centres, scales, factors = views(X, 3)
    which, lloyd, spread = np.array([0, 1, 2, 0, 1]), np.array([LLOYD, LLOYD, 0, 0, 3]), np.array([3, 0, 1, 0, 2])
    uniforms = np.random.default_rng(4).random((5, K, 3))
    call = (weight, centres, scales, factors, None, which, lloyd, spread, uniforms)
    labels = _core.partition(X, *call, 2)
    assert labels.dtype == np.int32
    for b in range(5):
        v = which[b]
        u = looked_at(X, centres[v], scales[v], factors[v])
        full = np.ones(n) if weight is None else weight
        want = numpy_partition(u, full, K, uniforms[b], spread[b], lloyd[b])
        assert np.mean(labels[b] == want) >= (1 if dtype == np.float64 else 0.9)
    assert _core.partition(X, *call, 1).tobytes() == labels.tobytes()
    assert _core.partition(np.asfortranarray(X), *call, 7).tobytes() == labels.tobytes()


def test_some_rows_seed_and_all_rows_are_labelled(engine):
    X, w = blobs(3000, 3, 4)
    some = np.sort(np.random.default_rng(0).choice(3000, size=500, replace=False))
    centres, scales, factors = views(X, 2)
    which, lloyd, spread = np.array([0, 1]), np.array([LLOYD, LLOYD]), np.array([1, 1])
    uniforms = np.random.default_rng(4).random((2, 4, 1))
    all_labels = _core.partition(X, w, centres, scales, factors, some, which, lloyd, spread, uniforms, 2)
    alone = _core.partition(X[some], w[some], centres, scales, factors, None, which, lloyd, spread, uniforms, 2)
    for b in range(2):
        pairs = set(zip(all_labels[b][some].tolist(), alone[b].tolist(), strict=True))
        assert len(pairs) == len(set(alone[b]))  # the same groups, whatever their numbers


def test_equal_rows_can_be_partitioned(engine):
    one = np.array([0])
    labels = _core.partition(
        np.ones((5, 1)),
        None,
        np.zeros((1, 1)),
        np.ones((1, 1)),
        [None],
        None,
        one,
        one + 5,
        one + 1,
        np.zeros((1, 3, 1)),
        1,
    )
    assert labels.tolist() == [[0] * 5]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("n", "D", "K", "B"), [(0, 2, 3, 2), (1, 1, 1, 1), (272, 2, 3, 5), (1031, 7, 6, 4), (300, 40, 2, 3)]
)
def test_group_equals_numpy(engine, n, D, K, B, dtype):
    rng = np.random.default_rng([n, D, K])
    X = (1e3 + rng.normal(size=(n, D))).astype(dtype)
    w = rng.uniform(0, 2, n)
    w[::5] = 0
    labels = rng.integers(K, size=(B, n)).astype(np.int32)
    centre, scale = np.full(D, 1e3), np.full(D, 0.5)
    u = (X.astype(np.float64) - centre) * scale
    for weight in (w, None):
        full = np.ones(n) if weight is None else weight
        found = _core.group(X, weight, centre, scale, labels, K, 2)
        for b in range(B):
            for k in range(K):
                mine = labels[b] == k
                count = full[mine].sum()
                mean = full[mine] @ u[mine] / count if count > 0 else np.zeros(D)
                off = u[mine] - mean
                np.testing.assert_allclose(found[0][b, k], count, rtol=1e-13)
                np.testing.assert_allclose(found[1][b, k], mean, rtol=1e-12, atol=1e-13)
                np.testing.assert_allclose(found[2][b, k], (off.T * full[mine]) @ off, rtol=1e-12, atol=1e-12 * (n + 1))
        again = _core.group(np.asfortranarray(X), weight, centre, scale, labels, K, 7)
        assert all(a.tobytes() == f.tobytes() for a, f in zip(again, found, strict=True))


def test_arguments_are_checked():
    X, one = np.zeros((4, 2)), np.zeros(1, np.int64)
    good = {
        "X": X,
        "sample_weight": None,
        "centres": np.zeros((1, 2)),
        "inverse_scales": np.ones((1, 2)),
        "factors": [None],
        "some": None,
        "views": one,
        "lloyd": one,
        "spread": one,
        "uniforms": np.zeros((1, 2, 1)),
        "n_threads": 1,
    }
    assert _core.partition(**good).shape == (1, 4)
    with pytest.raises(ValueError, match="views holds 3; expected"):
        _core.partition(**good | {"views": one + 3})
    with pytest.raises(ValueError, match="some holds 4"):
        _core.partition(**good | {"some": one + 4})
    with pytest.raises(ValueError, match=r"factors has shape \(3, 3\)"):
        _core.partition(**good | {"factors": [np.eye(3)]})
    with pytest.raises(ValueError, match="labels holds 2; expected"):
        _core.group(X, None, np.zeros(2), np.ones(2), np.full((1, 4), 2, np.int32), 2, 1)
    with pytest.raises(TypeError, match="int32"):
        _core.group(X, None, np.zeros(2), np.ones(2), np.zeros((1, 4), np.int64), 2, 1)
