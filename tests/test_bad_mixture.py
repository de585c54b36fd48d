"""What makes no sense of a mixture is refused: the right class of error, and what was wrong, wanted and to be done."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura.errors import DegenerateWarning, ParameterError, ShapeError, StructureError

X = np.random.default_rng(0).normal(size=(20, 2))
TWO = mx.Mixture([0.5, 0.5], mx.Gaussian([[0.0, 0.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]))

MIXTURES = {
    "negative weight": (
        lambda: mx.Mixture([1.5, -0.5], TWO.components),
        ParameterError,
        r"weights\[1\] is -0\.5; .*non-negative",
    ),
    "weights that do not sum to one": (
        lambda: mx.Mixture([0.5, 0.6], TWO.components),
        ParameterError,
        "weights sum to 1.1; mixing proportions must sum to 1",
    ),
    "NaN weight": (lambda: mx.Mixture([np.nan, 0.5], TWO.components), ParameterError, r"weights\[0\] is nan"),
    "three weights for two": (
        lambda: mx.Mixture([0.2, 0.3, 0.5], TWO.components),
        ShapeError,
        r"weights has shape \(3,\) but the mixture has 2 components; expected \(2,\)",
    ),
    "no components": (
        lambda: mx.Mixture([1.0], "gaussian"),
        ParameterError,
        "expected a family, such as mixtura.Gaussian",
    ),
    "equal names": (
        lambda: mx.Mixture([0.5, 0.5], TWO.components, ["a", "a"]),
        ShapeError,
        "expected 2 different texts",
    ),
    "covariance not positive definite": (
        lambda: mx.Gaussian([[0, 0]], [[[1, 2], [2, 1]]]),
        ParameterError,
        r"covariances\[0\] is not positive definite \(.*eigenvalue is -1\)",
    ),
    "mismatched shapes": (
        lambda: mx.Gaussian([[0, 0, 0]], [[[1, 0], [0, 1]]]),
        (ShapeError, StructureError),
        r"covariances of shape \(1, 2, 2\) with means of shape \(1, 3\)",
    ),
    "columns of X": (
        lambda: TWO.predict(X[:, :1]),
        ShapeError,
        "X has 1 columns but the mixture has 2; expected as many",
    ),
    "one row written flat": (lambda: TWO.predict([0.0, 1.0]), ShapeError, r"One row is written \[\[…\]\]"),
    "columns of X in em": (lambda: mx.em(TWO, X[:, :1]), ShapeError, "X has 1 columns but theta has 2 features"),
    "responsibilities of other components": (
        lambda: TWO.lower_bound(X, np.ones((20, 1))),
        ShapeError,
        "there are 2 components",
    ),
    "responsibilities that do not sum": (
        lambda: TWO.lower_bound(X, np.ones((20, 2))),
        ParameterError,
        r"resp\[0\] is \[1\.0, 1\.0\]; each row",
    ),
    "responsibilities of other rows": (
        lambda: TWO.lower_bound(X, np.ones((5, 2)) / 2),
        ShapeError,
        r"responsibilities have shape \(5, 2\).*X has 20 rows",
    ),
    "negative label": (
        lambda: mx.Mixture.from_responsibilities(X, np.full(20, -1)),
        ParameterError,
        "label -1 in row 0; expected labels counted from 0",
    ),
    "label beyond the rows": (
        lambda: mx.Mixture.from_responsibilities(X, [0] * 19 + [10**12]),
        ParameterError,
        "label 1000000000000 in row 19 asks for more components than there are rows",
    ),
    "no iterations of em": (lambda: mx.em(TWO, X, max_iter=0), ParameterError, "max_iter is 0"),
    "no tolerance of em": (
        lambda: mx.em(TWO, X, tol=-1.0),
        ParameterError,
        r"tol is -1\.0; expected a positive number",
    ),
    "unknown column": (lambda: TWO.marginal(["height"]), ParameterError, "no column 'height'"),
    "column out of range": (lambda: TWO.marginal([2]), ParameterError, "column 2 does not exist; expected 0 to 1"),
    "the same column twice": (lambda: TWO.marginal([0, 0]), ParameterError, "at least one, each once"),
    "nothing left": (
        lambda: TWO.condition({0: 0.0, 1: 0.0}),
        ParameterError,
        "all columns are given; expected at least one to be left",
    ),
    "NaN given": (lambda: TWO.condition({0: np.nan}), ParameterError, "nan"),
    "no samples": (lambda: TWO.sample(0), ParameterError, "n_samples is 0"),
    "moments of other columns": (
        lambda: TWO.conditional_moments(X, [0]),
        ShapeError,
        "X has 2 columns but 1 are given",
    ),
}


@pytest.mark.parametrize("what", MIXTURES)
def test_what_makes_no_sense_of_a_mixture_is_refused(what):
    call, error, words = MIXTURES[what]
    with pytest.raises(error, match=words):
        call()


def test_questions_of_the_wrong_kind_are_refused_with_the_right_form() -> None:
    theta = mx.Mixture([0.5, 0.5], mx.Gaussian([[0, 0], [3, 3]], [1.0, 1.0]))
    for ask, form in (
        (lambda: theta.take([5]), "from 0 to 1"),
        (lambda: theta.take([]), "from 0 to 1"),
        (lambda: theta.marginal(0), r"\[0\]"),
        (lambda: theta.condition([0]), r"\{0: 2.5\}"),
        (lambda: mx.em(3, [[0.0, 1.0]]), "a mixtura.Mixture"),
        (lambda: mx.fit([[0.0], [1.0]], 1, structure=None), "'all'"),
    ):
        with pytest.raises(ParameterError, match=form):
            ask()


def test_an_m_step_without_rows_or_spread_is_said_to_be_degenerate() -> None:
    for labels in ([0, 0, 1, 1], [0, 0, 2, 2]):
        with pytest.warns(DegenerateWarning, match="component 1"):
            mx.Mixture.from_responsibilities(
                [0.0, 1.0, 5.0, 5.0] if labels[2] == 1 else [0.0, 1.0, 5.0, 6.0], labels, "V"
            )
