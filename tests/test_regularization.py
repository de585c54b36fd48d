"""Penalty and conjugate prior: EM climbs log-likelihood + log prior, whatever the structure and the units."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

import mixtura as mx
from mixtura.errors import ParameterError, StructureError
from mixtura.families.covariance import structure_names
from mixtura.families.ratio import clipped_to_ratio

REMEDIES = ["penalty", "map", mx.Penalty(0.3), mx.ConjugatePrior(0.5), mx.ConjugatePrior(0.0)]


@pytest.mark.parametrize("structure", structure_names(2))
@pytest.mark.parametrize("remedy", REMEDIES, ids=str)
@pytest.mark.parametrize("engine", [None, "reference"])
def test_the_sandwich_holds_for_likelihood_and_prior_together(faithful, structure, remedy, engine):
    labels = (faithful[:, 1] > 68).astype(int) + (faithful[:, 0] > 4.3)
    theta = mx.Mixture.from_responsibilities(faithful, labels, structure)
    path = list(mx.em(theta, faithful, max_iter=12, regularization=remedy, engine=engine))
    for it, after in itertools.pairwise(path):
        assert it.objective <= it.lower_bound + 1e-9
        assert it.lower_bound <= after.objective + 1e-9
        assert it.objective == pytest.approx(it.log_likelihood + it.log_prior)
        assert it.log_likelihood == pytest.approx(it.before.log_likelihood(faithful), rel=1e-12)


def test_the_prior_is_normal_inverse_wishart(faithful):
    """Differences of its log-density, against SciPy's."""
    d, k, prior = 2, 2, mx.ConjugatePrior()
    mean, scale = faithful.mean(axis=0), np.cov(faithful.T) / k ** (2 / d)

    def log_density(theta):
        total = 0.0
        for m, c in zip(theta.components.means, theta.components.covariance_matrices, strict=True):
            total += stats.multivariate_normal.logpdf(m, mean, c / 0.01) + stats.invwishart.logpdf(c, d + 2, scale)
        return total

    path = list(mx.em(mx.fit(faithful, 2, "VVV").mixture, faithful, max_iter=6, regularization=prior))
    ours = [it.log_prior for it in path]
    theirs = [log_density(it.before) for it in path]
    np.testing.assert_allclose(np.diff(ours), np.diff(theirs), rtol=1e-6, atol=1e-9)


def test_a_penalised_step_is_its_formula(faithful):
    """Σ = (W + 2a S) / (N + 2a), by Chen & Tan (2009)."""
    a, theta = 0.7, mx.fit(faithful, 2, "VVV").mixture
    resp = theta.responsibilities(faithful)
    step = next(iter(mx.em(theta, faithful, max_iter=1, regularization=mx.Penalty(a)))).after
    total = np.cov(faithful.T, bias=True)
    for k in range(2):
        off = faithful - step.components.means[k]
        want = ((resp[:, k, None] * off).T @ off + 2 * a * total) / (resp[:, k].sum() + 2 * a)
        np.testing.assert_allclose(step.components.covariance_matrices[k], want, rtol=1e-10)


def test_mclusts_prior(rows):
    """published.md, C1: iris VEV,2 with mclust's default prior, and with shrinkage 0.1."""
    X = rows("iris")
    for shrinkage, log_likelihood, bic in ((0.01, -225.268518, 580.813554), (0.1, -227.672880, 585.622277)):
        fit = mx.fit(X, 2, "VEV", regularization=mx.ConjugatePrior(shrinkage, degrees=0))
        assert fit.log_likelihood == pytest.approx(log_likelihood, abs=1e-5)
        assert fit.bic == pytest.approx(bic, abs=2e-5)


@pytest.mark.parametrize("remedy", ["penalty", "map"])
@pytest.mark.parametrize("structure", ["VVV", "VVI", "EVE"])
def test_units_do_not_matter(remedy, structure):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(40, 2)), rng.normal(size=(40, 2)) * [0.3, 2] + 4])
    one, other = (mx.fit(X * scale, 2, structure, regularization=remedy, n_starts=4) for scale in ([1, 1], [1e6, 1e6]))
    np.testing.assert_array_equal(one.mixture.predict(X), other.mixture.predict(X * 1e6))
    if structure != "EVE":
        far = mx.fit(X * [1e-6, 1e6], 2, structure, regularization=remedy, n_starts=4)
        np.testing.assert_array_equal(one.mixture.predict(X), far.mixture.predict(X * [1e-6, 1e6]))


@pytest.mark.parametrize("remedy", ["penalty", "map"])
def test_what_collapses_without_is_held(remedy):
    X = np.concatenate([np.full((5, 1), 3.0), np.random.default_rng(1).normal(size=(60, 1))])
    fit = mx.fit(X, 2, "V", regularization=remedy)
    assert not fit.warnings
    assert fit.mixture.components.covariances.min() > 1e-4
    assert fit.log_likelihood == pytest.approx(fit.mixture.log_likelihood(X), rel=1e-12)


