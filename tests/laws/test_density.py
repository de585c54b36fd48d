"""Laws of the density: it integrates to one, factors into marginal and conditional, and is what sampling draws from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from law_problems import FEW, assert_same_mixture, problems
from scipy import stats

import mixtura as mx


def grid(theta, n):
    """Points and cell volume of a box of nine deviations about each mean: there the trapezoid rule is exact."""
    sd = np.sqrt(np.diagonal(theta.components.covariance_matrices, axis1=1, axis2=2))
    low = (theta.components.means - 9 * sd).min(axis=0)
    high = (theta.components.means + 9 * sd).max(axis=0)
    axes = [np.linspace(a, b, n) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    return points, float(np.prod((high - low) / (n - 1)))


@FEW
@given(data=st.data())
def test_density_integrates_to_one(data, structure):
    """In one dimension for E and V, over the first two columns' marginal for the others."""
    p = data.draw(problems(structure))
    theta = p.theta
    flat = theta.n_features == 1
    if not flat:
        theta = theta.marginal([0, 1])
        slim = min(float(np.linalg.eigvalsh(m)[0]) for m in theta.components.covariance_matrices)
        if slim < 0.02:  # a needle would need a finer grid
            return
    points, cell = grid(theta, 4001 if flat else 401)
    assert np.exp(theta.log_prob(points)).sum() * cell == pytest.approx(1.0, abs=1e-9)


@FEW
@given(data=st.data())
def test_component_density_is_scipys(data, structure):
    p = data.draw(problems(structure))
    parts = p.theta.component_log_prob(p.X)
    for k in range(p.theta.n_components):
        mean, matrix = p.theta.components.means[k], p.theta.components.covariance_matrices[k]
        np.testing.assert_allclose(
            parts[:, k], stats.multivariate_normal(mean, matrix).logpdf(p.X), rtol=1e-9, atol=1e-9
        )


@FEW
@given(data=st.data())
def test_density_is_marginal_times_conditional(data, structure):
    """p(x) = p(a) p(b | a), row by row, for any split of the columns."""
    if len(structure) == 1:
        return
    p = data.draw(problems(structure))
    theta, d = p.theta, p.theta.n_features
    given_columns = p.rng.permutation(d)[: p.rng.integers(1, d)].tolist()
    rest = [j for j in range(d) if j not in given_columns]
    log_marginal = theta.marginal(given_columns).log_prob(p.X[:, given_columns])
    for i in range(0, len(p.X), 17):
        other = theta.condition({j: p.X[i, j] for j in given_columns})
        log_conditional = other.log_prob(p.X[i : i + 1, rest])[0]
        assert log_marginal[i] + log_conditional == pytest.approx(
            theta.log_prob(p.X[i : i + 1])[0], rel=1e-10, abs=1e-10
        )


@FEW
@given(data=st.data())
def test_marginals_take_blocks_of_the_parameters_and_keep_the_kind(data, structure):
    if len(structure) == 1:
        return
    theta = data.draw(problems(structure)).theta
    columns = list(range(theta.n_features))[::-2]
    part = theta.marginal(columns)
    assert part.n_features == len(columns)
    np.testing.assert_array_equal(part.weights, theta.weights)
    np.testing.assert_array_equal(part.components.means, theta.components.means[:, columns])
    block = theta.components.covariance_matrices[:, columns][:, :, columns]
    np.testing.assert_allclose(part.components.covariance_matrices, block, rtol=1e-12, atol=1e-12 * np.abs(block).max())
    # What components share in all columns they share in some; round stays round, axis-aligned axis-aligned.
    one, all_columns = part.components.constraint, theta.components.constraint
    assert one.shared == all_columns.shared
    assert len(columns) == 1 or one.form is all_columns.form


