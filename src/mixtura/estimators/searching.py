"""What estimators share that choose their mixture as `mixtura.fit` does."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from mixtura.regularization import Regularization

SEARCH_CONSTRAINTS: dict[str, Any] = {
    "n_components": [None, Interval(Integral, 1, None, closed="left"), "array-like", range],
    "structure": [str, "array-like"],
    "criterion": [str],
    "n_starts": [Interval(Integral, 1, None, closed="left")],
    "regularization": [None, str, Regularization],
    "random_state": ["random_state"],
}


def search_options(estimator: Any) -> dict[str, Any]:
    """The options of `mixtura.fit` that an estimator's parameters say, but for the candidates."""
    return {
        "criterion": estimator.criterion,
        "n_starts": estimator.n_starts,
        "regularization": estimator.regularization,
        "seed": int(check_random_state(estimator.random_state).randint(2**31 - 1)),
    }
