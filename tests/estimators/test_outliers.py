"""`MixtureOutlierDetector`: scikit-learn's checks, and a threshold that keeps its promise."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.stats import chi2, norm
from sklearn.utils.estimator_checks import parametrize_with_checks

from mixtura import MixtureOutlierDetector


# The checks have fewer rows than columns.
@pytest.mark.filterwarnings("ignore::mixtura.errors.DegenerateWarning")
@parametrize_with_checks([MixtureOutlierDetector(structure="VVV")])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("level", [0.001, 0.01, 0.2])
def test_threshold_of_one_gaussian_is_a_quantile_of_chi_squared(level):
    X = np.random.default_rng(0).normal(size=(500, 3)) @ np.diag([1, 5, 0.1]) + 7
    found = MixtureOutlierDetector(level=level, n_components=1, structure="VVV", random_state=0).fit(X)
    components = found.mixture_.components
    log_peak = components.component_log_prob(components.means)[0, 0]
    # 100,000 draws: the standard error of a quantile at p, in nats
    density = 2 * chi2.pdf(chi2.isf(level, 3), 3)
    error = np.sqrt(level * (1 - level) / 1e5) / density
    assert abs(found.offset_ - (log_peak - chi2.isf(level, 3) / 2)) < 4 * error


def test_threshold_in_one_column_is_exact():
    X = np.random.default_rng(1).normal(2, 3, size=(200, 1))
    found = MixtureOutlierDetector(level=0.05, n_components=1).fit(X)
    mean, std = found.mixture_.mean[0], np.sqrt(found.mixture_.covariance[0, 0])
    assert found.offset_ == pytest.approx(norm.logpdf(mean + std * norm.isf(0.025), mean, std), rel=1e-9)


def test_so_many_proper_rows_are_called_outliers_as_the_level_says():
    rng = np.random.default_rng(4)

    def draw(n):
        return np.where(rng.random((n, 1)) < 0.5, rng.normal(size=(n, 2)), rng.normal(size=(n, 2)) * [3, 0.3] + [8, 0])

    found = MixtureOutlierDetector(level=0.02, n_components=2, structure="VVV", random_state=0).fit(draw(4000))
    share = np.mean(found.predict(draw(40_000)) == -1)
    assert 0.016 < share < 0.024
    assert found.predict([[4.0, 6.0]]) == -1
    np.testing.assert_array_equal(found.predict([[0.0, 0.0], [8.0, 0.0]]), 1)


def test_contamination_is_the_share_of_the_training_rows():
    X = np.random.default_rng(5).normal(size=(200, 2))
    found = MixtureOutlierDetector(contamination=0.1, n_components=1).fit(X)
    assert np.sum(found.predict(X) == -1) == 20
    np.testing.assert_array_equal(found.decision_function(X), found.score_samples(X) - found.offset_)
    heavy = np.where(np.arange(200) < 20, 9.0, 1.0)
    weighted = MixtureOutlierDetector(contamination=0.1, n_components=1, structure="EII").fit(X, sample_weight=heavy)
    below = heavy[weighted.predict(X) == -1].sum() / heavy.sum()
    assert below <= 0.1 < below + 9 / heavy.sum()


def test_equal_seeds_give_equal_thresholds_and_pickles_keep_them():
    X = np.random.default_rng(6).normal(size=(100, 2))
    one, other = (MixtureOutlierDetector(n_components=1, random_state=3).fit(X) for _ in range(2))
    assert one.offset_ == other.offset_
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(one)).decision_function(X), one.decision_function(X))
    with pytest.raises(ValueError, match="'level' parameter of MixtureOutlierDetector must be a float"):
        MixtureOutlierDetector(level=1.5).fit(X)
