"""Numbers as a person writes them."""

from __future__ import annotations

import math

import pytest

from mixtura.explanation.comparing import largest
from mixtura.explanation.numbers import added, aligned, exp_number, listed, nats, number, probability


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7, "7"),
        (-0.5, "−0.5"),
        (5.1317280295, "5.13173"),
        (1.3651204889e-7, "1.36512×10⁻⁷"),
        (-2e-9, "−2×10⁻⁹"),
        (1e8 + 3.25, "100000003.25"),
        (1e15, "1×10¹⁵"),
        (math.inf, "∞"),
        (math.nan, "—"),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_exp_number_goes_beyond_floats():
    assert exp_number(math.log(2.5)) == "2.5"
    assert exp_number(-1000 * math.log(10) + math.log(2)) == "2×10⁻¹⁰⁰⁰"
    assert exp_number(-math.inf) == "0"


def test_columns_share_their_decimals():
    assert aligned([6, 7]) == ["6", "7"]
    assert aligned([0.61556250144, 6.96702210179]) == ["0.615563", "6.967022"]
    assert aligned([0.5, 1e-9]) == ["0.5", "1×10⁻⁹"]


def test_a_probability_near_one_says_what_it_lacks():
    assert probability(1.0, 1.36512e-7) == "1 − 1.37×10⁻⁷"
    assert probability(0.75, 0.25) == "0.750000"


def test_log_likelihoods_keep_eight_decimals():
    assert nats(-11.07949383140104) == "−11.07949383"
    assert nats(-499997000013.65) == "−499997000013.65"


def test_long_sums_show_their_ends():
    assert added(list("abcdefgh")) == "a + b + c + d + … + h"
    assert added(["1", "−2"]) == "1 − 2"
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_alike_values_share_the_first_place():
    assert largest([1.0, 1.0 + 1e-12, 0.5]) == (0, 1)
    assert largest([math.nan, 2.0]) == (1,)
    assert largest([math.nan]) == ()
