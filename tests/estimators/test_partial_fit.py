"""`partial_fit` (stepwise EM) and `fixed` behind scikit-learn's face."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import mixtura as mx
from mixtura.errors import ParameterError

TYPES = ["full", "tied", "diag", "spherical", "VEV"]


def rows(n: int, seed: int = 0):
    """Rows of three groups in two columns."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    return rng.normal(size=(n, 2)) * [0.8, 1.2] + np.array([[0, 0], [5, 1], [1, 6]])[labels]


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("preset", ["scikit-learn", "mixtura"])
def test_blocks_lead_where_all_rows_lead(kind, preset):
    X = rows(20_000)
    options = {"covariance_type": kind, "preset": preset, "random_state": 0}
    stream = mx.GaussianMixture(3, **options)
    for start in range(0, len(X), 1_000):
        stream.partial_fit(X[start : start + 1_000])
    whole = mx.GaussianMixture(3, **options).fit(X)
    first = mx.GaussianMixture(3, **options).fit(X[:1_000])
    test = rows(20_000, 1)
    assert stream.score(test) == pytest.approx(whole.score(test), abs=5e-4)
    assert stream.score(test) > first.score(test)
    assert stream.n_iter_ == 19
    assert len(stream.lower_bounds_) == 19
    assert not stream.converged_
    assert "Learnt from 19000 rows in 19 blocks" in stream.summary()


def test_the_first_block_is_fitted_and_a_fit_starts_anew():
    X = rows(2_000)
    one, other = (mx.GaussianMixture(3, random_state=0) for _ in range(2))
    np.testing.assert_array_equal(one.partial_fit(X).means_, other.fit(X).means_)
    one.partial_fit(X)
    assert one.n_iter_ == 1
    np.testing.assert_array_equal(one.fit(X).means_, other.means_)
    assert one.lower_bound_ == other.lower_bound_
    assert "Learnt" not in one.summary()


def test_it_is_the_learner_of_the_core():
    X, w = rows(3_000), np.random.default_rng(1).uniform(0.5, 2, size=3_000)
    gm = mx.GaussianMixture(3, random_state=0, reg_covar=1e-3).fit(X[:1_000])
    learner = mx.OnlineEM(gm.mixture_, reg_covar=1e-3)
    for start in (1_000, 2_000):
        here = slice(start, start + 1_000)
        gm.partial_fit(X[here], sample_weight=w[here])
        step = learner.update(X[here], w[here])
        assert gm.lower_bound_ == step.mean_log_likelihood
        np.testing.assert_array_equal(gm.means_, step.mixture.components.means)


def test_reg_covar_is_on_every_variance():
    X = np.repeat(rows(50), 40, axis=0)[np.random.default_rng(0).permutation(2_000)]
    X[:, 1] = 1.0
    gm = mx.GaussianMixture(2, random_state=0, reg_covar=0.25)
    for start in range(0, 2_000, 200):
        gm.partial_fit(X[start : start + 200])
    # The running statistics begin with the first fit's variances, in which it is already; that fades.
    np.testing.assert_allclose(gm.covariances_[:, 1, 1], 0.25, rtol=1e-3)


def test_a_pickled_estimator_goes_on_and_a_clone_does_not():
    X = rows(3_000)
    gm = mx.GaussianMixture(3, random_state=0).partial_fit(X[:1_000]).partial_fit(X[1_000:2_000])
    later = pickle.loads(pickle.dumps(gm))
    np.testing.assert_array_equal(gm.partial_fit(X[2_000:]).means_, later.partial_fit(X[2_000:]).means_)
    assert not hasattr(clone(gm), "weights_")


