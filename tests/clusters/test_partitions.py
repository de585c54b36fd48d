"""Comparison of partitions: definitions by brute force, and published tables."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mixtura as mx
from mixtura.clusters.partitions import contingency
from mixtura.errors import ParameterError, ShapeError

LABELS = st.lists(st.integers(0, 3), min_size=2, max_size=12)
CLASSES = np.repeat(["Normal", "Chemical", "Overt"], [76, 36, 33])
SPECIES = np.repeat(["setosa", "versicolor", "virginica"], 50)


@settings(max_examples=100, deadline=None)
@given(LABELS, st.integers(0, 2**32))
def test_adjusted_rand_is_what_pairs_of_rows_say(labels, seed):
    """Hubert & Arabie's index from the four kinds of pairs (a different formula)."""
    others = np.random.default_rng(seed).integers(0, 4, len(labels))
    pairs = list(itertools.combinations(range(len(labels)), 2))
    same = [(labels[i] == labels[j], bool(others[i] == others[j])) for i, j in pairs]
    tp, fn, fp, tn = (same.count(kind) for kind in [(True, True), (True, False), (False, True), (False, False)])
    denominator = (tp + fn) * (fn + tn) + (tp + fp) * (fp + tn)
    expected = 2 * (tp * tn - fn * fp) / denominator if denominator else 1.0
    assert mx.adjusted_rand(labels, others) == pytest.approx(expected, abs=1e-12)
    assert mx.adjusted_rand(others, labels) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(LABELS, st.integers(0, 2**32))
def test_the_error_is_the_least_over_all_ways_to_name_groups(labels, seed):
    truth = np.random.default_rng(seed).integers(0, 3, len(labels))
    names = np.unique(labels)
    free = [0, 1, 2, *(100 + i for i in range(len(names)))]
    least = min(
        np.mean(np.array([dict(zip(names, given, strict=True))[label] for label in labels]) != truth)
        for given in itertools.permutations(free, len(names))
    )
    assert mx.classification_error(truth, labels) == pytest.approx(least)
    assert np.mean(mx.match_labels(labels, truth) != truth) == pytest.approx(least)


def test_names_do_not_matter():
    rng = np.random.default_rng(0)
    labels, others = rng.integers(0, 5, 200), rng.integers(0, 4, 200)
    renamed = np.array(["e", "a", "c", "b", "d"])[labels]
    assert mx.adjusted_rand(labels, others) == mx.adjusted_rand(renamed, others)
    assert mx.adjusted_rand(labels, renamed) == 1
    assert mx.match_labels(labels, renamed).tolist() == renamed.tolist()
    assert mx.classification_error(labels, renamed) == 0


def test_groups_without_partner_get_new_names():
    assert mx.match_labels([5, 5, 5, 7, 9], [1, 1, 1, 1, 1]).tolist() == [1, 1, 1, 2, 3]
    matched = mx.match_labels([0, 0, 1], ["longname"] * 3).tolist()
    assert matched == ["longname", "longname", "unmatched 1"]


def test_random_partitions_agree_by_nothing_on_average():
    rng = np.random.default_rng(1)
    values = [mx.adjusted_rand(rng.integers(0, 3, 100), rng.integers(0, 5, 100)) for _ in range(400)]
    assert abs(np.mean(values)) < 4 * np.std(values) / 20


@pytest.mark.parametrize("structure", ["VEV", "VVV"])
def test_iris_as_published(rows, structure):
    """published.md C1: VEV,3 and VVV,3 both have groups 50/45/55, adjusted Rand index 0.9039."""
    labels = mx.fit(rows("iris"), 3, structure).mixture.predict(rows("iris"))
    assert round(mx.adjusted_rand(SPECIES, labels), 4) == 0.9039
    assert mx.classification_error(SPECIES, labels) == pytest.approx(5 / 150)
    table = contingency(SPECIES, mx.match_labels(labels, SPECIES))[0]
    assert table.tolist() == [[50, 0, 0], [0, 45, 5], [0, 0, 50]]


def test_diabetes_as_published(rows):
    """published.md C1, data as shipped, VVV,3 by R: Chemical 9/26/1, Normal 72/4/0, Overt 0/6/27."""
    labels = mx.fit(rows("diabetes"), 3, "VVV").mixture.predict(rows("diabetes"))
    table, truth, names = contingency(CLASSES, mx.match_labels(labels, CLASSES))
    order = [names.tolist().index(name) for name in ("Normal", "Chemical", "Overt")]
    assert truth.tolist() == ["Chemical", "Normal", "Overt"]
    assert table[:, order].tolist() == [[9, 26, 1], [72, 4, 0], [0, 6, 27]]


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ShapeError, match="same rows"):
        mx.adjusted_rand([0, 1], [0, 1, 1])
    with pytest.raises(ShapeError, match="one label a row"):
        mx.match_labels([[0], [1]], [0, 1])
    with pytest.raises(ParameterError, match="NaN"):
        mx.classification_error([0.0, np.nan], [0, 1])