@FEW
@given(data=st.data())
def test_conditional_moments_are_the_regression(data, structure):
    """E[b | a] and Cov[b | a] by the textbook formula, and as `condition` says for each row."""
    if len(structure) == 1:
        return
    p = data.draw(problems(structure))
    theta, d = p.theta, p.theta.n_features
    a = p.rng.permutation(d)[: p.rng.integers(1, d)].tolist()
    b = [j for j in range(d) if j not in a]
    mean, covariance = theta.conditional_moments(p.X[:, a], a)
    resp = theta.marginal(a).responsibilities(p.X[:, a])
    for i in range(0, len(p.X), 17):
        means, second = [], np.zeros((len(b), len(b)))
        for k, m in enumerate(theta.components.covariance_matrices):
            slope = np.linalg.solve(m[np.ix_(a, a)], m[np.ix_(a, b)]).T
            means.append(theta.components.means[k, b] + slope @ (p.X[i, a] - theta.components.means[k, a]))
            second += resp[i, k] * (m[np.ix_(b, b)] - slope @ m[np.ix_(a, b)] + np.outer(means[k], means[k]))
        want = resp[i] @ np.array(means)
        size = np.abs(p.X).max()
        np.testing.assert_allclose(mean[i], want, atol=1e-9 * size)
        np.testing.assert_allclose(covariance[i], second - np.outer(want, want), atol=1e-8 * size**2)
        row = theta.condition({j: p.X[i, j] for j in a})
        np.testing.assert_allclose(row.mean, mean[i], atol=1e-10 * size)
        np.testing.assert_allclose(row.covariance, covariance[i], atol=1e-9 * size**2)


@FEW
@given(data=st.data())
def test_samples_have_the_moments_of_the_mixture(data, structure):
    """Within five standard errors (a miss by chance: one in a million)."""
    p = data.draw(problems(structure))
    theta, n = p.theta, 20_000
    X, labels = theta.sample(n, p.rng)
    assert X.shape == (n, theta.n_features)
    share = np.bincount(labels, minlength=theta.n_components) / n
    np.testing.assert_array_less(np.abs(share - theta.weights), 5 * np.sqrt(theta.weights / n))
    sd = np.sqrt(np.diagonal(theta.covariance))
    np.testing.assert_array_less(np.abs(X.mean(axis=0) - theta.mean), 5 * sd / np.sqrt(n))
    products = (X - theta.mean)[:, :, None] * (X - theta.mean)[:, None, :]
    error = products.std(axis=0) / np.sqrt(n)
    np.testing.assert_array_less(np.abs(products.mean(axis=0) - theta.covariance), 6 * error)
    for k in np.flatnonzero(share * n > 100):
        within = np.sqrt(np.diagonal(theta.components.covariance_matrices[k]))
        off = X[labels == k].mean(axis=0) - theta.components.means[k]
        np.testing.assert_array_less(np.abs(off), 5.5 * within / np.sqrt(share[k] * n))


def test_sampling_and_refitting_recovers(structure, engine):
    """Four thousand rows of three groups, fitted without a hint."""
    d = 1 if len(structure) == 1 else 2
    rng = np.random.default_rng(7)
    centres = np.array([[0.0, 0.0], [8.0, 1.0], [3.0, 9.0]])[:, :d] * (1 if d == 2 else 2)
    sizes = (60, 40, 25)
    seeds = np.repeat(centres, sizes, axis=0) + rng.normal(size=(sum(sizes), d)) * [1.0, 1.6][:d]
    truth = mx.Mixture.from_responsibilities(seeds, np.repeat([0, 1, 2], sizes), structure)
    truth = truth.take(np.argsort(-truth.weights))
    X, labels = truth.sample(4000, 3)
    fit = mx.fit(X, n_components=3, structure=structure, n_starts=4, engine=engine)
    assert fit.converged
    assert fit.log_likelihood >= truth.log_likelihood(X)
    assert fit.log_likelihood - truth.log_likelihood(X) < 3 * truth.n_parameters  # half a χ² of p degrees
    assert_same_mixture(fit.mixture, truth, rel=0.1)
    assert np.mean(fit.mixture.predict(X) == labels) == pytest.approx(np.mean(truth.predict(X) == labels), abs=0.005)
