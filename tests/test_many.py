"""`fit_many`: the same answers as one fit at a time, for every structure the core knows."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura.algorithms.compiled import STRUCTURES
from mixtura.errors import DataError, ShapeError


@pytest.fixture(scope="module")
def problems() -> np.ndarray:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(12, 150, 3)) * [1.0, 2.0, 0.5] + 100
    X[:, :60] += 6 * rng.random((12, 1, 3)) + 2
    return X


@pytest.mark.parametrize("structure", [s for s in STRUCTURES if len(s) == 3])
def test_each_problem_reaches_the_optimum_of_a_fit_of_its_own(problems: np.ndarray, structure: str) -> None:
    fits = mx.fit_many(problems, 2, structure)
    assert fits.sound.all()
    assert fits.converged.all()
    for i in (0, 5, 11):
        alone = mx.fit(problems[i], 2, structure)
        assert fits.log_likelihood[i] >= alone.log_likelihood - 1e-4
        assert fits[i].log_likelihood(problems[i]) == pytest.approx(fits.log_likelihood[i], rel=1e-10)
        assert fits[i].bic(problems[i]) == pytest.approx(fits.bic[i], rel=1e-10)


def test_one_column_may_be_written_flat_and_weights_count_rows() -> None:
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(0, 1, (5, 80)), rng.normal(9, 2, (5, 40))], axis=1)
    twice = mx.fit_many(np.concatenate([X, X], axis=1), 2, "V")
    weighted = mx.fit_many(X, 2, "V", sample_weight=np.full(120, 2.0))
    np.testing.assert_allclose(weighted.log_likelihood, twice.log_likelihood, rtol=1e-9)
    np.testing.assert_allclose(weighted.bic, twice.bic, rtol=1e-9)
    np.testing.assert_allclose(weighted.means, twice.means, rtol=1e-5)


def test_components_come_by_falling_weight_and_threads_change_no_bit(problems: np.ndarray) -> None:
    one, three = (mx.fit_many(problems, 3, "VVV", n_threads=t) for t in (1, 3))
    assert np.all(np.diff(one.weights, axis=1) <= 0)
    for a, b in ((one.means, three.means), (one.covariances, three.covariances)):
        assert a.tobytes() == b.tobytes()


def test_one_component_is_the_closed_form(problems: np.ndarray) -> None:
    fits = mx.fit_many(problems, 1, "VVV")
    np.testing.assert_allclose(fits.means[:, 0], problems.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(fits.covariances[3, 0], np.cov(problems[3].T, bias=True), rtol=1e-10)


def test_a_problem_that_collapses_is_said_not_to_be_sound() -> None:
    X = np.zeros((2, 40))
    X[0, 20:] = 5.0
    X[1] = np.random.default_rng(0).normal(size=40) + 9 * (np.arange(40) % 2)
    fits = mx.fit_many(X, 2, "V")
    assert fits.sound.tolist() == [False, True]


def test_bad_problems_are_named(problems: np.ndarray) -> None:
    bad = problems.copy()
    bad[7, 3, 1] = np.nan
    with pytest.raises(DataError, match="problem 7"):
        mx.fit_many(bad, 2)
    bad[7] = 1.0
    with pytest.raises(DataError, match="problem 7 has a constant column"):
        mx.fit_many(bad, 2)
    with pytest.raises(ShapeError, match="n_problems"):
        mx.fit_many(np.zeros(5), 2)
    with pytest.raises(DataError, match="150 rows"):
        mx.fit_many(problems, 151)
