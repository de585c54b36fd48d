"""Missing cells: the likelihood of what is known, exactly; EM's laws hold with gaps as they do without."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import multivariate_normal

import mixtura as mx
import mixtura.sources.strata as strata
from mixtura.errors import DataError, ParameterError
from mixtura.families.covariance import structure_names
from mixtura.sources import ArraySource, as_source
from mixtura.sweep import Sweep


def gappy(n=300, d=4, share=0.25, seed=1, offset=0.0):
    """Rows of three groups in which cells are missing at random, and row weights."""
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(size=(n // 3, d)) @ rng.normal(size=(d, d)) + 4 * rng.normal(size=d) for _ in "abc"])
    X[rng.random(X.shape) < share] = np.nan
    return rng.permutation(X) + offset, rng.integers(1, 4, size=len(X)).astype(float)


def start(X, structure="VVV", k=3, seed=0):
    """A mixture of a structure, from a random partition of the rows with gaps filled at random."""
    rng = np.random.default_rng(seed)
    filled = np.where(np.isnan(X), rng.normal(size=X.shape) * np.nanstd(X, axis=0) + np.nanmean(X, axis=0), X)
    labels = (filled[:, 0].argsort().argsort() * k) // len(X)
    return mx.Mixture.from_responsibilities(filled, labels, structure)


def brute(theta, X):
    """log p(x_o | k) row by row, by SciPy."""
    means, covariances = theta.components.means, theta.components.covariance_matrices
    out = np.zeros((len(X), theta.n_components))
    for i, k in itertools.product(range(len(X)), range(theta.n_components)):
        o = ~np.isnan(X[i])
        if o.any():
            out[i, k] = multivariate_normal(means[k][o], covariances[k][np.ix_(o, o)]).logpdf(X[i][o])
    return out


def brute_step(theta, X, w, resp):
    """N_k, means and mean scatter of expected complete rows: equations of Ghahramani & Jordan (1994)."""
    d, found = X.shape[1], []
    for k in range(theta.n_components):
        mean, covariance = theta.components.means[k], theta.components.covariance_matrices[k]
        rows, hidden = np.empty_like(X), np.zeros((d, d))
        for i, x in enumerate(X):
            o = ~np.isnan(x)
            slope = covariance[np.ix_(~o, o)] @ np.linalg.pinv(covariance[np.ix_(o, o)])
            rows[i, o], rows[i, ~o] = x[o], mean[~o] + slope @ (x[o] - mean[o])
            rest = covariance[np.ix_(~o, ~o)] - slope @ covariance[np.ix_(o, ~o)]
            hidden[np.ix_(~o, ~o)] += w[i] * resp[i, k] * rest
        r = w * resp[:, k]
        new = r @ rows / r.sum()
        scatter = ((rows - new).T * r) @ (rows - new) + hidden
        found.append((r.sum(), new, scatter / r.sum()))
    return [np.stack(part) for part in zip(*found, strict=True)]


@pytest.fixture(params=[(1, "native"), (1, "reference"), (10**9, "native")], ids=["native", "reference", "batches"])
def path(request, monkeypatch):
    """Rows by strata through either engine, and in batches."""
    many, engine = request.param
    monkeypatch.setattr(strata, "MANY_ROWS", many)
    monkeypatch.setenv("MIXTURA_ENGINE", engine)


@pytest.mark.parametrize("structure", structure_names(4))
def test_densities_are_those_of_the_known_columns(structure, path):
    X, w = gappy(60)
    theta = start(X, structure)
    expected = brute(theta, X)
    np.testing.assert_allclose(theta.component_log_prob(X), expected, atol=1e-10)
    joint = np.logaddexp.reduce(expected + theta.log_weights, axis=1)
    np.testing.assert_allclose(theta.log_prob(X), joint, atol=1e-10)
    assert theta.log_likelihood(X, w) == pytest.approx(w @ joint, abs=1e-10)
    resp = np.exp(expected + theta.log_weights - joint[:, None])
    np.testing.assert_allclose(theta.responsibilities(X), resp, atol=1e-10)
    np.testing.assert_array_equal(theta.predict(X), resp.argmax(axis=1))
    np.testing.assert_allclose(theta.uncertainty(X), 1 - resp.max(axis=1), atol=1e-10)


@pytest.mark.parametrize("structure", ["VVV", "EEE", "VVI", "EEI", "VII", "EII"])
def test_a_step_takes_expected_complete_rows(structure, path):
    X, w = gappy(90)
    theta = start(X, structure)
    after = next(iter(mx.em(theta, X, w))).after
    known = ~np.isnan(X).all(axis=1)
    counts, means, mean_scatter = brute_step(theta, X[known], w[known], theta.responsibilities(X)[known])
    np.testing.assert_allclose(after.weights, counts / counts.sum(), atol=1e-12)
    np.testing.assert_allclose(after.components.means, means, atol=1e-9)
    if structure.startswith("E"):
        mean_scatter[:] = (counts[:, None, None] * mean_scatter).sum(axis=0) / counts.sum()
    if structure.endswith("I"):
        mean_scatter = mean_scatter * np.eye(4)
    if structure.endswith("II"):
        mean_scatter = np.trace(mean_scatter, axis1=1, axis2=2)[:, None, None] / 4 * np.eye(4)
    np.testing.assert_allclose(after.components.covariance_matrices, mean_scatter, atol=1e-9)


@pytest.mark.parametrize("structure", structure_names(4))
def test_strata_engines_and_batches_agree(structure, monkeypatch):
    X, w = gappy(200)
    theta, found = start(X, structure), []
    for many, engine in ((1, "native"), (1, "reference"), (10**9, "native"), (20, "native")):
        monkeypatch.setattr(strata, "MANY_ROWS", many)
        found.append(list(mx.em(theta, X, w, engine=engine, max_iter=3))[-1])
    for other in found[1:]:
        assert other.lower_bound == pytest.approx(found[0].lower_bound, rel=1e-12)
        np.testing.assert_allclose(other.after.components.means, found[0].after.components.means, atol=1e-10)


@pytest.mark.parametrize("structure", structure_names(4))
def test_likelihood_below_bound_below_next_likelihood(structure):
    X, w = gappy(offset=1e6)
    steps = list(mx.em(start(X, structure), X, w, max_iter=25))
    for here, then in itertools.pairwise(steps):
        assert here.log_likelihood <= here.lower_bound + 1e-7
        assert here.lower_bound <= then.log_likelihood + 1e-7
    resp = steps[0].before.responsibilities(X)
    assert steps[0].after.lower_bound(X, resp, w) >= steps[0].log_likelihood - 1e-7


def test_a_component_that_jumps_keeps_its_digits():
    """The second pass about the new means: a start far from rows that lie close together."""
    X, _ = gappy(60, d=2)
    X = 1e-4 * X + 7
    theta = mx.Mixture([1.0], mx.Gaussian([[0.0, 0.0]], np.eye(2)[None]))
    near = mx.Mixture([1.0], mx.Gaussian([[7.0, 7.0]], 1e-8 * np.eye(2)[None]))
    for _ in range(150):
        theta, near = (next(iter(mx.em(t, X))).after for t in (theta, near))
    np.testing.assert_allclose(theta.components.means, near.components.means, rtol=1e-12)
    np.testing.assert_allclose(theta.components.covariances, near.components.covariances, rtol=1e-9)


def test_one_gaussian_with_a_monotone_gap_is_andersons_closed_form():
    """Anderson (1957): y missing in some rows; the regression of y on x from whole rows, x from all of them."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(200, 2)) @ [[1.0, 0.7], [0.0, 0.5]] + [5, -3]
    X[120:, 1] = np.nan
    x, whole = X[:, 0], X[:120]
    slope = np.cov(whole.T)[0, 1] / np.var(whole[:, 0], ddof=1)
    rest = np.mean((whole[:, 1] - whole[:, 1].mean() - slope * (whole[:, 0] - whole[:, 0].mean())) ** 2)
    mean = np.array([x.mean(), whole[:, 1].mean() + slope * (x.mean() - whole[:, 0].mean())])
    covariance = np.var(x) * np.array([[1, slope], [slope, slope**2]]) + [[0, 0], [0, rest]]
    fit = mx.fit(X, 1, "VVV", tol=1e-13)
    np.testing.assert_allclose(fit.mixture.components.means[0], mean, atol=1e-7)
    np.testing.assert_allclose(fit.mixture.components.covariances[0], covariance, atol=1e-7)