def test_frames_float32_and_other_libraries_fits_are_taken():
    frame = pd.DataFrame(rows(2_000).astype(np.float32), columns=["a", "b"])
    gm = mx.GaussianMixture(3, random_state=0).partial_fit(frame[:1_000]).partial_fit(frame[1_000:])
    assert gm.means_.dtype == np.float32
    assert gm.mixture_.columns == ("a", "b")
    with pytest.raises(ValueError, match="feature names"):
        gm.partial_fit(frame[["b", "a"]])
    with pytest.raises(ValueError, match="1 features"):
        mx.GaussianMixture(1).partial_fit(rows(50)).partial_fit(rows(50)[:, :1])
    theirs = mx.GaussianMixture.from_sklearn(mx.GaussianMixture(3, random_state=0).fit(rows(500)).to_sklearn())
    assert theirs.partial_fit(rows(500)).n_iter_ == 1


# fixed


@pytest.mark.parametrize("kind", TYPES)
def test_fixed_parts_keep_the_values_of_their_inits(kind):
    X, means = rows(2_000), np.array([[0.5, 0.0], [5.0, 1.0], [1.0, 5.0]])
    gm = mx.GaussianMixture(3, covariance_type=kind, means_init=means, fixed="means", random_state=0).fit(X)
    np.testing.assert_allclose(gm.means_, means, rtol=1e-13, atol=1e-14)
    free = mx.GaussianMixture(3, covariance_type=kind, means_init=means, random_state=0).fit(X)
    assert gm.lower_bound_ < free.lower_bound_
    assert gm.mixture_.n_parameters == free.mixture_.n_parameters - 6
    p = gm.mixture_.n_parameters
    assert gm.bic(X) == pytest.approx(p * np.log(2_000) - 2 * 2_000 * gm.score(X))


def test_fixed_parts_stay_in_every_way_of_fitting():
    X, weights = rows(2_000), np.array([0.5, 0.25, 0.25])
    covariances = np.array([np.eye(2), 2 * np.eye(2), np.diag([1.0, 3.0])])
    means = np.array([[0.5, 0.0], [5.0, 1.0], [1.0, 5.0]])
    inits = {"weights_init": weights, "means_init": means, "covariances_init": covariances}
    fixed = {"weights": [0], "covariances": [1]}
    for gm in (
        mx.GaussianMixture(3, **inits, fixed=fixed).fit(X),
        mx.GaussianMixture(3, **inits, fixed=fixed, reg_covar=0.1).fit(X),
        mx.GaussianMixture(3, **inits, fixed=fixed, preset="mixtura").fit(X),
        mx.GaussianMixture(3, **inits, fixed=fixed).partial_fit(X).partial_fit(X),
        mx.GaussianMixture(3, **inits, fixed=fixed, warm_start=True).fit(X).fit(X),
    ):
        assert gm.weights_[0] == pytest.approx(0.5, abs=1e-14)
        np.testing.assert_allclose(gm.covariances_[1], covariances[1], atol=1e-12)
        assert gm.weights_[1] != 0.25
        assert not np.allclose(gm.covariances_[0], covariances[0], atol=1e-2)


def test_labels_say_where_fixed_parts_are():
    X = rows(300)
    labels = (X[:, 0] > 3).astype(int)
    gm = mx.GaussianMixture(2, labels_init=labels, fixed={"means": [1]}).fit(X)
    np.testing.assert_allclose(gm.means_[1], X[labels == 1].mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fixed": "means"}, "fixed holds means but means_init is not given"),
        ({"fixed": {"weights": [0]}, "means_init": np.eye(2)}, "fixed holds weights but weights_init is not given"),
        ({"fixed": "means", "preset": "mixtura"}, "give start="),
        ({"fixed": "precisions"}, "expected weights, means, covariances"),
        ({"fixed": 3}, "'fixed' parameter"),
        ({"n_components": [1, 2], "fixed": "means"}, "expected one number where parts are fixed"),
        (
            {"covariance_type": "tied", "covariances_init": np.eye(2), "fixed": {"covariances": [0]}},
            "Fix all or none",
        ),
    ],
)
def test_contradictions_are_refused(options, words):
    with pytest.raises((ValueError, ParameterError), match=words):
        mx.GaussianMixture(**{"n_components": 2} | options).fit(rows(50))
