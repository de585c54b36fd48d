"""Fixed parts: EM holds them to the last bit of its coordinates, and the rest is the exact constrained maximum."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

import mixtura as mx
from mixtura.errors import ParameterError
from mixtura.families.covariance import STRUCTURES, structure_names
from mixtura.fixed import Fixed

WHOLE = ["weights", "means", "covariances", ["weights", "means"], ["means", "covariances"]]
SOME = [{"weights": [1]}, {"means": [0, 2]}, {"weights": [0, 2], "means": [1]}]
OWN = [{"covariances": [1]}, {"covariances": [0, 2], "means": [0]}]


def problem(structure: str, seed: int = 0):
    """Rows, row weights, and a mixture of three components that fits them badly."""
    rng = np.random.default_rng(seed)
    d = 1 if len(structure) == 1 else 3
    X = np.concatenate([rng.normal(size=(60, d)) * s + m for s, m in ((1, 0), (2, 4), (0.5, -3))])
    start = mx.Mixture.from_responsibilities(X, rng.dirichlet(np.ones(3), size=180), structure)
    means = start.components.means + rng.normal(size=(3, d))
    return (
        X,
        rng.uniform(0.5, 2, size=180),
        mx.Mixture(start.weights, mx.Gaussian(means, start.components.covariances, structure)),
    )


def kinds(structure: str) -> list:
    own = STRUCTURES[structure].own_moments and not STRUCTURES[structure].shared
    return WHOLE + SOME + (OWN if own else [])


CASES = [(s, i) for s in STRUCTURES for i in range(len(kinds(s)))]


def assert_held(before: mx.Mixture, after: mx.Mixture, fixed) -> None:
    """The same weights; means and covariances but for the rounding of inner coordinates."""
    parts = Fixed.parsed(fixed, before.n_components)
    spread = np.sqrt(np.diag(before.covariance))
    np.testing.assert_array_equal(after.weights[list(parts.weights)], before.weights[list(parts.weights)])
    for k in parts.means:
        np.testing.assert_allclose(
            after.components.means[k] / spread, before.components.means[k] / spread, rtol=0, atol=1e-14
        )
    for k in parts.covariances:
        one, other = (m.components.covariance_matrices[k] for m in (before, after))
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(("structure", "case"), CASES)
def test_the_step_is_the_constrained_maximum(structure, case, engine):
    """No mixture with the same fixed parts has a higher bound: others come from steps with other row weights."""
    fixed = kinds(structure)[case]
    X, w, theta = problem(structure)
    resp, rng = theta.responsibilities(X), np.random.default_rng(1)
    step = next(iter(mx.em(theta, X, w, fixed=fixed, engine=engine)))
    assert_held(theta, step.after, fixed)
    best = step.after.lower_bound(X, resp, w)
    assert step.lower_bound == pytest.approx(best, abs=1e-9)
    for size in (1e-3, 0.1, 1.0):
        disturbed = w * np.exp(size * rng.normal(size=len(w)))
        other = next(iter(mx.em(theta, X, disturbed, fixed=fixed, engine=engine))).after
        assert other.lower_bound(X, resp, w) <= best + 1e-10


@pytest.mark.parametrize(("structure", "case"), CASES)
def test_the_certificate_holds_and_the_criteria_count_what_is_free(structure, case):
    fixed = kinds(structure)[case]
    X, w, theta = problem(structure, 3)
    path = list(mx.em(theta, X, w, fixed=fixed, max_iter=15))
    for here, then in itertools.pairwise(path):
        assert here.log_likelihood <= here.lower_bound + 1e-9
        assert here.lower_bound <= then.log_likelihood + 1e-9
    assert_held(theta, path[-1].after, fixed)
    parts, d = path[-1].after.fixed, X.shape[1]
    held = min(len(parts.weights), 2) + d * len(parts.means)
    covariances = theta.n_parameters - 2 - 3 * d
    assert path[-1].after.n_parameters == theta.n_parameters - held - covariances * len(parts.covariances) // 3


@pytest.mark.parametrize("structure", structure_names(3))
def test_one_component_about_a_fixed_mean_is_the_closed_form(structure):
    X = np.random.default_rng(5).normal(size=(50, 3)) * [1, 2, 3] + [1, 0, -2]
    mean = np.array([4.0, 1.0, -20.0])
    start = mx.Mixture.from_responsibilities(X, np.zeros(50, dtype=int), structure)
    theta = mx.Mixture([1.0], mx.Gaussian(mean[None], start.components.covariances, structure))
    after = list(mx.em(theta, X, fixed="means", max_iter=2))[-1].after
    scatter = (X - mean).T @ (X - mean) / 50
    if structure.endswith("I"):
        scatter = np.diag(scatter.diagonal())
    if structure.endswith("II"):
        scatter = np.eye(3) * scatter.trace() / 3
    np.testing.assert_allclose(after.components.covariance_matrices[0], scatter, rtol=1e-12, atol=1e-11)


def test_the_maximum_is_that_of_a_general_minimiser(rows):
    x = rows("acidity")[:, 0]
    theta = mx.Mixture([0.3, 0.7], mx.Gaussian([4.0, 6.0], [0.1, 0.5]))
    fixed = {"means": [0], "weights": [1]}

    def minus(p):
        means, sd = np.array([4.0, p[0]]), np.exp(p[1:])
        density = np.exp(-0.5 * ((x[:, None] - means) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
        return -np.log(density @ [0.3, 0.7]).sum()

    best = minimize(minus, [6.0, -1.0, -1.0], method="BFGS", options={"gtol": 1e-9})
    fit = mx.fit(x[:, None], start=theta, fixed=fixed)
    assert fit.converged
    assert fit.log_likelihood == pytest.approx(-best.fun, abs=1e-7)
    assert fit.mixture.n_parameters == 3
    assert fit.bic == pytest.approx(3 * np.log(len(x)) + 2 * best.fun, abs=1e-6)


def test_free_weights_share_what_fixed_ones_leave(faithful):
    theta = mx.Mixture.from_responsibilities(faithful, np.arange(272) % 3, "VVV")
    step = next(iter(mx.em(theta, faithful, fixed={"weights": [1]})))
    counts = step.statistics.counts[[0, 2]]
    np.testing.assert_allclose(step.after.weights[[0, 2]], (1 - theta.weights[1]) * counts / counts.sum())


@pytest.mark.parametrize("fixed", WHOLE, ids=str)
@pytest.mark.parametrize("structure", ["VVV", "EEE", "VEV"])
def test_an_optimum_stays_where_its_own_parts_are_fixed(faithful, structure, fixed):
    free = mx.fit(faithful, 2, structure)
    held = mx.fit(faithful, start=free.mixture, fixed=fixed)
    assert held.log_likelihood == pytest.approx(free.log_likelihood, abs=1e-7)


def test_everything_fixed_moves_nothing(faithful):
    theta = mx.Mixture.from_responsibilities(faithful, (faithful[:, 1] > 68).astype(int), "VVV")
    fit = mx.fit(faithful, start=theta, fixed=["weights", "means", "covariances"])
    assert fit.mixture.n_parameters == 0
    assert fit.converged
    assert_held(theta, fit.mixture, ["weights", "means", "covariances"])


def test_labels_say_where_fixed_parts_are(faithful):
    labels = (faithful[:, 1] > 68).astype(int)
    fit = mx.fit(faithful, structure="VVV", start=labels, fixed={"means": [1]})
    np.testing.assert_allclose(fit.mixture.components.means[1], faithful[labels == 1].mean(axis=0), rtol=1e-14)


@pytest.mark.parametrize("remedy", ["penalty", "map", mx.ConjugatePrior(0.5)], ids=str)
@pytest.mark.parametrize("structure", ["VVV", "EEE", "EVE", "VII"])
@pytest.mark.parametrize("fixed", ["means", {"means": [0], "weights": [1]}, "covariances"], ids=str)
def test_priors_and_fixed_parts_go_together(structure, remedy, fixed):
    X, w, theta = problem(structure)
    path = list(mx.em(theta, X, w, fixed=fixed, regularization=remedy, max_iter=10))
    for here, then in itertools.pairwise(path):
        assert here.objective <= here.lower_bound + 1e-9
        assert here.lower_bound <= then.objective + 1e-9
    assert_held(theta, path[-1].after, fixed)


def test_the_ratio_holds_means_and_refuses_covariances(faithful):
    theta = mx.fit(faithful, 2, "VVV").mixture
    path = list(mx.em(theta, faithful, fixed="means", regularization="ratio", max_iter=5))
    assert_held(theta, path[-1].after, "means")
    with pytest.raises(ParameterError, match="none can be fixed"):
        next(iter(mx.em(theta, faithful, fixed="covariances", regularization="ratio")))


def test_noise_shares_with_the_free_weights():
    rng = np.random.default_rng(2)
    X = np.concatenate([rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + 8, rng.uniform(-20, 20, size=(40, 2))])
    theta = mx.fit(X, 2, "VVV", noise=True).mixture
    some = list(mx.em(theta, X, fixed={"weights": [0]}, max_iter=20))[-1].after
    assert some.weights[0] == theta.weights[0]
    assert some.weights.sum() + some.noise.weight == pytest.approx(1, abs=1e-15)
    assert some.n_parameters == theta.n_parameters - 1
    whole = list(mx.em(theta, X, fixed="weights", max_iter=20))[-1].after
    assert whole.noise.weight == pytest.approx(theta.noise.weight, abs=1e-15)
    assert whole.n_parameters == theta.n_parameters - 2


def test_a_far_fixed_component_that_no_row_belongs_to_is_no_trouble(faithful):
    theta = mx.fit(faithful, 2, "VVV").mixture
    far = mx.Gaussian(
        [*theta.components.means, [1e4, 1e4]], [*theta.components.covariances, np.eye(2)], structure="VVV"
    )
    start = mx.Mixture([*(0.9 * theta.weights), 0.1], far)
    fit = mx.fit(faithful, start=start, fixed={"weights": [2], "means": [2], "covariances": [2]})
    assert fit.warnings == []
    assert fit.mixture.weights[2] == start.weights[2]


def test_what_is_fixed_travels(faithful, tmp_path):
    theta = mx.fit(faithful, 3, "VVV").mixture.with_names(["a", "b", "c"]).with_fixed({"means": ["b"], "weights": 2})
    assert theta.fixed == Fixed(weights=(2,), means=(1,))
    theta.save(tmp_path / "m.json")
    assert mx.load(tmp_path / "m.json") == theta
    assert theta.take([2, 1, 0]).fixed == Fixed(weights=(0,), means=(1,))
    assert theta.take([1, 0]).fixed == Fixed(means=(0,))
    assert theta.condition({0: 2.0}).fixed is None
    assert theta.with_fixed(None).fixed is None
    assert theta != theta.with_fixed(None)
    assert "Held fixed: the weights of 2 c; the means of 1 b." in repr(theta)
    assert next(iter(mx.em(theta, faithful))).after.fixed == theta.fixed


def test_bootstrap_holds_them_too(rows):
    X = rows("acidity")[:, :1]
    fit = mx.fit(X, 2, "V")
    held = mx.fit(X, start=fit.mixture, fixed={"means": [0]})
    errors = mx.bootstrap(held, X, n_resamples=30).standard_errors
    np.testing.assert_allclose(errors.means[0], 0, atol=1e-12)
    exact = mx.standard_errors(held, X).standard_errors
    np.testing.assert_allclose(errors.means[1], exact.means[1], rtol=0.4)
    assert exact.means[0, 0] == 0


def test_standard_errors_are_those_of_the_free_parameters():
    """Beside differences of the log-likelihood in the free parameters alone."""
    truth = mx.Mixture([0.15, 0.45, 0.4], mx.Gaussian([9.5, 20.0, 23.5], [0.3, 1.2, 4.0]))
    x = truth.sample(600, 0)[0][:, 0]
    start = mx.Mixture([0.1, 0.5, 0.4], mx.Gaussian([9.7, 19.8, 23.0], [0.2, 1.0, 4.0]))
    fit = mx.fit(x[:, None], start=start, fixed={"weights": [0], "means": [1], "covariances": [0]})
    theta = fit.mixture
    share = theta.weights[1] / 0.9

    def mixture(p):
        weights = [0.1, 0.9 * p[0], 0.9 * (1 - p[0])]
        return mx.Mixture(weights, mx.Gaussian([p[1], 19.8, p[2]], [0.2, p[3], p[4]]))

    means, variances = theta.components.means[:, 0], theta.components.covariances
    best = np.array([share, means[0], means[2], variances[1], variances[2]])
    hessian, steps = np.empty((5, 5)), 1e-3 * np.array([0.3, 1, 1, 1, 1])
    for i, j in itertools.product(range(5), repeat=2):
        value = 0.0
        for a, b in itertools.product((1, -1), repeat=2):
            value += a * b * mixture(best + a * steps * np.eye(5)[i] + b * steps * np.eye(5)[j]).log_likelihood(x)
        hessian[i, j] = value / (4 * steps[i] * steps[j])
    wanted = np.sqrt(np.diag(np.linalg.solve(-hessian, np.eye(5))))
    found = mx.standard_errors(fit, x, "observed").standard_errors
    np.testing.assert_allclose(found.weights, [0, 0.9 * wanted[0], 0.9 * wanted[0]], rtol=1e-3, atol=1e-12)
    np.testing.assert_allclose(found.means[:, 0], [wanted[1], 0, wanted[2]], rtol=1e-3, atol=1e-12)
    np.testing.assert_allclose(found.covariances[:, 0, 0], [0, wanted[3], wanted[4]], rtol=1e-3, atol=1e-12)


@pytest.mark.parametrize("structure", ["VVV", "EEE", "VEV", "VVI"])
def test_standard_errors_of_fixed_parts_are_zero_and_others_smaller(faithful, structure):
    free = mx.fit(faithful, 2, structure)
    base = mx.standard_errors(free, faithful, "observed").standard_errors
    for part in ("weights", "means", "covariances"):
        held = mx.fit(faithful, start=free.mixture, fixed=part)
        found = mx.standard_errors(held, faithful, "observed").standard_errors
        np.testing.assert_allclose(getattr(found, part), 0, atol=1e-14)
        for other in {"weights", "means", "covariances"} - {part}:
            assert np.all(getattr(found, other) <= getattr(base, other) * (1 + 1e-6))
            assert np.all(getattr(found, other)[getattr(base, other) > 0] > 0)
    with pytest.raises(ParameterError, match="every parameter is held fixed"):
        mx.standard_errors(free.mixture.with_fixed(["weights", "means", "covariances"]), faithful)


THREE = mx.Mixture([0.2, 0.3, 0.5], mx.Gaussian([0, 4, 9], [1, 1, 2]))


@pytest.mark.parametrize(
    ("theta", "fixed", "words"),
    [
        (THREE, "mean", "fixed names 'mean'; expected weights, means, covariances.*Did you mean means"),
        (THREE, 3, "fixed is 3; expected parts of a mixture"),
        (THREE, {"means": [3]}, r"fixed\['means'\] names component 3; expected a number from 0 to 2"),
        (THREE, {"means": ["left"]}, "names component 'left'"),
        (THREE, {"weights": [True]}, "names component True"),
        (mx.Mixture([0.5, 0.5, 0], THREE.components), {"weights": [0, 1]}, "sum to 1, which leaves nothing"),
        (THREE.with_equal_weights(), "weights", "equal by assumption"),
        (
            mx.Mixture([0.5, 0.5], mx.Gaussian([[0, 0], [4, 4]], np.eye(2), "EEE")),
            {"covariances": [0]},
            "under structure EEE all 2 share parts.*Fix all or none",
        ),
    ],
)
def test_what_cannot_be_held_is_refused(theta, fixed, words):
    with pytest.raises(ParameterError, match=words):
        theta.with_fixed(fixed)


def test_other_contradictions_are_refused(faithful, theta0, five):
    with pytest.raises(ParameterError, match="give start="):
        mx.fit(faithful, 2, fixed="means")
    with pytest.raises(ParameterError, match="equal by assumption"):
        mx.fit(five, start=theta0, equal_weights=True, fixed="weights")
    with pytest.raises(ParameterError, match="Ask for one"):
        mx.fit(five, start=theta0.with_fixed("weights"), equal_weights=True)
    with pytest.raises(ParameterError, match="with_fixed"):
        mx.explain(theta0.with_fixed("means"), five)