def test_weight_two_is_the_row_twice_and_weight_zero_is_none():
    X, _ = gappy(90)
    theta = start(X)
    w = np.random.default_rng(0).integers(0, 3, size=len(X))
    weighted = list(mx.em(theta, X, w.astype(float), max_iter=5))[-1]
    repeated = list(mx.em(theta, np.repeat(X, w, axis=0), max_iter=5))[-1]
    assert weighted.lower_bound == pytest.approx(repeated.lower_bound, rel=1e-12)
    np.testing.assert_allclose(weighted.after.components.means, repeated.after.components.means, atol=1e-10)


def test_nothing_missing_takes_the_path_of_whole_rows():
    X = np.random.default_rng(0).normal(size=(50, 3))
    assert type(as_source(X)) is ArraySource
    masked = np.ma.masked_array(X, np.zeros(X.shape, bool))
    one, other = mx.fit(X, 2, "VVV"), mx.fit(masked, 2, "VVV")
    assert one.mixture.components == other.mixture.components
    assert one.log_likelihood == other.log_likelihood
    assert one.missing is None


def test_a_row_that_knows_nothing_counts_for_nothing():
    X, _ = gappy(90)
    more = np.vstack([X, np.full((5, 4), np.nan)])
    theta = start(X)
    assert theta.log_likelihood(more) == pytest.approx(theta.log_likelihood(X), rel=1e-14)
    assert theta.bic(more) == pytest.approx(theta.bic(X), rel=1e-14)
    np.testing.assert_allclose(theta.responsibilities(more)[-1], theta.weights)
    assert theta.predict(more)[-1] == theta.weights.argmax()
    fit, other = mx.fit(X, 2, "VVV"), mx.fit(more, 2, "VVV")
    assert other.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-10)
    assert other.bic == pytest.approx(fit.bic, rel=1e-10)
    assert other.missing.n_blank == 5 + int(np.isnan(X).all(axis=1).sum())
    assert other.certainty.sizes.sum() == other.total_weight


