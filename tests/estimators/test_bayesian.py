"""`BayesianGaussianMixture` beside scikit-learn's: the same posterior, the same answers, the same words."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_t
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture as Theirs
from sklearn.utils.estimator_checks import parametrize_with_checks

import mixtura as mx
from mixtura import BayesianGaussianMixture

TYPES = ["full", "tied", "diag", "spherical"]
PRIORS = ["dirichlet_process", "dirichlet_distribution"]
POSTERIOR = [
    "weights_",
    "means_",
    "covariances_",
    "precisions_",
    "precisions_cholesky_",
    "weight_concentration_",
    "mean_precision_",
    "degrees_of_freedom_",
    "weight_concentration_prior_",
    "mean_precision_prior_",
    "mean_prior_",
    "degrees_of_freedom_prior_",
    "covariance_prior_",
]


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(3)
    return np.concatenate([rng.normal(size=(90, 2)), rng.normal(size=(60, 2)) * [2, 0.5] + [4, 3]])


@parametrize_with_checks([BayesianGaussianMixture()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random", "random_from_data"])
@pytest.mark.parametrize("kind", PRIORS)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_posterior_equals_scikit_learns(X, covariance_type, kind, init):
    if covariance_type == "tied" and init in ("k-means++", "random_from_data"):
        return  # their first covariance is of other rows than their first means: see the next test
    options = {
        "n_components": 4,
        "covariance_type": covariance_type,
        "weight_concentration_prior_type": kind,
        "init_params": init,
        "random_state": 1,
    }
    theirs, ours = Theirs(**options).fit(X), BayesianGaussianMixture(**options).fit(X)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.converged_ == theirs.converged_
    for name in POSTERIOR:
        mine, other = np.asarray(getattr(ours, name)), np.asarray(getattr(theirs, name))
        assert mine.shape == other.shape, name
        np.testing.assert_allclose(mine, other, rtol=1e-7, atol=1e-7, err_msg=name)
    np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), atol=1e-7)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-7)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    for mine, other in zip(ours.sample(20), theirs.sample(20), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-6)
    constants = np.array(ours.lower_bounds_) * len(X) - np.array(theirs.lower_bounds_).ravel()
    assert np.ptp(constants) < 1e-7  # theirs leaves the constants out, and is a total


@pytest.mark.parametrize("init", ["k-means++", "random_from_data"])
def test_shared_covariance_starts_from_the_rows_of_the_start_wherever_the_origin_is(X, init):
    options = {"n_components": 4, "covariance_type": "tied", "init_params": init, "max_iter": 0, "random_state": 0}

    def changed_by_a_shift(kind):
        here, there = kind(**options).fit(X), kind(**options).fit(X + 50)
        return np.abs(there.covariances_ - here.covariances_).max()

    assert changed_by_a_shift(BayesianGaussianMixture) < 1e-9
    assert changed_by_a_shift(Theirs) > 100  # rows without a component count, about zero: a difference on purpose


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("covariance_type", TYPES)
def test_one_column_and_given_priors(X, covariance_type):
    shapes = {"full": [[2.0]], "tied": [[2.0]], "diag": [2.0], "spherical": 2.0}
    options = {
        "n_components": 3,
        "covariance_type": covariance_type,
        "covariance_prior": shapes[covariance_type],
        "mean_prior": [0.5],
        "mean_precision_prior": 0.3,
        "degrees_of_freedom_prior": 2.5,
        "weight_concentration_prior": 10.0,
        "max_iter": 7,
        "random_state": 0,
    }
    theirs, ours = Theirs(**options).fit(X[:, :1]), BayesianGaussianMixture(**options).fit(X[:, :1])
    for name in POSTERIOR:
        mine, other = np.asarray(getattr(ours, name)), np.asarray(getattr(theirs, name))
        assert mine.shape == other.shape, name
        np.testing.assert_allclose(mine, other, rtol=1e-7, err_msg=name)


def test_parameters_and_defaults_are_scikit_learns():
    assert BayesianGaussianMixture().get_params() == Theirs().get_params()
    public = {name for name in vars(Theirs(random_state=0).fit([[0.0], [1.0]])) if not name.startswith("_")}
    ours = BayesianGaussianMixture(random_state=0).fit([[0.0], [1.0]])
    assert public <= {name for name in vars(ours) if not name.startswith("_")}
    methods = {name for name in dir(Theirs) if not name.startswith("_")}
    assert methods <= set(dir(BayesianGaussianMixture)) | {"set_fit_predict_request"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_components": 0},
        {"tol": -1.0},
        {"covariance_type": "round"},
        {"init_params": "guess"},
        {"degrees_of_freedom_prior": 0.5},
        {"mean_prior": [1.0]},
        {"covariance_prior": [[1.0]]},
        {"covariance_prior": [[1.0, 2.0], [2.0, 1.0]]},
        {"covariance_type": "diag", "covariance_prior": [1.0, -1.0]},
        {"weight_concentration_prior": 0.0},
        {"n_components": 200},
    ],
)
def test_errors_are_scikit_learns(X, wrong):
    with pytest.raises(ValueError) as theirs:
        Theirs(**wrong).fit(X)
    with pytest.raises(ValueError) as ours:
        BayesianGaussianMixture(**wrong).fit(X)
    if wrong == {"covariance_type": "round"}:
        return  # theirs lists four types, ours six more
    said = (str(error.value).replace("'BayesianGaussianMixture'", "") for error in (ours, theirs))
    mine, other = (sorted(text.replace("{", "{ ").replace("}", ", }").split()) for text in said)  # sets have no order
    assert mine == other


def test_warns_and_prints_as_scikit_learn_does(X, capsys):
    said = []
    for kind in (Theirs, BayesianGaussianMixture):
        with pytest.warns(ConvergenceWarning) as warned:
            kind(n_components=3, max_iter=4, n_init=2, verbose=1, verbose_interval=2, random_state=0).fit(X)
        said.append((str(warned[0].message), capsys.readouterr().out))
    assert said[0] == said[1]
    kind(n_components=2, verbose=2, verbose_interval=5, random_state=0).fit(X)
    assert "ll change" in capsys.readouterr().out


def test_warm_start_goes_on_where_it_was(X):
    whole = BayesianGaussianMixture(n_components=3, random_state=0, tol=1e-9, max_iter=500).fit(X)
    parts = BayesianGaussianMixture(n_components=3, random_state=0, tol=1e-9, max_iter=20, warm_start=True)
    with pytest.warns(ConvergenceWarning):
        parts.fit(X)
    parts.set_params(max_iter=500).fit(X)
    np.testing.assert_allclose(parts.means_, whole.means_, atol=1e-7)
    assert parts.n_iter_ + 20 == whole.n_iter_


def test_lower_bound_is_complete(X):
    one = BayesianGaussianMixture(n_components=1, reg_covar=0, tol=1e-9).fit(X)
    from scipy.special import multigammaln

    n, d, nu0 = len(X), 2, 2
    scale = one.covariances_[0] * one.degrees_of_freedom_[0]
    evidence = (
        -0.5 * n * d * np.log(np.pi)
        + multigammaln((nu0 + n) / 2, d)
        - multigammaln(nu0 / 2, d)
        + 0.5 * nu0 * np.linalg.slogdet(one.covariance_prior_)[1]
        - 0.5 * (nu0 + n) * np.linalg.slogdet(scale)[1]
        - 0.5 * d * np.log(1 + n)
        - np.log(1 + n)  # the first stick takes all n rows: B(1 + n, 1) / B(1, 1)
    )
    assert one.lower_bound_ * n == pytest.approx(evidence, rel=1e-12)


def test_predictive_density_of_one_component_is_student_t(X):
    for covariance_type in TYPES:
        one = BayesianGaussianMixture(covariance_type=covariance_type, reg_covar=0, tol=1e-9).fit(X)
        nu, beta = float(np.ravel(one.degrees_of_freedom_)[0]), one.mean_precision_[0]
        covariance = one.mixture_.components.covariance_matrices[0]
        shape = covariance * nu * (1 + beta) / (beta * (nu - 1))
        expected = multivariate_t(one.means_[0], shape, df=nu - 1).logpdf(X)
        np.testing.assert_allclose(one.predictive_log_prob(X), expected, rtol=1e-10)


def test_predictive_density_integrates_to_one(X):
    found = BayesianGaussianMixture(n_components=3, random_state=0).fit(X[:, :1])
    grid = np.linspace(-400, 400, 200_001)
    density = np.exp(found.predictive_log_prob(grid[:, None]))
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-4)
    assert np.trapezoid(np.exp(found.score_samples(grid[:, None])), grid) < 0.99  # scikit-learn's is none


def test_structures_beyond_scikit_learns(X):
    for name, same in zip(("VVV", "EEE", "VVI", "VII"), TYPES, strict=True):
        a = BayesianGaussianMixture(n_components=2, covariance_type=name, random_state=0).fit(X)
        b = BayesianGaussianMixture(n_components=2, covariance_type=same, random_state=0).fit(X)
        np.testing.assert_array_equal(a.covariances_, b.covariances_)
    for name, shape in (("EEI", (2,)), ("EII", ())):
        found = BayesianGaussianMixture(n_components=2, covariance_type=name, random_state=0).fit(X)
        assert found.covariances_.shape == shape
        assert np.all(np.diff(found.lower_bounds_) > 0)


def test_a_column_that_does_not_vary_is_no_trouble(X):
    flat = np.column_stack([X, np.ones(len(X))])
    for covariance_type in TYPES:
        found = BayesianGaussianMixture(n_components=2, covariance_type=covariance_type, random_state=0).fit(flat)
        assert np.isfinite(found.lower_bound_)
        assert np.all(np.isfinite(found.predict_proba(flat)))


def test_frames_pickles_clones_and_mixtures(X):
    frame = pd.DataFrame(X, columns=["length", "width"])
    found = BayesianGaussianMixture(n_components=2, random_state=0).fit(frame)
    assert list(found.feature_names_in_) == ["length", "width"]
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.predict_proba(frame), found.predict_proba(frame))
    assert clone(found).get_params() == found.get_params()
    mixture = found.mixture_
    assert isinstance(mixture, mx.Mixture)
    assert mixture.columns == ("length", "width")
    np.testing.assert_allclose(mixture.components.covariances, found.covariances_, rtol=1e-12)


def test_row_weights_count_rows(X):
    twice = np.arange(len(X)) % 2 == 0
    rows = np.concatenate([X, X[twice]])
    options = {"n_components": 1, "random_state": 0}
    one = BayesianGaussianMixture(**options).fit(X, sample_weight=1.0 + twice)
    other = BayesianGaussianMixture(**options).fit(rows)
    np.testing.assert_allclose(one.covariances_, other.covariances_, rtol=1e-10)
    assert one.lower_bound_ == pytest.approx(other.lower_bound_, rel=1e-12)
    with pytest.raises(ValueError, match="expected more than 1"):
        BayesianGaussianMixture().fit(X, sample_weight=np.full(len(X), 1e-3))
