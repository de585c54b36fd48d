"""`GaussianMixture` beside scikit-learn's own class, and what it has beyond it."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Theirs
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mixtura as mx
from mixtura.errors import ParameterError
from mixtura.families.covariance import STRUCTURES

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(0, 1, (150, 3)), RNG.normal(3, 0.7, (100, 3)), RNG.normal((0, 5, 1), 1.5, (80, 3))])
TYPES = ["full", "tied", "diag", "spherical"]


def fitted(cls, *args, data=X, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return cls(*args, **options).fit(data)


@pytest.mark.parametrize("init", ["kmeans", "random", "k-means++", "random_from_data"])
@pytest.mark.parametrize("kind", TYPES)
def test_equal_starts_give_equal_results(kind: str, init: str) -> None:
    """Not tied from single rows: scikit-learn's covariance is then that of the rows that were left out, about zero."""
    if kind == "tied" and init in ("k-means++", "random_from_data"):
        pytest.skip("scikit-learn's start depends on the origin")
    options = {"covariance_type": kind, "init_params": init, "n_init": 2, "random_state": 1}
    ours, theirs = fitted(mx.GaussianMixture, 3, **options), fitted(Theirs, 3, **options)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.converged_ == theirs.converged_
    assert ours.score(X) == pytest.approx(theirs.score(X), abs=1e-12)
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9, atol=1e-11)
        assert getattr(ours, name).shape == getattr(theirs, name).shape
    np.testing.assert_allclose(ours.lower_bounds_[:-1], theirs.lower_bounds_[1:], rtol=1e-12)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-10)
    assert ours.bic(X) == pytest.approx(theirs.bic(X), rel=1e-12)
    assert ours.aic(X) == pytest.approx(theirs.aic(X), rel=1e-12)
    assert ours.lower_bound_ == pytest.approx(ours.score(X), rel=1e-12)
    a, b = ours.sample(7), theirs.sample(7)
    np.testing.assert_allclose(a[0], b[0], rtol=1e-6)
    np.testing.assert_array_equal(a[1], b[1])


@pytest.mark.parametrize("kind", TYPES)
def test_single_precision_is_near_and_stays_single(kind: str) -> None:
    options = {"covariance_type": kind, "random_state": 1}
    ours, theirs = fitted(mx.GaussianMixture, 3, data=X.astype(np.float32), **options), fitted(Theirs, 3, **options)
    assert ours.means_.dtype == ours.covariances_.dtype == ours.weights_.dtype == np.float32
    assert ours.score(X) == pytest.approx(theirs.score(X), abs=1e-4)


@pytest.mark.parametrize("kind", TYPES)
def test_given_parameters_are_the_start(kind: str) -> None:
    first = fitted(Theirs, 3, covariance_type=kind, random_state=0, max_iter=2)
    given = {"weights_init": first.weights_, "means_init": first.means_, "precisions_init": first.precisions_}
    ours = fitted(mx.GaussianMixture, 3, covariance_type=kind, max_iter=9, **given)
    theirs = fitted(Theirs, 3, covariance_type=kind, max_iter=9, **given)
    np.testing.assert_allclose(ours.means_, theirs.means_, rtol=1e-10)
    given.pop("precisions_init")
    other = fitted(
        mx.GaussianMixture, 3, covariance_type=kind, max_iter=9, covariances_init=first.covariances_, **given
    )
    np.testing.assert_allclose(other.means_, ours.means_, rtol=1e-9)
    nothing = fitted(
        mx.GaussianMixture, 3, covariance_type=kind, max_iter=0, covariances_init=first.covariances_, **given
    )
    np.testing.assert_allclose(nothing.covariances_, first.covariances_, rtol=1e-12, atol=1e-14)
    assert nothing.n_iter_ == 0
    assert nothing.lower_bound_ == pytest.approx(first.score(X), rel=1e-12)