def test_the_search_finds_the_groups_and_says_what_was_missing():
    rng = np.random.default_rng(5)
    X = np.concatenate([rng.normal(size=(120, 3)) + centre for centre in ([0, 0, 0], [5, 5, 0], [0, 5, 5])])
    labels = np.repeat([0, 1, 2], 120)
    X[rng.random(X.shape) < 0.15] = np.nan
    fit = mx.fit(pd.DataFrame(X, columns=["a", "b", "c"]), range(1, 5), "EII,VVI,EEE")
    assert fit.mixture.n_components == 3
    assert mx.classification_error(labels, fit.mixture.predict(X)) < 0.1
    assert fit.missing.n_cells == np.isnan(X).sum()
    assert fit.missing.by_column == tuple(np.isnan(X).sum(axis=0))
    assert f"Missing: {fit.missing.n_cells} cells" in fit.summary()
    assert fit.bic == pytest.approx(fit.mixture.bic(X), rel=1e-12)
    assert fit.icl == pytest.approx(fit.mixture.icl(X), rel=1e-12)


@pytest.mark.parametrize("structure", ["E", "V"])
def test_one_column_with_gaps_is_the_column_without_them(structure):
    x = np.random.default_rng(1).normal(size=200) + np.repeat([0, 6], 100)
    holes = np.insert(x, [3, 50, 120], np.nan)
    one, other = mx.fit(x, 2, structure), mx.fit(holes, 2, structure)
    assert other.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-9)
    np.testing.assert_allclose(other.mixture.components.means, one.mixture.components.means, atol=1e-4)


def test_regularization_and_equal_weights_know_gaps():
    X, _ = gappy(90)
    for options in ({"regularization": "map"}, {"regularization": "penalty"}, {"equal_weights": True}):
        fit = mx.fit(X, 2, "VVV", **options)
        assert fit.log_likelihood == pytest.approx(fit.mixture.log_likelihood(X), rel=1e-12)


