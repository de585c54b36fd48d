"""Variational Bayes: the bound lies below the evidence, is the evidence where that is known, and never falls."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.special import betaln, gammaln, multigammaln
from scipy.stats import multivariate_t

from mixtura.algorithms.concentration import Dirichlet, StickBreaking
from mixtura.algorithms.variational import NormalWishart, VariationalBayes
from mixtura.errors import ParameterError
from mixtura.families.covariance import resolve_structure
from mixtura.sources import as_source
from mixtura.sweep import Sweep

STRUCTURES = ["VVV", "EEE", "VVI", "EEI", "VII", "EII"]
CONCENTRATIONS = [Dirichlet(0.4), StickBreaking(0.7)]


@pytest.fixture(scope="module")
def two_groups():
    rng = np.random.default_rng(7)
    return np.concatenate([rng.normal(size=(60, 3)), rng.normal(size=(40, 3)) * [1, 2, 0.5] + [4, 2, 1]])


@pytest.fixture(scope="module")
def resp():
    return np.random.default_rng(8).dirichlet(np.ones(4), size=100)


def prior_of(X, structure):
    """A prior about the rows, in the structure's form."""
    covariance = np.cov(X.T, ddof=1)
    by_form = {2: covariance, 1: covariance.diagonal(), 0: np.asarray(covariance.diagonal().mean())}
    d = X.shape[1]
    return NormalWishart(X.mean(axis=0), 0.8, d + 0.5, by_form[resolve_structure(structure, d).form.ndim])


def variational(X, structure, concentration, prior=None, reg_covar=0.0, sample_weight=None, **sweep):
    source = as_source(X, sample_weight)
    prior = prior or prior_of(X, structure)
    return VariationalBayes(
        Sweep(source, **sweep), resolve_structure(structure, X.shape[1]), prior, concentration, reg_covar
    )


def iterated(algorithm, resp, n):
    """The posterior after n iterations, and all bounds."""
    steps = list(itertools.islice(algorithm.iterate(algorithm.start(resp)), n))
    return steps[-1][0], np.array([bound for _, bound in steps])


def log_evidence_of_group(X, prior):
    """log p(X) under one normal-Wishart, by the normalisers (Murphy 2007, equation 266)."""
    n, d = X.shape
    if n == 0:
        return 0.0
    mean = X.mean(axis=0)
    off, centred = (mean - prior.mean)[:, None], X - mean
    shrink = prior.mean_precision * n / (prior.mean_precision + n)
    scale = prior.scale + centred.T @ centred + shrink * off @ off.T
    nu0, nu = prior.degrees_of_freedom, prior.degrees_of_freedom + n
    return (
        -0.5 * n * d * math.log(math.pi)
        + multigammaln(nu / 2, d)
        - multigammaln(nu0 / 2, d)
        + 0.5 * nu0 * np.linalg.slogdet(prior.scale)[1]
        - 0.5 * nu * np.linalg.slogdet(scale)[1]
        + 0.5 * d * math.log(prior.mean_precision / (prior.mean_precision + n))
    )


def log_prior_of_partition(counts, concentration):
    a = concentration.concentration
    if isinstance(concentration, Dirichlet):
        k = len(counts)
        return gammaln(k * a) - gammaln(k * a + counts.sum()) + (gammaln(a + counts) - gammaln(a)).sum()
    later = np.append(np.cumsum(counts[::-1])[::-1][1:], 0)
    return (betaln(1 + counts, a + later) - betaln(1, a)).sum()


def test_bound_of_one_component_is_the_evidence(two_groups):
    X = two_groups
    prior = prior_of(X, "VVV")
    _, bounds = iterated(variational(X, "VVV", Dirichlet(1.0)), np.ones((len(X), 1)), 2)
    assert bounds == pytest.approx(log_evidence_of_group(X, prior), rel=1e-12)


def test_evidence_of_one_component_is_the_product_of_its_predictions(two_groups):
    X = two_groups[:8]
    prior = prior_of(X, "VVV")
    d, total = X.shape[1], 0.0
    for i in range(len(X)):  # Student t of each row given those before it (Murphy 2007, equation 258)
        before = X[:i]
        n, beta, nu = i, prior.mean_precision + i, prior.degrees_of_freedom + i
        mean = (prior.mean_precision * prior.mean + before.sum(axis=0)) / beta
        scale = prior.scale.copy()
        if n:
            off = (before.mean(axis=0) - prior.mean)[:, None]
            centred = before - before.mean(axis=0)
            scale += centred.T @ centred + prior.mean_precision * n / beta * off @ off.T
        df = nu - d + 1
        total += multivariate_t(mean, scale * (beta + 1) / (beta * df), df=df).logpdf(X[i])
    _, bounds = iterated(variational(X, "VVV", StickBreaking(1e-9), prior), np.ones((len(X), 1)), 2)
    assert bounds[-1] == pytest.approx(total, rel=1e-8)  # the process itself: all rows in the first component, γ → 0


