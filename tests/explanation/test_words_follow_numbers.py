"""The words are made from the numbers: change the numbers and the words change with them."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura.explanation.movement import Movement

X = np.array([-1.0, 0.0, 4.0, 5.0, 6.0])


def one_column(means, variances, weights=None, structure=None, names=None):
    k = len(means)
    weights = np.full(k, 1 / k) if weights is None else weights
    return mx.Mixture(weights, mx.Gaussian(means, variances, structure), names=names)


def answer(explanation, key):
    return next(section.answer for section in explanation.sections if section.key == key)


def whole(explanation):
    return " ".join(explanation.text().split())


def test_swapped_components_swap_the_words():
    swapped = mx.explain(one_column([7, 6], [4, 1]), X)
    assert "1, 1, 1, 2, 2" in answer(swapped, "assignment")
    assert answer(swapped, "means").startswith("Gaussian 1, absolutely and relatively")
    assert answer(swapped, "variances").startswith("Gaussian 1: its variance grows")
    assert answer(swapped, "end").startswith("The variance of Gaussian 2: σ₂² = 0.666667")


def test_mirrored_data_move_nothing_left():
    mirrored = mx.explain(one_column([-6, -7], [1, 4]), -X)
    assert answer(mirrored, "means").startswith("None: no mean moves left.")
    assert "Gaussian 2 goes from −7 to −1.47103, right by 5.52897" in answer(mirrored, "means")
    assert mirrored.to_dict()["first_step"]["moved_left_most"] == [[]]


def test_equal_moves_are_said_to_be_equal():
    symmetric = mx.explain(one_column([1, 7], [1, 1]), [-1.0, 1.0, 5.0, 7.0])
    halves = mx.explain(one_column([1, 101], [1, 1]), [-1.0, 1.0, 99.0, 101.0])
    assert "equally far" in answer(halves, "means")
    assert symmetric.first_move.left_most()


def test_equal_growth_is_said_to_be_equal():
    halves = mx.explain(one_column([1, 101], [0.5, 0.5]), [-1.0, 1.0, 99.0, 101.0])
    assert "Gaussian 1 and Gaussian 2 alike" in answer(halves, "variances")
    assert "have the same variance, 1" in answer(halves, "end")


def test_no_growth_is_said():
    shrinking = mx.explain(one_column([0, 100], [9, 9]), [-1.0, 1.0, 99.0, 101.0])
    assert answer(shrinking, "variances").startswith("None: no variance grows")
    assert "move left" not in answer(shrinking, "means")


def test_still_means_stay():
    still = mx.explain(one_column([0, 100], [9, 9]), [-1.0, 1.0, 99.0, 101.0])
    assert "the mean of Gaussian 2 stays at 100" in answer(still, "means")
    assert "No mean has moved." in whole(still)


def test_a_tie_of_a_row_is_an_equals_sign():
    tied = mx.explain(one_column([-1, 1], [1, 1]), [-1.0, 0.0, 1.0])
    assert "1, 1 = 2, 2 (an equals sign marks a tie)" in answer(tied, "assignment")
    assert tied.to_dict()["start"]["given_to"][1] == ["Gaussian 1", "Gaussian 2"]


def test_absolute_and_relative_winners_may_differ():
    before = one_column([100, 1], [100, 0.01])
    move = Movement(before, one_column([97, -1], [100, 0.01]), 100.0)
    assert move.left_most() == (0,)
    assert move.left_most_relatively() == move.left_most_in_spreads() == (1,)


def test_words_say_where_absolute_and_relative_differ():
    explained = mx.explain(one_column([20, -20], [100, 0.5]), [9.0, 11.0, 13.0, -22.0, -21.0, -23.0])
    move = explained.first_move
    assert move.left_most() == (0,)
    assert move.left_most_in_spreads() == (1,)
    assert answer(explained, "means").startswith("Gaussian 1, absolutely.")
    assert "own standard deviations at the start, Gaussian 2 moves left most" in whole(explained)


def test_a_mean_at_zero_has_no_share():
    explained = mx.explain(one_column([0, 5], [1, 1]), X)
    assert explained.to_dict()["first_step"]["relative_shift"][0] == [None]
    assert "—" in explained.text()


def test_names_of_components_and_columns_are_used():
    theta0 = one_column([6, 7], [1, 4], names=["narrow", "wide"]).with_names(columns=["minutes"])
    explained = mx.explain(theta0, X)
    assert answer(explained, "assignment").endswith("wide, wide, wide, narrow, narrow.")
    assert answer(explained, "variances").startswith("wide: its variance grows")
    assert "Gaussian 1" not in explained.text()
    assert "minutes" in explained.text()


def test_a_shared_variance_is_not_compared():
    shared = mx.explain(one_column([0, 5], 2.0, structure="E"), X)
    assert "all share one variance" in answer(shared, "variances")
    assert "All Gaussians share one variance" in answer(shared, "end")
    assert "σ̂² = Σₖ Σᵢ γₖᵢ (xᵢ − μ̂ₖ)² / n" in answer(shared, "m_step")


@pytest.mark.parametrize("k", [3, 5])
def test_largest_of_several(k):
    rows = np.concatenate([10.0 * j + np.arange(-2, 3) * (j + 1) / 2 for j in range(k)])
    explained = mx.explain(one_column(10.0 * np.arange(k), np.ones(k)), rows, iterations=2)
    sizes = explained.to_dict()["end"]["size"]
    assert explained.to_dict()["end"]["largest_size"] == [f"Gaussian {int(np.argmax(sizes)) + 1}"]
    assert f"The variance of Gaussian {int(np.argmax(sizes)) + 1}:" in answer(explained, "end")
