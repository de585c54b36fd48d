"""`fit`: what is searched, chosen, ordered, said and promised."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mixtura as mx
from mixtura.errors import ParameterError
from mixtura.families.covariance import structure_names
from mixtura.fitting import component_order, default_tol, default_tol_per_parameter


@pytest.fixture(scope="module")
def found(faithful):
    """A small search."""
    return mx.fit(faithful, n_components=[1, 2, 3], structure="EEE,VVV")


def same_bits(one: mx.Fit, two: mx.Fit) -> bool:
    return one.mixture == two.mixture and one.log_likelihood == two.log_likelihood and one.n_iter == two.n_iter


# The search


def test_every_structure_meets_every_number_once(found):
    pairs = list(zip(found.table["n_components"].tolist(), found.table["structure"].tolist(), strict=True))
    assert pairs == list(itertools.product([1, 2, 3], ["EEE", "VVV"]))


def test_default_search_is_one_to_nine_with_all_structures(rows):
    fit = mx.fit(rows("acidity"), n_starts=2)
    assert sorted(set(fit.table["n_components"].tolist())) == list(range(1, 10))
    assert set(fit.table["structure"]) == set(structure_names(1))
    few = mx.fit([[0.0], [1.0], [3.0]], structure="E")
    assert set(few.table["n_components"]) <= {1, 2, 3}


@pytest.mark.parametrize("criterion", ["bic", "icl", "aic"])
def test_the_smallest_criterion_wins(faithful, criterion):
    fit = mx.fit(faithful, n_components=[1, 2, 3, 4], structure="EEE,VVI", criterion=criterion, n_starts=4)
    sound = fit.table["trouble"] == ""
    best = np.min(fit.table[criterion][sound])
    assert getattr(fit, criterion) == pytest.approx(best, rel=1e-9)
    assert fit.criterion == criterion
    assert fit.lead == pytest.approx(getattr(fit.runner_up, criterion) - getattr(fit, criterion))
    assert fit.lead >= 0


def test_criteria_are_those_of_the_mixture_found(found, faithful):
    for criterion in ("bic", "aic", "icl"):
        assert getattr(found.mixture, criterion)(faithful) == pytest.approx(getattr(found, criterion), rel=1e-11)
    assert found.mixture.log_likelihood(faithful) == pytest.approx(found.log_likelihood, rel=1e-12)


def test_a_richer_structure_never_fits_worse(found):
    ell = {(row["structure"], row["n_components"]): row["log_likelihood"] for row in found.table.rows()}
    for k in (1, 2, 3):
        assert ell["VVV", k] >= ell["EEE", k] - 1e-6


def test_without_others_there_is_no_runner_up(faithful):
    fit = mx.fit(faithful, n_components=1, structure="VVV")
    assert fit.runner_up is None
    assert fit.lead == math.inf


# What is promised


def test_equal_seeds_give_equal_bits(faithful):
    one, two = (mx.fit(faithful, n_components=[2, 3], structure="VVI,VVV", seed=5) for _ in range(2))
    assert same_bits(one, two)
    assert [*one.table.rows()] == [*two.table.rows()]


def test_threads_change_no_bit(faithful):
    one, two = (mx.fit(faithful, n_components=3, structure="VVV", n_threads=n) for n in (1, 4))
    assert same_bits(one, two)


def test_engines_find_the_same_optimum(faithful):
    one, two = (mx.fit(faithful, n_components=2, structure="VVI", engine=e) for e in ("native", "reference"))
    assert one.log_likelihood == pytest.approx(two.log_likelihood, rel=1e-9)
    np.testing.assert_allclose(one.mixture.components.means, two.mixture.components.means, rtol=1e-4)


def test_the_rows_alone_decide_not_the_state_of_the_world(faithful):
    np.random.seed(0)  # noqa: NPY002
    one = mx.fit(faithful, n_components=3, structure="VVV")
    np.random.seed(1)  # noqa: NPY002
    assert same_bits(one, mx.fit(faithful, n_components=3, structure="VVV"))


def test_components_come_largest_first_and_equals_by_first_mean(found):
    assert np.all(np.diff(found.mixture.weights) <= 0)
    twins = mx.Mixture([0.25, 0.25, 0.5], mx.Gaussian([[3, 0], [1, 9], [2, 2]], [[1, 1]] * 3))
    assert component_order(twins) == [2, 1, 0]


def test_weight_two_is_the_row_twice(faithful):
    w = np.arange(len(faithful)) % 2 + 1.0
    one = mx.fit(faithful, n_components=2, structure="VVV", sample_weight=w)
    two = mx.fit(np.repeat(faithful, w.astype(int), axis=0), n_components=2, structure="VVV")
    assert one.total_weight == two.total_weight == two.n_samples
    for name in ("log_likelihood", "bic", "icl", "aic"):
        assert getattr(one, name) == pytest.approx(getattr(two, name), rel=1e-9)
    np.testing.assert_allclose(one.mixture.components.means, two.mixture.components.means, rtol=1e-5)
    np.testing.assert_allclose(one.certainty.sizes, two.certainty.sizes)


def test_rows_of_weight_zero_are_not_there(faithful):
    w = (np.arange(len(faithful)) % 3 > 0).astype(float)
    one = mx.fit(faithful, n_components=2, structure="EEE", sample_weight=w)
    two = mx.fit(faithful[w > 0], n_components=2, structure="EEE")
    for name in ("log_likelihood", "bic", "icl"):
        assert getattr(one, name) == pytest.approx(getattr(two, name), rel=1e-9)


def test_offset_and_scale_change_no_group(faithful):
    grid = np.round(faithful * 1024) / 1024
    plain = mx.fit(grid, n_components=3, structure="EEE")
    for X in (grid + 1e8, grid * 2.0**40, grid * 2.0**-40):
        other = mx.fit(X, n_components=3, structure="EEE")
        np.testing.assert_array_equal(other.mixture.predict(X), plain.mixture.predict(grid))
        np.testing.assert_allclose(other.mixture.weights, plain.mixture.weights, atol=1e-6)


def test_more_rows_than_starts_are_tried_on_lead_to_the_limit_on_all():
    theta = mx.Mixture([0.6, 0.4], mx.Gaussian([[0.0, 0.0], [3.0, 1.0]], [np.eye(2), np.diag([2.0, 0.5])]))
    X, _ = theta.sample(60_000, 1)
    fit = mx.fit(X, n_components=2, structure="VVV")
    assert fit.starts.n_rows < len(X)
    assert fit.converged
    *_, limit = mx.em(fit.mixture, X, max_iter=60)
    # A fit of so many rows stops at a share of a nat a parameter (default_tol_per_parameter), not at default_tol.
    allowed = default_tol_per_parameter(len(X)) * fit.mixture.n_parameters
    assert default_tol(len(X)) * len(X) < allowed < 0.03
    assert limit.log_likelihood - fit.log_likelihood < allowed
    assert same_bits(fit, mx.fit(X, n_components=2, structure="VVV"))


def test_tolerance_grows_with_the_rows():
    assert default_tol(100) == default_tol(1e4) < default_tol(1e5) < default_tol(1e6) == default_tol(1e9)


# What is said


def test_trace_is_the_certificate_in_order(found):
    assert list(found.trace) == [
        "iteration", "log_likelihood", "lower_bound", "next_log_likelihood", "remaining_gain",
    ]  # fmt: skip
    before, bound, after = (found.trace[n] for n in ("log_likelihood", "lower_bound", "next_log_likelihood"))
    slack = 1e-9
    assert np.all(before <= bound + slack)
    assert np.all(bound <= after + slack)
    np.testing.assert_array_equal(before[1:], after[:-1])
    assert after[-1] == pytest.approx(found.log_likelihood, rel=1e-14)
    assert found.trace["iteration"].tolist() == list(range(1, found.trace.n_rows + 1))
    assert found.remaining_gain <= default_tol(272) * 272


def test_starts_are_counted(found):
    starts = found.starts
    assert 1 <= starts.agreed <= starts.finished <= starts.tried <= 24
    assert f"{starts.agreed} of {starts.tried} starts agreed" in str(starts)


def test_tables_go_into_any_frame(found):
    for table in (found.table, found.trace):
        frames = [pl.DataFrame(table), pa.table(table), table.to_pandas()]
        assert [len(f) for f in frames] == [table.n_rows] * 3
        assert list(frames[0].columns) == list(frames[2].columns) == list(table)
    assert isinstance(found.table.to_pandas(), pd.DataFrame)
    assert "EEE" in repr(found.table)


def test_sizes_and_uncertainty_are_those_of_the_rows(found, faithful):
    uncertainty = found.mixture.uncertainty(faithful)
    np.testing.assert_array_equal(found.certainty.sizes, np.bincount(found.mixture.predict(faithful)))
    assert found.certainty.mean_uncertainty == pytest.approx(uncertainty.mean(), rel=1e-12)
    assert found.certainty.doubtful == np.count_nonzero(uncertainty > 0.1)


# Hooks


def test_progress_is_told_of_every_candidate(faithful):
    told = []
    fit = mx.fit(faithful, n_components=[1, 2, 3], structure="EEE,VVV", n_starts=3, progress=told.append)
    assert [p.done for p in told] == [1, 2, 3, 4, 5, 6]
    assert {p.total for p in told} == {6}
    assert told[-1].best.bic == pytest.approx(fit.bic, rel=1e-9)
    running = [p.best.bic for p in told]
    assert running == sorted(running, reverse=True)


def test_callback_sees_every_iteration_of_the_winner(faithful):
    seen = []
    fit = mx.fit(faithful, n_components=2, structure="VVV", callback=seen.append)
    assert [it.index for it in seen] == fit.trace["iteration"].tolist()
    assert [it.log_likelihood for it in seen] == fit.trace["log_likelihood"].tolist()


def test_an_interrupt_gives_what_is_done(faithful):
    def stop(progress):
        if progress.done == 2:
            raise KeyboardInterrupt

    fit = mx.fit(faithful, n_components=[1, 2, 3], structure="EEE", progress=stop)
    assert fit.table.n_rows == 2
    assert fit.mixture.n_components == 2
    assert any("interrupted after 2 candidates" in note for note in fit.warnings)


def test_an_interrupt_before_anything_is_done_goes_through(faithful, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("mixtura.search.Search.candidate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        mx.fit(faithful, n_components=2)


# Cross-validation as the criterion


def test_cross_validation_decides_where_it_is_asked_for(faithful):
    fit = mx.fit(faithful, [1, 2], ["EEE", "VVV"], criterion="cv", n_starts=3, seed=4)
    values = {c.label: c.cv for c in fit.candidates}
    for c in fit.candidates:
        found = mx.cross_validated_log_likelihood(faithful, c.n_components, c.structure, seed=4)
        assert c.cv == pytest.approx(-2 * found, rel=1e-12)
    assert fit.cv == min(values.values())
    assert "cv" in fit.table.to_arrow().column_names
    assert fit.mixture.n_components == 2
    assert "CV" in fit.summary()


def test_cross_validation_needs_candidates(faithful):
    with pytest.raises(ParameterError, match="with a start there is one"):
        mx.fit(faithful, structure="EEE", start=np.zeros(272, dtype=int), criterion="cv")
