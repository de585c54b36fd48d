"""EM beside noise, explained: the noise is one more term, k = 0, in every sum."""

from __future__ import annotations

import json

import numpy as np
import pytest

import mixtura as mx

X = np.array([-1.0, 0.0, 4.0, 5.0, 6.0, 14.0, -4.0])
THETA = mx.Mixture([0.4, 0.4], mx.Gaussian([6, 7], [1, 4], "V"), noise=mx.Noise.between(0.2, -5, 15))
PLANE = np.random.default_rng(0).normal(size=(60, 2)) * [1, 2] + np.repeat([[0, 0], [5, 5]], 30, axis=0)


@pytest.fixture(scope="module")
def solution():
    return mx.explain(THETA, X, iterations=3)


def section(solution, key):
    return next(s for s in solution.sections if s.key == key)


def test_every_number_is_that_of_the_mixture(solution):
    np.testing.assert_allclose(solution.start.responsibilities, THETA.responsibilities(X))
    np.testing.assert_allclose(solution.start.counts.sum(), len(X))
    assert solution.log_likelihoods[0] == pytest.approx(THETA.log_likelihood(X))
    gap = solution.log_likelihoods[1] - solution.bound_after
    assert solution.row_weights @ solution.divergence == pytest.approx(gap, abs=1e-12)
    after = solution.mixtures[1]
    assert after.noise.weight == pytest.approx(solution.start.counts[-1] / len(X))


def test_the_noise_is_named_wherever_rows_can_go(solution):
    text = solution.text(200)
    for part in ("2 Gaussians and noise", "+ π₀/V", "0.2 / 20", "π₂ N₂(x₀) + π₀ N₀(x₀)", "γ₀ᵢ", "π̂₀ = 4.24304 / 7"):
        assert part in text
    assert section(solution, "assignment").answer.endswith("noise, noise, 2, 1, 1, noise, noise.")
    assert "7 are free" in section(solution, "density").answer


def test_shared_covariances_count_the_rows_that_are_no_noise():
    theta = mx.Mixture([0.4, 0.4], mx.Gaussian([0, 5], [3.0], "E"), noise=THETA.noise)
    found = mx.explain(theta, X, iterations=1)
    n = found.start.counts[:2].sum()
    means = found.mixtures[1].components.means[:, 0]
    squares = found.start.responsibilities[:, :2] * (X[:, None] - means) ** 2
    assert found.mixtures[1].components.component_covariances[0, 0, 0] == pytest.approx(squares.sum() / n)
    assert "/ (n − n₀)" in found.text()


@pytest.mark.parametrize("structure", ["VVV", "EEE", "EII", "VVE"])
def test_every_way_of_showing_it_serves(structure):
    noise = mx.Noise.between(0.1, PLANE.min(axis=0), PLANE.max(axis=0))
    for k in (1, 2, 5):
        labels = np.arange(60) % k
        theta = mx.Mixture.from_responsibilities(PLANE, labels, structure).with_noise(noise)
        found = mx.explain(theta, PLANE, iterations=2)
        json.dumps(found.to_dict(), allow_nan=False)
        assert "noise" in found.to_markdown()
        assert "noise" in found._repr_html_()
        assert found.table()["weight of noise"][0] == pytest.approx(0.1)
