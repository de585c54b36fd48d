"""Stepwise EM: sums move exactly between mixtures, a full step is EM's, and one pass comes near the optimum."""

from __future__ import annotations

import itertools
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import mixtura as mx
from mixtura.algorithms import online
from mixtura.errors import DataError, DegenerateWarning, ParameterError, ShapeError
from mixtura.families.base import Statistics
from mixtura.families.covariance import STRUCTURES
from mixtura.families.running import about, blended, expected
from mixtura.sources import Chunk, Coordinates
from mixtura.sweep import reference


def mixture(structure: str, seed: int = 0, k: int = 3, size: float = 3.0) -> mx.Mixture:
    rng = np.random.default_rng(seed)
    d = 1 if len(structure) == 1 else 3
    X = np.concatenate([rng.normal(size=(40, d)) * rng.uniform(0.5, 2) + size * rng.normal(size=d) for _ in range(k)])
    return mx.Mixture.from_responsibilities(X, rng.dirichlet(np.ones(k), size=len(X)), structure)


def statistics(X: np.ndarray, theta: mx.Mixture, origin: mx.Gaussian) -> Statistics:
    unit = Coordinates(np.zeros(X.shape[1]), 1.0)
    return reference.accumulate(Chunk(X, None, 0), unit, [theta], [origin])[0]


