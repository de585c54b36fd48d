"""The course exercise, to the digits of exact values that were computed independently in double precision."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

LOG_LIKELIHOODS = {
    0: -24.512532330086679,
    1: -10.955912420779264,
    2: -10.746385542402495,
    3: -10.511845802156102,
    5: -9.1577182572397618,
    10: -8.4652589668895137,
}
RESPONSIBILITIES = [
    1.3651204889115536e-7,
    1.3924415554927511e-5,
    0.45466167289237077,
    0.66666666666666667,
    0.69384289648557708,
]


@pytest.fixture(scope="module")
def record(exercise):
    return exercise.to_dict()


def close(got, want, rel=1e-12):
    np.testing.assert_allclose(np.ravel(got), np.ravel(want), rtol=rel, atol=0)


def test_log_likelihood_at_the_start(record):
    close(record["start"]["log_likelihood"], LOG_LIKELIHOODS[0], 1e-14)
    assert record["start"]["rounded"] == -24.5
    close(sum(record["start"]["log_prob"]), LOG_LIKELIHOODS[0], 1e-14)


def test_responsibilities(record):
    first = np.array(record["start"]["responsibilities"])
    close(first[:, 0], RESPONSIBILITIES)
    close(first.sum(axis=1), np.ones(5))


def test_points_are_given_to_2_2_2_1_1(record):
    assert record["start"]["labels"] == [1, 1, 1, 0, 0]
    assert record["start"]["given_to"] == [["Gaussian 2"]] * 3 + [["Gaussian 1"]] * 2


def test_first_m_step(record):
    step = record["first_step"]
    close(step["weights"], [0.36303705939444367, 0.63696294060555633])
    close(step["means"], [5.1317280295526754, 1.471031494624101])
    close(step["covariances"], [0.61556250144177396, 6.9670221017983509])


@pytest.mark.parametrize("t", [1, 2, 3, 5, 10])
def test_log_likelihood_after_each_step(record, t):
    close(record["path"][t - 1]["next_log_likelihood"], LOG_LIKELIHOODS[t])


def test_bound_is_tight_before_the_m_step_and_below_the_next_likelihood(record):
    bound = record["bound"]
    close(bound["before"], LOG_LIKELIHOODS[0])
    assert round(bound["after"], 8) == -11.07949383
    assert LOG_LIKELIHOODS[0] < bound["after"] < bound["next_log_likelihood"]
    close(bound["gap"], bound["total_divergence"], 1e-11)


def test_gaussian_2_moves_left_more_and_its_variance_grows(record):
    step = record["first_step"]
    assert step["moved_left_most"] == step["moved_left_most_relatively"] == [["Gaussian 2"]]
    assert step["moved_furthest_in_deviations"] == ["Gaussian 2"]
    assert step["grew_most"] == ["Gaussian 2"]
    assert step["size_ratio"][0] < 1 < step["size_ratio"][1]
    close(step["size_ratio"][1], 6.9670221017983509 / 4)


def test_the_end(record):
    end = record["end"]
    close(end["weights"], [0.6, 0.4], 1e-6)
    close(end["means"], [5, -0.5], 1e-6)
    assert round(end["covariances"][0], 11) == 0.66666675507
    close(end["covariances"][1], 0.25, 1e-6)
    close(end["log_likelihood"], LOG_LIKELIHOODS[10])
    assert end["converged"]
    assert end["largest_size"] == ["Gaussian 1"]
    assert end["travelled_furthest"] == ["Gaussian 2"]


def test_six_parameters_five_free(record):
    assert record["parameters"] == {"numbers": 6, "free": 5}


def test_record_is_json_with_every_digit(record):
    assert json.loads(json.dumps(record, allow_nan=False)) == record


WORDS = {
    "density": ["6 parameters", "5 of them are free", "π₁ + π₂ = 1"],
    "log_likelihood": ["−24.51253233", "rounded to a tenth −24.5"],
    "e_step": ["πₖ Nₖ / (π₁ N₁ + π₂ N₂)"],
    "assignment": ["2, 2, 2, 1, 1"],
    "m_step": ["μ̂ₖ = Σᵢ γₖᵢ xᵢ / Σᵢ γₖᵢ", "σ̂ₖ² = Σᵢ γₖᵢ (xᵢ − μ̂ₖ)² / Σᵢ γₖᵢ", "π̂ₖ = Σᵢ γₖᵢ / n"],
    "means": ["Gaussian 2, absolutely and relatively", "from 7 to 1.47103", "from 6 to 5.13173"],
    "variances": ["Gaussian 2: its variance grows from 4 to 6.96702, ×1.742", "Gaussian 1 shrinks from 1 to 0.615563"],
    "bound": ["−24.51253233", "−11.07949383", "−10.95591242", "above"],
    "path": ["10 M-steps", "−8.46525897"],
    "end": ["The variance of Gaussian 1: σ₁² = 0.666667, against 0.25 (Gaussian 2)"],
}


@pytest.mark.parametrize("key", list(WORDS))
def test_the_words_answer_the_question(exercise, key):
    answer = next(section.answer for section in exercise.sections if section.key == key)
    for words in WORDS[key]:
        assert words in answer


def test_every_section_is_there_in_order(exercise):
    assert [section.key for section in exercise.sections] == list(WORDS)


def test_two_point_formulas_of_the_exercise_are_shown(exercise):
    text = exercise.text(width=200)
    assert "(γₖ₁ x₁ + γₖ₂ x₂) / (γₖ₁ + γₖ₂)" in text
    assert "(γₖ₁ (x₁ − μ̂ₖ)² + γₖ₂ (x₂ − μ̂ₖ)²) / (γₖ₁ + γₖ₂)" in text
    assert "(γₖ₁ + γₖ₂) / 2" in text


def test_formulas_have_the_numbers_put_in(exercise):
    text = exercise.text(width=200)
    assert "p(x; θ₀) = 0.5 N(x | 6, 1) + 0.5 N(x | 7, 4)" in text
    assert "γ₂₂ = 0.5·0.0647588 / (0.5·0.053991 + 0.5·0.0647588)" in text
    assert "1.36512×10⁻⁷·(−1) + 1.39244×10⁻⁵·0 + 0.454662·4 + 0.666667·5 + 0.693843·6) / 1.81519" in text
    assert "π̂₁ = 1.81519 / 5 = 0.363037" in text
    assert "λ (1 − Σₖ πₖ)" in text


def test_the_text_says_that_the_optimum_is_local(exercise):
    flat = re.sub(r"\s+", " ", str(exercise))
    assert "a local optimum, the one that EM from θ₀ reaches" in flat
    assert "so few rows belong to Gaussian 2 (2)" in flat