def test_labels_and_responsibilities_start_alike() -> None:
    labels = np.repeat([0, 1, 2], [150, 100, 80])
    a = fitted(mx.GaussianMixture, 3, labels_init=labels, max_iter=3)
    b = fitted(mx.GaussianMixture, 3, responsibilities_init=np.eye(3)[labels], max_iter=3)
    np.testing.assert_array_equal(a.means_, b.means_)
    with pytest.raises(ValueError, match="both given"):
        mx.GaussianMixture(3, labels_init=labels, responsibilities_init=np.eye(3)[labels]).fit(X)


@pytest.mark.parametrize("structure", [name for name in STRUCTURES if len(name) == 3])
def test_fourteen_structures(structure: str) -> None:
    gm = fitted(mx.GaussianMixture, 3, covariance_type=structure, random_state=0, tol=1e-8, max_iter=500)
    assert gm.mixture_.structure == structure
    own = mx.fit(X, start=gm.mixture_)  # reg_covar moves it little
    assert gm.log_likelihood_ == pytest.approx(own.log_likelihood, abs=0.05)


def test_several_numbers_are_decided_by_the_criterion() -> None:
    gm = fitted(mx.GaussianMixture, range(1, 6), random_state=0)
    assert gm.n_components_ == 3
    assert len(gm.weights_) == 3
    preset = mx.GaussianMixture(range(1, 6), preset="mixtura").fit(X)
    assert preset.n_components_ == 3
    assert preset.bic(X) <= gm.bic(X)


def test_preset_is_mixturas_own_fit() -> None:
    gm, fit = mx.GaussianMixture(3, preset="mixtura").fit(X), mx.fit(X, 3, "VVV")
    np.testing.assert_array_equal(gm.means_, fit.mixture.components.means)
    assert gm.log_likelihood_ == fit.log_likelihood
    assert gm.remaining_gain_ == fit.remaining_gain
    assert gm.summary() == fit.summary()
    with pytest.raises(ValueError, match="decides tol, max_iter itself"):
        mx.GaussianMixture(3, preset="mixtura", tol=1e-5, max_iter=3).fit(X)


def test_weights_count_rows() -> None:
    w = np.where(np.arange(len(X)) % 4 == 0, 3, 1)
    twice = np.repeat(X, w, axis=0)
    labels = np.repeat([0, 1, 2], [150, 100, 80])
    a = mx.GaussianMixture(3, labels_init=labels).fit(X, sample_weight=w)
    b = mx.GaussianMixture(3, labels_init=np.repeat(labels, w)).fit(twice)
    np.testing.assert_allclose(a.means_, b.means_, rtol=1e-9)
    assert a.score(X, sample_weight=w) == pytest.approx(b.score(twice), rel=1e-12)
    assert a.bic(X, sample_weight=w) == pytest.approx(b.bic(twice), rel=1e-12)
    assert a.icl(X, sample_weight=w) == pytest.approx(b.icl(twice), rel=1e-12)


def test_lives_in_pipelines_searches_frames_and_pickles() -> None:
    frame = load_iris(as_frame=True).data
    pipe = make_pipeline(StandardScaler().set_output(transform="pandas"), mx.GaussianMixture(3, random_state=0))
    pipe.fit(frame)
    assert list(pipe[-1].feature_names_in_) == list(frame.columns)
    assert pipe[-1].mixture_.columns == tuple(frame.columns)
    grid = GridSearchCV(
        mx.GaussianMixture(random_state=0),
        {"n_components": [1, 3], "covariance_type": TYPES},
        cv=KFold(3, shuffle=True, random_state=0),
    )
    assert grid.fit(X).best_params_["n_components"] == 3
    for preset in ("scikit-learn", "mixtura"):
        gm = mx.GaussianMixture(2, preset=preset).fit(frame)
        again = pickle.loads(pickle.dumps(gm))
        np.testing.assert_array_equal(again.predict(frame), gm.predict(frame))
        assert pickle.loads(pickle.dumps(gm.mixture_)) == gm.mixture_
    with pytest.raises(ValueError, match="feature names"):
        gm.predict(pd.DataFrame(np.ones((2, 4)), columns=list("abcd")))


