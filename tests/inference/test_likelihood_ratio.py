"""The bootstrap likelihood-ratio test and cross-validation."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura.errors import CollapseError, DataError, ParameterError
from mixtura.inference.cross_validation import deal


@pytest.fixture(scope="module")
def diabetes(rows):
    """Corrected: row 104 counted from 1 has insulin 455."""
    X = rows("diabetes").copy()
    X[103, 1] = 455.0
    return X


@pytest.fixture(scope="module")
def two_groups():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(0, 1, 60), rng.normal(5, 1, 40)])


def test_the_statistic_is_twice_the_gain_and_the_p_value_counts(two_groups):
    test = mx.likelihood_ratio_test(two_groups, (1, 2), "E", n_resamples=49)
    one, two = (mx.fit(two_groups, k, "E").log_likelihood for k in (1, 2))
    assert test.statistic == pytest.approx(2 * (two - one), abs=1e-4)
    assert len(test.null) == 49
    assert test.p_value == (1 + (test.null >= test.statistic).sum()) / 50 == 0.02
    assert "1 against 2" in repr(test)


def test_p_values_are_uniform_where_the_smaller_mixture_is_true():
    """Forty data sets of one Gaussian, 19 resamples each: ranks 1 to 20; mean 10.5, error of the mean 0.9."""
    rng = np.random.default_rng(0)
    p = [mx.likelihood_ratio_test(rng.normal(size=50), (1, 2), "E", 19, seed, n_starts=4).p_value for seed in range(40)]
    assert np.mean(p) * 20 == pytest.approx(10.5, abs=2.8)
    assert np.mean(np.array(p) <= 0.25) == pytest.approx(0.25, abs=0.2)


def test_threads_change_no_bit_and_stopping_early_is_a_prefix(two_groups):
    whole = mx.likelihood_ratio_test(two_groups, (2, 3), "V", 60, n_threads=1)
    assert whole.null.tobytes() == mx.likelihood_ratio_test(two_groups, (2, 3), "V", 60, n_threads=3).null.tobytes()
    early = mx.likelihood_ratio_test(two_groups, (2, 3), "V", 60, stop_after=5)
    assert early.stopped_early
    np.testing.assert_array_equal(early.null, whole.null[: len(early.null)])
    assert (early.null >= early.statistic).sum() == 5
    assert early.null[-1] >= early.statistic
    assert early.p_value == 5 / len(early.null)


def test_a_sequence_ends_at_the_first_test_that_is_not_significant(two_groups):
    found = mx.likelihood_ratio_sequence(two_groups, 5, "E", 59)
    assert found.n_components == 2
    assert [t.n_components for t in found.tests] == [(1, 2), (2, 3)]
    assert found.tests[1].p_value > 0.05
    assert found.tests[1].null.tobytes() == mx.likelihood_ratio_test(two_groups, (2, 3), "E", 59).null.tobytes()
    assert found.table["p_value"].tolist() == [t.p_value for t in found.tests]
    assert "2 components; 3 are not significantly better" in repr(found)
    assert mx.likelihood_ratio_sequence(two_groups, 2, "E", 19).note.startswith("every test")


def test_diabetes_has_three_components(diabetes):
    """V with 999 resamples: p .001, .001, .283 for statistics 369.98537, 121.10652, 19.90071 (see the slow test)."""
    found = mx.likelihood_ratio_sequence(diabetes, 6, "VVV", 39)
    assert found.n_components == 3
    assert [t.p_value for t in found.tests[:2]] == [1 / 40, 1 / 40]


@pytest.mark.slow
def test_diabetes_beside_the_published_test(diabetes):
    """The optima of V at 2 and 4 components are beaten, so statistics differ; at 1 and 3 they are ours.

    1v2: V 369.98537, ours at least 395.30; 2v3: V 121.10652, ours at most 95.84, their sum the same but for 0.05 (V
    stops 0.0246 nats early at 3). 3v4: V 19.90071 and p = .283, ours at least 35.66; the null statistics rise with it,
    as resamples are searched as well as the rows. Of 999 resamples each p is off by .0145, so three errors of their
    difference are .06; our search changes what is compared, so a little more is allowed.
    """
    found = mx.likelihood_ratio_sequence(diabetes, 6, "VVV", 999)
    one, two, three = found.tests
    assert one.p_value == two.p_value == 0.001
    assert one.statistic >= 395.30
    assert one.statistic + two.statistic == pytest.approx(369.98537 + 121.10652, abs=0.06)
    assert three.statistic >= 35.66
    assert three.p_value == pytest.approx(0.283, abs=0.1)
    assert found.n_components == 3


def test_bad_tests_are_refused(two_groups):
    with pytest.raises(ParameterError, match="smaller number first"):
        mx.likelihood_ratio_test(two_groups, (2, 1))
    with pytest.raises(ParameterError, match="two numbers"):
        mx.likelihood_ratio_test(two_groups, 2)
    with pytest.raises(DataError, match="3 rows"):
        mx.likelihood_ratio_test([1.0, 2.0, 4.0], (3, 4))
    with pytest.raises(CollapseError, match="V,4"):
        mx.likelihood_ratio_test([1.0, 2.0, 4.0, 7.0], (1, 4))
    with pytest.raises(ParameterError, match="level"):
        mx.likelihood_ratio_sequence(two_groups, 3, level=1.0)


def test_cross_validation_of_one_gaussian_by_hand():
    X = np.random.default_rng(1).normal(7.0, 2.0, 53)
    fold, total = deal(53, 10, 3), 0.0
    for i in range(10):
        seen, unseen = X[fold != i], X[fold == i]
        total += (-0.5 * np.log(2 * np.pi * seen.var()) - 0.5 * (unseen - seen.mean()) ** 2 / seen.var()).sum()
    assert mx.cross_validated_log_likelihood(X, 1, seed=3) == pytest.approx(total, rel=1e-9)
    assert sorted(np.bincount(fold)) == [5] * 7 + [6] * 3


def test_cross_validation_finds_the_number_of_groups(two_groups):
    values = [mx.cross_validated_log_likelihood(two_groups, k, "E", n_threads=1) for k in (1, 2, 3, 5)]
    assert np.argmax(values) == 1
    assert mx.cross_validated_log_likelihood(two_groups, 2, "E", n_threads=3) == values[1]
    assert mx.cross_validated_log_likelihood(two_groups, 2, "E", sample_weight=np.full(100, 2.0)) == pytest.approx(
        2 * values[1], rel=1e-6
    )


def test_cross_validation_that_cannot_be_done_says_so(two_groups):
    assert mx.cross_validated_log_likelihood([1.0, 2.0, 4.0, 7.0, 8.0, 9.0], 3, "V", folds=2) == -np.inf
    with pytest.raises(DataError, match="one fold a row"):
        mx.cross_validated_log_likelihood([1.0, 2.0, 4.0], 1, folds=4)
    with pytest.raises(DataError, match="only 2 rows are left"):
        mx.cross_validated_log_likelihood([1.0, 2.0, 4.0, 7.0], 3, folds=2)
