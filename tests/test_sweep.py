"""One pass over the rows: same bits for any threads, digits kept where naive sums lose them, engines by name."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import mixtura as mx
from mixtura.engines import resolve_engine
from mixtura.errors import ParameterError
from mixtura.families.covariance import STRUCTURES
from mixtura.families.gaussian import Gaussian
from mixtura.sources import as_source
from mixtura.sweep import Sweep, evaluate, totals
from mixtura.sweep.blocks import blocks
from mixtura.threads import thread_count


@pytest.fixture(scope="module")
def many():
    """Twenty thousand rows of three groups."""
    means = [[0.0, 0.0, 0.0], [3.0, 1.0, 0.0], [0.0, -2.0, 4.0]]
    theta = mx.Mixture([0.5, 0.3, 0.2], mx.Gaussian(means, [np.eye(3), 2 * np.eye(3), np.diag([1.0, 0.2, 3.0])]))
    return theta, theta.sample(20_000, 0)[0]


def inner(theta, source):
    return mx.Mixture.trusted(theta.weights, source.coordinates.inward(theta.components))


def bits(statistics):
    moments = statistics.moments
    arrays = [statistics.counts, moments.sums, moments.squares]
    arrays += [] if moments.scatter is None else [moments.scatter]
    return (statistics.log_likelihood, statistics.log_max_resp, *(a.tobytes() for a in arrays))


@pytest.mark.parametrize("structure", ["EII", "VII", "EEI", "VVI", "EEE", "VVV"])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_threads_change_no_bit(many, structure, kind):
    theta, X = many
    source = as_source(X.astype(kind))
    start = mx.Mixture.from_responsibilities(X[:500], theta.predict(X[:500]), structure)
    results = {bits(Sweep(source, n).one(inner(start, source))) for n in (1, 2, 3, 8)}
    assert len(results) == 1


def test_threads_change_no_bit_of_what_is_said_of_rows(many):
    theta, X = many
    for what in ("component_log_prob", "log_prob", "responsibilities"):
        assert len({evaluate(as_source(X), theta, what, n).tobytes() for n in (1, 2, 5)}) == 1


def test_criteria_need_no_second_moments(many, engine):
    theta, X = many
    source = as_source(X)
    sweep = Sweep(source, engine=engine)
    short, full = sweep.log_likelihood_of(inner(theta, source)), sweep.one(inner(theta, source))
    assert short.log_likelihood == pytest.approx(full.log_likelihood, rel=1e-14)
    assert short.log_max_resp == pytest.approx(full.log_max_resp, rel=1e-12)
    np.testing.assert_allclose(short.counts, full.counts, rtol=1e-14)


def test_totals_are_the_moments_of_all_rows(many, engine):
    X = many[1][:3000]
    w = np.arange(len(X)) % 3 + 0.5
    source = as_source(X, w)
    found = Sweep(source, engine=engine).totals
    u = source.coordinates.rows_inward(X)
    mean = w @ u / w.sum()
    assert found.weight == pytest.approx(w.sum(), rel=1e-14)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(found.scatter, ((u - mean).T * w) @ (u - mean), rtol=1e-12, atol=1e-9)


def far_groups(spreads):
    """Two groups that many spreads apart, on a grid, with known within-scatter."""
    rng = np.random.default_rng(5)
    near = np.round(rng.normal(size=(60, 2)) * 2**20) / 2**20
    near -= np.round(near.mean(axis=0) * 2**20) / 2**20
    return np.concatenate([near, near + spreads]), near


@pytest.mark.parametrize("structure", ["EEE", "EEI", "EII"])
@pytest.mark.parametrize("spreads", [1e3, 1e6, 1e8])
def test_groups_many_spreads_apart_keep_the_digits_of_a_tied_covariance(structure, engine, spreads):
    """Total minus between would leave nothing of the within-scatter; the sweep notices and sums the rows."""
    X, near = far_groups(spreads)
    want = np.cov(near.T, bias=True)
    if structure != "EEE":
        want = np.diag(want.diagonal()) if structure == "EEI" else np.eye(2) * np.trace(want) / 2
    theta = mx.Mixture.from_responsibilities(X, np.repeat([0, 1], 60), structure)
    np.testing.assert_allclose(theta.components.covariance_matrices[0], want, rtol=1e-7, atol=1e-9)
    for it in mx.em(theta, X, max_iter=3, engine=engine):
        np.testing.assert_allclose(it.after.components.covariance_matrices[0], want, rtol=1e-7, atol=1e-9)


def test_totals_are_used_only_where_they_are_safe():
    for spreads, safe in ((10.0, True), (1e6, False)):
        X, _ = far_groups(spreads)
        source = as_source(X)
        theta = mx.Mixture.from_responsibilities(X, np.repeat([0, 1], 60), "EEE")
        assert totals.safe(inner(theta, source).components, Sweep(source).totals) is safe


@pytest.mark.parametrize("structure", ["VVV", "VVI", "VII", "EEE", "EEI", "EII"])
def test_a_component_that_jumps_far_keeps_its_digits(structure, engine):
    """A start 1e6 of its own spreads away: T/N − δδᵀ would cancel, so the sweep looks again from nearby."""
    X, _ = far_groups(0.0)
    far = Gaussian(np.array([[1e6, -1e6]]), *_unit_covariance(structure))
    after = next(mx.em(mx.Mixture([1.0], far), X, engine=engine)).after
    closed = mx.Mixture.from_responsibilities(X, np.zeros(len(X), dtype=int), structure)
    np.testing.assert_allclose(after.components.means, closed.components.means, atol=1e-9)
    np.testing.assert_allclose(
        after.components.covariance_matrices, closed.components.covariance_matrices, rtol=1e-9, atol=1e-9
    )


def _unit_covariance(structure):
    shapes = {"VVV": np.eye(2)[None], "VVI": np.ones((1, 2)), "VII": np.ones(1), "EEE": np.eye(2), "EEI": np.ones(2)}
    return shapes.get(structure, np.ones(())), structure


def exact_step(X, theta):
    """One E-step and M-step of VVV with 60 digits: (log-likelihood, log det Σ of each component)."""
    with mpmath.workdps(60):
        rows = [mpmath.matrix(x) for x in X.tolist()]
        means = [mpmath.matrix(m) for m in theta.components.means.tolist()]
        factors = [mpmath.matrix(f) for f in theta.components.factors.tolist()]
        sigmas = [f * f.T for f in factors]
        inverses, dets = [s**-1 for s in sigmas], [mpmath.det(s) for s in sigmas]
        ell, resp = mpmath.mpf(0), []
        for x in rows:
            dense = [
                pi * mpmath.exp(-((x - m).T * inverse * (x - m))[0] / 2) / mpmath.sqrt((2 * mpmath.pi) ** len(x) * det)
                for pi, m, inverse, det in zip(theta.weights.tolist(), means, inverses, dets, strict=True)
            ]
            ell += mpmath.log(sum(dense))
            resp.append([d / sum(dense) for d in dense])
        log_dets = []
        for k in range(len(means)):
            n = sum(r[k] for r in resp)
            mean = sum((r[k] * x for r, x in zip(resp, rows, strict=True)), mpmath.zeros(len(X[0]), 1)) / n
            scatter = mpmath.zeros(len(X[0]), len(X[0]))
            for r, x in zip(resp, rows, strict=True):
                scatter += r[k] * (x - mean) * (x - mean).T
            log_dets.append(float(mpmath.log(mpmath.det(scatter / n))))
        return float(ell), log_dets


@pytest.mark.parametrize("offset", [0.0, 2.0**27])
@pytest.mark.parametrize("condition", [1e0, 1e6, 1e12])
def test_neither_offset_nor_condition_number_costs_digits(engine, offset, condition):
    """One EM step against 60 digits; forming Σ would leave log det with an error of 1e-16 times the condition."""
    rng = np.random.default_rng(11)
    narrow = np.array([[1.0, 0.0], [0.75, condition**-0.5]])
    Z = rng.normal(size=(40, 2)) @ narrow.T
    Z = np.concatenate([Z, Z[:25] + np.array([3.0, 1.0])])
    X = np.round(Z * 2**25) / 2**25 + offset
    means = np.array([[0.1, 0.075], [3.1, 1.075]]) + offset
    theta = mx.Mixture.trusted(
        np.array([0.6, 0.4]), Gaussian.from_factors(means, np.stack([narrow, narrow]) * 1.25, STRUCTURES["VVV"])
    )
    ell, log_dets = exact_step(X, theta)
    it = next(mx.em(theta, X, engine=engine))
    # Substitution is backward stable: z = L⁻¹(x − μ) has an error of a few ulps of |x − μ| over the smallest spread.
    assert it.log_likelihood == pytest.approx(ell, rel=1e-13, abs=1e-15 * len(X) * condition**0.5)
    got = 2 * it.inner_after.components.log_dets + 4 * np.log(it.coordinates.scale)
    np.testing.assert_allclose(got, log_dets, rtol=1e-11)


def test_blocks_have_fixed_sizes_and_carry_their_weights():
    chunk = next(as_source(np.arange(10.0), np.arange(10.0)).chunks())
    pieces = list(blocks(chunk, 4))
    assert [(p.start, len(p.rows)) for p in pieces] == [(0, 4), (4, 4), (8, 2)]
    np.testing.assert_array_equal(np.concatenate([p.weights for p in pieces]), np.arange(10.0))


def test_threads_are_asked_for_by_number_or_environment(monkeypatch):
    assert thread_count(3) == 3
    monkeypatch.setenv("MIXTURA_NUM_THREADS", "2")
    assert thread_count(None) == 2
    for wrong in ("0", "many"):
        monkeypatch.setenv("MIXTURA_NUM_THREADS", wrong)
        with pytest.raises(ParameterError, match="MIXTURA_NUM_THREADS"):
            thread_count(None)
    with pytest.raises(ParameterError, match="n_threads is 0"):
        thread_count(0)


def test_engine_is_chosen_by_name_or_environment(monkeypatch, five, theta0):
    assert resolve_engine("reference") == "reference"
    monkeypatch.setenv("MIXTURA_ENGINE", "reference")
    assert resolve_engine(None) == "reference"
    with pytest.raises(ParameterError, match="engine is 'gpu'"):
        list(mx.em(theta0, five, engine="gpu", max_iter=1))