def test_sample_weight_is_routed() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        gm = mx.GaussianMixture(2, random_state=0).set_fit_request(sample_weight=True)
        pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), gm)
        pipe.fit(X, sample_weight=np.ones(len(X)))
    assert pipe[-1].log_likelihood_ < 0


def test_to_scikit_learn_scipy_and_back() -> None:
    gm = fitted(mx.GaussianMixture, 3, random_state=0)
    theirs = gm.to_sklearn()
    assert isinstance(theirs, Theirs)
    np.testing.assert_allclose(theirs.predict_proba(X), gm.predict_proba(X), atol=1e-10)
    back = mx.GaussianMixture.from_sklearn(fitted(Theirs, 3, random_state=0))
    np.testing.assert_allclose(back.predict_proba(X), gm.predict_proba(X), atol=1e-10)
    for structure in ("VVE", "VEI", "EII"):
        theta = mx.fit(X, 2, structure).mixture
        other = mx.to_sklearn(theta)
        np.testing.assert_allclose(other.score_samples(X), theta.log_prob(X), rtol=1e-10)
        np.testing.assert_allclose(mx.from_sklearn(other).log_prob(X), theta.log_prob(X), rtol=1e-10)
    line = mx.fit(X[:, 0], 2, "V").mixture
    normal = mx.to_scipy(line)
    np.testing.assert_allclose(np.log(normal.pdf(X[:, 0])), line.log_prob(X[:, 0]), rtol=1e-10)
    with pytest.raises(ParameterError, match="have one"):
        mx.to_scipy(gm.mixture_)
    with pytest.raises(ParameterError, match="expected a fitted GaussianMixture"):
        mx.from_sklearn(StandardScaler())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"weights_init": [0.5, 0.6, 0.1]}, "should be normalized"),
        ({"weights_init": [0.5, 0.5]}, r"should have the shape of \(3,\)"),
        ({"weights_init": [-0.5, 1.0, 0.5]}, "should be in the range"),
        ({"means_init": np.zeros((3, 2))}, r"should have the shape of \(3, 3\)"),
        ({"precisions_init": -np.stack([np.eye(3)] * 3)}, "symmetric, positive-definite"),
        ({"precisions_init": np.ones((3, 3)), "covariance_type": "tied"}, "symmetric, positive-definite"),
        ({"precisions_init": np.zeros(3), "covariance_type": "spherical"}, "should be positive"),
        ({"covariance_type": "round"}, "covariance_type"),
        ({"tol": -1.0}, "tol"),
        ({"n_components": []}, "whole numbers of at least 1"),
        ({"n_components": 400}, "n_samples >= n_components"),
    ],
)
def test_bad_parameters_are_named(options: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        mx.GaussianMixture(**({"n_components": 3} | options)).fit(X)


def test_singular_start_is_scikit_learns_error() -> None:
    with pytest.raises(ValueError, match="ill-defined empirical covariance"):
        mx.GaussianMixture(2, reg_covar=0, labels_init=[0, 0, 1, 1]).fit([[0.0, 1], [0, 1], [1, 0], [1, 2]])


def test_import_costs_no_more_than_scikit_learn() -> None:
    """`import mixtura` loads no scikit-learn; the class loads what scikit-learn's own does, and mixtura."""

    def loaded(code: str) -> set[str]:
        code = f"import sys; {code}; print(*{{m.split('.')[0] for m in sys.modules}})"
        return set(
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
        )

    assert "sklearn" not in loaded("import mixtura")
    assert loaded("import mixtura; mixtura.GaussianMixture") - loaded("import sklearn.mixture") <= {"mixtura"}


@pytest.mark.parametrize("kind", TYPES)
def test_a_column_of_zeros_is_no_harm(kind: str) -> None:
    """Pixels at the border of a picture, for instance: reg_covar alone is their variance, as in scikit-learn."""
    padded = np.column_stack([X, np.zeros(len(X))])
    ours, theirs = (
        fitted(c, 3, covariance_type=kind, random_state=0, data=padded) for c in (mx.GaussianMixture, Theirs)
    )
    assert ours.score(padded) == pytest.approx(theirs.score(padded), abs=1e-9)
