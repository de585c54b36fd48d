"""The compiled sweep against its NumPy twin: every kind, type, width, length, option and instruction set."""

from __future__ import annotations

import ctypes
import mmap
import sys

import core_twin as twin
import numpy as np
import pytest

from mixtura import _core

TOLERANCE = {np.float64: 2e-13, np.float32: 2e-5}


def problem(kind, n, D, K=3, dtype=np.float64, weighted=False, seed=0):
    """X, weights, centre, inverse scale, and the parameters of one mixture."""
    rng = np.random.default_rng([seed, n, D, K])
    X = (2 * rng.standard_normal((n, D)) + 1).astype(dtype)
    weight = rng.uniform(0, 2, n) if weighted else None
    if weighted:
        weight[::5] = 0
    centre = X[n // 2].astype(np.float64) if n else np.zeros(D)
    return X, weight, centre, 2.0 ** rng.integers(-1, 2, D), twin.random_model(rng, kind, K, D)


def assert_close(got, want, tolerance, scale=1.0):
    for a, b in zip(got, want, strict=True):
        assert (a is None) == (b is None)
        if b is None:
            continue
        a, b = np.asarray(a), np.asarray(b, np.float64)
        assert a.shape == b.shape
        assert a.dtype == np.float64
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * (np.abs(b).max(initial=0) + scale))


def sweep(X, weight, centre, scale, models, scatter, n_threads=1, about=None):
    return _core.sweep(X, weight, centre, scale, models, scatter, n_threads, about)


def assert_same_bits(got, want):
    for a, b in zip(got, want, strict=True):
        assert (a is None) == (b is None)
        assert b is None or np.asarray(a).tobytes() == np.asarray(b).tobytes()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", twin.KINDS)
def test_compiled_equals_twin(engine, kind, dtype, weighted):
    for D in (1, 2, 3, 5, 10, 33):
        for n in (0, 1, 127, 128, 129, 257):
            X, weight, centre, scale, parameters = problem(kind, n, D, 3, dtype, weighted)
            want = twin.sweep(X, weight, centre, scale, kind, *parameters, True)
            model = _core.Model(kind, *parameters)
            for scatter in (True, False):
                got = sweep(X, weight, centre, scale, [model], [scatter])[0]
                second = want[5] if scatter else None
                assert_close(got, (*want[:5], second, want[6]), TOLERANCE[dtype], scale=1 + 0.02 * n)


@pytest.mark.parametrize("kind", twin.KINDS)
@pytest.mark.parametrize("D", [2, 6, 100])
def test_several_leaves_equal_twin(engine, kind, D):
    n = 3 * 1024 + 17
    X, weight, centre, scale, parameters = problem(kind, n, D, 2, weighted=True)
    want = twin.sweep(X.astype(np.longdouble), weight, centre, scale, kind, *parameters, True)
    got = sweep(X, weight, centre, scale, [_core.Model(kind, *parameters)], [True], 2)[0]
    assert_close(got, want, 1e-13, scale=n)


