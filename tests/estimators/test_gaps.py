"""NaN is a missing cell in every estimator: exact EM on the others, and answers from what is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import mixtura as mx
from mixtura.errors import DataError

CLASS = np.repeat([0, 1, 2], 100)
COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")


@pytest.fixture(scope="module")
def whole() -> np.ndarray:
    centres = np.array([[0.0, 0, 0], [6, 0, 3], [0, 6, -3]])
    return centres[CLASS] + np.random.default_rng(0).normal(size=(300, 3))


@pytest.fixture(scope="module")
def gappy(whole) -> np.ndarray:
    """One cell of seven missing, and one row that knows nothing."""
    holes = np.random.default_rng(1).random(whole.shape) < 1 / 7
    holes[5] = True
    return np.where(holes, np.nan, whole)


def observed_log_prob(mixture, row) -> np.ndarray:
    """log π_k N(x_o; k), from SciPy."""
    seen = ~np.isnan(row)
    parts = zip(mixture.components.means, mixture.components.covariance_matrices, strict=True)
    densities = [multivariate_normal(m[seen], c[np.ix_(seen, seen)]).logpdf(row[seen]) for m, c in parts]
    return np.log(mixture.weights) + densities


class TestGaussianMixture:
    @pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
    def test_it_ends_at_the_optimum_of_the_known_cells(self, gappy, covariance_type) -> None:
        options = {"covariance_type": covariance_type, "reg_covar": 0, "tol": 1e-9, "max_iter": 2000}
        found = mx.GaussianMixture(3, random_state=0, **options).fit(gappy)
        best = mx.fit(gappy, 3, covariance_type)
        assert found.log_likelihood_ == pytest.approx(best.log_likelihood, abs=1e-4)
        assert found.bic(gappy) == pytest.approx(best.bic, abs=1e-3)

    def test_answers_are_those_of_the_known_cells(self, gappy) -> None:
        found = mx.GaussianMixture(3, random_state=0).fit(gappy)
        joint = np.stack([observed_log_prob(found.mixture_, row) for row in np.delete(gappy, 5, 0)[:40]])
        log_prob = np.logaddexp.reduce(joint, axis=1)
        rows = np.delete(gappy, 5, 0)[:40]
        np.testing.assert_allclose(found.score_samples(rows), log_prob, rtol=1e-10)
        np.testing.assert_allclose(found.predict_proba(rows), np.exp(joint - log_prob[:, None]), atol=1e-10)
        np.testing.assert_allclose(found.predict_proba(gappy[5:6])[0], found.weights_, rtol=1e-12)
        np.testing.assert_allclose(found.uncertainty(rows), 1 - found.predict_proba(rows).max(axis=1), atol=1e-12)

    def test_the_presets_and_several_numbers(self, gappy) -> None:
        ours = mx.GaussianMixture(3, preset="mixtura").fit(gappy)
        assert ours.log_likelihood_ == pytest.approx(mx.fit(gappy, 3, "VVV").log_likelihood, abs=1e-6)
        assert mx.GaussianMixture(range(1, 5), random_state=0).fit(gappy).n_components_ == 3

    def test_weight_two_is_the_row_twice(self, gappy) -> None:
        twice = np.random.default_rng(2).random(300) < 0.3
        start = {"responsibilities_init": np.eye(3)[CLASS]}
        weighted = mx.GaussianMixture(3, **start).fit(gappy, sample_weight=1.0 + twice)
        start = {"responsibilities_init": np.eye(3)[np.r_[CLASS, CLASS[twice]]]}
        doubled = mx.GaussianMixture(3, **start, tol=1e-9, max_iter=500).fit(np.r_[gappy, gappy[twice]])
        weighted.set_params(tol=1e-9, max_iter=500, warm_start=True).fit(gappy, sample_weight=1.0 + twice)
        np.testing.assert_allclose(weighted.means_, doubled.means_, atol=1e-5)

    def test_it_stands_in_a_grid_search(self, gappy) -> None:
        pipe = make_pipeline(mx.GaussianMixture(random_state=0))
        search = GridSearchCV(pipe, {"gaussianmixture__n_components": [1, 3]}, cv=3)
        search.fit(np.random.default_rng(3).permutation(np.delete(gappy, 5, 0)))
        assert search.best_params_ == {"gaussianmixture__n_components": 3}

    def test_bad_cells_are_named(self, whole) -> None:
        with pytest.raises(DataError, match="column 1 is missing in all 300 rows"):
            mx.GaussianMixture(2).fit(np.where(np.arange(3) == 1, np.nan, whole))
        bad = whole.copy()
        bad[7, 2] = -np.inf
        for estimator in (mx.GaussianMixture(2), mx.GaussianMixture(2, preset="mixtura"), mx.MixtureRegressor()):
            with pytest.raises(ValueError, match=r"infinity .* row 7, column 2"):
                estimator.fit(bad, whole[:, 0])
        with pytest.raises(ValueError, match="NaN"):
            mx.GaussianMixture(2).fit(whole).partial_fit(np.where(np.arange(3) == 1, np.nan, whole))


class TestBayesianGaussianMixture:
    @pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
    def test_the_bound_never_falls(self, gappy, covariance_type) -> None:
        found = mx.BayesianGaussianMixture(n_components=4, covariance_type=covariance_type, reg_covar=0, random_state=0)
        bounds = found.set_params(tol=1e-7, max_iter=500).fit(gappy).lower_bounds_
        assert len(bounds) > 3
        assert np.diff(bounds).min() > -1e-12

    def test_rows_that_know_nothing_change_nothing(self, gappy) -> None:
        rows = np.delete(gappy, 5, 0)
        prior = {"mean_prior": np.zeros(3), "covariance_prior": np.eye(3), "degrees_of_freedom_prior": 4}
        options = {"n_components": 3, "random_state": 0, "max_iter": 50, "tol": 0.0, **prior}
        with pytest.warns(UserWarning, match="did not converge"):
            less, more = (mx.BayesianGaussianMixture(**options).fit(X) for X in (rows, gappy))
        np.testing.assert_allclose(more.means_, less.means_, atol=1e-8)
        assert more.lower_bound_ == pytest.approx(less.lower_bound_, rel=1e-9)

    def test_it_finds_the_groups(self, gappy, whole) -> None:
        found = mx.BayesianGaussianMixture(n_components=3, random_state=0, max_iter=500).fit(gappy)
        assert mx.adjusted_rand(found.predict(gappy), CLASS) > 0.9
        with pytest.raises(ValueError, match="NaN"):
            found.predictive_log_prob(gappy)


class TestOthers:
    @pytest.mark.parametrize("model", ["EDDA", "MclustDA"])
    def test_classes_are_told_from_what_is_known(self, gappy, whole, model) -> None:
        found = mx.MixtureClassifier(model=model, structure="VVV", n_components=1).fit(gappy, CLASS)
        rows = np.delete(gappy, 5, 0)[::7]
        joint = np.stack([[observed_log_prob(m, r)[0] for m in found.mixtures_] for r in rows]) + np.log(found.priors_)
        want = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True))
        np.testing.assert_allclose(found.predict_proba(rows), want, atol=1e-9)
        assert found.score(whole, CLASS) > 0.98

    def test_edda_is_em_with_all_labels_known(self, gappy) -> None:
        edda = mx.MixtureClassifier(model="EDDA", structure="EEE").fit(gappy, CLASS)
        joint = mx.fit(gappy, 3, "EEE", y=CLASS)
        np.testing.assert_allclose([m.components.means[0] for m in edda.mixtures_], joint.mixture.components.means)

    def test_regression_on_the_columns_that_are_known(self, gappy, whole) -> None:
        found = mx.MixtureRegressor(n_components=3, structure="VVV").fit(gappy[:, :2], whole[:, 2])
        mean, std = found.predict([[np.nan, 6.0], [np.nan, np.nan]], return_std=True)
        alone = found.mixture_.marginal([1, 2]).conditional_moments([[6.0]], given=[0])
        assert mean[0] == pytest.approx(alone[0][0, 0])
        assert std[0] == pytest.approx(np.sqrt(alone[1][0, 0, 0]))
        assert mean[1] == pytest.approx(found.mixture_.mean[2])
        assert std[1] == pytest.approx(np.sqrt(found.mixture_.covariance[2, 2]))

    def test_outliers_among_what_is_known(self, gappy, whole) -> None:
        found = mx.MixtureOutlierDetector(n_components=3, structure="VVV", level=0.02, random_state=0).fit(gappy)
        assert found.predict([[np.nan, 30, np.nan], [np.nan] * 3, [0, 0, np.nan]]).tolist() == [-1, 1, 1]
        draws, _ = found.mixture_.sample(20_000, 3)
        draws[:, 1] = np.nan
        assert (found.predict(draws) == -1).mean() == pytest.approx(0.02, abs=0.004)
        with pytest.raises(ValueError, match="NaN"):
            mx.MixtureOutlierDetector(contamination=0.1).fit(gappy)
