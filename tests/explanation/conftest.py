"""The course exercise, explained once for all tests."""

from __future__ import annotations

import pytest

import mixtura as mx


@pytest.fixture(scope="session")
def exercise():
    """θ₀ = {0.5, 0.5, 6, 7, 1, 4} and x = −1, 0, 4, 5, 6."""
    theta0 = mx.Mixture([0.5, 0.5], mx.Gaussian(means=[6, 7], covariances=[1, 4]))
    return mx.explain(theta0, [-1, 0, 4, 5, 6])