@pytest.mark.parametrize("kind", twin.KINDS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bits_do_not_depend_on_threads(engine, kind, dtype):
    X, weight, centre, scale, parameters = problem(kind, 20011, 7, 4, dtype, True)
    model = _core.Model(kind, *parameters)
    for w in (weight, None):
        one = sweep(X, w, centre, scale, [model], [True], 1)[0]
        for n_threads in (2, 3, 7):
            assert_same_bits(sweep(X, w, centre, scale, [model], [True], n_threads)[0], one)


def test_many_models_equal_one_at_a_time(engine):
    X, weight, centre, scale, _ = problem("full", 3001, 6)
    rng = np.random.default_rng(5)
    models, scatter = [], []
    for K in (1, 2, 5):
        for kind in twin.KINDS:
            models.append(_core.Model(kind, *twin.random_model(rng, kind, K, 6)))
            scatter.append(bool(rng.integers(2)))
    together = sweep(X, weight, centre, scale, models, scatter, 2)
    for model, wanted, got in zip(models, scatter, together, strict=True):
        assert_same_bits(got, sweep(X, weight, centre, scale, [model], [wanted])[0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("D", [1, 2, 8, 19])
def test_any_strides(engine, D, dtype):
    X, weight, centre, scale, parameters = problem("full", 301, D, 2, dtype, True)
    model = _core.Model("full", *parameters)
    want = sweep(X, weight, centre, scale, [model], [True])[0]
    wide = np.zeros((602, 3 * D), dtype)
    wide[::2, ::3] = X
    record = np.zeros(301, [("tag", np.int8), ("x", dtype, (D,))])
    record["x"] = X
    frozen = X.copy()
    frozen.flags.writeable = False
    reverse = np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1]
    for same in (np.asfortranarray(X), wide[::2, ::3], record["x"], frozen, reverse):
        np.testing.assert_array_equal(same, X)
        assert_same_bits(sweep(same, weight, centre, scale, [model], [True])[0], want)
    apart = np.zeros(602)
    apart[::2] = weight
    assert_same_bits(sweep(X, apart[::2], centre, scale, [model], [True])[0], want)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", twin.KINDS)
def test_noise_equals_twin(engine, kind, dtype, weighted):
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    for D in (1, 2, 5, 10):
        X, weight, centre, scale, parameters = problem(kind, 257, D, 3, dtype, weighted)
        log_noise = float(np.median(twin.e_step(X, centre, scale, kind, *parameters)[2]))
        model = _core.Model(kind, *parameters, np.log(0.2), log_noise - np.log(0.2))
        want = twin.sweep(X, weight, centre, scale, kind, *parameters, True, log_noise=log_noise)
        assert 1 < want[6] < 256
        assert_close(sweep(X, weight, centre, scale, [model], [True])[0], want, tolerance, scale=257)
        out = {"responsibilities": np.empty((257, 4)), "labels": np.empty(257, np.int64), "log_prob": np.empty(257)}
        _core.evaluate(X, centre, scale, model, n_threads=1, **out)
        _, _, log_prob, resp = twin.e_step(X, centre, scale, kind, *parameters, log_noise)
        assert_close([out["responsibilities"], out["log_prob"]], [resp, log_prob], 10 * tolerance, scale=10)
        clear = np.sort(resp, axis=1)[:, -1] - np.sort(resp, axis=1)[:, -2] > 1e-4
        labels = resp.argmax(axis=1)
        np.testing.assert_array_equal(out["labels"][clear], np.where(labels == 3, -1, labels)[clear])


@pytest.mark.parametrize("kind", twin.KINDS)
@pytest.mark.parametrize("D", [2, 9])
def test_statistics_about_another_model(engine, kind, D):
    X, weight, centre, scale, parameters = problem(kind, 400, D, 3, weighted=True)
    other = twin.random_model(np.random.default_rng(9), kind, 3, D)
    model, about = _core.Model(kind, *parameters), _core.Model(kind, *other)
    for scatter in (True, False):
        want = twin.sweep(X, weight, centre, scale, kind, *parameters, scatter, about=other)
        assert_close(sweep(X, weight, centre, scale, [model], [scatter], 1, [about])[0], want, 1e-12, scale=400)
    plain = sweep(X, weight, centre, scale, [model], [True])[0]
    assert_same_bits(sweep(X, weight, centre, scale, [model], [True], 1, [None])[0], plain)


@pytest.mark.parametrize("kind", twin.KINDS)
def test_weightless_rows_contribute_exactly_nothing(engine, kind):
    X, _, centre, scale, parameters = problem(kind, 200, 5)
    model = _core.Model(kind, *parameters)
    weight = np.ones(300)
    weight[200:] = 0
    more = np.vstack([X, np.full((60, 5), 1e300), np.full((40, 5), np.nan)])
    got = sweep(more, weight, centre, scale, [model], [True])[0]
    assert_close(got, sweep(X, None, centre, scale, [model], [True])[0], 1e-14)


@pytest.mark.parametrize("kind", twin.KINDS)
def test_weightless_components_are_never_responsible(engine, kind):
    X, _, centre, scale, (log_weights, means, factors) = problem(kind, 150, 6)
    log_weights[1] = -np.inf
    got = sweep(X, None, centre, scale, [_core.Model(kind, log_weights, means, factors)], [True])[0]
    assert all(np.isfinite(part).all() for part in got if part is not None)
    assert got[2][1] == 0
    assert (got[3][1] == 0).all()


@pytest.mark.parametrize("kind", twin.KINDS)
@pytest.mark.parametrize("D", [1, 2, 7])
def test_absurdly_distant_rows_stay_finite(engine, kind, D):
    X, _, centre, scale, parameters = problem(kind, 70, D)
    X[13] = 1e140
    X[40] = -1e140
    got = sweep(X, None, centre, scale, [_core.Model(kind, *parameters)], [True])[0]
    assert all(np.isfinite(part).all() for part in got if part is not None)
    np.testing.assert_allclose(got[2].sum(), 70, rtol=1e-14)


def test_nan_rows_show(engine):
    for D in (2, 7):
        X, _, centre, scale, parameters = problem("full", 70, D)
        X[33, 1] = np.nan
        assert np.isnan(sweep(X, None, centre, scale, [_core.Model("full", *parameters)], [True])[0][0])


@pytest.mark.parametrize("kind", twin.KINDS)
def test_halves_add_to_the_whole(kind):
    X, weight, centre, scale, parameters = problem(kind, 1000, 4, weighted=True)
    model = _core.Model(kind, *parameters)
    whole = sweep(X, weight, centre, scale, [model], [True])[0]
    halves = [sweep(X[s], weight[s], centre, scale, [model], [True])[0] for s in (slice(0, 317), slice(317, None))]
    added = tuple(None if a is None else a + b for a, b in zip(*halves, strict=True))
    assert_close(added, whole, 1e-14, scale=1000)


@pytest.mark.parametrize("kind", twin.KINDS)
def test_evaluate_equals_twin(engine, kind):
    for D, n, dtype in ((1, 5, np.float64), (2, 300, np.float64), (7, 129, np.float32), (20, 257, np.float64)):
        X, _, centre, scale, parameters = problem(kind, n, D, 4, dtype)
        _, log_p, log_prob, resp = twin.e_step(X, centre, scale, kind, *parameters)
        out = {
            "component_log_prob": np.empty((n, 4)),
            "log_prob": np.empty(n),
            "responsibilities": np.empty((n, 4)),
            "labels": np.empty(n, np.int64),
        }
        _core.evaluate(X, centre, scale, _core.Model(kind, *parameters), **out, n_threads=2)
        tolerance = {np.float64: 1e-12, np.float32: 3e-5}[dtype]
        for got, want in (
            (out["component_log_prob"], log_p),
            (out["log_prob"], log_prob),
            (out["responsibilities"], resp),
        ):
            want = want.astype(np.float64)
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * 10)
        clear = np.sort(resp, 1)[:, -1] - np.sort(resp, 1)[:, -2] > 1e-3
        np.testing.assert_array_equal(out["labels"][clear], resp.argmax(1)[clear])


def test_labels_take_the_first_on_ties(engine):
    model = _core.Model("spherical", np.log([0.25, 0.25, 0.5]), np.array([[1.0], [1.0], [9.0]]), np.ones(3))
    labels = np.full(40, -1)
    _core.evaluate(np.ones((40, 1)), np.zeros(1), np.ones(1), model, labels=labels, n_threads=1)
    assert (labels == 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("round", np.zeros(1), np.zeros((1, 1)), np.ones(1)), "kind is 'round'; expected one of: full"),
        (("full", np.zeros(2), np.zeros((2, 3)), np.ones((2, 3))), r"factors has shape \(2, 3\); expected \(2, 3, 3\)"),
        (("diag", np.zeros(3), np.zeros((2, 3)), np.ones((2, 3))), r"log_weights has shape \(3,\); expected \(2,\)"),
        (("spherical", np.zeros(0), np.zeros((0, 3)), np.ones(0)), "at least one component"),
    ],
)
def test_model_explains_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        _core.Model(*arguments)


