"""Files of any size on the command line: fit and predict read them block by block."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import mixtura as mx

EXAMPLE = Path(__file__).parents[2] / "examples" / "old_faithful.csv"


@pytest.fixture
def large(monkeypatch):
    """Every file is a large one, parsed in small blocks."""
    monkeypatch.setattr("mixtura.cli.labelling.LARGE", 0)
    monkeypatch.setattr("mixtura.sources.readers.CSV_BLOCK", 700)
    monkeypatch.setattr("mixtura.sources.readers.BATCH_ROWS", 100)


def test_text_is_labelled_block_by_block_as_in_one_piece(run, model, tmp_path, monkeypatch, table):
    lines = EXAMPLE.read_text().splitlines()
    data = table("\n".join([f"{lines[0]},who", *(f'{line},"a, {i:04d}"' for i, line in enumerate(lines[1:]))]) + "\n")
    whole = run("predict", model, data, "--out", tmp_path / "whole.csv", "--responsibilities")
    assert whole.exit_code == 0, whole.output
    monkeypatch.setattr("mixtura.cli.labelling.LARGE", 0)
    monkeypatch.setattr("mixtura.sources.readers.CSV_BLOCK", 700)
    for out in ("blocks.csv", "blocks.tsv", "blocks.parquet"):
        assert run("predict", model, data, "--out", tmp_path / out, "--responsibilities").exit_code == 0
    assert run("predict", model, data, "--responsibilities").stdout == (tmp_path / "blocks.csv").read_text()
    blocks, pieces = (
        list(csv.reader((tmp_path / f"{name}.csv").read_text().splitlines())) for name in ("blocks", "whole")
    )
    assert [row[:4] for row in blocks] == [row[:4] for row in pieces]
    numbers = [np.array([row[4:] for row in rows[1:]], dtype=float) for rows in (blocks, pieces)]
    np.testing.assert_allclose(*numbers, rtol=1e-12, atol=1e-300)  # kernels end blocks of other lengths differently
    assert (tmp_path / "blocks.tsv").read_text().count("\t") == (len(lines)) * 7
    found = parquet.read_table(tmp_path / "blocks.parquet")
    assert found.column_names == ["eruptions", "waiting", "who", "label", "uncertainty", "p0", "p1", "p2"]
    theta, X = mx.load(model), np.loadtxt(EXAMPLE, delimiter=",", skiprows=1)
    np.testing.assert_array_equal(found["label"], theta.predict(X))
    np.testing.assert_allclose(found["uncertainty"], theta.uncertainty(X), rtol=1e-12)


def test_a_pattern_is_labelled_into_one_file(run, model, large, tmp_path):
    X = np.loadtxt(EXAMPLE, delimiter=",", skiprows=1)
    for i, part in enumerate(np.split(X, [100, 101])):
        parquet.write_table(pa.table({"waiting": part[:, 1], "eruptions": part[:, 0]}), tmp_path / f"p{i}.parquet")
    result = run("predict", model, tmp_path / "p*.parquet", "--out", tmp_path / "out.parquet", "--prefix", "my_")
    assert result.exit_code == 0, result.output
    found = parquet.read_table(tmp_path / "out.parquet")
    assert found.column_names == ["waiting", "eruptions", "my_label", "my_uncertainty"]
    np.testing.assert_array_equal(found["my_label"], mx.load(model).predict(X))
    assert run("fit", tmp_path / "p*.parquet", "-k", "2", "--structure", "EEE").exit_code == 0


def test_arrays_are_labelled(run, model, tmp_path):
    X = np.loadtxt(EXAMPLE, delimiter=",", skiprows=1)
    np.save(tmp_path / "rows.npy", X)
    assert run("predict", model, tmp_path / "rows.npy", "--out", tmp_path / "out.parquet").exit_code == 0
    found = parquet.read_table(tmp_path / "out.parquet")
    np.testing.assert_array_equal(found["label"], mx.load(model).predict(X))
    assert found.column_names[:2] == ["eruptions", "waiting"]


def test_bad_rows_are_named_and_nothing_is_written(refused, model, large, table, tmp_path):
    lines = EXAMPLE.read_text().splitlines()
    data = table("\n".join([*lines[:200], "3.2,soon", *lines[200:]]))
    out = tmp_path / "out.csv"
    assert "column 'waiting' holds text: 'soon' in row 199" in refused("predict", model, data, "--out", out)
    assert not out.exists()
    (tmp_path / "other").mkdir()
    parquet.write_table(pa.table({"eruptions": [1.0]}), tmp_path / "other" / "p.parquet")
    assert "p.parquet has no column 'waiting'" in refused("predict", model, tmp_path / "other", "--out", out)
    taken = table("eruptions,waiting,label\n1,2,3\n", "taken.csv")
    assert "already have a column 'label'" in refused("predict", model, taken, "--out", out)


def test_a_filter_and_a_limit_are_options_of_fit(run, refused):
    result = run("fit", EXAMPLE, "-k", "1", "--structure", "EEE", "--where", "waiting > 60", "--memory-limit", "1 GB")
    assert result.exit_code == 0
    assert "189" in result.stdout
    assert "memory_limit is 'little'" in refused("fit", EXAMPLE, "--memory-limit", "little")
    assert "where" in refused("fit", EXAMPLE, "--where", "waiting >")
