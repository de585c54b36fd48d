"""The compiled EM loop against a loop in NumPy over the compiled sweep, and its ways to stop."""

from __future__ import annotations

import core_twin as twin
import numpy as np
import pytest

from mixtura import _core

STRUCTURES = dict(zip(("VVV", "EEE", "VVI", "EEI", "VII", "EII"), twin.KINDS, strict=True))


def m_step(kind, statistics, means, factors):
    """One M-step of square-root EM."""
    _, _, counts, sums, squares, scatter, _ = statistics
    K, D = means.shape
    delta = sums / counts[:, None]
    triangles = twin.lower_triangles(kind, factors, K, D).astype(float)
    new_means = means + np.einsum("kij,kj->ki", triangles, delta)
    outer = counts[:, None, None] * delta[:, :, None] * delta[:, None, :]
    within = squares - counts * (delta**2).sum(1)
    total = counts.sum()
    new_factors = {
        "full": lambda: np.stack(
            [triangles[k] @ np.linalg.cholesky((scatter[k] - outer[k]) / counts[k]) for k in range(K)]
        ),
        "tied": lambda: triangles[0] @ np.linalg.cholesky((scatter - outer.sum(0)) / total),
        "diag": lambda: factors * np.sqrt(scatter / counts[:, None] - delta**2),
        "tied_diag": lambda: factors * np.sqrt((scatter - (counts[:, None] * delta**2).sum(0)) / total),
        "spherical": lambda: factors * np.sqrt(within / counts / D),
        "tied_spherical": lambda: factors * np.sqrt(within.sum() / total / D),
    }[kind]()
    return np.log(counts / total), new_means, new_factors


