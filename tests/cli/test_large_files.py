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
    monkeypatch.setattr("mixtura.cli.blockwise.LARGE", 0)
    monkeypatch.setattr("mixtura.sources.readers.CSV_BLOCK", 700)
    monkeypatch.setattr("mixtura.sources.readers.BATCH_ROWS", 100)


def test_text_is_labelled_block_by_block_as_in_one_piece(run, model, tmp_path, monkeypatch, table):
    lines = EXAMPLE.read_text().splitlines()
    data = table("\n".join([f"{lines[0]},who", *(f'{line},"a, {i:04d}"' for i, line in enumerate(lines[1:]))]) + "\n")
    whole = run("predict", model, data, "--out", tmp_path / "whole.csv", "--responsibilities")
    assert whole.exit_code == 0, whole.output
    monkeypatch.setattr("mixtura.cli.blockwise.LARGE", 0)
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


HOLES = "who,waiting,eruptions\n" + "".join(
    f'"a, {i:03d}",{"" if i % 7 == 0 else 50 + i % 40},{i % 3}.50\n' for i in range(300)
)


@pytest.mark.parametrize("method", ["mean", "draw"])
def test_empty_cells_are_filled_block_by_block(run, model, large, table, tmp_path, method):
    data, theta = table(HOLES), mx.load(model)
    words = ("--method", method, "--seed", "5")
    printed = run("impute", model, data, *words).stdout
    lines, given = printed.splitlines(), HOLES.splitlines()
    assert [line for i, line in enumerate(lines[1:]) if i % 7] == [line for i, line in enumerate(given[1:]) if i % 7]
    rows = np.array([row[1:] for row in csv.reader(lines[1:])], dtype=float)[:, ::-1]
    holed = np.where(np.arange(300)[:, None] % 7 == 0, [0.0, np.nan], 0.0) + rows
    if method == "mean":
        np.testing.assert_allclose(rows, theta.impute(holed), rtol=1e-12)
    else:
        assert np.abs(rows - theta.impute(holed))[::7, 1].std() > 1
    for out in ("filled.csv", "filled.parquet"):
        assert run("impute", model, data, *words, "--out", tmp_path / out).exit_code == 0
    assert (tmp_path / "filled.csv").read_text() == printed
    found = parquet.read_table(tmp_path / "filled.parquet")
    assert found.column_names == ["who", "waiting", "eruptions"]
    np.testing.assert_array_equal(np.column_stack([found["eruptions"], found["waiting"]]), rows)


def test_log_densities_are_a_column_where_asked_for(run, model, tmp_path, monkeypatch):
    X, theta = np.loadtxt(EXAMPLE, delimiter=",", skiprows=1), mx.load(model)
    for limit in (1 << 30, 0):
        monkeypatch.setattr("mixtura.cli.blockwise.LARGE", limit)
        assert run("predict", model, EXAMPLE, "--log-prob", "--out", tmp_path / "out.parquet").exit_code == 0
        found = parquet.read_table(tmp_path / "out.parquet")
        assert found.column_names == ["eruptions", "waiting", "label", "uncertainty", "log_prob"]
        np.testing.assert_allclose(found["log_prob"], theta.log_prob(X), rtol=1e-12)


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
