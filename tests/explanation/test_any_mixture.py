"""What holds for any small mixture: structures, dimensions, weights, and what can go wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

import mixtura as mx
from mixtura.errors import DataError, ParameterError, ShapeError
from mixtura.explanation.notation import Notation
from mixtura.explanation.sections.variance_formulas import BUILDERS, variance_formula

SHAPES = {
    "VVV": lambda k, d: np.stack([np.eye(d) * (j + 1) for j in range(k)]),
    "EEE": lambda k, d: np.eye(d),
    "VVI": lambda k, d: np.ones((k, d)),
    "EEI": lambda k, d: np.ones(d),
    "VII": lambda k, d: np.ones(k),
    "EII": lambda k, d: np.ones(()),
    "V": lambda k, d: np.ones(k),
    "E": lambda k, d: np.ones(()),
}
CASES = [(s, d) for s in SHAPES for d in ((1,) if len(s) == 1 else (2, 3))]


def problem(structure, d, k=3, seed=3):
    rng = np.random.default_rng([seed, d, k])
    X = np.concatenate([rng.normal(4.0 * j, 1.0, (7, d)) for j in range(k)])
    means = 4.0 * np.arange(k)[:, None] + rng.normal(0, 0.5, (k, d))
    theta0 = mx.Mixture(np.full(k, 1 / k), mx.Gaussian(means, SHAPES[structure](k, d), structure))
    return theta0, X


def whole(explanation):
    return " ".join(explanation.text().split())


def answer(explanation, key):
    return next(section.answer for section in explanation.sections if section.key == key)


@pytest.mark.parametrize(("structure", "d"), CASES)
def test_facts_are_those_of_the_mixture(structure, d):
    theta0, X = problem(structure, d)
    explained = mx.explain(theta0, X)
    bound = explained.to_dict()["bound"]
    assert explained.log_likelihoods[0] == pytest.approx(theta0.log_likelihood(X), rel=1e-13)
    assert bound["before"] == pytest.approx(theta0.log_likelihood(X), rel=1e-12)
    assert bound["after"] == pytest.approx(explained.iterations[0].lower_bound, rel=1e-11)
    assert bound["gap"] == pytest.approx(bound["total_divergence"], abs=1e-11 * abs(bound["before"]))
    assert explained.log_likelihood == pytest.approx(explained.mixture.log_likelihood(X), rel=1e-12)
    assert explained.converged


@pytest.mark.parametrize(("structure", "d"), CASES)
def test_every_rendering_works(structure, d):
    theta0, X = problem(structure, d)
    explained = mx.explain(theta0, X)
    assert all(len(line) <= 120 for line in explained.text(width=100).splitlines())
    assert "<script" not in explained._repr_html_()
    assert explained._repr_html_().count("<section") == len(explained.sections) == 10
    assert explained.to_markdown().startswith(f"# {explained.title}")
    json.dumps([section.to_dict() for section in explained.sections])
    json.dumps(explained.to_dict(), allow_nan=False)


def scatter_formula(structure, X, resp):
    """The M-step's covariances by their textbook formulas, as full matrices."""
    n, d = X.shape
    counts = resp.sum(axis=0)
    means = resp.T @ X / counts[:, None]
    W = np.stack([(resp[:, k, None] * (X - means[k])).T @ (X - means[k]) for k in range(len(counts))])
    if structure[0] == "E":
        W, counts = W.sum(axis=0, keepdims=True).repeat(len(counts), axis=0), np.full(len(counts), n)
    C = W / counts[:, None, None]
    if structure in ("VVI", "EEI"):
        return C * np.eye(d)
    if structure in ("VII", "EII"):
        return np.trace(C, axis1=1, axis2=2)[:, None, None] / d * np.eye(d)
    return C


