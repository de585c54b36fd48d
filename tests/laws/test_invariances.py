"""Laws of what must not matter: the order of rows and components, units, offsets, and how an array lies in memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from law_problems import FEW, assert_same_mixture, linear_map, problems, steps

import mixtura as mx


@FEW
@given(data=st.data())
def test_permuting_rows_changes_nothing_beyond_rounding(data, structure, engine):
    p = data.draw(problems(structure))
    order = p.rng.permutation(len(p.X))
    other = p.with_rows(p.X[order], order)
    for one, two in zip(steps(p, engine), steps(other, engine), strict=True):
        assert one.log_likelihood == pytest.approx(two.log_likelihood, abs=1e-11 * p.size)
        assert_same_mixture(one.after, two.after)


@FEW
@given(data=st.data())
def test_permuting_components_permutes_the_answer(data, structure, engine):
    p = data.draw(problems(structure, min_components=2))
    order = p.rng.permutation(p.theta.n_components).tolist()
    mine = mx.em(p.theta, p.X, p.sample_weight, max_iter=3, engine=engine)
    theirs = mx.em(p.theta.take(order), p.X, p.sample_weight, max_iter=3, engine=engine)
    for one, two in zip(mine, theirs, strict=True):
        assert one.lower_bound == pytest.approx(two.lower_bound, abs=1e-11 * p.size)
        assert_same_mixture(one.after.take(order), two.after)


@FEW
@given(data=st.data())
def test_em_follows_the_maps_that_its_structure_allows(data, structure, engine):
    """x → Ax + b moves means and covariances along, and leaves weights and responsibilities alone."""
    p = data.draw(problems(structure))
    a = linear_map(structure, p.X.shape[1], p.rng)
    b = 5 * p.rng.normal(size=len(a))
    moved = p.with_rows(p.X @ a.T + b)
    jacobian = np.linalg.slogdet(a)[1] * (len(p.X) if p.sample_weight is None else p.sample_weight.sum())
    for one, two in zip(steps(p, engine), steps(moved, engine), strict=True):
        assert two.log_likelihood + jacobian == pytest.approx(one.log_likelihood, abs=1e-9 * p.size)
        np.testing.assert_allclose(two.after.weights, one.after.weights, atol=1e-9)
        means = one.after.components.means @ a.T + b
        np.testing.assert_allclose(two.after.components.means, means, atol=1e-8 * np.abs(moved.X).max())
        matrices = a @ one.after.components.covariance_matrices @ a.T
        scale = np.abs(matrices).max()
        np.testing.assert_allclose(two.after.components.covariance_matrices, matrices, atol=1e-8 * scale)


@FEW
@given(data=st.data(), power=st.sampled_from([-40, 40]))
def test_scaling_by_a_power_of_two_changes_no_responsibility(data, structure, engine, power):
    p = data.draw(problems(structure))
    scaled = p.with_rows(p.X * 2.0**power)
    for one, two in zip(steps(p, engine), steps(scaled, engine), strict=True):
        np.testing.assert_allclose(two.after.responsibilities(scaled.X), one.after.responsibilities(p.X), atol=1e-12)


@FEW
@given(data=st.data())
def test_an_offset_of_1e8_changes_no_responsibility(data, structure, engine):
    """Rows on a grid of 2⁻²⁰, so that the shifted rows are the same rows: only the arithmetic could differ."""
    p = data.draw(problems(structure))
    p = p.with_rows(np.round(p.X * 2**20) / 2**20)
    moved = p.with_rows(p.X + 1e8)
    for one, two in zip(steps(p, engine), steps(moved, engine), strict=True):
        np.testing.assert_allclose(two.after.responsibilities(moved.X), one.after.responsibilities(p.X), atol=1e-6)
        assert two.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-6 * p.size)


def layouts(X):
    """The same numbers in other places: (name, array)."""
    wide = np.zeros((2 * len(X), X.shape[1] + 3))
    wide[::2, 1:-2] = X
    yield "Fortran", np.asfortranarray(X)
    yield "strided", wide[::2, 1:-2]
    yield "backwards", X[::-1].copy()[::-1]
    frozen = X.copy()
    frozen.setflags(write=False)
    yield "read-only", frozen
    yield "big-endian", X.astype(">f8")
    yield "list", X.tolist()


@FEW
@given(data=st.data())
def test_memory_layout_changes_no_bit(data, structure, engine):
    p = data.draw(problems(structure))
    want = steps(p, engine)[-1]
    for name, X in layouts(p.X):
        *_, got = mx.em(p.theta, X, p.sample_weight, max_iter=3, engine=engine)
        np.testing.assert_allclose(got.log_likelihood, want.log_likelihood, rtol=1e-14, err_msg=name)
        assert_same_mixture(got.after, want.after, rel=1e-12)


@FEW
@given(data=st.data())
def test_integers_are_the_numbers_they_are(data, structure, engine):
    p = data.draw(problems(structure))
    p = p.with_rows(np.round(10 * p.X))
    whole = p.X.astype(np.int32)
    assert next(mx.em(p.theta, whole, engine=engine)).log_likelihood == pytest.approx(
        next(mx.em(p.theta, p.X, engine=engine)).log_likelihood, rel=1e-14
    )
    for criterion in ("bic", "icl"):
        assert getattr(p.theta, criterion)(whole) == pytest.approx(getattr(p.theta, criterion)(p.X), rel=1e-14)


@FEW
@given(data=st.data())
def test_float32_rows_lie_near_float64(data, structure, engine):
    p = data.draw(problems(structure))
    p = p.with_rows(p.X.astype(np.float32).astype(np.float64))
    single = p.X.astype(np.float32)
    pairs = zip(steps(p, engine), mx.em(p.theta, single, p.sample_weight, max_iter=3, engine=engine), strict=True)
    for one, two in pairs:
        assert two.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-5 * p.size)
        assert_same_mixture(two.after, one.after, rel=2e-4)
    np.testing.assert_allclose(p.theta.log_prob(single), p.theta.log_prob(p.X), rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(p.theta.responsibilities(single), p.theta.responsibilities(p.X), atol=1e-4)
