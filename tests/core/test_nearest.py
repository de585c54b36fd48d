"""Lloyd's pass and the k-means++ distances against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura import _core


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "D", "K"), [(0, 2, 3), (1, 1, 1), (300, 2, 5), (3100, 7, 33), (257, 40, 4)])
def test_nearest_equals_numpy(engine, n, D, K, dtype):
    rng = np.random.default_rng([n, D, K])
    X = rng.standard_normal((n, D)).astype(dtype)
    w = rng.uniform(0, 2, n)
    w[::4] = 0
    centers, centre, scale = rng.standard_normal((K, D)), np.full(D, 0.25), np.full(D, 2.0)
    u = (X.astype(np.float64) - centre) * scale
    distances = ((u[:, None] - centers) ** 2).sum(2)
    nearest = distances.argmin(1)
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    for weight, label_type in ((w, np.int64), (None, np.int32)):
        full = np.ones(n) if weight is None else weight
        labels = np.full(n, -1, label_type)
        inertia, counts, sums = _core.nearest(X, weight, centre, scale, centers, labels, 2)
        sorted_distances = np.sort(distances, 1)
        clear = np.ones(n, bool) if K == 1 else sorted_distances[:, 1] - sorted_distances[:, 0] > 1e-4
        np.testing.assert_array_equal(labels[clear], nearest[clear])
        one_hot = np.eye(K)[labels] * full[:, None]
        np.testing.assert_allclose(inertia, (full * distances.min(1, initial=np.inf)).sum(), rtol=tolerance)
        np.testing.assert_allclose(counts, one_hot.sum(0), rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(sums, one_hot.T @ u, rtol=tolerance, atol=tolerance * 10)
        again = _core.nearest(X, weight, centre, scale, centers, None, 7)
        assert again[0] == inertia
        assert again[1].tobytes() == counts.tobytes()
        assert again[2].tobytes() == sums.tobytes()


def test_nearest_takes_the_first_on_ties(engine):
    labels = np.full(70, -1)
    _core.nearest(np.zeros((70, 1)), None, np.zeros(1), np.ones(1), np.array([[1.0], [-1.0], [1.0]]), labels, 1)
    assert (labels == 0).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_update_distances_equals_numpy(engine, dtype):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((5003, 6)).astype(dtype)
    centre, scale = np.full(6, 0.5), np.full(6, 0.5)
    u = (X.astype(np.float64) - centre) * scale
    distances, want = np.full(5003, np.inf), np.full(5003, np.inf)
    for i in range(3):
        center = u[i * 1000]
        want = np.minimum(want, ((u - center) ** 2).sum(1))
        before = distances.copy()
        total = _core.update_distances(X, centre, scale, center, distances, 3)
        np.testing.assert_allclose(distances, want, rtol=1e-4 if dtype == np.float32 else 1e-13, atol=1e-10)
        np.testing.assert_allclose(total, distances.sum(), rtol=1e-13)
        assert _core.update_distances(X, centre, scale, center, before, 1) == total
    assert distances[0] == 0


def test_outputs_are_checked():
    X = np.zeros((5, 2))
    with pytest.raises(ValueError, match=r"labels has shape \(4,\); expected \(5,\)"):
        _core.nearest(X, None, np.zeros(2), np.ones(2), np.zeros((1, 2)), np.zeros(4, np.int64), 1)
    with pytest.raises(TypeError, match="labels must be an int64 or int32 array"):
        _core.nearest(X, None, np.zeros(2), np.ones(2), np.zeros((1, 2)), np.zeros(5), 1)
    with pytest.raises(ValueError, match="distances must be C-contiguous"):
        _core.update_distances(X, np.zeros(2), np.ones(2), np.zeros(2), np.zeros(10)[::2], 1)
    frozen = np.zeros(5)
    frozen.flags.writeable = False
    with pytest.raises(TypeError, match="distances must be a writable NumPy array"):
        _core.update_distances(X, np.zeros(2), np.ones(2), np.zeros(2), frozen, 1)
