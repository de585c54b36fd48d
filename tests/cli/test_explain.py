"""`mixtura explain`: the start is spelled in options, the solution is the library's."""

import json
from pathlib import Path

import numpy as np
import pytest

import mixtura as mx
from mixtura.cli.explain import starting_mixture
from mixtura.cli.options import Rows
from mixtura.report.records import plain

FAITHFUL = str(Path(__file__).parents[2] / "examples" / "old_faithful.csv")

EXERCISE = ("--values=-1,0,4,5,6", "--weights", ".5,.5", "--means", "6,7", "--variances", "1,4")
THETA0 = mx.Mixture([0.5, 0.5], mx.Gaussian([6, 7], [1, 4]))


def start(weights: str, *means: str, variances="", covariances="", structure=None) -> mx.Mixture:
    def rows(text: str) -> list[list[float]] | None:
        return Rows().convert(text, None, None) if text else None

    return starting_mixture(
        weights=rows(weights),
        means=tuple(Rows().convert(m, None, None) for m in means),
        variances=rows(variances),
        covariances=rows(covariances),
        structure=structure,
        model=None,
    )


def test_the_exercise_is_worked_out(run):
    solution = mx.explain(THETA0, [-1, 0, 4, 5, 6])
    result = run("explain", *EXERCISE)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == solution.text(width=100) + "\n"
    assert "\x1b" not in result.stdout


def test_its_json_has_every_digit(run):
    record = json.loads(run("explain", *EXERCISE, "--iterations", "3", "--json").stdout)
    assert record == plain(mx.explain(THETA0, [-1, 0, 4, 5, 6], iterations=3).to_dict())


def test_rows_come_from_a_file_and_the_start_from_a_model(run, model, three):
    result = run("explain", FAITHFUL, "--model", model, "--iterations", "2", "--json")
    assert result.exit_code == 0, result.stderr
    spelled = ("--weights=.4,.6", "--means=54,80", "--variances=30,30", "--json")
    one = run("explain", FAITHFUL, "--columns", "waiting", *spelled)
    assert one.exit_code == 0, one.stderr


def test_numbers_may_be_written_in_many_ways():
    one = mx.Mixture([0.5, 0.5], mx.Gaussian([6, 7], [1, 4]))
    assert start(".5,.5", "6,7", variances="1,4") == one
    assert start(".5;.5", "6", "7", variances="1;4") == one
    assert start(".5 , .5", "6;7", covariances="1,4") == one
    assert start(".5,.5", "6,7", variances="4", structure="E").structure == "E"


def test_starts_in_several_dimensions_take_their_shape_from_the_numbers():
    eye, tilted = [[1, 0], [0, 1]], [[2, 0.5], [0.5, 2]]
    means = [[0, 0], [3, 3]]
    assert start(".5,.5", "0,0;3,3", covariances="1,0,0,1;2,.5,.5,2") == mx.Mixture(
        [0.5, 0.5], mx.Gaussian(means, [eye, tilted])
    )
    assert start(".5,.5", "0,0", "3,3", covariances="2,.5,.5,2", structure="EEE") == mx.Mixture(
        [0.5, 0.5], mx.Gaussian(means, tilted, "EEE")
    )
    assert start(".5,.5", "0,0;3,3", variances="1,2;3,4").structure == "VVI"
    assert start(".5,.5", "0,0;3,3", variances="1,4").structure == "VII"
    assert start(".5,.5", "0,0;3,3", variances="1;4").components.covariances.tolist() == [1, 4]
    assert start(".5,.5", "0,0;3,3", variances="1,4", structure="EEI").structure == "EEI"
    one = start("1", "5,6", covariances="2,.5,.5,2")
    assert (one.n_components, one.n_features) == (1, 2)
    assert np.allclose(one.components.covariance_matrices[0], tilted)


@pytest.mark.parametrize("values", ["--values=0,0;1,1;3,3", "--values=1,2"])
def test_values_may_be_rows(run, values):
    spelled = ("--weights", ".5,.5", "--means", "0,0;3,3", "--variances", "1,4")
    result = run("explain", values, *spelled, "--iterations", "1")
    assert result.exit_code == 0, result.output


def test_the_run_is_written_as_a_page_and_as_a_table(run, tmp_path):
    page, table = tmp_path / "em.html", tmp_path / "em.csv"
    result = run("explain", *EXERCISE, "--html", page, "--table", table)
    assert result.exit_code == 0, result.output
    solution = mx.explain(THETA0, [-1, 0, 4, 5, 6])
    assert page.read_text(encoding="utf-8") == solution.explorer().html
    lines = table.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("iteration,log_likelihood,lower_bound,")
    assert len(lines) == solution.n_iter + 2


def test_files_that_cannot_be_written_are_refused_before_the_work(refused, tmp_path):
    assert "ends in '.txt'" in refused("explain", *EXERCISE, "--table", tmp_path / "em.txt")
    assert "there is no folder" in refused("explain", *EXERCISE, "--html", tmp_path / "nowhere" / "em.html")
