"""Incremental EM: with one block it is EM; with many its bound never falls, and it ends where EM ends, sooner."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import mixtura as mx
from mixtura.algorithms import incremental
from mixtura.errors import CertificateError, ParameterError, ShapeError
from mixtura.families.covariance import STRUCTURES


def problem(structure: str = "VVV", n: int = 3_000, seed: int = 0):
    """Rows in a random order, row weights, and a start that is far from the optimum."""
    rng = np.random.default_rng(seed)
    d = 1 if len(structure) == 1 else 2
    means = np.array([[0, 0], [2.5, 1], [0, 3]])[:, :d]
    X = (rng.normal(size=(n, d)) * 0.8 + means[rng.integers(3, size=n)]) @ (np.eye(d) + 0.3 * rng.normal(size=(d, d)))
    start = mx.Mixture.from_responsibilities(X, rng.dirichlet(0.3 * np.ones(3), size=n), structure)
    return X, rng.uniform(0.5, 2, size=n), start


@pytest.mark.parametrize("structure", STRUCTURES)
def test_one_block_is_em(structure):
    X, w, start = problem(structure, 300)
    plain = list(mx.em(start, X, w, max_iter=4))
    blocks = list(mx.incremental_em(start, X, w, block_rows=300, max_iter=4))
    for it, reading in zip(plain, blocks, strict=True):
        assert reading.lower_bound == pytest.approx(it.lower_bound, rel=1e-10)
        np.testing.assert_allclose(reading.mixture.components.means, it.after.components.means, rtol=1e-7, atol=1e-7)
        assert reading.n_blocks == 1


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("fixed", [None, {"means": [1], "weights": [0]}], ids=str)
def test_the_bound_never_falls_and_lies_below_the_likelihood(structure, fixed, engine):
    X, w, start = problem(structure, 600)
    bounds = []
    for reading in mx.incremental_em(start.with_fixed(fixed), X, w, block_rows=100, max_iter=6, engine=engine):
        bounds.append(reading.lower_bound)
        assert reading.lower_bound <= reading.mixture.log_likelihood(X, w) + 1e-9
        assert reading.n_blocks == 6
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(bounds))


@pytest.mark.parametrize("structure", ["VVV", "EEE", "VEV", "VII"])
def test_it_ends_where_em_ends_after_fewer_readings(structure):
    X, w, start = problem(structure)
    *_, plain = mx.em(start, X, w, tol=1e-9, max_iter=3000)
    *_, last = mx.incremental_em(start, X, w, block_rows=150, tol=1e-9, max_iter=3000)
    assert last.lower_bound == pytest.approx(plain.lower_bound, abs=1e-3)
    assert last.index < 0.75 * plain.index
    again = next(iter(mx.em(last.mixture, X, w)))  # the certificate, about the limit
    assert again.log_likelihood == pytest.approx(last.lower_bound, abs=1e-4)


def test_rows_in_any_order_are_no_harm():
    """Sorted rows too end where EM ends: its first iteration sees them all."""
    X, _, start = problem()
    order = np.argsort(X[:, 0])
    *_, last = mx.incremental_em(start, X[order], block_rows=150, tol=1e-9, max_iter=3000)
    *_, plain = mx.em(start, X, tol=1e-9, max_iter=3000)
    assert last.lower_bound == pytest.approx(plain.lower_bound, abs=1e-3)


def test_noise_is_one_more_share():
    rng = np.random.default_rng(1)
    X, _, start = problem()
    X = np.concatenate([X, rng.uniform(-6, 9, size=(300, 2))])[rng.permutation(3_300)]
    theta = start.with_noise(mx.Noise(0.05, 5.0))
    *_, plain = mx.em(theta, X, tol=1e-9, max_iter=3000)
    *_, last = mx.incremental_em(theta, X, block_rows=300, tol=1e-9, max_iter=3000)
    assert last.mixture.noise.weight == pytest.approx(plain.after.noise.weight, abs=1e-4)
    assert last.lower_bound == pytest.approx(plain.lower_bound, abs=1e-3)


def test_offsets_cost_no_digits():
    X, _, start = problem(n=600)
    moved = mx.Mixture(start.weights, mx.Gaussian(start.components.means + 1e8, start.components.covariances))
    here, there = (
        list(mx.incremental_em(theta, rows, block_rows=100, max_iter=5))[-1]
        for theta, rows in ((start, X), (moved, X + 1e8))
    )
    np.testing.assert_allclose(here.mixture.components.means, there.mixture.components.means - 1e8, atol=2e-6)


def test_threads_change_no_bit():
    X, _, start = problem(n=2_000)
    one, two = (list(mx.incremental_em(start, X, block_rows=500, max_iter=3, n_threads=n))[-1] for n in (1, 2))
    assert one.mixture == two.mixture


def test_a_bound_that_falls_is_a_bug(monkeypatch):
    X, _, start = problem(n=600)
    readings = mx.incremental_em(start, X, block_rows=100)
    next(readings)
    whole = incremental._expected
    monkeypatch.setattr(incremental, "_expected", lambda *args: whole(*args) + 1e3)
    with pytest.raises(CertificateError, match="reading 2: the bound fell"):
        next(readings)


def test_mistakes_are_refused(theta0):
    with pytest.raises(ShapeError, match="X has 2 columns"):
        mx.incremental_em(theta0, [[1.0, 2.0]])
    with pytest.raises(ParameterError, match="block_rows is 0"):
        mx.incremental_em(theta0, [[1.0]], block_rows=0)
    with pytest.raises(ParameterError, match="expected a mixtura"):
        mx.incremental_em(None, [[1.0]])


def test_factor_analysers_climb_too():
    rng = np.random.default_rng(0)
    truth = mx.Mixture(
        [0.4, 0.6],
        mx.FactorAnalyzers([np.zeros(5), np.full(5, 2.0)], rng.normal(size=(2, 5, 1)), np.full((2, 5), 0.5)),
    )
    X = truth.sample(2_000, 1)[0]
    start = mx.fit(X[:100], 2, "FA1").mixture
    bounds = [reading.lower_bound for reading in mx.incremental_em(start, X, block_rows=200, max_iter=20)]
    *_, plain = mx.em(start, X, max_iter=200)
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(bounds))
    assert bounds[-1] == pytest.approx(plain.lower_bound, abs=0.1)
