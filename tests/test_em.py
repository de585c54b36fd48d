"""EM as an iterator of values: how it goes on, stops, certifies itself, and is accelerated."""

from __future__ import annotations

import itertools
import math
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

import mixtura as mx
from mixtura.algorithms.acceleration import accelerated_em
from mixtura.algorithms.climb import Climb, Rules, climb_all, plain_em
from mixtura.algorithms.free_parameters import FreeParameters
from mixtura.algorithms.iteration import check_certificate, inward
from mixtura.algorithms.stopping import Aitken, remaining_gain
from mixtura.errors import CertificateError
from mixtura.families.covariance import STRUCTURES
from mixtura.sources import as_source
from mixtura.sweep import Sweep


def test_iterations_are_numbered_and_linked(theta0, five):
    path = list(mx.em(theta0, five, max_iter=5))
    assert [it.index for it in path] == [1, 2, 3, 4, 5]
    assert path[0].before == theta0
    for here, then in itertools.pairwise(path):
        assert then.before == here.after


def test_em_goes_on_for_as_long_as_it_is_asked(theta0, five):
    path = mx.em(theta0, five)
    assert [it.index for it in itertools.islice(path, 40)][-1] == 40
    assert next(path).index == 41


def test_em_reads_nothing_before_it_is_asked(theta0, five, monkeypatch):
    monkeypatch.setattr(Sweep, "one", lambda *_: pytest.fail("the rows were read"))
    mx.em(theta0, five)


def test_an_iteration_is_a_value(theta0, five):
    it = next(mx.em(theta0, five))
    with pytest.raises(FrozenInstanceError):
        it.index = 2


def test_stopping_is_by_what_is_left_to_gain(faithful):
    """At tol the true distance to the limit is of the order of tol a row, not of one step's gain."""
    theta = mx.Mixture.from_responsibilities(
        faithful, (faithful[:, 1] > 68).astype(int) + (faithful[:, 0] > 4.3), "EEE"
    )
    limit = list(mx.em(theta, faithful, tol=1e-14, max_iter=5000))[-1].log_likelihood
    for tol in (1e-4, 1e-6, 1e-8):
        *_, last = mx.em(theta, faithful, tol=tol, max_iter=5000)
        assert limit - last.after.log_likelihood(faithful) < 2 * tol * len(faithful)


def test_max_iter_counts_m_steps(theta0, five):
    assert len(list(mx.em(theta0, five, max_iter=7))) == 7
    assert len(list(mx.em(theta0, five, tol=1e-12, max_iter=1000))) < 40


def test_a_component_no_row_belongs_to_stays_and_is_named(engine):
    theta = mx.Mixture([0.5, 0.5], mx.Gaussian([0.0, 1e6], [1.0, 1.0]))
    it = next(mx.em(theta, [-1.0, 0.0, 1.5], engine=engine))
    assert it.emptied == (1,)
    assert it.after.weights.tolist() == [1.0, 0.0]
    assert it.after.components.means[1, 0] == 1e6
    again = next(mx.em(it.after, [-1.0, 0.0, 1.5], engine=engine))
    assert np.isfinite(again.lower_bound)
    assert again.emptied == (1,)


def test_a_component_on_equal_rows_collapses_and_is_named(engine):
    theta = mx.Mixture([0.5, 0.5], mx.Gaussian([5.0, 0.0], [1e-4, 4.0]))
    path = list(mx.em(theta, [5.0, 5.0, -1.0, 0.0, 2.0, 1.0], max_iter=4, engine=engine))
    assert path[-1].collapsed == (0,)
    deviation = math.sqrt(path[-1].after.components.covariances[0])
    assert deviation == pytest.approx(4 * np.spacing(5.0), rel=1e-6)
    assert all(np.isfinite(it.lower_bound) for it in path)


def test_an_iteration_out_of_order_is_a_bug_and_raised(theta0, five):
    it = next(mx.em(theta0, five))
    source = as_source(five)
    check_certificate(it, -10.95, source)
    with pytest.raises(CertificateError, match=r"iteration 1: .*bug in mixtura"):
        check_certificate(it, it.lower_bound - 1e-6, source)
    with pytest.raises(CertificateError, match="not in order"):
        check_certificate(replace(it, lower_bound=it.log_likelihood - 1e-6), -10.95, source)
    check_certificate(replace(it, collapsed=(0,)), -1e9, source)  # a floor that acted explains a fall


def test_float32_rows_climb_to_the_same_place(faithful):
    theta = mx.Mixture.from_responsibilities(faithful, (faithful[:, 1] > 68).astype(int), "VVV")
    *_, single = mx.em(theta, faithful.astype(np.float32), max_iter=50)
    *_, double = mx.em(theta, faithful, max_iter=50)
    assert single.log_likelihood == pytest.approx(double.log_likelihood, rel=1e-6)
    np.testing.assert_allclose(single.after.components.means, double.after.components.means, rtol=1e-5)


# Aitken's estimate


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9, 0.999])
def test_remaining_gain_is_exact_for_geometric_gains(rate):
    gains = [rate**t for t in range(4)]
    left = rate**3 * rate / (1 - rate)
    assert remaining_gain(gains[2], gains[3], -100.0) == pytest.approx(left, rel=1e-9)


