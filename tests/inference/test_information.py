"""Information matrices and standard errors: closed forms, brute force, and published numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

import mixtura as mx
from mixtura.algorithms.compiled import STRUCTURES as STRUCTURES_OF_THE_CORE
from mixtura.errors import MixturaWarning, ParameterError, ShapeError
from mixtura.families.covariance import structure_names
from mixtura.inference.information import information_of
from mixtura.inference.parameters import Parameters
from mixtura.inference.scores import lower_factors
from mixtura.inference.tangent import tangent_of
from mixtura.sources import as_source

STRUCTURES = ["EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"]


def counted(structure: str, k: int, d: int) -> int:
    """Free covariance parameters (`published.md` C6)."""
    turns = d * (d - 1) // 2
    return {
        "EII": 1, "VII": k, "EEI": d, "VEI": k + d - 1, "EVI": 1 + k * (d - 1), "VVI": k * d,
        "EEE": d + turns, "VEE": k + d - 1 + turns, "EVE": 1 + k * (d - 1) + turns, "VVE": k * d + turns,
        "EEV": d + k * turns, "VEV": k + d - 1 + k * turns, "EVV": 1 + k * (d - 1) + k * turns,
        "VVV": k * d + k * turns,
    }[structure]  # fmt: skip


def covariances_of(structure: str, k: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Random covariances that keep a structure: Σ_k = λ_k D_k A_k D_kᵀ."""
    each = np.arange(k)
    volume, shape, orientation = (each if letter == "V" else 0 * each for letter in structure)
    size, logs = rng.uniform(0.5, 2.0, k), rng.normal(0, 0.7, (k, d))
    shapes = np.ones((k, d)) if structure[1] == "I" else np.exp(logs - logs.mean(axis=1, keepdims=True))
    turns = np.linalg.qr(rng.normal(size=(k, d, d)))[0] if structure[2] != "I" else np.stack([np.eye(d)] * k)
    d_k, a_k = turns[orientation], shapes[shape]
    return size[volume][:, None, None] * (d_k * a_k[:, None, :]) @ np.swapaxes(d_k, 1, 2)


def moved(mixture: mx.Mixture, structure: str, phi: np.ndarray) -> mx.Mixture:
    """The mixture at free parameters φ around a mixture, by matrix exponentials."""
    k, d = mixture.n_components, mixture.n_features
    factors = lower_factors(mixture.components)
    tangent = tangent_of(structure, factors)
    weights = mixture.weights * np.exp(np.append(phi[: k - 1], 0.0))
    shifts, bends = phi[k - 1 : k - 1 + k * d].reshape(k, d), phi[k - 1 + k * d :]
    covariances = np.empty((k, d, d))
    for j in range(k):
        turn = expm(np.tensordot(bends, tangent.skew[:, j], 1))
        inside = np.diag(tangent.variances[j]) @ expm(np.tensordot(bends, tangent.symmetric[:, j], 1))
        root = factors[j] @ tangent.axes[j]
        covariances[j] = root @ turn @ inside @ turn.T @ root.T
    means = mixture.components.means + np.einsum("kij,kj->ki", factors, shifts)
    covariances = (covariances + np.swapaxes(covariances, 1, 2)) / 2
    return mx.Mixture(weights / weights.sum(), mx.Gaussian(means, covariances, "VVV"))


@pytest.fixture(scope="module", params=[(s, gaps) for s in STRUCTURES for gaps in (False, True)], ids=str)
def problem(request):
    """A structure, a mixture that keeps it and is no maximum, and weighted rows, whole or with gaps."""
    structure, gaps = request.param
    rng = np.random.default_rng(3)
    k, d = 2, 3
    covariances = covariances_of(structure, k, d, rng)
    mixture = mx.Mixture([0.4, 0.6], mx.Gaussian(rng.normal(0, 1, (k, d)), covariances, "VVV"))
    X, weights = rng.normal(0, 1.5, (40, d)), rng.uniform(0.5, 2, 40)
    if gaps:
        X[rng.random(X.shape) < 0.3] = np.nan
        X[0] = np.nan
    return structure, mixture, X, weights


def test_each_structure_has_as_many_directions_as_free_parameters(problem):
    structure, mixture, *_ = problem
    assert len(tangent_of(structure, lower_factors(mixture.components)).first) == counted(structure, 2, 3)


