"""`merge`: clusters of components on the command line."""

import csv
import json
from pathlib import Path

import pytest

import mixtura as mx

FAITHFUL = Path(__file__).parents[2] / "examples" / "old_faithful.csv"


@pytest.mark.parametrize("by", ["entropy", "density"])
def test_clusters_are_those_of_the_library(run, model, three, tmp_path, by):
    out = tmp_path / "clusters.csv"
    result = run("merge", model, FAITHFUL, "--by", by, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    there = mx.merge_by_entropy(three, FAITHFUL) if by == "entropy" else mx.merge_by_density(three, FAITHFUL)
    labels = there.predict(FAITHFUL) if by == "entropy" else there.labels
    with out.open() as file:
        assert [int(row["cluster"]) for row in csv.DictReader(file)] == labels.tolist()
    assert json.loads(result.stdout)["table"] == list(there.table.rows())
    assert run("merge", model, FAITHFUL, "--by", by).stdout.rstrip() == repr(there)


def test_the_path_is_a_table_for_people(run, model):
    lines = run("merge", model, FAITHFUL).stdout.splitlines()
    assert lines[0] == "3 components in 2 clusters, as the elbow of the entropy plot suggests"
    assert [line.split()[0] for line in lines[2:5]] == ["3", "2", "1"]
    assert lines[-2].split(maxsplit=1) == ["0", "0, 2"]
    assert run("merge", model, FAITHFUL, "--clusters", 1).stdout.splitlines()[0] == "3 components in 1 cluster"
    hills = run("merge", model, FAITHFUL, "--by", "density").stdout.splitlines()
    assert hills[0] == "3 components on 2 hills of the density: 2 clusters"


def test_bad_options_are_refused(refused, model, table):
    assert "--clusters does not go with --by density" in refused(
        "merge", model, FAITHFUL, "--by", "density", "--clusters", 2
    )
    assert "--min-rows does not go with --by entropy" in refused("merge", model, FAITHFUL, "--min-rows", 5)
    assert "the path has 1 to 3 clusters" in refused("merge", model, FAITHFUL, "--clusters", 4)
    taken = table("eruptions,waiting,cluster\n1,2,3\n")
    assert "already have a column 'cluster'; rename it" in refused("merge", model, taken, "--out", "rows_out.csv")