def data(n, D, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, D))
    X[: n // 3] += 2.5
    X[n // 3 : n // 2, 0] -= 3
    return X


def starts(kind, B, K, D, seed=1):
    parts = [twin.random_model(np.random.default_rng([seed, b]), kind, K, D, spread=1.5) for b in range(B)]
    return [np.stack(part) for part in zip(*parts, strict=True)]


def climb(X, weight, structure, start, tol, max_iter, n_threads=1, floor=1e-8, **options):
    D = X.shape[1]
    floors = np.full(D, floor)
    return _core.climb(
        X, weight, np.zeros(D), np.ones(D), structure, *start, floors, tol, max_iter, n_threads, **options
    )


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(("n", "D"), [(272, 2), (200, 1), (300, 6)])
def test_climb_equals_a_numpy_loop(engine, structure, n, D):
    kind, X = STRUCTURES[structure], data(n, D)
    weight = np.random.default_rng(4).uniform(0, 2, n)
    start = starts(kind, 3, 2, D)
    got = climb(X, weight, structure, start, 0.0, 12, 2, accelerate=False)
    for b in range(3):
        theta = [part[b] for part in start]
        for _ in range(12):
            model = _core.Model(kind, *theta)
            statistics = _core.sweep(X, weight, np.zeros(D), np.ones(D), [model], [True], 1)[0]
            theta = m_step(kind, statistics, theta[1], theta[2])
        last = _core.sweep(X, weight, np.zeros(D), np.ones(D), [_core.Model(kind, *theta)], [True], 1)[0]
        for mine, want in zip(got[:3], theta, strict=True):
            np.testing.assert_allclose(mine[b], want, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose([got[3][b], got[4][b]], last[:2], rtol=1e-11)
        assert (got[6][b], got[7][b], got[8][b]) == (12, 12, 1)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_bits_do_not_depend_on_threads(structure):
    X, start = data(500, 3), starts(STRUCTURES[structure], 9, 3, 3)
    one = climb(X, None, structure, start, 1e-7, 60, 1)
    for n_threads in (2, 3, 7):
        for a, b in zip(climb(X, None, structure, start, 1e-7, 60, n_threads), one, strict=True):
            assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("structure", STRUCTURES)
def test_converged_means_close_to_the_limit(structure):
    X, start = data(400, 2), starts(STRUCTURES[structure], 4, 2, 2)
    got = climb(X, None, structure, start, 1e-8, 5000, 2)
    done = got[8] == 0  # a start whose means merge may crawl for ever
    assert done.sum() >= 3
    assert (got[5][done] < 1e-8 * 400).all()
    gap = (climb(X, None, structure, got[:3], 0.0, 3000, 2)[3] - got[3])[done]
    assert (gap > -1e-9).all()
    assert (gap < 20 * 1e-8 * 400).all()


@pytest.mark.parametrize("structure", STRUCTURES)
def test_acceleration_reaches_the_optimum_of_plain_em_in_fewer_readings(engine, structure):
    X, start = data(400, 2), starts(STRUCTURES[structure], 6, 2, 2)
    fast = climb(X, None, structure, start, 1e-9, 20000, 2)
    slow = climb(X, None, structure, start, 1e-9, 20000, 2, accelerate=False)
    done = (fast[8] == 0) & (slow[8] == 0) & (np.abs(fast[3] - slow[3]) < 1e-3)  # the same optimum
    assert done.sum() >= 3
    assert (np.abs(fast[3] - slow[3])[done] < 400 * 1e-7).all()
    assert fast[6][done].sum() < slow[6][done].sum()


@pytest.mark.parametrize("accelerate", [True, False])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_trace_is_the_certificate(engine, structure, accelerate):
    X, start = data(300, 3), starts(STRUCTURES[structure], 3, 2, 3)
    trace = np.full((3, 40, 3), np.nan)
    got = climb(X, None, structure, start, 1e-7, 30, 2, trace=trace, accelerate=accelerate)
    for b in range(3):
        kept = trace[b, : got[7][b]]
        after = np.append(kept[1:, 0], got[3][b])
        assert np.isnan(trace[b, got[7][b] :]).all()
        assert (kept[:, 0] <= kept[:, 1] + 1e-9).all()
        assert (kept[:, 1] <= after + 1e-9).all()


def test_data_of_two_points_collapse():
    X = np.array([[0.0], [0.0], [0.0], [5.0], [5.0], [5.0], [1.0]])
    start = [np.log([[0.5, 0.5]]), np.array([[[0.0], [5.0]]]), np.ones((1, 2, 1, 1))]
    got = climb(X[:6], None, "VVV", start, 1e-9, 1000)
    assert got[8][0] == 2
    assert 0 < got[6][0] < 20
    assert np.isfinite(got[3][0])
    assert (got[2] >= 1e-8).all()
    model = _core.Model("full", *(part[0] for part in got[:3]))
    again = _core.sweep(X[:6], None, np.zeros(1), np.ones(1), [model], [True], 1)
    np.testing.assert_allclose(again[0][0], got[3][0], rtol=1e-13)


def test_floor_decides_what_collapsed_means():
    X, start = data(300, 2), starts("diag", 1, 2, 2)
    assert climb(X, None, "VVI", start, 1e-6, 500, floor=1e-6)[8][0] == 0
    assert climb(X, None, "VVI", start, 1e-6, 500, floor=10.0)[8][0] == 2


def test_component_without_rows_is_emptied():
    X, (log_weights, means, factors) = data(300, 2), starts("full", 1, 2, 2)
    means[0, 1] = 1e6
    got = climb(X, None, "VVV", [log_weights, means, factors], 1e-6, 500)
    assert (got[6][0], got[8][0]) == (0, 3)
    assert got[1].tobytes() == means.tobytes()


def test_likelihood_never_falls():
    X, start = data(300, 3), starts("full", 1, 3, 3)
    path = [climb(X, None, "VVV", start, 0.0, t)[3][0] for t in range(15)]
    assert (np.diff(path) > -1e-10).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_many_data_sets_equal_one_at_a_time(engine, structure, dtype):
    B, n, D, K = 5, 150, 2, 2
    X = np.stack([data(n, D, seed=b) for b in range(B)]).astype(dtype)
    rng = np.random.default_rng(6)
    weight, centre, scale = rng.uniform(0.5, 1, (B, n)), rng.standard_normal((B, D)), 2.0 ** rng.integers(-1, 2, (B, D))
    centre = centre.astype(dtype).astype(float)
    start, floor = starts(STRUCTURES[structure], B, K, D), np.full((B, D), 1e-6)
    many = _core.climb_many(X, weight, centre, scale, structure, *start, floor, 1e-6, 200, 3)
    strided = np.zeros((n, B, 2 * D), dtype).transpose(1, 0, 2)[:, :, ::2]
    strided[:] = X
    same = _core.climb_many(strided, weight, centre, scale, structure, *start, floor, 1e-6, 200, 1)
    for a, b in zip(many, same, strict=True):
        assert a.tobytes() == b.tobytes()
    many = many[:9]  # there is no noise
    for b in range(B):
        one = _core.climb(
            X[b], weight[b], centre[b], scale[b], structure, *(p[b : b + 1] for p in start), floor[b], 1e-6, 200, 1
        )
        for a, c in zip(many, one[:9], strict=True):
            assert a[b].tobytes() == c[0].tobytes()


def test_climb_explains_what_is_wrong():
    X, start = data(30, 2), starts("full", 2, 2, 2)
    with pytest.raises(ValueError, match="structure is 'XYZ'; expected one of: VVV, EEE"):
        climb(X, None, "XYZ", start, 1e-6, 10)
    with pytest.raises(ValueError, match=r"factors has shape \(2, 2, 2, 2\); expected \(2, 2, 2\)"):
        climb(X, None, "VVI", start, 1e-6, 10)
