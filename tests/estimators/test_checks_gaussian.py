"""scikit-learn's checks of estimators."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import mixtura as mx


@pytest.mark.filterwarnings("ignore::mixtura.errors.DegenerateWarning")  # some checks have more columns than rows
@parametrize_with_checks([mx.GaussianMixture(), mx.GaussianMixture(preset="mixtura")])
def test_gaussian_mixture_is_an_estimator(estimator, check) -> None:
    check(estimator)