@pytest.mark.parametrize(("structure", "d"), CASES)
def test_the_formula_that_is_told_is_the_one_that_is_used(structure, d):
    theta0, X = problem(structure, d)
    explained = mx.explain(theta0, X)
    wanted = scatter_formula(structure, X, explained.start.responsibilities)
    np.testing.assert_allclose(explained.mixtures[1].components.covariance_matrices, wanted, rtol=1e-9, atol=1e-12)
    told = answer(explained, "m_step")
    assert ("Σₖ Σᵢ" in told.split(";")[1]) == (structure[0] == "E")
    assert ("D" in told.split(";")[1]) == (structure in ("VII", "EII"))
    assert ("ᵀ" in told.split(";")[1]) == (structure in ("VVV", "EEE"))


@pytest.mark.parametrize("structure", list(BUILDERS))
def test_the_numbers_put_in_give_the_new_variance(structure):
    """The last number of a put-in formula is the value it leads to."""
    d = 1 if len(structure) == 1 else 2
    theta0, X = problem(structure, d, k=2)
    explained = mx.explain(theta0, X)
    section = next(s for s in explained.sections if s.key == "m_step")
    formulas = [b for b in section.blocks if getattr(b, "left", "").startswith(("σ̂", "Ĉ")) and len(b.steps) == 2]
    values = explained.mixtures[1].components.covariance_matrices[:, 0, 0]
    assert len(formulas) == (1 if structure[0] == "E" else 2)
    for formula, value in zip(formulas, values, strict=False):
        assert float(formula.steps[1][1]) == pytest.approx(value, rel=1e-5)


def test_an_unfamiliar_structure_is_named_without_a_formula():
    notation = Notation(("Gaussian 1", "Gaussian 2"), ("a", "b"), "full", False, False, 5)
    formula = variance_formula("VEV", notation)
    assert "VEV" in formula.right
    assert not formula.derivative


def test_one_component_is_its_closed_form():
    X = np.array([1.0, 2.0, 4.5, 8.0])
    explained = mx.explain(mx.Mixture([1], mx.Gaussian([3], [2])), X)
    assert explained.mixture.components.means[0, 0] == pytest.approx(X.mean())
    assert explained.mixture.components.covariances[0] == pytest.approx(X.var())
    assert "2 parameters (μ₁ and σ₁²), all free" in answer(explained, "density")
    assert explained.to_dict()["parameters"] == {"numbers": 2, "free": 2}
    assert "All to Gaussian 1, the only one." in answer(explained, "assignment")
    assert "With one Gaussian EM needs a single M-step" in whole(explained)


def test_one_row_far_away_keeps_its_digits():
    theta0 = mx.Mixture([0.5, 0.5], mx.Gaussian([0, 3], [1, 1]))
    explained = mx.explain(theta0, [1.0, 2.0, -1.0, 3.0, 1e6], iterations=1)
    assert "×10⁻²¹⁷¹" in explained.text()
    assert explained.to_dict()["start"]["labels"][-1] == 1
    assert np.isfinite(explained.divergence).all()


def test_a_row_beyond_floating_point_is_refused_by_number():
    theta0 = mx.Mixture([0.5, 0.5], mx.Gaussian([0, 3], [1, 1]))
    with pytest.raises(DataError, match="row 2 of X"):
        mx.explain(theta0, [1.0, 2.0, 1e200, 3.0])


def test_weight_two_counts_a_row_twice():
    theta0, X = problem("VVV", 2)
    weighted = mx.explain(theta0, X, sample_weight=np.full(len(X), 2.0))
    twice = mx.explain(theta0, np.concatenate([X, X]))
    assert weighted.log_likelihood == pytest.approx(twice.log_likelihood, rel=1e-12)
    assert weighted.bound_after == pytest.approx(twice.bound_after, rel=1e-12)
    assert weighted.to_dict()["bound"]["gap"] == pytest.approx(twice.to_dict()["bound"]["gap"], rel=1e-9)
    assert "wᵢ γₖᵢ" in answer(weighted, "m_step")
    assert "the sum of the row weights" in whole(weighted)
    assert "wᵢ" not in twice.text()


