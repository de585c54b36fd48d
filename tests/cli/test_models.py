"""`predict`, `sample`, `show` and `compare`: what a model file is good for."""

import csv
import gzip
import io
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import parquet

import mixtura as mx

FAITHFUL = str(Path(__file__).parents[2] / "examples" / "old_faithful.csv")

X = np.loadtxt(FAITHFUL, delimiter=",", skiprows=1)


def rows_of(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def test_predict_prints_the_labels_and_uncertainties_of_the_library(run, model, three):
    result = run("predict", model, FAITHFUL, "--responsibilities")
    rows = rows_of(result.stdout)
    assert list(rows[0]) == ["eruptions", "waiting", "label", "uncertainty", "p0", "p1", "p2"]
    assert [int(row["label"]) for row in rows] == three.predict(X).tolist()
    assert [float(row["uncertainty"]) for row in rows] == three.uncertainty(X).tolist()
    assert [[float(row[f"p{k}"]) for k in range(3)] for row in rows] == three.responsibilities(X).tolist()


def test_all_columns_are_kept_as_they_were_written(run, model, tmp_path):
    data = tmp_path / "ids.csv"
    data.write_text('id,waiting,note,eruptions\n007,79,"a, ""b""",3.600\n\n008,54,,1.80\n', encoding="utf-8")
    lines = run("predict", model, data).stdout.splitlines()
    assert lines[0] == "id,waiting,note,eruptions,label,uncertainty"
    assert lines[1].startswith('007,79,"a, ""b""",3.600,2,')
    assert lines[2].startswith("008,54,,1.80,1,")


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet"])
def test_labelled_files_hold_all_rows(run, model, three, tmp_path, ending):
    out = tmp_path / f"labelled{ending}"
    assert run("predict", model, FAITHFUL, "--out", out, "--prefix", "new_").exit_code == 0
    if ending == ".parquet":
        table = parquet.read_table(out)
    else:
        table = arrow_csv.read_csv(
            out, parse_options=arrow_csv.ParseOptions(delimiter="\t" if ending == ".tsv" else ",")
        )
    assert table.column_names == ["eruptions", "waiting", "new_label", "new_uncertainty"]
    assert table["new_label"].to_pylist() == three.predict(X).tolist()
    assert table["new_uncertainty"].to_pylist() == three.uncertainty(X).tolist()
    assert np.array_equal(table["eruptions"].to_numpy(), X[:, 0])


def test_parquet_in_keeps_its_types(run, model, tmp_path):
    columns = {"waiting": [79, 54], "when": pa.array([1, 2], pa.timestamp("s")), "eruptions": [3.6, 1.8]}
    parquet.write_table(pa.table(columns), tmp_path / "in.parquet")
    run("predict", model, tmp_path / "in.parquet", "--out", tmp_path / "out.parquet")
    out = parquet.read_table(tmp_path / "out.parquet")
    assert out.drop_columns(["label", "uncertainty"]).equals(parquet.read_table(tmp_path / "in.parquet"))
    assert out["label"].to_pylist() == [2, 1]
    assert rows_of(run("predict", model, tmp_path / "in.parquet").stdout)[0]["waiting"] == "79"


def test_compressed_and_tab_separated_rows_are_read(run, model, three, tmp_path):
    with open(FAITHFUL) as plain, gzip.open(tmp_path / "f.tsv.gz", "wt") as packed:
        packed.write(plain.read().replace(",", "\t"))
    rows = rows_of(run("predict", model, tmp_path / "f.tsv.gz").stdout)
    assert [int(row["label"]) for row in rows] == three.predict(X).tolist()


def test_a_model_without_column_names_takes_columns_in_their_order(run, three, tmp_path):
    bare = mx.Mixture(three.weights, three.components)
    bare.save(tmp_path / "bare.json")
    rows = rows_of(run("predict", tmp_path / "bare.json", FAITHFUL).stdout)
    assert [int(row["label"]) for row in rows] == three.predict(X).tolist()


def test_a_failure_while_labelling_leaves_the_old_file(run, monkeypatch, model, tmp_path):
    out = tmp_path / "labelled.csv"
    out.write_text("old")
    whole = csv.writer

    class Torn:
        def __init__(self, stream: io.TextIOBase, **options: str) -> None:
            self.writer, self.left = whole(stream, **options), 100

        def writerow(self, row: list[str]) -> None:
            self.left -= 1
            if not self.left:
                raise OSError(28, "No space left on device")
            self.writer.writerow(row)

    monkeypatch.setattr("mixtura.cli.labelled.csv.writer", Torn)
    result = run("predict", model, FAITHFUL, "--out", out)
    assert result.exit_code == 2
    assert "No space left" in result.stderr
    assert out.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["labelled.csv", "three.json"]


def test_samples_are_those_of_the_library(run, model, three, tmp_path):
    drawn, labels = three.sample(50, 7)
    rows = rows_of(run("sample", model, "-n", "50", "--seed", "7", "--labels").stdout)
    assert [[float(row["eruptions"]), float(row["waiting"])] for row in rows] == drawn.tolist()
    assert [int(row["label"]) for row in rows] == labels.tolist()
    assert run("sample", model, "-n", "50", "--seed", "7", "--out", tmp_path / "s.parquet").exit_code == 0
    assert parquet.read_table(tmp_path / "s.parquet")["waiting"].to_pylist() == drawn[:, 1].tolist()


def test_samples_without_a_seed_differ(run, model):
    assert run("sample", model, "-n", "5").stdout != run("sample", model, "-n", "5").stdout


def test_show_says_what_the_model_is(run, model, three):
    text = run("show", model).stdout
    assert text.startswith(repr(three))
    assert "eruptions, waiting  0.290  0.290  0.290" in text
    assert run("show", model, "--json").stdout == model.read_text()


def test_compare_puts_the_best_first(run, model, three, tmp_path):
    two = mx.fit(FAITHFUL, 2, "VVV").mixture
    two.save(tmp_path / "two.json")
    record = json.loads(run("compare", tmp_path / "two.json", model, FAITHFUL, "--json").stdout)
    assert [m["n_components"] for m in record["models"]] == [3, 2]
    for entry, mixture in zip(record["models"], (three, two), strict=True):
        assert entry["log_likelihood"] == mixture.log_likelihood(X)
        assert [entry[name] for name in ("bic", "icl", "aic")] == [mixture.bic(X), mixture.icl(X), mixture.aic(X)]
    by_icl = run("compare", model, tmp_path / "two.json", FAITHFUL, "--criterion", "icl").stdout
    assert "two.json describes the 272 rows best" in by_icl
    assert "35.68 worse in ICL" in by_icl
    one = run("compare", model, FAITHFUL)
    assert one.exit_code == 0


def test_models_of_different_columns_are_not_compared_silently(run, model, three, tmp_path):
    three.marginal(["waiting"]).save(tmp_path / "waiting.json")
    assert "do not compare" in run("compare", model, tmp_path / "waiting.json", FAITHFUL).stdout


HOLES = 'id,waiting,note,eruptions\n007,79,"a, ""b""",\n008,,,1.80\n009,60,x,2.5\n'


def test_impute_fills_empty_cells_and_leaves_the_rest_as_it_was_written(run, model, three, tmp_path):
    data, nan = tmp_path / "holes.csv", float("nan")
    data.write_text(HOLES, encoding="utf-8")
    filled = three.impute([[nan, 79.0], [1.8, nan], [2.5, 60.0]])
    lines = run("impute", model, data).stdout.splitlines()
    assert lines == [
        "id,waiting,note,eruptions",
        f'007,79,"a, ""b""",{float(filled[0, 0])!r}',
        f"008,{float(filled[1, 1])!r},,1.80",
        "009,60,x,2.5",
    ]
    drawn = [run("impute", model, data, "--method", "draw", "--seed", "3").stdout for _ in "ab"]
    assert drawn[0] == drawn[1] != "\n".join(lines)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_gaps_go_through_fit_predict_and_impute(run, tmp_path, ending):
    table = arrow_csv.read_csv(FAITHFUL)
    gone = [None if i % 9 == 0 else v for i, v in enumerate(table["waiting"].to_pylist())]
    table = table.set_column(1, "waiting", pa.array(gone))
    data, out, new = tmp_path / f"gaps{ending}", tmp_path / "m.json", tmp_path / "new.parquet"
    (parquet.write_table if ending == ".parquet" else arrow_csv.write_csv)(table, data)
    printed = run("fit", data, "-k", "2", "--structure", "EEE", "--out", out).stdout
    assert "Missing: 31 cells (5.7%) in 31 rows: waiting 31." in printed
    labels = rows_of(run("predict", out, data).stdout)
    assert len(labels) == 272
    assert all(row["label"] in "01" for row in labels)
    assert run("impute", out, data, "--out", new).exit_code == 0
    expected = mx.load(out).impute(np.column_stack([table["eruptions"], np.array(gone, dtype=float)]))
    np.testing.assert_allclose(np.column_stack([parquet.read_table(new)[c] for c in table.column_names]), expected)


def test_labels_are_a_column_of_texts(run, tmp_path):
    iris = Path(FAITHFUL).with_name("iris.csv").read_text().splitlines()
    data, out = tmp_path / "iris.csv", tmp_path / "m.json"
    kinds = [("setosa", "versicolor", "virginica")[i // 50] if i % 5 == 0 else "" for i in range(150)]
    lines = [f"{line},{kind}" for line, kind in zip(iris, ["kind", *kinds], strict=True)]
    data.write_text("\n".join(lines) + "\n")
    printed = run("fit", data, "-k", "3", "--structure", "VEV", "--labels", "kind", "--out", out).stdout
    assert "Something is known of the group of 30 rows." in printed
    model = mx.load(out)
    assert model.names == ("setosa", "versicolor", "virginica")
    assert list(model.columns) == iris[0].split(",")
    assert run("fit", data, "--labels", "kind", "--where", "kind == 'setosa'").exit_code == 2
    assert run("fit", data, "--labels", "Sepal.Length").exit_code == 2
