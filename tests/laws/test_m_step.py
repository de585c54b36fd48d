"""Laws of the M-step and of EM: nothing of the same structure does better, and the certificate holds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from law_problems import FEW, assert_same_mixture, problems, statistics_of, steps

import mixtura as mx
from mixtura.algorithms.iteration import inner_floor
from mixtura.sweep import totals


def others_of(p, theta, size):
    """Mixtures of the same structure near another: every one an M-step of disturbed responsibilities, or scaled."""
    rng = p.rng
    for _ in range(6):
        noise = rng.dirichlet(np.ones(theta.n_components), size=len(p.X))
        resp = (1 - size) * p.resp + size * noise
        yield mx.Mixture.from_responsibilities(p.X, resp, p.structure, p.sample_weight)
    for scale in (1 - size, 1 + size):
        components = mx.Gaussian(theta.components.means, theta.components.covariances * scale, p.structure)
        yield mx.Mixture(theta.weights, components)
        shift = size * rng.normal(size=theta.components.means.shape)
        moved = mx.Gaussian(theta.components.means + shift, theta.components.covariances, p.structure)
        yield mx.Mixture(rng.dirichlet(1 / size * theta.weights), moved)


@FEW
@given(data=st.data(), size=st.sampled_from([1e-3, 0.03, 0.3]))
def test_m_step_beats_every_perturbation_of_its_answer(data, structure, size):
    p = data.draw(problems(structure))
    best = p.theta.lower_bound(p.X, p.resp, p.sample_weight)
    for other in others_of(p, p.theta, size):
        assert other.lower_bound(p.X, p.resp, p.sample_weight) <= best + 1e-12 * p.size


@FEW
@given(data=st.data(), size=st.sampled_from([1e-3, 0.03, 0.3]))
def test_m_step_maximises_the_expected_log_density(data, structure, engine, size):
    """The same law on the statistics alone, where EM itself works."""
    p = data.draw(problems(structure))
    source, found = p.source, statistics_of(p, engine)
    best = found.m_step(inner_floor(source)).components
    top = found.expected_log_prob(best)
    for other in others_of(p, p.theta, size):
        value = found.expected_log_prob(source.coordinates.inward(other.components))
        assert value <= top + 1e-12 * p.size
    assert found.expected_log_prob(found.origin) <= top + 1e-12 * p.size


@FEW
@given(data=st.data())
def test_expected_log_density_is_the_sum_over_rows(data, structure, engine):
    """Σ w r log p(x | k; θ') from the statistics, against the rows; log p of inner coordinates has the Jacobian."""
    p = data.draw(problems(structure))
    source = p.source
    w = np.ones(len(p.X)) if p.sample_weight is None else p.sample_weight
    other = next(iter(others_of(p, p.theta, 0.3)))
    got = statistics_of(p, engine).expected_log_prob(source.coordinates.inward(other.components))
    rows = np.sum(w[:, None] * p.theta.responsibilities(p.X) * other.component_log_prob(p.X))
    assert got + source.coordinates.log_jacobian * w.sum() == pytest.approx(rows, rel=1e-10)


@FEW
@given(data=st.data())
def test_log_likelihood_never_falls_and_the_certificate_holds(data, structure, engine):
    p = data.draw(problems(structure))
    path = steps(p, engine, 12)
    for here, then in itertools.pairwise(path):
        slack = 1e-12 * p.size
        assert here.log_likelihood - slack <= here.lower_bound <= then.log_likelihood + slack


@FEW
@given(data=st.data())
def test_bound_of_an_iteration_is_jensens(data, structure, engine):
    """What the statistics say equals Σ w r (log π p(x | k) − log r) summed over rows, in data units."""
    p = data.draw(problems(structure))
    for it in steps(p, engine):
        resp = it.before.responsibilities(p.X)
        jensen = it.after.lower_bound(p.X, resp, p.sample_weight)
        assert it.lower_bound == pytest.approx(jensen, abs=1e-11 * p.size)
        assert it.log_likelihood == pytest.approx(it.before.log_likelihood(p.X, p.sample_weight), abs=1e-12 * p.size)


@FEW
@given(data=st.data())
def test_iteration_is_the_m_step_of_the_e_step(data, structure, engine):
    """EM in whitened coordinates gives what two passes over the rows give."""
    p = data.draw(problems(structure))
    for it in steps(p, engine):
        resp = it.before.responsibilities(p.X)
        assert_same_mixture(it.after, mx.Mixture.from_responsibilities(p.X, resp, p.structure, p.sample_weight))
        assert it.after.structure == p.structure


@FEW
@given(data=st.data())
def test_one_component_is_the_closed_form(data, structure, engine):
    """From anywhere, one step leads to the mean and the (structured) covariance of all rows."""
    p = data.draw(problems(structure))
    w = np.ones(len(p.X)) if p.sample_weight is None else p.sample_weight
    mean = w @ p.X / w.sum()
    covariance = (w[:, None] * (p.X - mean)).T @ (p.X - mean) / w.sum()
    d = p.X.shape[1]
    if structure.endswith("I"):
        covariance = np.diag(covariance.diagonal())
    if structure.endswith("II"):
        covariance = np.eye(d) * np.trace(covariance) / d
    elsewhere = mx.Mixture.from_responsibilities(1.5 * p.X[::-1], np.zeros(len(p.X), dtype=int), structure)
    after = next(mx.em(elsewhere, p.X, p.sample_weight, engine=engine)).after
    np.testing.assert_allclose(after.components.means[0], mean, rtol=0, atol=1e-11 * np.abs(p.X).max())
    np.testing.assert_allclose(
        after.components.covariance_matrices[0], covariance, atol=1e-11 * np.abs(covariance).max()
    )
    assert after.weights.tolist() == [1.0]


@FEW
@given(data=st.data())
def test_total_scatter_path_equals_the_accumulated_path(data, structure, engine):
    """Tied structures take total minus between; where that is switched off they sum every row: same answer."""
    p = data.draw(problems(structure))
    with pytest.MonkeyPatch.context() as patch:
        paths = []
        for largest in (0.0, np.inf):
            patch.setattr(totals, "LARGEST_RATIO", largest)
            paths.append(steps(p, engine))
    for one, other in zip(*paths, strict=True):
        assert one.lower_bound == pytest.approx(other.lower_bound, abs=1e-11 * p.size)
        assert_same_mixture(one.after, other.after)


@FEW
@given(data=st.data())
def test_where_em_stops_a_step_gains_less_than_the_tolerance(data, structure, engine):
    p = data.draw(problems(structure))
    path = list(mx.em(p.theta, p.X, p.sample_weight, tol=1e-6, max_iter=200, engine=engine))
    if len(path) == 200 or any(it.collapsed or it.emptied for it in path):
        return
    again = next(mx.em(path[-1].after, p.X, p.sample_weight, engine=engine))
    assert again.lower_bound - again.log_likelihood <= 1e-6 * again.statistics.total_weight
    assert_same_mixture(again.after, path[-1].after, rel=0.01)
