"""`mixtura fit`: numbers as the library's, files whole or not at all, plain text in a pipe."""

import csv
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

import mixtura as mx
from mixtura.report.text import fit_text

EXAMPLES = Path(__file__).parents[2] / "examples"
FAITHFUL, IRIS = str(EXAMPLES / "old_faithful.csv"), str(EXAMPLES / "iris.csv")

SMALL = ("-k", "2,3", "--structure", "EEE,VVV")


@pytest.fixture(scope="module")
def found() -> mx.Fit:
    return mx.fit(FAITHFUL, n_components=[2, 3], structure="EEE,VVV")


def test_the_report_is_that_of_the_library(run, found):
    result = run("fit", FAITHFUL, *SMALL)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == fit_text(found) + "\n"
    assert "\x1b" not in result.output


def test_json_equals_the_library_to_the_last_digit(run, found):
    record = json.loads(run("fit", FAITHFUL, *SMALL, "--json").stdout)
    assert record["log_likelihood"] == found.log_likelihood
    assert record["mixture"]["weights"] == found.mixture.weights.tolist()
    assert record["mixture"]["components"]["means"] == found.mixture.components.means.tolist()
    assert [c["icl"] for c in record["candidates"]] == found.table["icl"].tolist()
    assert record["runner_up"] == {"structure": "VVV", "n_components": 2}
    assert record["lead"] == found.lead


def test_model_and_table_are_written(run, found, tmp_path):
    result = run("fit", FAITHFUL, *SMALL, "--quiet", "--out", tmp_path / "m.json", "--table", tmp_path / "t.parquet")
    assert (result.exit_code, result.output) == (0, "")
    assert mx.load(tmp_path / "m.json") == found.mixture
    assert parquet.read_table(tmp_path / "t.parquet")["bic"].to_pylist() == found.table["bic"].tolist()
    run("fit", FAITHFUL, *SMALL, "-q", "--table", tmp_path / "t.csv")
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert [float(row["bic"]) for row in rows] == found.table["bic"].tolist()
    assert [row["structure"] for row in rows] == ["EEE", "VVV"] * 2
    assert sorted(os.listdir(tmp_path)) == ["m.json", "t.csv", "t.parquet"]


def test_columns_are_chosen_in_their_order(run):
    record = json.loads(run("fit", IRIS, "-k2", "--columns", "Petal.Width,Sepal.Length", "--json").stdout)
    assert record["mixture"]["columns"] == ["Petal.Width", "Sepal.Length"]
    again = run("fit", IRIS, "-k2", "--columns", "Petal.Width", "--columns", "Sepal.Length", "--json")
    assert json.loads(again.stdout) == record


def test_a_weight_of_two_counts_a_row_twice(run, table):
    rows = [(0.0, 2), (0.5, 1), (1.0, 1), (9.0, 2), (9.5, 1), (10.25, 1)]
    weighted = table("x,times\n" + "".join(f"{x},{n}\n" for x, n in rows), "w.csv")
    repeated = table("x\n" + "".join(f"{x}\n" * n for x, n in rows), "r.csv")
    one = json.loads(run("fit", weighted, "-k", "2", "--structure", "E", "--weights", "times", "--json").stdout)
    two = json.loads(run("fit", repeated, "-k", "2", "--structure", "E", "--json").stdout)
    assert one["mixture"]["columns"] == ["x"]
    assert one["bic"] == pytest.approx(two["bic"], rel=1e-12)


def test_a_model_can_be_the_start(run, model, three):
    record = json.loads(run("fit", FAITHFUL, "--start", model, "--json").stdout)
    assert record["starts"]["method"] == "given mixture"
    assert record["mixture"]["components"]["means"][1] == pytest.approx(three.components.means[1].tolist(), rel=1e-4)


@pytest.mark.parametrize(("words", "numbers"), [("3", [3]), ("1:3", [1, 2, 3]), ("2,4", [2, 4]), ("1:2,4", [1, 2, 4])])
def test_numbers_of_components_are_understood(run, words, numbers):
    record = json.loads(run("fit", FAITHFUL, "-k", words, "--structure", "EEI", "--starts", "1", "--json").stdout)
    assert [c["n_components"] for c in record["candidates"]] == numbers


def test_warnings_are_plain_lines_said_once(run):
    result = run("fit", FAITHFUL, "-k", "3", "--structure", "EEE", "--max-iter", "2")
    assert result.exit_code == 0
    assert re.fullmatch(r"Warning: EM stopped after 2 iterations \(max_iter\).*\n", result.stderr)


def test_an_interrupted_search_keeps_what_is_done(run, monkeypatch, tmp_path):
    from mixtura.search import Search

    whole, asked = Search.candidate, []

    def interrupted(self, *pair, **options):
        asked.append(pair)
        if len(asked) > 2:
            raise KeyboardInterrupt
        return whole(self, *pair, **options)

    monkeypatch.setattr(Search, "candidate", interrupted)
    result = run("fit", FAITHFUL, "--out", tmp_path / "m.json")
    assert result.exit_code == 130
    assert "interrupted after 2 candidates" in result.stdout
    assert mx.load(tmp_path / "m.json").n_components == 1


def test_an_unexpected_error_is_code_1_with_its_traceback(run, monkeypatch):
    monkeypatch.setattr("mixtura.fitting.search", lambda *_: 1 / 0)
    result = run("fit", FAITHFUL)
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stderr
    assert "please report" in result.stderr.splitlines()[-1]


def test_a_failed_write_leaves_the_old_model(run, monkeypatch, model, three):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mixtura.atomic.os.replace", full)
    result = run("fit", FAITHFUL, "-k", "1", "--quiet", "--out", model)
    assert result.exit_code == 2
    assert "cannot be written: No space left" in result.stderr
    assert mx.load(model) == three
    assert os.listdir(model.parent) == ["three.json"]


def test_parts_of_a_start_stay(run, refused, model, three, tmp_path):
    parts = ("--fixed", "means=0,2", "--fixed", "weights")
    done = run("fit", FAITHFUL, "--start", model, *parts, "--out", tmp_path / "m.json")
    assert done.exit_code == 0
    assert "Held fixed: all weights; the means of 0, 2." in done.stdout
    found = mx.load(tmp_path / "m.json")
    np.testing.assert_array_equal(found.weights, three.weights)
    np.testing.assert_allclose(found.components.means[[0, 2]], three.components.means[[0, 2]], rtol=1e-14)
    assert "give start=" in refused("fit", FAITHFUL, "--fixed", "means")
    assert "fixed names 'mean'" in refused("fit", FAITHFUL, "--start", model, "--fixed", "mean")
    assert "is not like means or means=0,2" in run("fit", FAITHFUL, "--fixed", "means=a").stderr