def test_a_component_without_rows_is_said_to_be_emptied():
    theta0 = mx.Mixture([0.5, 0.5], mx.Gaussian([0, 5000], [1, 1e-3]))
    explained = mx.explain(theta0, [1.0, 2.0, 5.0, 8.0, 3.0])
    assert explained.to_dict()["end"]["troubles"] == [{"component": "Gaussian 2", "what": "emptied", "iteration": 1}]
    assert "No row belongs to Gaussian 2" in whole(explained)
    assert "Gaussian 2 lost all its rows in M-step 1" in whole(explained)


def test_a_collapse_is_said():
    theta0 = mx.Mixture([0.5, 0.5], mx.Gaussian([0, 5], [1, 1e-3]))
    explained = mx.explain(theta0, [1.0, 2.0, 5.0, 8.0, 3.0])
    assert explained.to_dict()["end"]["troubles"][0]["what"] == "collapsed"
    assert "Gaussian 2 collapsed in M-step 1" in whole(explained)
    assert "local optimum" not in whole(explained)


def test_equal_components_are_said_never_to_part():
    theta0 = mx.Mixture([0.5, 0.5], mx.Gaussian([3, 3], [1, 1]))
    explained = mx.explain(theta0, [1.0, 2.0, 5.0, 8.0, 3.0])
    assert "Gaussian 1 and Gaussian 2 coincide here" in whole(explained)
    assert "local optimum" not in whole(explained)


def test_iterations_are_as_many_as_asked_for():
    theta0, X = problem("VVV", 2)
    for n in (1, 2, 40):
        explained = mx.explain(theta0, X, iterations=n)
        assert explained.n_iter == len(explained.to_dict()["path"]) == n
    assert f"After {n} M-steps, as many as were asked for" in answer(explained, "path")


def test_not_converged_is_said():
    theta0 = mx.Mixture([0.5, 0.5], mx.Gaussian([6, 7], [1, 4]))
    explained = mx.explain(theta0, [-1.0, 0.0, 4.0, 5.0, 6.0], max_iter=3)
    assert not explained.converged
    assert "It was stopped after 3 M-steps (max_iter), before it converged" in answer(explained, "path")
    assert "EM has not converged here" in whole(explained)


def test_long_tables_say_what_they_leave_out():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(0, 1, 60), rng.normal(2, 1, 60)])
    explained = mx.explain(mx.Mixture([0.5, 0.5], mx.Gaussian([0, 1], [1, 1])), X)
    assert "108 more are left out" in whole(explained)
    assert "iterations between are left out" in whole(explained)
    assert max(explained.start.uncertainty) == explained.start.uncertainty[explained.start.least_certain]
    assert len(explained.text().splitlines()) < 350


def test_text_fits_a_narrow_terminal(exercise):
    assert all(len(line) <= 64 for line in exercise.text(width=64).splitlines())


def test_equal_calls_give_equal_bits(exercise):
    again = mx.explain(exercise.theta0, exercise.rows)
    assert again.to_dict() == exercise.to_dict()
    assert again.text() == exercise.text()
    assert again._repr_html_() == exercise._repr_html_()


def test_the_start_is_unchanged_and_names_come_from_the_rows():
    import pandas as pd

    theta0, X = problem("EEE", 2)
    explained = mx.explain(theta0, pd.DataFrame(X, columns=["length", "width"]))
    assert theta0.columns is None
    assert explained.to_dict()["columns"] == ["length", "width"]
    assert "In length" in whole(explained)


def test_bad_calls_are_refused():
    theta0 = mx.Mixture([0.5, 0.5], mx.Gaussian([6, 7], [1, 4]))
    with pytest.raises(ParameterError, match="theta0"):
        mx.explain([0.5, 0.5], [1.0, 2.0])
    with pytest.raises(ShapeError):
        mx.explain(theta0, [[1.0, 2.0]])
    with pytest.raises(ParameterError, match="iterations"):
        mx.explain(theta0, [1.0, 2.0], iterations=0)
    with pytest.raises(ParameterError, match="tol"):
        mx.explain(theta0, [1.0, 2.0], tol=0)


def test_repr_is_short(exercise):
    assert repr(exercise) == "<Explanation: EM step by step: a mixture of 2 Gaussians for 5 rows; print it to read it>"