def test_scores_and_their_products_are_derivatives_of_the_log_density(problem):
    structure, mixture, X, w = problem
    found = information_of(as_source(X, w), mixture, structure)
    steps = 1e-5 * np.eye(len(found.gradient))
    ahead, behind = ([moved(mixture, structure, s * step).log_prob(X) for step in steps] for s in (1, -1))
    scores = (np.array(ahead) - np.array(behind)) / 2e-5
    np.testing.assert_allclose(found.gradient, scores @ w, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.scores, (scores * w) @ scores.T, rtol=1e-6, atol=1e-6)


def test_observed_information_is_minus_the_second_derivative(problem):
    """Far from any maximum, so that the curvature of the structure counts; Richardson's difference quotients."""
    structure, mixture, X, w = problem
    found = information_of(as_source(X, w), mixture, structure)
    rng = np.random.default_rng(0)
    for _ in range(6):
        way = rng.normal(size=len(found.gradient))
        way /= np.linalg.norm(way)

        def value(t, way=way):
            return moved(mixture, structure, t * way).log_likelihood(X, w)

        here = value(0.0)
        coarse, fine = ((value(h) + value(-h) - 2 * here) / h**2 for h in (4e-3, 2e-3))
        assert way @ found.observed @ way == pytest.approx(-(4 * fine - coarse) / 3, rel=1e-5)


def test_one_gaussian_has_the_textbook_errors():
    rng = np.random.default_rng(1)
    X = rng.standard_t(5, size=(200, 2)) @ [[1.0, 0.4], [0.0, 2.0]] + 1e3
    mean, covariance = X.mean(axis=0), np.cov(X.T, bias=True)
    one = mx.Mixture([1.0], mx.Gaussian(mean[None], covariance[None]))
    off = X - mean
    for method in ("observed", "sandwich"):
        found = mx.standard_errors(one, X, method).standard_errors
        np.testing.assert_allclose(found.means[0], np.sqrt(covariance.diagonal() / 200), rtol=1e-8)
        assert found.weights == pytest.approx(0.0)
    squares = off[:, :, None] * off[:, None, :]
    np.testing.assert_allclose(found.covariances[0], np.sqrt(squares.var(axis=0) / 200), rtol=1e-8)  # White (1982)
    normal = np.sqrt((covariance**2 + np.outer(covariance.diagonal(), covariance.diagonal())) / 200)
    np.testing.assert_allclose(mx.standard_errors(one, X, "observed").standard_errors.covariances[0], normal, rtol=1e-8)


def test_a_linear_map_of_the_columns_maps_the_errors(faithful):
    A, shift = np.array([[1e6, 0.0], [30.0, 0.5]]), [0.0, 1e7]
    fit = mx.fit(faithful, 2, "VVV")
    found = mx.standard_errors(fit, faithful)
    k, d = 2, 2
    theta = fit.mixture
    mapped = mx.Gaussian(theta.components.means @ A.T + shift, A @ theta.components.covariances @ A.T)
    there = mx.standard_errors(mx.Mixture(theta.weights, mapped), faithful @ A.T + shift)
    means = slice(k, k + k * d)
    whole = np.kron(np.eye(k), A)
    np.testing.assert_allclose(
        there.covariance[means, means], whole @ found.covariance[means, means] @ whole.T, rtol=1e-7
    )
    np.testing.assert_allclose(there.standard_errors.weights, found.standard_errors.weights, rtol=1e-8)