def test_growing_gains_promise_nothing():
    assert remaining_gain(1.0, 1.5, -100.0) == math.inf
    assert remaining_gain(None, 1.0, -100.0) == math.inf
    assert remaining_gain(1.0, 1e-16, -100.0) == 0.0


def test_three_confirmations_stop_and_a_restart_forgets():
    """Values −0.1ᵗ have 0.1ᵗ left to gain: below 0.002 for t = 3, 4, 5."""
    stop = Aitken(2e-3, 1.0)
    path = [-(0.1**t) for t in range(10)]
    assert [stop.converged(value) for value in path[:6]] == [False, False, False, False, False, True]
    again = Aitken(2e-3, 1.0)
    for value in path[:5]:
        again.converged(value)
    again.restart()
    assert not again.converged(path[5])
    assert not again.converged(path[6])


# Acceleration


def climb(algorithm, theta, X, tol=1e-10, engine=None, seen=None) -> Climb:
    sweep = Sweep(as_source(X), engine=engine)
    start = inward(theta, sweep.source.coordinates)
    return climb_all(sweep, [start], Rules(tol, 20_000), algorithm, None if seen is None else seen.append)[0]


@pytest.mark.parametrize("structure", [s for s in STRUCTURES if len(s) == 3])
def test_accelerated_em_ends_where_em_ends_and_sooner(rows, mclust, structure):
    X, labels = rows("iris"), np.array(mclust("iris")["start"]["3"]) - 1
    theta = mx.Mixture.from_responsibilities(X, labels, structure)
    plain, fast = climb(plain_em, theta, X), climb(accelerated_em, theta, X)
    assert fast.converged
    assert fast.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-6)
    assert fast.n_iter <= plain.n_iter + 5


def test_accelerated_em_saves_most_of_a_slow_climb(rows, mclust):
    X, labels = rows("faithful"), np.array(mclust("faithful")["start"]["4"]) - 1
    theta = mx.Mixture.from_responsibilities(X, labels, "EEE")
    plain, fast = climb(plain_em, theta, X), climb(accelerated_em, theta, X)
    assert fast.log_likelihood >= plain.log_likelihood - 1e-6
    assert fast.n_iter < plain.n_iter / 3


def test_accelerated_likelihood_never_falls_and_its_certificate_holds(rows, mclust, engine):
    X, labels = rows("iris"), np.array(mclust("iris")["start"]["4"]) - 1
    seen: list[mx.Iteration] = []
    end = climb(accelerated_em, mx.Mixture.from_responsibilities(X, labels, "VVI"), X, engine=engine, seen=seen)
    values = [*(it.log_likelihood for it in seen), end.log_likelihood]
    for it, then in zip(seen, values[1:], strict=True):
        assert it.log_likelihood - 1e-9 <= it.lower_bound <= then + 1e-9


def test_climbs_in_step_are_the_climbs_alone(faithful):
    sweep = Sweep(as_source(faithful))
    partitions = [(faithful[:, 1] > cut).astype(int) for cut in (60.0, 68.0, 75.0)]
    coordinates = sweep.source.coordinates
    starts = [inward(mx.Mixture.from_responsibilities(faithful, p, "VVI"), coordinates) for p in partitions]
    for together, start in zip(climb_all(sweep, starts, Rules(1e-9, 500)), starts, strict=True):
        alone = climb_all(sweep, [start], Rules(1e-9, 500))[0]
        assert together.n_iter == alone.n_iter
        assert together.log_likelihood == alone.log_likelihood


@pytest.mark.parametrize("structure", ["EII", "VII", "EEI", "VVI", "EEE", "VVV"])
def test_free_parameters_are_free_and_exact(faithful, structure):
    theta = mx.Mixture.from_responsibilities(faithful, (faithful[:, 1] > 68).astype(int), structure)
    free = FreeParameters(faithful.std(axis=0), np.zeros(2))
    phi = free.pack(theta)
    back = free.unpack(phi, theta)
    np.testing.assert_allclose(back.weights, theta.weights, rtol=1e-14)
    np.testing.assert_allclose(back.components.means, theta.components.means, rtol=1e-14)
    np.testing.assert_allclose(back.components.factors, theta.components.factors, rtol=1e-13, atol=1e-15)
    anywhere = free.unpack(phi + np.random.default_rng(0).normal(size=phi.shape), theta)
    assert anywhere.weights.sum() == pytest.approx(1.0)
    assert np.all(np.linalg.eigvalsh(anywhere.components.covariance_matrices) > 0)
    assert anywhere.structure == structure


def test_free_parameters_know_their_borders(theta0):
    free = FreeParameters(np.ones(1), np.array([0.5]))
    on_the_border = mx.Mixture([1.0, 0.0], theta0.components)
    assert free.pack(on_the_border) is None
    phi = free.pack(theta0)
    assert free.unpack(phi - 10, theta0) is None  # below the floor
    assert free.unpack(np.full_like(phi, np.inf), theta0) is None
