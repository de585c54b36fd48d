"""Bad input: the right class of error, and a text that says what, where, what was wanted and what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mixtura as mx
from mixtura.errors import (
    DataError,
    MixturaError,
    ModelFileError,
    ParameterError,
    ShapeError,
    SourceError,
    StructureError,
)

X = np.random.default_rng(0).normal(size=(20, 2))
TWO = mx.Mixture([0.5, 0.5], mx.Gaussian([[0.0, 0.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]))


def broken(row, column, value):
    other = X.copy()
    other[row, column] = value
    return other


ROWS = {  # rows that no call takes: what, class, words
    "infinite": (broken(7, 0, np.inf), DataError, r"the first is inf in row 7, column 0"),
    "minus infinity": (broken(7, 0, -np.inf), DataError, r"the first is -inf in row 7, column 0"),
    "text": ([["1", "2"], ["3", "many"]], DataError, "X holds 'many', which is not a number; leave out or encode"),
    "text in a frame": (pd.DataFrame({"a": [1.0], "kind": ["x"]}), DataError, r"column 'kind' holds .*'x'.*choose"),
    "complex": (X * 1j, DataError, "X holds complex numbers; expected real"),
    "no rows": (np.zeros((0, 2)), DataError, r"X has shape \(0, 2\): there are no rows"),
    "no columns": (np.zeros((5, 0)), DataError, r"X has shape \(5, 0\)"),
    "two columns of one name": (
        pd.DataFrame(X, columns=["a", "a"]),
        DataError,
        "several columns of one name; give each its own",
    ),
    "ragged": ([[1.0, 2.0], [3.0]], ShapeError, "expected rows of equal length"),
    "three dimensions": (
        np.zeros((2, 2, 2)),
        ShapeError,
        r"X has shape \(2, 2, 2\); expected \(n_samples, n_features\)",
    ),
    "a missing file": ("no/such/file.csv", SourceError, "no file 'no/such/file.csv'; check the path"),
}
CALLS = {
    "fit": lambda rows: mx.fit(rows, n_components=1),
    "em": lambda rows: next(mx.em(TWO, rows)),
    "log_prob": TWO.log_prob,
    "predict": TWO.predict,
    "log_likelihood": TWO.log_likelihood,
    "from_responsibilities": lambda rows: mx.Mixture.from_responsibilities(rows, np.ones((20, 1))),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("what", ROWS)
def test_bad_rows_are_refused_by_every_call(what, call):
    rows, error, words = ROWS[what]
    with pytest.raises(error, match=words):
        CALLS[call](rows)


FITS = {
    "constant column": (
        {"X": np.column_stack([X[:, 0], np.full(20, 7.0)])},
        DataError,
        r"column 1 is constant: 7\.0 in all 20 rows.*leave it out",
    ),
    "a column with nothing in it": (
        {"X": np.column_stack([X[:, 0], np.full(20, np.nan)])},
        DataError,
        "column 1 is missing in all 20 rows; leave it out",
    ),
    "an infinite cell beside a missing one": (
        {"X": np.where(np.eye(20, 2, -2) > 0, np.inf, broken(5, 1, np.nan))},
        DataError,
        "inf in row 2, column 0",
    ),
    "a bare volume and gaps": (
        {"X": broken(3, 1, np.nan), "noise": mx.Noise(0.1, 3.0)},
        ParameterError,
        "only its volume was given",
    ),
    "cross-validation and gaps": ({"X": broken(3, 1, np.nan), "criterion": "cv"}, ParameterError, "missing cells"),
    "one row": ({"X": [[1.0, 2.0]], "n_components": 1}, DataError, "one row; a spread needs at least two"),
    "fewer rows than components": ({"n_components": 21}, DataError, "n_components is 21 but there are 20 rows"),
    "no components": ({"n_components": 0}, ParameterError, "n_components is 0; expected a whole number of at least 1"),
    "half a component": ({"n_components": 2.5}, ParameterError, "n_components is 2.5; expected a whole number"),
    "no numbers of components": ({"n_components": []}, ParameterError, "n_components is empty"),
    "unknown structure": ({"structure": "VVE,FULLL"}, StructureError, r"unknown structure '.*Did you mean"),
    "structure of one column": ({"structure": "V"}, StructureError, "for one column but there are 2; VII"),
    "unknown criterion": ({"criterion": "BIG"}, ParameterError, "criterion is 'BIG'; expected one of bic, icl, aic"),
    "unknown remedy": (
        {"on_degenerate": "ignore"},
        ParameterError,
        "on_degenerate is 'ignore'; expected 'warn' or 'raise'",
    ),
    "no tolerance": ({"tol": 0.0}, ParameterError, "tol is 0.0; expected a positive number"),
    "NaN tolerance": ({"tol": np.nan}, ParameterError, "tol is nan"),
    "no iterations": ({"max_iter": 0}, ParameterError, "max_iter is 0"),
    "no starts": ({"n_starts": 0}, ParameterError, "n_starts is 0"),
    "negative seed": ({"seed": -1}, ParameterError, "seed is -1"),
    "no threads": ({"n_threads": 0}, ParameterError, "n_threads is 0; expected a whole number of at least 1"),
    "unknown engine": (
        {"engine": "cuda"},
        ParameterError,
        "engine is 'cuda'; expected 'native', 'reference', 'standard'",
    ),
    "names of too few columns": ({"columns": ["a"]}, ShapeError, "1 column names for 2 columns"),
    "names of too few components": (
        {"n_components": 2, "structure": "EII", "names": ["a"]},
        ShapeError,
        r"names is \['a'\]; expected 2",
    ),
    "short weights": ({"sample_weight": [1.0] * 19}, ShapeError, r"sample_weight has shape \(19,\) but X has 20 rows"),
    "a negative row weight": (
        {"sample_weight": [1.0] * 5 + [-1.0] + [1.0] * 14},
        DataError,
        r"sample_weight\[5\] is -1\.0",
    ),
    "text as row weights": ({"sample_weight": ["x"] * 20}, DataError, "sample_weight must hold numbers"),
    "NaN row weight": ({"sample_weight": [np.nan] + [1.0] * 19}, DataError, r"sample_weight\[0\] is nan"),
    "weights all zero": ({"sample_weight": np.zeros(20)}, DataError, "zero in every row; at least one"),
}


@pytest.mark.parametrize("what", FITS)
def test_bad_options_of_fit_are_refused(what):
    options, error, words = FITS[what]
    with pytest.raises(error, match=words):
        mx.fit(**{"X": X} | options)


@pytest.mark.parametrize(
    ("name", "text", "error", "words"),
    [
        ("empty.csv", "", SourceError, "'.*empty.csv' is empty; expected a header line and rows"),
        ("header.csv", "a,b\n", DataError, "header.csv has a header but no rows"),
        ("text.csv", "a,b\n1,2\n3,x\n", DataError, r"text.csv, column 'b' holds text: 'x' in row 1 .*--columns"),
        ("rows.xlsx", "a,b\n1,2\n", SourceError, r"ends in '.xlsx'; expected .csv, .tsv, .txt, .parquet"),
        ("rows.parquet", "a,b\n1,2\n", SourceError, "rows.parquet' cannot be read"),
        ("ragged.csv", "a,b\n1,2\n3\n", SourceError, "ragged.csv' cannot be read"),
        ("same.csv", "a,a\n1,2\n3,4\n", DataError, "several columns named 'a'"),
    ],
)
def test_bad_files_are_refused(tmp_path, name, text, error, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(error, match=words):
        mx.fit(tmp_path / name)


def test_a_folder_without_rows_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"the folder .* holds no file that ends in .csv"):
        mx.fit(tmp_path)


def test_unknown_columns_of_a_file_offer_the_nearest(tmp_path):
    (tmp_path / "rows.csv").write_text("eruptions,waiting\n1,2\n3,4\n")
    with pytest.raises(DataError, match=r"no column 'waitin'; it has eruptions, waiting\. Did you mean waiting\?"):
        mx.fit(tmp_path / "rows.csv", columns=["waitin"])


def test_model_files_that_are_not_whole_are_refused(tmp_path):
    TWO.save(tmp_path / "m.json")
    text = (tmp_path / "m.json").read_text()
    (tmp_path / "m.json").write_text(text[: len(text) // 2])
    with pytest.raises(ModelFileError):
        mx.load(tmp_path / "m.json")


def test_every_error_is_mixturas_and_of_a_plain_kind():
    """`except ValueError` and `except OSError` work for those who do not know mixtura."""
    for error in (DataError, ShapeError, ParameterError, StructureError, ModelFileError):
        assert issubclass(error, MixturaError)
        assert issubclass(error, ValueError)
    assert issubclass(SourceError, OSError)
    assert issubclass(StructureError, ParameterError)
