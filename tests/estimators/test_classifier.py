"""`MixtureClassifier`: mclust's published numbers, scikit-learn's checks, and laws."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import mixtura as mx
from mixtura import MixtureClassifier
from mixtura.errors import CollapseError, DegenerateWarning

SPECIES = np.repeat(["setosa", "versicolor", "virginica"], 50)


@pytest.fixture(scope="module")
def iris(rows):
    return rows("iris")


# The checks have classes of two or three rows, or with a column that does not vary in them.
@pytest.mark.filterwarnings("ignore:class .*:mixtura.errors.DegenerateWarning")
@parametrize_with_checks([MixtureClassifier(n_components=1), MixtureClassifier(model="EDDA")])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_edda_of_iris_is_mclusts(iris):
    # mclust 6.1.3, vignette: VEV, log-likelihood -187.7097, 38 parameters, BIC -565.8236, error 0.02, Brier 0.0127
    found = MixtureClassifier(model="EDDA").fit(iris, SPECIES)
    assert found.mixtures_[0].structure == "VEV"
    assert found.discriminant_.log_likelihood(iris) == pytest.approx(-187.7097, abs=5e-5)
    assert found.discriminant_.n_parameters == 38
    assert found.discriminant_.bic(iris) == pytest.approx(565.8236, abs=5e-5)
    assert 1 - found.score(iris, SPECIES) == pytest.approx(0.02)
    brier = ((found.predict_proba(iris) - np.eye(3).repeat(50, axis=0)) ** 2).sum() / (2 * 150)
    assert brier == pytest.approx(0.0127, abs=5e-5)


def test_cross_validated_error_of_edda_is_near_mclusts(iris):
    # mclust 6.1.3, vignette: error 0.0267 with standard error 0.0109 in ten folds; folds are drawn by chance
    folds = StratifiedKFold(10, shuffle=True, random_state=0)
    errors = 1 - cross_val_score(MixtureClassifier(model="EDDA", structure="VEV"), iris, SPECIES, cv=folds)
    assert abs(errors.mean() - 0.0267) < 0.0109


def test_variable_covariances_are_quadratic_discriminant_analysis(iris):
    ours = MixtureClassifier(model="EDDA", structure="VVV").fit(iris, SPECIES)
    theirs = QuadraticDiscriminantAnalysis(store_covariance=True).fit(iris, SPECIES)
    for mixture, covariance in zip(ours.mixtures_, theirs.covariance_, strict=True):
        np.testing.assert_allclose(mixture.components.covariances[0], covariance, rtol=1e-10)
    np.testing.assert_array_equal(ours.predict(iris), theirs.predict(iris))


def test_probabilities_follow_from_bayes_rule(iris):
    priors = [0.7, 0.2, 0.1]
    found = MixtureClassifier(n_components=[1, 2], structure="EEE,VVV", priors=priors).fit(iris, SPECIES)
    np.testing.assert_array_equal(found.priors_, priors)
    joint = np.stack([np.exp(m.log_prob(iris)) for m in found.mixtures_], axis=1) * priors
    np.testing.assert_allclose(found.predict_proba(iris), joint / joint.sum(axis=1, keepdims=True), atol=1e-12)
    np.testing.assert_allclose(np.exp(found.predict_log_proba(iris)), found.predict_proba(iris), atol=1e-12)
    far = found.predict_log_proba(iris[:1] + 1e3)
    assert np.all(np.isfinite(far))


def test_each_class_has_the_mixture_that_fit_finds_for_it(iris):
    found = MixtureClassifier(n_components=[1, 2], structure=["EEE", "VVV"], random_state=3).fit(iris, SPECIES)
    for c, name in enumerate(found.classes_):
        alone = mx.fit(iris[name == SPECIES], [1, 2], ["EEE", "VVV"])
        own = iris[name == SPECIES]
        assert found.mixtures_[c].log_likelihood(own) == pytest.approx(alone.log_likelihood, abs=1e-6)
    table = found.discriminant_.table
    assert list(table["class"]) == list(found.classes_)
    assert found.discriminant_.n_parameters == sum(table["n_parameters"]) + 2


def test_a_class_of_several_groups_is_no_single_ellipse():
    rng = np.random.default_rng(5)
    ring = np.concatenate([rng.normal(size=(60, 2)) + centre for centre in ([6, 0], [-6, 0], [0, 6], [0, -6])])
    X, y = np.concatenate([ring, rng.normal(size=(120, 2))]), np.repeat([1, 0], [240, 120])
    mixture = MixtureClassifier(n_components=range(1, 6), structure="VVV,EII").fit(X, y)
    assert mixture.mixtures_[1].n_components == 4
    assert mixture.score(X, y) > 0.98


def test_a_class_too_small_for_its_own_covariance_shares_one(iris):
    kept = np.r_[0:2, 50:150]
    with pytest.warns(DegenerateWarning, match="class setosa with 2 rows has no sound mixture of its own"):
        found = MixtureClassifier(n_components=1, structure="VVV").fit(iris[kept], SPECIES[kept])
    assert found.score(iris[:50], SPECIES[:50]) > 0.9
    with pytest.raises(CollapseError, match="Allow structures that share covariances"):
        MixtureClassifier(model="EDDA", structure="VVV").fit(iris[kept], SPECIES[kept])


def test_row_weights_count_rows_and_zero_leaves_them_out(iris):
    weight = np.where(np.arange(150) % 2, 2.0, 1.0)
    rows = np.repeat(np.arange(150), weight.astype(int))
    for options in ({"model": "EDDA"}, {"n_components": 1, "structure": "VVV"}):
        one = MixtureClassifier(**options).fit(iris, SPECIES, sample_weight=weight)
        other = MixtureClassifier(**options).fit(iris[rows], SPECIES[rows])
        np.testing.assert_allclose(one.predict_proba(iris), other.predict_proba(iris), atol=1e-9)
    without = MixtureClassifier(model="EDDA").fit(iris, SPECIES, sample_weight=(SPECIES != "setosa") * 1.0)
    assert list(without.classes_) == ["versicolor", "virginica"]


def test_frames_grids_and_pickles(iris, columns):
    frame = pd.DataFrame(iris, columns=columns("iris"))
    grid = GridSearchCV(MixtureClassifier(model="EDDA"), {"structure": ["EII", "VEV"]}, cv=3).fit(frame, SPECIES)
    assert grid.best_params_ == {"structure": "VEV"}
    again = pickle.loads(pickle.dumps(grid.best_estimator_))
    np.testing.assert_array_equal(again.predict_proba(frame), grid.predict_proba(frame))
    assert again.mixtures_[0] == grid.best_estimator_.mixtures_[0]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"model": "LDA"}, "'model' parameter of MixtureClassifier must be a str among"),
        ({"model": "EDDA", "n_components": 2}, "one component a class; n_components is 2"),
        ({"model": "EDDA", "regularization": "map"}, "no regularization"),
        ({"priors": [0.5, 0.6, 0.1]}, "expected 3 non-negative numbers that sum to one"),
        ({"structure": "VVQ"}, "unknown structure 'VVQ'"),
        ({"criterion": "best"}, "criterion is 'best'"),
    ],
)
def test_errors_say_what_was_wanted(iris, wrong, words):
    with pytest.raises(ValueError, match=words):
        MixtureClassifier(**{"structure": "EEE", "n_components": None if "model" in wrong else 1} | wrong).fit(
            iris, SPECIES
        )
    with pytest.raises(ValueError, match="y has one class"):
        MixtureClassifier().fit(iris, ["a"] * 150)
