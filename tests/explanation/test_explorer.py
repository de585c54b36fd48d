"""The explorer's page and the run's table, without a browser."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import mixtura as mx
from mixtura.errors import ParameterError, SourceError
from mixtura.explanation.explain import one_step
from mixtura.explanation.explorer.record import MAX_ROWS, MAX_STEPS, explorer_record, shown_steps


def test_the_page_loads_nothing(exercise):
    page = exercise.explorer().html
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:|//)""", page)
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_the_record_is_json_with_every_digit(exercise):
    record = explorer_record(exercise)
    assert json.loads(json.dumps(record, allow_nan=False, ensure_ascii=False)) == json.loads(json.dumps(record))
    assert record["log_likelihoods"] == list(exercise.log_likelihoods)
    assert record["mixtures"]["1"]["means"] == exercise.mixtures[1].components.means.tolist()


def test_one_step_is_what_em_from_there_would_be_explained_as(exercise):
    for t in (0, 3):
        step = one_step(exercise, t)
        alone = mx.explain(exercise.mixtures[t], exercise.rows, iterations=1)
        assert step.log_likelihoods == alone.log_likelihoods
        assert step.bound_after == alone.bound_after
        texts = [section.to_dict()["blocks"] for section in alone.sections if section.key == "bound"]
        later = json.dumps([s.to_dict()["blocks"] for s in step.sections if s.key == "bound"], ensure_ascii=False)
        assert later.replace(f"θ{'₀₁₂₃₄'[t + 1]}", "θ₁").replace(f"θ{'₀₁₂₃₄'[t]}", "θ₀") == json.dumps(
            texts, ensure_ascii=False
        )


@pytest.mark.parametrize("n_iter", [1, 2, MAX_STEPS, MAX_STEPS + 1, 350, 10000])
def test_long_runs_show_their_beginning_and_their_end(n_iter):
    shown = shown_steps(n_iter)
    assert shown[0] == 0
    assert shown[-1] == n_iter - 1
    assert shown == sorted(set(shown))
    assert len(shown) == min(n_iter, MAX_STEPS)


def test_a_large_run_stays_below_three_megabytes():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((5000, 2)) + rng.integers(0, 2, (5000, 1)) * 1.5
    theta0 = mx.Mixture([0.25] * 4, mx.Gaussian(X[:4], [np.eye(2)] * 4))
    facts = mx.explain(theta0, X, iterations=250)
    assert len(facts.explorer().html.encode()) < 3e6


@pytest.mark.parametrize("structure", ["E", "V", "EII", "VVI", "EEE", "VVV", "EEV", "VEE"])
def test_every_structure_has_a_page(structure):
    flat = len(structure) == 1
    X = np.random.default_rng(2).standard_normal((30, 1 if flat else 2))
    start = mx.fit(X, 2, structure=structure, seed=0, n_starts=1).mixture
    record = explorer_record(mx.explain(start, X, iterations=2))
    kinds = [option["kind"] for option in record["parameters"]["options"]]
    assert kinds.count("volume") == (1 if structure.startswith("E") else 2)


def test_more_than_two_columns_or_too_many_rows_are_refused():
    wide = mx.Mixture([1.0], mx.Gaussian([[0, 0, 0]], [np.eye(3)]))
    with pytest.raises(ParameterError, match=r"one or two columns and this run has 3; .*marginal\(\[0, 1\]\)"):
        mx.explain(wide, np.eye(3), iterations=1).explorer()
    long = mx.Mixture([1.0], mx.Gaussian([0.0], [1.0]))
    with pytest.raises(ParameterError, match=f"at most {MAX_ROWS} rows and this run has {MAX_ROWS + 1}"):
        mx.explain(long, np.arange(MAX_ROWS + 1.0), iterations=1).explorer()


def test_noise_is_the_last_of_those_that_a_row_can_belong_to():
    theta0 = mx.Mixture([0.9], mx.Gaussian([0.0], [1.0]), noise=mx.Noise(0.1, 3.0))
    record = explorer_record(mx.explain(theta0, [0.0, 1.0, 9.0], iterations=1))
    assert record["gaussians"][-1] == "noise"
    assert record["mixtures"]["0"]["noise_log_density"] == -3.0
    assert record["mixtures"]["0"]["weights"] == [0.9, 0.1]


def test_a_folder_is_no_file(exercise, tmp_path):
    with pytest.raises(SourceError, match="is a folder"):
        exercise.explorer(tmp_path)


def test_the_run_as_a_table(exercise):
    table = exercise.table()
    assert table.n_rows == exercise.n_iter + 1
    np.testing.assert_array_equal(table["log_likelihood"], exercise.log_likelihoods)
    assert np.isnan(table["lower_bound"][0])
    assert (table["log_likelihood"][:-1] <= table["lower_bound"][1:] + 1e-12).all()
    assert (table["lower_bound"][1:] <= table["log_likelihood"][1:] + 1e-12).all()
    np.testing.assert_allclose(table["mean of Gaussian 2 in x"][:2], [7, 1.471031494624101], rtol=1e-12)