def test_weight_two_counts_a_row_twice(faithful):
    theta = mx.fit(faithful, 2, "EEE").mixture
    for method in ("observed", "scores", "sandwich"):
        weighted = mx.standard_errors(theta, faithful, method, sample_weight=np.full(272, 2.0))
        twice = mx.standard_errors(theta, np.repeat(faithful, 2, axis=0), method)
        np.testing.assert_allclose(weighted.covariance, twice.covariance, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("structure", structure_names(2))
def test_the_three_methods_and_the_bootstrap_agree_where_the_model_is_true(structure):
    rng = np.random.default_rng(5)
    k, d = 2, 2
    truth = mx.Mixture([0.4, 0.6], mx.Gaussian([[0, 0], [4, 1]], covariances_of(structure, k, d, rng), "VVV"))
    X = truth.sample(4000, 1)[0]
    theta = mx.fit(X, k, structure).mixture
    observed = mx.standard_errors(theta, X, "observed").standard_errors
    for method in ("scores", "sandwich"):
        other = mx.standard_errors(theta, X, method).standard_errors
        np.testing.assert_allclose(other.flat(), observed.flat(), rtol=0.2, atol=1e-12)
    if structure in STRUCTURES_OF_THE_CORE:  # refits by the sweep take long
        resampled = mx.bootstrap(theta, X, "weighted", n_resamples=199).standard_errors
        np.testing.assert_allclose(resampled.flat(), observed.flat(), rtol=0.25, atol=1e-12)  # three errors: 0.15


def test_intervals_hold_the_truth_as_often_as_they_say():
    """200 samples of 400 rows: a share of 0.95 is off by 0.015; the formulas hold up to terms of order 1 / √n."""
    truth = mx.Mixture(
        [0.4, 0.6], mx.Gaussian([[0.0, 0.0], [3.0, 1.0]], [[[1, 0.3], [0.3, 2]], [[1, -0.2], [-0.2, 0.5]]])
    )
    wanted, held = Parameters.of(truth).flat(), []
    for seed in range(200):
        X = truth.sample(400, seed)[0]
        for it in mx.em(truth, X, tol=1e-7, max_iter=200, n_threads=1):
            theta = it.after
        ends = mx.standard_errors(theta, X).interval()
        held.append((ends.lower.flat() <= wanted) & (wanted <= ends.upper.flat()))
    coverage = np.mean(held, axis=0)
    assert coverage.min() > 0.88
    assert coverage.mean() == pytest.approx(0.95, abs=0.025)


def test_acidity_within_monte_carlo_error_of_the_published_bootstrap(rows):
    """V, 999 resamples: a standard deviation of 999 draws is off by 2.2 %; three of them and the 2 % of our slack."""
    X = rows("acidity")
    found = mx.standard_errors(mx.fit(X, 2, "E"), X)
    assert found.reliable
    assert found.standard_errors.weights == pytest.approx(0.0413, rel=0.09)
    assert found.standard_errors.means.ravel() == pytest.approx([0.0467, 0.0672], rel=0.09)
    assert found.standard_errors.covariances.ravel() == pytest.approx(0.0238, rel=0.09)
    ends = found.interval()
    assert ends.lower.means.ravel() == pytest.approx([4.279, 6.184], abs=0.01)
    assert ends.upper.means.ravel() == pytest.approx([4.461, 6.449], abs=0.01)


def test_what_is_not_to_be_relied_on_says_so(faithful):
    theta = mx.fit(faithful, 2, "VVV").mixture
    other = mx.Mixture(theta.weights, mx.Gaussian(theta.components.means + 0.05, theta.components.covariances))
    with pytest.warns(MixturaWarning, match="not at a maximum"):
        found = mx.standard_errors(other, faithful)
    assert not found.reliable
    assert "Not to be relied on" in repr(found)
    few = mx.fit(faithful[:40], 3, "VVI", on_degenerate="raise")
    with pytest.warns(MixturaWarning, match="fewer than 15"):
        mx.standard_errors(few, faithful[:40])
    twin = mx.Mixture([0.5, 0.5], mx.Gaussian([[0.0], [0.0]], [1.0, 1.0]))
    with pytest.warns(MixturaWarning, match="not positive definite"):
        found = mx.standard_errors(twin, [-1.0, 1.0] * 30, "observed")
    assert np.isnan(found.standard_errors.means).all()


def test_the_table_names_every_parameter(faithful):
    theta = mx.fit(faithful, 2, "VVV").mixture.with_names(["long", "short"], ["eruptions", "waiting"])
    table = mx.standard_errors(theta, faithful).table
    assert table.n_rows == 2 + 4 + 6
    assert list(table["parameter"][:4]) == ["weight", "weight", "mean", "mean"]
    row = list(table.rows())[-2]
    assert (row["parameter"], row["component"], row["column"]) == ("covariance", "short", "waiting, eruptions")
    assert row["lower"] < row["estimate"] < row["upper"]


def test_bad_requests_are_refused(faithful, theta0):
    with pytest.raises(ParameterError, match="sandwich"):
        mx.standard_errors(theta0, [1.0, 2.0], "hessian")
    with pytest.raises(ShapeError, match="2 columns"):
        mx.standard_errors(theta0, faithful)
    with pytest.raises(ParameterError, match="Mixture"):
        mx.standard_errors("fit", faithful)
    with pytest.raises(ParameterError, match=r"weights\[1\] is 0"):
        mx.standard_errors(mx.Mixture([1.0, 0.0], mx.Gaussian([0, 1], [1, 1])), [1.0, 2.0])
    with pytest.raises(ParameterError, match="level"):
        mx.standard_errors(mx.fit(faithful, 2, "VVV"), faithful).interval(95)