def second(found: Statistics) -> np.ndarray:
    return found.moments.second(found.origin.constraint.shared)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_sums_move_exactly_to_other_components(structure):
    """What the sums say about another origin is what the rows say."""
    one, other = mixture(structure), mixture(structure, 1)
    X = one.sample(200, 3)[0]
    moved = about(statistics(X, one, one.components), other.components)
    direct = statistics(X, one, other.components)
    scale = np.abs(second(direct)).max()
    np.testing.assert_allclose(moved.moments.sums, direct.moments.sums, rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(second(moved), second(direct), rtol=0, atol=1e-12 * scale)
    assert moved.moments.squares.sum() == pytest.approx(direct.moments.squares.sum(), rel=1e-12)
    floor = np.full(X.shape[1], 1e-12)
    for a, b in [(moved, direct), (moved, statistics(X, one, one.components))]:
        one_step, other_step = a.m_step(floor).components, b.m_step(floor).components
        np.testing.assert_allclose(one_step.means, other_step.means, atol=1e-11)
        np.testing.assert_allclose(one_step.covariance_matrices, other_step.covariance_matrices, atol=1e-10)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_what_a_mixture_expects_of_a_row_leads_back_to_it(structure):
    theta = mixture(structure)
    found = expected(theta.weights, 0.0, theta.components)
    step = found.m_step(np.full(theta.n_features, 1e-12)).components
    np.testing.assert_allclose(step.means, theta.components.means, rtol=1e-14)
    np.testing.assert_allclose(step.covariance_matrices, theta.components.covariance_matrices, rtol=1e-9, atol=1e-10)
    assert found.total_weight == pytest.approx(1)


def test_blending_is_the_weighted_sum():
    one, other = mixture("VVV"), mixture("VVV", 1)
    X = one.sample(100, 3)[0]
    a, b = statistics(X[:50], one, one.components), statistics(X[50:], other, other.components)
    both = blended(a, b, 0.25)
    np.testing.assert_allclose(both.counts, 0.75 * a.counts + 0.25 * b.counts)
    want = 0.75 * second(about(a, other.components)) + 0.25 * second(b)
    np.testing.assert_allclose(second(both), want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("fixed", [None, "means"])
def test_a_whole_step_over_all_rows_is_one_em_iteration(structure, fixed, engine, monkeypatch):
    monkeypatch.setattr(online, "LARGEST_STEP", 1e12)
    theta = mixture(structure).with_fixed(fixed)
    X = mixture(structure, 1).sample(300, 2)[0] + 1e6
    theta = mx.Mixture(
        theta.weights, mx.Gaussian(theta.components.means + 1e6, theta.components.covariances, structure)
    ).with_fixed(fixed)
    step = mx.OnlineEM(theta, memory=1e-9, engine=engine).update(X)
    it = next(iter(mx.em(theta, X, engine=engine)))
    assert step.step_size == 1
    assert step.mean_log_likelihood == pytest.approx(it.log_likelihood / 300, rel=1e-12)
    np.testing.assert_allclose(step.latest.weights, it.after.weights, rtol=1e-10)
    np.testing.assert_allclose(step.latest.components.means - 1e6, it.after.components.means - 1e6, atol=1e-8)
    np.testing.assert_allclose(
        step.latest.components.covariance_matrices, it.after.components.covariance_matrices, rtol=1e-8, atol=1e-8
    )


def problem(n: int, seed: int = 0):
    """Rows of four overlapping components in three columns, and a start from the labels of a few of them, blurred."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(4, 3, 3)) / 2
    covariances = A @ np.swapaxes(A, 1, 2) + 0.2 * np.eye(3)
    truth = mx.Mixture([0.1, 0.2, 0.3, 0.4], mx.Gaussian(1.5 * rng.normal(size=(4, 3)), covariances))
    X, labels = truth.sample(n, rng)
    resp = 0.4 * np.eye(4)[labels[:1000]] + 0.6 * rng.dirichlet(np.ones(4), size=1000)
    return X, truth, mx.Mixture.from_responsibilities(X[:1000], resp)


def gap(X, start, optimum, found) -> float:
    """What is left of the way from the start to the optimum."""
    low, top = start.log_likelihood(X), optimum.log_likelihood(X)
    return (top - found.log_likelihood(X)) / (top - low)


def test_one_pass_comes_near_the_optimum():
    X, _, start = problem(100_000)
    optimum = list(mx.em(start, X, tol=1e-9, max_iter=500))[-1].after
    *_, last = mx.online_em(start, X, n_threads=1)
    assert last.total_weight == 100_000
    assert gap(X, start, optimum, last.mixture) < 0.005
    assert gap(X, start, optimum, last.latest) < 0.05


def test_em_by_name_is_the_same_stream_of_steps():
    X, _, start = problem(20_000)
    by_name, direct = mx.em(start, X, algorithm="online", n_threads=1), mx.online_em(start, X, n_threads=1)
    for a, b in zip(by_name, direct, strict=True):
        assert a.mean_log_likelihood == b.mean_log_likelihood
        np.testing.assert_array_equal(a.mixture.components.means, b.mixture.components.means)
    endless = iter([X[:10_000], X[10_000:]])
    assert len(list(mx.em(start, endless, algorithm="online"))) == 2
    with pytest.raises(mx.errors.ParameterError, match="max_iter is given, but online EM knows none"):
        mx.em(start, X, algorithm="online", max_iter=3)
    with pytest.raises(mx.errors.ParameterError, match="expected 'em' or 'online'"):
        mx.em(start, X, algorithm="stepwise")


@pytest.mark.slow
def test_one_pass_over_a_million_rows_is_within_half_a_percent():
    X, truth, start = problem(1_000_000, 1)
    *_, last = mx.online_em(start, X)
    assert gap(X, start, truth, last.mixture) < 0.0005


def test_how_the_stream_is_cut_matters_little():
    X, _, start = problem(40_000)
    scores = []
    for size in (40_000, 7_919, 50):
        *_, last = mx.online_em(start, X, block_rows=size)
        scores.append(last.mixture.log_likelihood(X) / len(X))
    way = scores[0] - start.log_likelihood(X) / len(X)
    np.testing.assert_allclose(scores, scores[0], atol=0.005 * way)


def test_any_kind_of_stream_is_taken():
    X, _, start = problem(3_000)
    *_, whole = mx.online_em(start, X, block_rows=500)
    *_, blocks = mx.online_em(start, (X[i : i + 500] for i in range(0, 3_000, 500)))
    assert whole.mixture == blocks.mixture
    assert whole.index == blocks.index == 6
    names = ["a", "b", "c"]
    frame = pd.DataFrame(X, columns=names)[["c", "a", "b"]]
    *_, named = mx.online_em(start.with_names(None, names), iter([frame]))
    *_, plain = mx.online_em(start, iter([X]))
    np.testing.assert_array_equal(named.mixture.components.means, plain.mixture.components.means)
    endless = mx.online_em(start, itertools.repeat(X[:100]))
    assert [step.index for step in itertools.islice(endless, 3)] == [1, 2, 3]


def test_units_and_offsets_do_not_matter():
    X, _, start = problem(5_000)
    *_, one = mx.online_em(start, X)
    moved = mx.Mixture(start.weights, mx.Gaussian(start.components.means * 8 + 1e7, start.components.covariances * 64))
    *_, other = mx.online_em(moved, X * 8 + 1e7)
    np.testing.assert_allclose(one.mixture.weights, other.mixture.weights, atol=1e-7)
    np.testing.assert_allclose(one.mixture.components.means, (other.mixture.components.means - 1e7) / 8, atol=1e-6)


def test_row_weights_count_rows():
    X, _, start = problem(2_000)
    once, twice = mx.OnlineEM(start), mx.OnlineEM(start)
    for i in range(0, 2_000, 20):
        once.update(X[i : i + 20], np.full(20, 2.0))
        twice.update(np.repeat(X[i : i + 20], 2, axis=0))
    assert once.total_weight == twice.total_weight == 4_000
    np.testing.assert_allclose(once.mixture.components.means, twice.mixture.components.means, rtol=1e-9)


def test_a_pickled_learner_goes_on_to_the_same_bits():
    X, _, start = problem(2_000)
    one = mx.OnlineEM(start, memory=None)
    one.update(X[:1_000])
    other = pickle.loads(pickle.dumps(one))
    assert one.update(X[1_000:]).mixture == other.update(X[1_000:]).mixture
    assert other.n_updates == 2


@pytest.mark.parametrize("n_threads", [2, 3])
def test_threads_change_no_bit(n_threads):
    X, _, start = problem(30_000)
    found = [list(mx.online_em(start, X, n_threads=n))[-1].mixture for n in (1, n_threads)]
    assert found[0] == found[1]


def test_assumptions_stay():
    X, _, start = problem(4_000)
    equal = list(mx.online_em(start.with_equal_weights(), X))[-1].mixture
    np.testing.assert_array_equal(equal.weights, np.full(4, 0.25))
    held = list(mx.online_em(start.with_fixed({"means": [1], "covariances": [2], "weights": [0]}), X))[-1].mixture
    np.testing.assert_allclose(held.components.means[1], start.components.means[1], rtol=1e-13)
    np.testing.assert_allclose(held.components.covariances[2], start.components.covariances[2], rtol=1e-12, atol=1e-13)
    assert held.weights[0] == start.weights[0]
    noisy = start.with_noise(mx.Noise(0.05, 8.0))
    rng = np.random.default_rng(0)
    spoilt = np.concatenate([X, rng.uniform(-7, 7, size=(1_000, 3))])[rng.permutation(5_000)]
    learnt = list(mx.online_em(noisy, spoilt))[-1].mixture
    assert learnt.noise.weight == pytest.approx(0.2, abs=0.03)
    assert learnt.weights.sum() + learnt.noise.weight == pytest.approx(1)


def test_a_limited_memory_follows_a_drift():
    rng = np.random.default_rng(0)
    theta = mx.Mixture([0.5, 0.5], mx.Gaussian([0, 10], [1, 1]))
    follower, averager = mx.OnlineEM(theta, memory=2_000), mx.OnlineEM(theta)
    for t in range(100):
        X = rng.normal(size=400) + 10 * (rng.random(400) < 0.5) + 0.2 * t
        follower.update(X)
        averager.update(X)
    assert follower.mixture == follower.latest
    np.testing.assert_allclose(np.sort(follower.mixture.components.means.ravel()), [19.8 - 1, 29.8 - 1], atol=0.5)
    assert averager.mixture.components.means.max() < follower.mixture.components.means.max() - 1


def test_the_score_is_of_rows_not_yet_seen():
    X, _, start = problem(1_000)
    step = mx.OnlineEM(start).update(X[:40])
    assert step.mean_log_likelihood == pytest.approx(start.log_likelihood(X[:40]) / 40, rel=1e-12)
    assert step.n_samples == 40


def test_a_collapse_is_said_once():
    theta = mx.Mixture([0.5, 0.5], mx.Gaussian([0, 1], [1, 1]))
    learner = mx.OnlineEM(theta, memory=50)
    rng = np.random.default_rng(0)
    rows = np.where(rng.random(20_000) < 0.5, 5.0, rng.normal(size=20_000))
    with pytest.warns(DegenerateWarning, match="collapsed to the resolution") as found:
        steps = [learner.update(rows[i : i + 1_000]) for i in range(0, 20_000, 1_000)]
    assert len(found) == 1
    assert steps[-1].collapsed


def test_bad_rows_change_nothing():
    X, _, start = problem(1_000)
    learner = mx.OnlineEM(start)
    learner.update(X)
    before = learner.mixture
    with pytest.raises(DataError, match="NaN"):
        learner.update(np.where(np.arange(3) == 1, np.nan, X[:5]))
    with pytest.raises(DataError, match="nothing was learnt"):
        learner.update(np.concatenate([X, np.full((1, 3), 1e200)]))
    with pytest.raises(ShapeError, match="X has 2 columns but theta has 3"):
        learner.update(X[:, :2])
    assert learner.mixture == before
    assert learner.total_weight == 1_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"exponent": 0.5}, "exponent is 0.5; expected a number above 0.5"),
        ({"exponent": "fast"}, "exponent is 'fast'"),
        ({"offset": 0}, "offset is 0; expected a number of at least 1"),
        ({"memory": -1}, "memory is -1; expected a positive number"),
    ],
)
def test_bad_options_are_refused(theta0, options, words):
    with pytest.raises(ParameterError, match=words):
        mx.OnlineEM(theta0, **options)


def test_other_mistakes_are_refused(theta0):
    with pytest.raises(ParameterError, match="expected a mixtura"):
        mx.OnlineEM("theta")
    with pytest.raises(ParameterError, match="sample_weight goes with one array"):
        mx.online_em(theta0, iter([[1.0]]), [1.0])
    with pytest.raises(ParameterError, match="block_rows is 0"):
        mx.online_em(theta0, [[1.0]], block_rows=0)


def test_a_step_knows_its_mixture_later_too():
    """A step is a value: later blocks do not change it."""
    X, _, start = problem(1_000)
    steps = list(mx.online_em(start, X, block_rows=500))
    again = mx.OnlineEM(start)
    assert again.update(X[:500]).mixture == steps[0].mixture
    assert replace(steps[0], index=5).mixture == steps[0].mixture


def test_factor_analysers_learn_too():
    rng = np.random.default_rng(0)
    loadings = rng.normal(size=(2, 6, 2))
    truth = mx.Mixture([0.4, 0.6], mx.FactorAnalyzers([np.zeros(6), np.full(6, 3.0)], loadings, np.full((2, 6), 0.5)))
    X = truth.sample(40_000, 1)[0]
    start = mx.fit(X[:300], 2, "FA2").mixture
    learner = mx.OnlineEM(start)
    learner.update(X[:10_000])
    last = pickle.loads(pickle.dumps(learner)).update(X[10_000:])
    assert last.mixture.structure == "FA2"
    assert not last.collapsed
    assert gap(X, start, truth, last.mixture) < 0.02