def test_sweep_explains_what_is_wrong():
    X, _, centre, scale, parameters = problem("diag", 10, 3)
    model = _core.Model("diag", *parameters)
    with pytest.raises(ValueError, match="3 features but X has 2"):
        sweep(X[:, :2], None, centre[:2], scale[:2], [model], [True])
    with pytest.raises(ValueError, match=r"sample_weight has shape \(9,\); expected \(10,\)"):
        sweep(X, np.ones(9), centre, scale, [model], [True])
    with pytest.raises(TypeError, match="X must be a float64 or float32 array"):
        sweep(X.astype(int), None, centre, scale, [model], [True])
    with pytest.raises(ValueError, match="n_threads is 0"):
        sweep(X, None, centre, scale, [model], [True], 0)


def test_models_say_what_they_are():
    model = _core.Model("tied_spherical", np.zeros(1), np.zeros((1, 2)), np.array(2.0))
    assert (model.kind, model.n_components, model.n_features) == ("tied_spherical", 1, 2)
    assert repr(model) == "Model('tied_spherical', n_components=1, n_features=2)"


def mapping_before_a_forbidden_page(size):
    """Writable memory whose last byte is followed by a page that must not be touched."""
    libc = ctypes.CDLL(None, use_errno=True)
    pages = -(-size // mmap.PAGESIZE)
    memory = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    if libc.mprotect(ctypes.c_void_p(start + pages * mmap.PAGESIZE), mmap.PAGESIZE, 0):
        pytest.skip("mprotect is not available")
    return memory, pages * mmap.PAGESIZE - size


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs mprotect")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("D", [1, 2, 3, 7, 10, 17])
def test_nothing_beyond_the_data_is_read(engine, D, dtype):
    X, _, centre, scale, parameters = problem("full", 512, D, 2, dtype)
    model = _core.Model("full", *parameters)
    memory, offset = mapping_before_a_forbidden_page(X.nbytes)
    edge = np.frombuffer(memory, dtype, X.size, offset).reshape(X.shape)
    edge[:] = X
    for view in (edge, edge[::-1], edge[:, ::-1], edge[1:, 1:] if D > 1 else edge[1:]):
        columns = slice(None) if view.shape[1] == D else slice(1, None)
        small = _core.Model("diag", parameters[0], parameters[1][:, columns].copy(), np.ones((2, view.shape[1])))
        models = [model, small] if view.shape[1] == D else [small]
        rows = (view, None, centre[columns].copy(), scale[columns].copy(), models, [True] * len(models))
        want = sweep(view.copy(), *rows[1:])
        for got, expected in zip(sweep(*rows), want, strict=True):
            assert_same_bits(got, expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("kind", "n", "D", "K"),
    [("full", 0, 2, 3), ("full", 1031, 3, 1), ("full", 1031, 2, 7), ("tied", 300, 12, 4), ("spherical", 257, 5, 3)],
)
def test_uncertainty_is_the_rest_without_rounding(engine, kind, n, D, K, dtype):
    rng = np.random.default_rng([n, D, K])
    X = rng.normal(0, 3, size=(n, D)).astype(dtype)
    model = twin.random_model(rng, kind, K, D, spread=4.0)
    centre, scale = np.full(D, 0.25), np.full(D, 0.5)
    resp = twin.e_step(X, centre, scale, kind, *model)[3] if n else np.zeros((0, K))
    labels, rest = np.empty(n, np.int64), np.empty(n)
    _core.evaluate(X, centre, scale, _core.Model(kind, *model), labels=labels, uncertainty=rest, n_threads=2)
    others = np.where(np.arange(K) == labels[:, None], 0.0, resp).sum(axis=1)
    tolerance = 1e-11 if dtype == np.float64 else 1e-3
    np.testing.assert_allclose(rest, others.astype(float), rtol=tolerance, atol=0 if dtype == np.float64 else 1e-30)
    again = np.empty(n)
    _core.evaluate(np.asfortranarray(X), centre, scale, _core.Model(kind, *model), uncertainty=again, n_threads=7)
    assert again.tobytes() == rest.tobytes()
