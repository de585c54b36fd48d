"""Laws of the E-step: responsibilities, the bound that they make tight, and statistics that add."""

from __future__ import annotations

import functools
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from law_problems import FEW, Pieces, assert_same_statistics, inner, problems, statistics_of

import mixtura as mx
from mixtura.sources import ArraySource
from mixtura.sweep import Sweep, evaluate, native, reference


@FEW
@given(data=st.data())
def test_responsibilities_sum_to_one(data, structure, engine):
    p = data.draw(problems(structure))
    resp = evaluate(p.source, p.theta, "responsibilities", engine=engine)
    assert np.all(resp >= 0)
    np.testing.assert_allclose(resp.sum(axis=1), 1.0, rtol=0, atol=4e-15)


@FEW
@given(data=st.data())
def test_responsibilities_are_shares_of_the_density(data, structure, engine):
    """log r = log π + log p(x | k) − log p(x), from three separate evaluations."""
    p = data.draw(problems(structure))
    theta, source = p.theta, p.source
    parts = evaluate(source, theta, "component_log_prob", engine=engine) + theta.log_weights
    log_prob = evaluate(source, theta, "log_prob", engine=engine)
    resp = evaluate(source, theta, "responsibilities", engine=engine)
    np.testing.assert_allclose(np.exp(parts - log_prob[:, None]), resp, rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(np.logaddexp.reduce(parts, axis=1), log_prob, rtol=1e-13, atol=1e-13)


@FEW
@given(data=st.data())
def test_each_row_answers_for_itself(data, structure, engine):
    """Row i alone gives the bits that it gives among others."""
    p = data.draw(problems(structure))
    i = data.draw(st.integers(0, len(p.X) - 1))
    for what in ("component_log_prob", "log_prob", "responsibilities"):
        among = evaluate(p.source, p.theta, what, engine=engine)[i]
        alone = evaluate(ArraySource.checked(p.X[i : i + 1]), p.theta, what, engine=engine)[0]
        np.testing.assert_allclose(alone, among, rtol=1e-12, atol=1e-300)


@FEW
@given(data=st.data())
def test_bound_is_tight_at_the_e_step_and_below_elsewhere(data, structure):
    p = data.draw(problems(structure))
    theta, w = p.theta, p.sample_weight
    top = theta.log_likelihood(p.X, w)
    assert theta.lower_bound(p.X, theta.responsibilities(p.X), w) == pytest.approx(top, abs=1e-12 * p.size)
    other = p.rng.dirichlet(np.ones(theta.n_components), size=len(p.X))
    assert theta.lower_bound(p.X, other, w) <= top + 1e-12 * p.size
    if theta.n_components > 1:
        assert theta.lower_bound(p.X, other, w) < top


@FEW
@given(data=st.data())
def test_statistics_of_any_split_add_to_the_whole(data, structure, engine):
    p = data.draw(problems(structure))
    cuts = data.draw(st.lists(st.integers(1, len(p.X) - 1), min_size=1, max_size=4, unique=True))
    theta, coordinates = inner(p.theta, p.source), p.source.coordinates
    origins = [theta.components]

    def sums(chunk):
        if engine == "native":
            return native.accumulate(chunk, coordinates, [theta], origins, [True], 1)[0]
        return reference.accumulate(chunk, coordinates, [theta], origins)[0]

    parts = [sums(chunk) for chunk in Pieces(p.source, cuts).chunks()]
    assert_same_statistics(functools.reduce(operator.add, parts), sums(next(p.source.chunks())))


def test_statistics_about_different_origins_do_not_add(theta0, five):
    """Their coordinates differ, so the sum would mean nothing."""
    one, other = (next(mx.em(theta, five)).statistics for theta in (theta0, theta0.take([1, 0])))
    with pytest.raises(ValueError, match="origin"):
        one + other


@FEW
@given(data=st.data())
def test_a_source_may_hand_out_rows_in_any_chunks(data, structure, engine):
    p = data.draw(problems(structure))
    cuts = data.draw(st.lists(st.integers(1, len(p.X) - 1), max_size=4, unique=True))
    assert_same_statistics(statistics_of(p, engine, Pieces(p.source, cuts)), statistics_of(p, engine))


@FEW
@given(data=st.data())
def test_statistics_are_the_sums_they_say(data, structure, engine):
    """N = Σ w r, s = Σ w r z, Σ w r |z|², L = Σ w log p(x): against plain sums over rows."""
    p = data.draw(problems(structure))
    theta = p.theta
    w = np.ones(len(p.X)) if p.sample_weight is None else p.sample_weight
    r = theta.responsibilities(p.X)
    found = statistics_of(p, engine)
    assert found.log_likelihood == pytest.approx(w @ theta.log_prob(p.X), abs=1e-12 * p.size)
    assert found.log_max_resp == pytest.approx(w @ np.log(r.max(axis=1)), abs=1e-12 * p.size)
    np.testing.assert_allclose(found.counts, w @ r, rtol=1e-12)
    assert found.total_weight == pytest.approx(w.sum(), rel=1e-13)
    for k, matrix in enumerate(theta.components.covariance_matrices):
        off = p.X - theta.components.means[k]
        squares = np.einsum("ni,ni->n", off, np.linalg.solve(matrix, off.T).T)
        np.testing.assert_allclose(found.moments.squares[k], (w * r[:, k]) @ squares, rtol=1e-10)


@FEW
@given(data=st.data())
def test_engines_agree(data, structure):
    p = data.draw(problems(structure))
    assert_same_statistics(statistics_of(p, "native"), statistics_of(p, "reference"))


@FEW
@given(data=st.data())
def test_mixtures_swept_together_give_what_each_gives_alone(data, structure, engine):
    p = data.draw(problems(structure, min_components=2))
    thetas = [p.theta, p.theta.take(range(p.theta.n_components)[::-1])]
    together = Sweep(p.source, engine=engine)([inner(t, p.source) for t in thetas])
    for theta, found in zip(thetas, together, strict=True):
        assert_same_statistics(found, statistics_of(p, engine, theta=theta), rel=1e-14)


@FEW
@given(data=st.data())
def test_weight_two_is_the_row_twice(data, structure, engine):
    p = data.draw(problems(structure, weighted=False))
    twice = data.draw(st.lists(st.booleans(), min_size=len(p.X), max_size=len(p.X)))
    weights = 1.0 + np.array(twice)
    X = np.repeat(p.X, weights.astype(int), axis=0)
    # Inner coordinates are chosen from the rows, so statistics are compared through what they lead to.
    one = next(mx.em(p.theta, p.X, weights, engine=engine))
    other = next(mx.em(p.theta, X, engine=engine))
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-12 * 2 * p.size)
    np.testing.assert_allclose(one.statistics.counts, other.statistics.counts, rtol=1e-12)
    for criterion in ("bic", "aic", "icl"):
        got, want = getattr(p.theta, criterion)(p.X, weights), getattr(p.theta, criterion)(X)
        assert got == pytest.approx(want, abs=1e-11 * p.size)


@FEW
@given(data=st.data())
def test_weight_zero_is_no_row(data, structure, engine):
    p = data.draw(problems(structure))
    w = np.ones(len(p.X)) if p.sample_weight is None else p.sample_weight.copy()
    gone = p.rng.random(len(w)) < 0.3
    gone[0] = False
    w[gone] = 0.0
    one = next(mx.em(p.theta, p.X, w, engine=engine))
    other = next(mx.em(p.theta, p.X[~gone], w[~gone], engine=engine))
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-12 * p.size)
    np.testing.assert_allclose(one.statistics.counts, other.statistics.counts, rtol=1e-12)
