"""Known labels, allowed components, priors over components and groups of rows: exact, in the same fit."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import mixtura as mx
import mixtura.sources.strata as strata
from mixtura.errors import ParameterError, ShapeError
from mixtura.families.covariance import structure_names

RNG = np.random.default_rng(4)
CENTRES = np.array([[0.0, 0, 0], [3, 0, 0], [0, 3, 3]])
CLASS = np.repeat([0, 1, 2], 40)
X = CENTRES[CLASS] + RNG.normal(size=(120, 3))
W = RNG.integers(1, 4, size=120).astype(float)
Y = np.where(RNG.random(120) < 0.4, CLASS, -1)
GAPS = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
GAPS[7] = np.nan  # a row that knows nothing
GROUPS = np.where(np.arange(120) % 4 == 0, -1, np.arange(120) // 4)
SETS = (RNG.random((120, 3)) < 0.5) | (np.arange(3) == CLASS[:, None])
PRIORS = RNG.random((120, 3)) + (np.arange(3) == CLASS[:, None])
THETA = mx.Mixture.from_responsibilities(X, CLASS)


def joint(rows=X, theta=THETA):
    """log π_k p(x_o | k), by SciPy."""
    means, covariances = theta.components.means, theta.components.covariance_matrices
    out = np.tile(theta.log_weights, (len(rows), 1))
    for i, k in itertools.product(range(len(rows)), range(theta.n_components)):
        o = ~np.isnan(rows[i])
        if o.any():
            out[i, k] += multivariate_normal(means[k][o], covariances[k][np.ix_(o, o)]).logpdf(rows[i][o])
    return out


def log_likelihood(rows=X, sample_weight=None, theta=THETA, **known):
    return next(iter(mx.em(theta, rows, sample_weight, **known))).log_likelihood


@pytest.mark.parametrize("rows", [X, GAPS], ids=["whole", "gaps"])
@pytest.mark.parametrize("many", [1, 10**9], ids=["strata", "batches"])
class TestLikelihood:
    def test_a_label_is_one_term_of_the_sum(self, rows, many, monkeypatch):
        monkeypatch.setattr(strata, "MANY_ROWS", many)
        terms = joint(rows)
        every = np.logaddexp.reduce(terms, axis=1)
        expected = np.where(Y >= 0, terms[np.arange(120), Y], every)
        assert log_likelihood(rows, W, y=Y) == pytest.approx(W @ expected, abs=1e-9)

    def test_a_set_is_the_sum_over_it(self, rows, many, monkeypatch):
        monkeypatch.setattr(strata, "MANY_ROWS", many)
        expected = np.logaddexp.reduce(np.where(SETS, joint(rows), -np.inf), axis=1)
        assert log_likelihood(rows, W, y=SETS) == pytest.approx(W @ expected, abs=1e-9)


@pytest.mark.parametrize("rows", [X, GAPS], ids=["whole", "gaps"])
def test_a_prior_multiplies_the_weights_of_its_row(rows):
    expected = np.logaddexp.reduce(joint(rows) + np.log(PRIORS), axis=1)
    assert log_likelihood(rows, W, y=PRIORS) == pytest.approx(W @ expected, abs=1e-9)
    assert log_likelihood(rows, W, y=SETS.astype(float)) == pytest.approx(log_likelihood(rows, W, y=SETS), abs=1e-9)


@pytest.mark.parametrize("rows", [X, GAPS], ids=["whole", "gaps"])
@pytest.mark.parametrize("y", [None, Y, SETS, PRIORS], ids=["alone", "labels", "sets", "priors"])
def test_a_group_has_one_component_whose_weight_counts_once(rows, y):
    """Σ over groups of log Σ_k π_k Π_i e_ik p(x_i | k)^w_i (Shental et al. 2004)."""
    groups = np.where(np.arange(120) % 4 == 0, -1, np.arange(120) // 40 * 40 + np.arange(120) // 4 % 10)
    evidence = np.ones((120, 3))
    if y is not None:
        evidence = np.where(y[:, None] >= 0, np.eye(3)[y], 1.0) if y.ndim == 1 else y.astype(float)
    density = joint(rows) - THETA.log_weights
    with np.errstate(divide="ignore"):
        log_evidence = np.log(evidence)
    blank = np.isnan(rows).all(axis=1) & ((np.ptp(evidence, axis=1) == 0) if y is not None else True)
    w = np.where(blank, 0.0, W)
    expected = w[groups < 0] @ np.logaddexp.reduce(density + log_evidence + THETA.log_weights, axis=1)[groups < 0]
    for group in np.unique(groups[groups >= 0]):
        own = (groups == group) & (w > 0)
        expected += np.logaddexp.reduce(
            (w[own, None] * density[own] + log_evidence[own]).sum(axis=0) + THETA.log_weights
        )
    assert log_likelihood(rows, W, y=y, groups=groups) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("structure", structure_names(3))
@pytest.mark.parametrize("known", ["labels", "sets", "priors", "groups"])
def test_the_certificate_holds(structure, known):
    start = mx.Mixture.from_responsibilities(X, np.roll(CLASS, 20), structure)
    options = {"labels": {"y": Y}, "sets": {"y": SETS}, "priors": {"y": PRIORS}, "groups": {"groups": GROUPS}}[known]
    steps = list(mx.em(start, GAPS, W, max_iter=8, **options))
    for here, then in itertools.pairwise(steps):
        assert here.log_likelihood <= here.lower_bound + 1e-9
        assert here.lower_bound <= then.log_likelihood + 1e-9


def test_groups_of_one_row_and_unknown_labels_change_nothing():
    nothing = [{"y": np.full(120, -1)}, {"y": np.ones((120, 3), bool)}, {"groups": np.full(120, -1)}]
    assert len({log_likelihood(**known) for known in nothing} | {log_likelihood()}) == 1
    for known in ({"y": np.ones((120, 3))}, {"groups": np.arange(120)}):
        steps = list(mx.em(THETA, X, max_iter=4, **known))
        other = list(mx.em(THETA, X, max_iter=4))
        assert steps[-1].log_likelihood == pytest.approx(other[-1].log_likelihood, rel=1e-13)
        np.testing.assert_allclose(steps[-1].after.weights, other[-1].after.weights, rtol=1e-12)


@pytest.mark.parametrize("structure", structure_names(3))
def test_all_labels_known_is_the_closed_form(structure):
    closed = mx.Mixture.from_responsibilities(X, CLASS, structure, W)
    fit = mx.fit(X, 3, structure, y=CLASS, sample_weight=W)
    np.testing.assert_allclose(fit.mixture.weights, closed.weights, rtol=1e-12)
    np.testing.assert_allclose(fit.mixture.components.means, closed.components.means, atol=1e-9)
    np.testing.assert_allclose(
        fit.mixture.components.covariance_matrices, closed.components.covariance_matrices, atol=1e-6
    )
    assert fit.labelled == 120


def test_weight_two_is_the_labelled_row_twice():
    twice = np.repeat(np.arange(120), W.astype(int))
    assert log_likelihood(X, W, y=Y) == pytest.approx(log_likelihood(X[twice], y=Y[twice]), rel=1e-12)
    one = next(iter(mx.em(THETA, X, W, y=Y))).after
    other = next(iter(mx.em(THETA, X[twice], y=Y[twice]))).after
    np.testing.assert_allclose(one.components.means, other.components.means, atol=1e-12)


def test_the_search_keeps_the_numbers_of_the_labels():
    """Classes that overlap and are numbered against their size: labels say which component is which."""
    rng = np.random.default_rng(8)
    truth = np.repeat([2, 0, 1], [100, 60, 30])
    rows = CENTRES[truth] + rng.normal(size=(190, 3))
    y = np.where(rng.random(190) < 0.2, truth, -1)
    fit = mx.fit(rows, range(1, 5), "EII,EEE", y=y)
    assert min(fit.table["n_components"]) == 3
    assert fit.mixture.n_components == 3
    assert (fit.mixture.predict(rows) == truth).mean() > 0.9
    assert "as the labels say" in fit.summary()
    assert "known of the group of" in fit.summary()
    gappy = np.where(rng.random(rows.shape) < 0.15, np.nan, rows)
    other = mx.fit(gappy, 3, "EII", y=y)
    assert (other.mixture.predict(gappy) == truth).mean() > 0.85


def test_more_components_than_labels():
    y = np.where((Y == 2) | (Y == 1), -1, Y)
    fit = mx.fit(X, 3, "EII", y=y)
    assert (fit.mixture.predict(X)[CLASS == 0] == 0).mean() > 0.8


def test_groups_tell_rows_apart_that_alone_cannot_be():
    rng = np.random.default_rng(9)
    truth = np.repeat(np.arange(60) % 2, 6)
    rows = rng.normal(size=(360, 2)) + 1.2 * truth[:, None]
    groups = np.repeat(np.arange(60), 6)
    fit = mx.fit(rows, 2, "EII", groups=groups)
    per_group = np.add.reduceat(fit.mixture.component_log_prob(rows), np.arange(0, 360, 6)).argmax(axis=1)
    assert mx.classification_error(truth[::6], per_group) < 0.05


def test_noise_beside_labels():
    rows = np.vstack([X, RNG.uniform(-6, 8, size=(20, 3))])
    y = np.append(Y, np.full(20, -1))
    fit = mx.fit(rows, 3, "EII", y=y, noise=True)
    assert 0 < fit.mixture.noise.weight < 0.3
    steps = list(mx.em(fit.mixture, rows, y=y, max_iter=5))
    for here, then in itertools.pairwise(steps):
        assert here.lower_bound <= then.log_likelihood + 1e-9


BAD = {
    "another length": ({"y": Y[:-1]}, ShapeError, r"y has shape \(119,\) but X has 120 rows"),
    "halves": ({"y": Y + 0.5}, ParameterError, "y holds float64 values; expected whole numbers"),
    "below -1": ({"y": np.where(np.arange(120) == 5, -2, Y)}, ParameterError, r"y\[5\] is -2"),
    "too many classes": ({"y": np.where(np.arange(120) == 5, 7, Y)}, ParameterError, r"label 7 \(row 5\)"),
    "nothing allowed": (
        {"y": SETS & (np.arange(120) != 9)[:, None]},
        ParameterError,
        r"y\[9\] allows no component",
    ),
    "sets of two": ({"y": np.eye(2, dtype=bool)[Y % 2]}, ParameterError, "y has 2 columns but there are 3 components"),
    "negative prior": ({"y": -PRIORS}, ParameterError, "priors must be finite and non-negative"),
    "no prior": ({"y": PRIORS * (np.arange(120) != 9)[:, None]}, ParameterError, r"y\[9\] gives every component"),
    "groups of another length": ({"groups": GROUPS[:5]}, ShapeError, r"groups has shape \(5,\)"),
    "groups of text": ({"groups": np.full(120, "a")}, ParameterError, "groups holds .* whole numbers"),
    "contradiction": (
        {"y": np.where(np.arange(120) < 2, np.arange(120), -1), "groups": np.zeros(120, int)},
        ParameterError,
        "rows 0, 1, 2, 3, 4 belong to one group but no component is allowed",
    ),
    "groups beside noise": ({"groups": GROUPS, "noise": True}, ParameterError, "labels or allowed components beside"),
    "cross-validation": ({"y": Y, "criterion": "cv"}, ParameterError, "neither missing cells nor labels"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_makes_no_sense_is_refused(what):
    options, error, words = BAD[what]
    with pytest.raises(error, match=words):
        mx.fit(X, 3, "EII", **options)
