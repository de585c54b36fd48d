"""`errors` and `test`: the library's answers on the command line."""

import json
from pathlib import Path

import pytest

import mixtura as mx

FAITHFUL = Path(__file__).parents[2] / "examples" / "old_faithful.csv"


@pytest.mark.parametrize("method", ["sandwich", "weighted", "jackknife"])
def test_errors_are_those_of_the_library(run, model, three, method):
    result = run("errors", model, FAITHFUL, "--method", method, "--resamples", "20", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["parameters"]
    there = {"sandwich": mx.standard_errors, "jackknife": mx.jackknife}.get(
        method, lambda m, X: mx.bootstrap(m, X, method, 20)
    )(three, FAITHFUL)
    assert [row["standard_error"] for row in found] == there.table["standard_error"].tolist()
    assert found[3]["column"] == "eruptions"


def test_errors_are_a_table_for_people(run, model):
    lines = run("errors", model, FAITHFUL).stdout.splitlines()
    assert lines[0] == "Standard errors (sandwich) and 95% intervals"
    assert lines[1].split() == ["parameter", "component", "column", "estimate", "std.", "error", "lower", "upper"]
    assert len(lines) == 2 + 3 + 6 + 9


def test_row_weights_are_a_column(run, model, table):
    text = FAITHFUL.read_text().splitlines()
    weighted = table("\n".join([text[0] + ",w", *(line + ",2" for line in text[1:])]))
    once, twice = (
        json.loads(run("errors", model, data, "--json", *more).stdout)["parameters"]
        for data, more in ((FAITHFUL, ()), (weighted, ("--weights", "w")))
    )
    for a, b in zip(once, twice, strict=True):
        assert a["standard_error"] == pytest.approx(b["standard_error"] * 2**0.5, rel=1e-6)


def test_groups_are_tested(run):
    words = ("test", FAITHFUL, "--columns", "eruptions", "--structure", "E", "--resamples", "19", "--max-components", 2)
    assert run(*words).stdout.startswith("E: 2 components; every test was significant")
    found = json.loads(run(*words, "--json").stdout)
    assert found["n_components"] == 2
    assert found["tests"][0]["p_value"] == 0.05


def test_bad_options_are_refused(refused, model):
    assert "'bca' is not one of" in refused("errors", model, FAITHFUL, "--method", "bca")
    assert "n_resamples is 0" in refused("test", FAITHFUL, "--resamples", "0")
    assert "level is 2.0" in refused("test", FAITHFUL, "--level", "2")
