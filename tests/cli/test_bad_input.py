"""Bad input ends with code 2 and one line that says what is wrong, where, and what to do."""

import json
import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
FAITHFUL, IRIS = str(EXAMPLES / "old_faithful.csv"), str(EXAMPLES / "iris.csv")


ROWS = {
    "infinite": ("a,b\n1,2\n3,4\n-inf,5\n", r"-inf in row 2, column 'a'"),
    "text": ("a,b\n1,2\n3,hello\n", r"column 'b' holds text: 'hello' in row 1"),
    "empty column": ("a,b\n1,\n3,\n", r"column 'b' is missing in all 2 rows"),
    "empty file": ("", r"is empty"),
    "no rows": ("a,b\n", r"a header but no rows"),
    "constant": ("a,b\n1,2\n3,2\n5,2\n", r"column 'b' is constant: 2\.0 in all 3 rows"),
    "ragged": ("a,b\n1,2\n3\n", r"Expected 2 columns, got 1"),
    "same names": ("a,a\n1,2\n3,5\n", r"columns named .a."),
}


@pytest.mark.parametrize("kind", ROWS)
def test_rows_that_cannot_be_used_are_named(refused, table, kind):
    text, says = ROWS[kind]
    assert re.search(says, refused("fit", table(text), "-k", "1"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nosuch.csv"], "there is no file 'nosuch.csv'"),
        ([__file__], "ends in '.py'; expected .csv"),
        ([FAITHFUL, "-k", "273"], "n_components is 273 but there are 272 rows"),
        ([FAITHFUL, "-k", "0"], "expected numbers of at least 1"),
        ([FAITHFUL, "-k", "3:1"], "the smaller one first"),
        ([FAITHFUL, "-k", "many"], "is not like 3, 1:9 or 2,4,6"),
        ([FAITHFUL, "--structure", "VVX"], "unknown structure 'VVX'.*Did you mean.*VVV"),
        ([FAITHFUL, "--columns", "wating"], "no column 'wating'.*Did you mean waiting"),
        ([FAITHFUL, "--columns", "waiting,waiting"], "more than once"),
        ([FAITHFUL, "--columns", ","], "is not like a,b"),
        ([FAITHFUL, "--weights", "w"], "no column 'w'"),
        ([FAITHFUL, "--out", "/no/such/m.json"], "cannot be written: there is no folder '/no/such'"),
        ([FAITHFUL, "--out", "/"], "is a folder"),
        ([FAITHFUL, "--table", "t.xlsx"], "a table is written as .csv, .tsv, .parquet"),
        ([FAITHFUL, "--tol", "0"], "tol is 0.0; expected a positive number"),
        ([FAITHFUL, "--starts", "0"], "n_starts is 0"),
        ([FAITHFUL, "--seed", "-1"], "seed is -1"),
        ([FAITHFUL, "--criterion", "dic"], "'dic' is not one of 'bic', 'icl', 'aic'"),
        ([FAITHFUL, "--nosuch"], "No such option.*see mixtura fit --help|No such option"),
        ([], "Missing argument 'DATA'"),
    ],
)
def test_options_that_make_no_sense_are_refused(refused, words, says):
    assert re.search(says, refused("fit", *words))


START = {"--weights": ".5,.5", "--means": "6,7", "--variances": "1,4"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"--weights": ".5,.6"}, r"weights sum to 1\.1"),
        ({"--weights": "-.5,1.5"}, r"weights\[0\] is -0\.5.*non-negative"),
        ({"--variances": "1,-4"}, r"covariances\[1\] is -4\.0; a variance must be positive"),
        ({"--variances": "1"}, "2 components but 1 variance;"),
        ({"--means": "6,7,8"}, "2 weights but 3 means"),
        ({"--means": "6,x"}, "is not a list of numbers"),
        ({"--means": None}, "a start needs --weights, --means"),
        ({"--variances": None, "--means": "0,0;3,3", "--covariances": "1,2,2,1;1,0,0,1"}, "not positive definite"),
        ({"--variances": None, "--means": "0,0;3,3", "--covariances": "1,0,0,1"}, "add --structure EEE"),
        ({"--variances": None, "--means": "0,0;3", "--covariances": "1,0,0,1"}, "different numbers of columns"),
        ({"--variances": "1;4,5"}, "as many numbers between the semicolons"),
        ({"--covariances": "1,4"}, "either --variances or --covariances"),
        ({"--values": None}, "name a file DATA, or give the rows"),
        ({"--values": "0,0;1"}, "rows have different lengths"),
        ({"--values": "0,0;1,1"}, "2 columns"),
        ({"--values": "nan,1"}, "NaN"),
        ({"--model": "m.json"}, "leave out --weights, --means, --variances"),
        ({"--structure": "EVE?"}, "unknown structure"),
        ({"--iterations": "0"}, "--iterations"),
    ],
)
def test_starts_that_are_no_mixture_are_refused(refused, changes, says):
    options = {"--values": "-1,0,4,5,6"} | START | changes
    words = [f"{name}={value}" for name, value in options.items() if value is not None]
    assert re.search(says, refused("explain", *words))


@pytest.mark.parametrize("command", ["show", "predict", "sample", "compare"])
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: text[:200], "not a whole model file"),
        (lambda text: "", "is empty"),
        (lambda text: text.replace('"version": 1', '"version": 2'), "version 2 of the format"),
        (lambda text: text.replace("0.47", "0.48"), "altered"),
        (lambda text: json.dumps({"format": "mixtura-model", "version": 1}), "lacks the entry 'family'"),
        (lambda text: "[1, 2]", "not a mixtura model file"),
    ],
)
def test_model_files_that_cannot_be_read_are_refused(refused, model, command, spoil, says):
    model.write_text(spoil(model.read_text()))
    data = [FAITHFUL] if command in ("predict", "compare") else []
    assert says in refused(command, model, *data)


def test_rows_without_the_columns_of_the_model_are_refused(refused, model):
    assert "lacks the columns 'eruptions', 'waiting' of the model" in refused("predict", model, IRIS)


def test_a_missing_column_of_the_model_is_named(refused, model, table):
    assert "no column 'waiting'; it has eruptions, wait" in refused("predict", model, table("eruptions,wait\n1,2\n"))


def test_a_taken_name_of_a_new_column_is_refused(refused, model, table):
    assert "--prefix" in refused("predict", model, table("eruptions,waiting,label\n1,2,3\n"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["predict", "MODEL", FAITHFUL, "--out", "x.xls"], "ends in '.xls'"),
        (["predict", "MODEL", FAITHFUL, "--out", "/no/such/x.csv"], "there is no folder"),
        (["sample", "MODEL", "-n", "0"], "n_samples is 0"),
        (["sample", "MODEL", "--seed", "-1"], "seed is -1"),
        (["show", "/no/such"], "there is no file"),
        (["compare", FAITHFUL], "Missing argument 'MODEL"),
        (["nosuch"], "No such command 'nosuch'"),
    ],
)
def test_other_commands_refuse_what_they_cannot_do(refused, model, words, says):
    assert says in refused(*[model if word == "MODEL" else word for word in words])