@pytest.mark.parametrize("kind", ["pandas", "nullable", "polars", "arrow", "masked", "objects", "float32", "file"])
def test_gaps_come_in_every_kind_of_table(kind, tmp_path):
    X, _ = gappy(90)
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame.to_csv(tmp_path / "rows.csv", index=False)
    rows = {
        "pandas": frame,
        "nullable": frame.convert_dtypes(),
        "polars": pl.from_pandas(frame),
        "arrow": pl.from_pandas(frame).to_arrow(),
        "masked": np.ma.masked_invalid(X),
        "objects": [[None if np.isnan(cell) else cell for cell in row] for row in X],
        "float32": X.astype(np.float32),
        "file": tmp_path / "rows.csv",
    }[kind]
    theta = start(X)
    rtol = 1e-5 if kind == "float32" else 1e-14
    np.testing.assert_allclose(theta.log_prob(rows), theta.log_prob(X), rtol=rtol)
    step, other = (list(mx.em(theta, r, max_iter=4))[-1] for r in (rows, X))
    assert step.log_likelihood == pytest.approx(other.log_likelihood, rel=rtol)


def test_columns_never_together_are_named():
    X = np.random.default_rng(0).normal(size=(80, 3))
    X[:40, 0] = X[40:, 1] = np.nan
    fit = mx.fit(X, 1, "VVI", columns=["a", "b", "c"])
    assert fit.missing.never_together == ((0, 1),)
    assert any("never observed together: a and b" in text for text in fit.warnings)


def test_what_needs_whole_rows_says_so():
    X, _ = gappy(60)
    theta = start(X)
    calls = {
        "from_responsibilities": lambda: mx.Mixture.from_responsibilities(X, np.zeros(60, int)),
        "many": lambda: mx.fit_many(X.reshape(2, 30, 4), 2),
    }
    for call in calls.values():
        with pytest.raises(DataError, match=r"missing|NaN"):
            call()
    noisy = theta.with_noise(mx.Noise(0.1, 3.0))
    with pytest.raises(ParameterError, match="only its volume was given"):
        noisy.log_prob(X)


def test_results_do_not_depend_on_threads():
    X, _ = gappy(3000, d=3)
    one, other = (Sweep(as_source(X), n_threads=n).one(start(X)) for n in (1, 2))
    assert one.log_likelihood == other.log_likelihood
    np.testing.assert_array_equal(one.moments.scatter, other.moments.scatter)


class TestImpute:
    def test_the_mean_is_the_conditional_mean(self):
        X, _ = gappy(40)
        theta = start(X)
        filled = theta.impute(X)
        np.testing.assert_array_equal(filled[~np.isnan(X)], X[~np.isnan(X)])
        for x, full in zip(X, filled, strict=True):
            o = np.flatnonzero(~np.isnan(x)).tolist()
            if 0 < len(o) < len(x):
                rest = theta.condition({j: x[j] for j in o}).mean
                np.testing.assert_allclose(full[np.isnan(x)], rest, atol=1e-10)
            elif not o:
                np.testing.assert_allclose(full, theta.mean, atol=1e-10)

    @pytest.mark.parametrize("structure", ["VVV", "EEE", "VVI", "EII"])
    def test_draws_follow_the_conditional_distribution(self, structure):
        theta = start(gappy(60, d=3)[0], structure)
        x = np.array([0.5, np.nan, np.nan])
        drawn = theta.impute(np.tile(x, (40_000, 1)), "draw", rng=0)
        conditional = theta.condition({0: 0.5})
        error = 5 * np.sqrt(np.diag(conditional.covariance) / len(drawn))
        assert np.all(np.abs(drawn[:, 1:].mean(axis=0) - conditional.mean) < error)
        np.testing.assert_allclose(np.cov(drawn[:, 1:].T), conditional.covariance, rtol=0.1, atol=0.1)
        np.testing.assert_array_equal(drawn[:, 0], 0.5)

    def test_a_seed_draws_the_same_and_whole_rows_stay(self):
        X, _ = gappy(40)
        theta = start(X)
        np.testing.assert_array_equal(theta.impute(X, "draw", 3), theta.impute(X, "draw", 3))
        np.testing.assert_array_equal(theta.impute(theta.impute(X)), theta.impute(X))
        with pytest.raises(ParameterError, match="expected 'mean' or 'draw'"):
            theta.impute(X, "median")