@pytest.mark.parametrize("concentration", CONCENTRATIONS, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_bound_is_below_the_evidence_of_all_partitions(two_groups, structure, concentration):
    X = two_groups[[0, 1, 2, 60, 61, 62]]
    prior = prior_of(X, structure)
    scale = prior.scale if prior.scale.ndim == 2 else np.eye(3) * prior.scale
    full = NormalWishart(prior.mean, prior.mean_precision, prior.degrees_of_freedom, scale)
    terms = []
    for labels in itertools.product(range(2), repeat=len(X)):
        z = np.array(labels)
        counts = np.bincount(z, minlength=2)
        terms.append(
            log_prior_of_partition(counts, concentration) + sum(log_evidence_of_group(X[z == k], full) for k in (0, 1))
        )
    evidence = np.logaddexp.reduce(terms)
    start = np.repeat(np.eye(2), 3, axis=0) * 0.8 + 0.1
    _, bounds = iterated(variational(X, structure, concentration, prior), start, 40)
    assert bounds[-1] < evidence
    assert bounds[-1] > evidence - (3 if structure == "VVV" else 12)  # complete: no constant is missing


@pytest.mark.parametrize("concentration", CONCENTRATIONS, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_bound_never_falls(two_groups, resp, structure, concentration, engine):
    _, bounds = iterated(variational(two_groups, structure, concentration, engine=engine), resp, 80)
    assert np.diff(bounds).min() > -1e-10 * abs(bounds[-1])


@pytest.mark.parametrize("structure", STRUCTURES)
def test_engines_agree(two_groups, resp, structure):
    native, reference = (
        iterated(variational(two_groups, structure, CONCENTRATIONS[1], engine=e), resp, 20)
        for e in ("native", "reference")
    )
    np.testing.assert_allclose(native[1], reference[1], rtol=1e-11)
    np.testing.assert_allclose(native[0].components.means, reference[0].components.means, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_units_and_origin_change_the_bound_by_their_jacobian_alone(two_groups, resp, structure):
    prior = prior_of(two_groups, structure)
    shift, scale = np.array([1e6, -3e5, 2e4]), 1 / 1024
    moved = NormalWishart(prior.mean * scale + shift, 0.8, 3.5, prior.scale * scale**2)
    before, bounds = iterated(variational(two_groups, structure, CONCENTRATIONS[0], prior), resp, 20)
    after, others = iterated(variational(two_groups * scale + shift, structure, CONCENTRATIONS[0], moved), resp, 20)
    # 1e6 + x keeps 2⁻³³ of a unit of 2⁻¹⁰: 7 digits of the rows
    np.testing.assert_allclose(others, bounds - two_groups.size * math.log(scale), rtol=1e-6)
    np.testing.assert_allclose((after.components.means - shift) / scale, before.components.means, atol=1e-5)


def test_weight_two_counts_a_row_twice(two_groups, resp):
    prior = prior_of(two_groups, "VVV")
    twice = np.arange(100) % 3 == 0
    rows, r = np.concatenate([two_groups, two_groups[twice]]), np.concatenate([resp, resp[twice]])
    one, bounds = iterated(variational(two_groups, "VVV", Dirichlet(0.5), prior, sample_weight=1.0 + twice), resp, 10)
    other, others = iterated(variational(rows, "VVV", Dirichlet(0.5), prior), r, 10)
    np.testing.assert_allclose(bounds, others, rtol=1e-11)
    np.testing.assert_allclose(one.components.covariances, other.components.covariances, rtol=1e-9)


def test_components_not_needed_empty_under_a_process(two_groups):
    algorithm = variational(two_groups, "VVV", StickBreaking(0.01))
    posterior, _ = iterated(algorithm, np.random.default_rng(0).dirichlet(np.ones(8), size=100), 300)
    assert np.sum(posterior.weights > 0.1) == 2
    assert np.sum(posterior.weights < 1e-3) == 5


def test_vanishing_weights_are_no_trouble(two_groups):
    # E[log π] of an empty component is near digamma(1e-5) = -1e5: its exponential is zero, its logarithm is not
    posterior, bounds = iterated(variational(two_groups, "VVV", Dirichlet(1e-5)), np.eye(4)[[0, 1] * 50], 50)
    assert np.all(np.isfinite(bounds))
    assert np.all(np.isfinite(posterior.log_weights))
    assert posterior.log_weights.min() < -1e4


def test_a_spread_of_the_rows_is_added_to_the_mean_scatter(two_groups, resp):
    for structure in STRUCTURES:
        plain = variational(two_groups, structure, Dirichlet(1.0)).start(resp)
        spread = variational(two_groups, structure, Dirichlet(1.0), reg_covar=0.3).start(resp)
        share = (resp.sum(axis=0) / plain.degrees_of_freedom)[:, None, None]
        if resolve_structure(structure, 3).shared:
            share = 100 / plain.degrees_of_freedom.sum()
        found = spread.components.covariance_matrices - plain.components.covariance_matrices
        np.testing.assert_allclose(found, np.broadcast_to(0.3 * share * np.eye(3), found.shape), atol=1e-12)


def test_structures_that_share_parts_are_refused(two_groups):
    with pytest.raises(ParameterError, match="no conjugate prior"):
        variational(two_groups, "VEV", Dirichlet(1.0))