def test_many_rows_make_the_penalty_vanish():
    X = np.random.default_rng(2).normal(size=(20_000, 1)) + np.repeat([0, 6], 10_000)[:, None]
    plain, penalised = (mx.fit(X, 2, "V", regularization=r).mixture for r in (None, "penalty"))
    np.testing.assert_allclose(plain.components.covariances, penalised.components.covariances, rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: mx.fit([[0.0], [1.0], [2.0]], 1, regularization="ridge"),
            "regularization is 'ridge'.*'ratio', 'penalty', 'map'",
        ),
        (lambda: mx.Penalty(-1.0), "strength is -1"),
        (lambda: mx.ConjugatePrior(-1.0), "shrinkage is -1"),
        (lambda: mx.ConjugatePrior(degrees=-1.0), "degrees is -1"),
    ],
)
def test_bad_values_are_refused(make, words):
    with pytest.raises(ParameterError, match=words):
        make()


# The eigenvalue ratio


@pytest.mark.parametrize("limit", [1.0, 3.0, 50.0])
def test_the_projection_is_the_best_on_a_grid(limit):
    rng = np.random.default_rng(int(limit))
    for _ in range(20):
        variances, counts = rng.gamma(0.3, size=(3, 2)) + 1e-9, rng.uniform(1, 40, size=3)
        found = clipped_to_ratio(variances, counts, limit)
        assert found.max() <= limit * found.min() * (1 + 1e-12)

        def objective(e, d=variances, n=counts):
            return float((n[:, None] * (np.log(e) + d / e)).sum())

        grid = np.exp(np.linspace(np.log(variances.min() / 2), np.log(variances.max() * 2), 4001))
        best = min(objective(np.clip(variances, m, limit * m)) for m in grid)
        assert objective(found) <= best + 1e-12 * abs(best)


@pytest.mark.parametrize("structure", ["VVV", "VVI", "VII", "EEE", "EEI", "EII"])
def test_the_sandwich_holds_under_the_constraint(faithful, structure):
    labels = (faithful[:, 1] > 68).astype(int) + (faithful[:, 0] > 4.3)
    theta = mx.Mixture.from_responsibilities(faithful, labels, structure)
    path = list(mx.em(theta, faithful, max_iter=15, regularization=mx.EigenvalueRatio(2.0)))
    for it, after in itertools.pairwise(path):
        assert it.objective <= it.lower_bound + 1e-9
        assert it.lower_bound <= after.objective + 1e-9


@pytest.mark.parametrize("structure", ["VVV", "VVI"])
def test_the_ratio_is_kept_in_units_of_the_whole(faithful, structure):
    units = ([1, 1], [1e-6, 1e6])
    fits = [mx.fit(faithful * s, 3, structure, regularization="ratio", n_starts=4) for s in units]
    one, other = (f.mixture.predict(faithful * s) for f, s in zip(fits, units, strict=True))
    np.testing.assert_array_equal(one, other)
    total = np.cov(faithful.T, bias=True)
    if structure == "VVI":
        total = np.diag(total.diagonal())
    sphere = np.linalg.inv(np.linalg.cholesky(total))
    values = np.linalg.eigvalsh(sphere @ fits[0].mixture.components.covariance_matrices @ sphere.T)
    assert values.max() <= 100 * values.min() * (1 + 1e-9)


def test_the_ratio_holds_what_would_collapse():
    X = np.concatenate([np.full((5, 2), 3.0), np.random.default_rng(1).normal(size=(60, 2))])
    fit = mx.fit(X, 2, "VVV", regularization="ratio")
    assert not fit.warnings
    assert fit.log_likelihood == pytest.approx(fit.mixture.log_likelihood(X), rel=1e-12)


def test_a_loose_ratio_changes_nothing(faithful):
    loose = mx.fit(faithful, 2, "VVV", regularization=mx.EigenvalueRatio(1e12))
    assert loose.log_likelihood == pytest.approx(mx.fit(faithful, 2, "VVV").log_likelihood, abs=1e-6)


def test_structures_without_an_exact_step_are_left_out_or_refused(faithful):
    found = mx.fit(faithful, 2, regularization="ratio", n_starts=2)
    assert {c.structure for c in found.candidates} == {"EII", "VII", "EEI", "VVI", "EEE", "VVV"}
    with pytest.raises(StructureError, match="no exact M-step under structure VEV"):
        mx.fit(faithful, 2, "VEV", regularization="ratio")
    with pytest.raises(ParameterError, match=r"limit is 0\.5"):
        mx.EigenvalueRatio(0.5)
