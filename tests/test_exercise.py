"""The course exercise, to the digits of an independent program in double precision."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura.errors import DegenerateWarning

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
def path(theta0, five, engine):
    """Twelve iterations."""
    return list(mx.em(theta0, five, max_iter=12, engine=engine))


def close(got, want, rel):
    np.testing.assert_allclose(np.ravel(got), np.ravel(want), rtol=rel, atol=0)


def test_log_likelihood_at_the_start(theta0, five, path):
    close(theta0.log_likelihood(five), LOG_LIKELIHOODS[0], 1e-14)
    close(path[0].log_likelihood, LOG_LIKELIHOODS[0], 1e-14)


def test_responsibilities_of_the_first_gaussian(theta0, five):
    resp = theta0.responsibilities(five)
    close(resp[:, 0], RESPONSIBILITIES, 1e-12)
    close(resp.sum(axis=1), np.ones(5), 1e-15)


def test_points_are_given_to_2_2_2_1_1(theta0, five):
    assert (theta0.predict(five) + 1).tolist() == [2, 2, 2, 1, 1]


def test_the_mixture_has_five_free_parameters(theta0):
    assert theta0.n_parameters == 5  # two means, two variances and one of two proportions


def test_first_m_step(path):
    after = path[0].after
    close(after.weights, [0.36303705939444367, 0.63696294060555633], 1e-14)
    close(after.components.means, [5.1317280295526754, 1.471031494624101], 1e-14)
    close(after.components.covariances, [0.61556250144177396, 6.9670221017983509], 1e-14)


def test_first_m_step_is_the_closed_form(theta0, five, path):
    x, r = np.array(five), theta0.responsibilities(five)
    n = r.sum(axis=0)
    means = r.T @ x / n
    close(path[0].after.components.means, means, 1e-14)
    close(path[0].after.components.covariances, (r * (x[:, None] - means) ** 2).sum(axis=0) / n, 1e-13)
    close(path[0].after.weights, n / 5, 1e-14)


@pytest.mark.parametrize("steps", sorted(LOG_LIKELIHOODS))
def test_log_likelihood_after_so_many_steps(path, five, steps):
    close(path[steps].log_likelihood, LOG_LIKELIHOODS[steps], 1e-13)
    close(path[steps].before.log_likelihood(five), LOG_LIKELIHOODS[steps], 1e-13)


def test_bound_after_each_of_the_first_m_steps(path):
    bounds = [it.lower_bound for it in path[:3]]
    assert bounds == pytest.approx([-11.07949383, -10.84523327, -10.63179166], abs=5e-9)
    assert path[0].log_likelihood < bounds[0] < path[1].log_likelihood


def test_second_gaussian_moves_left_more_and_spreads(path):
    moved = path[0].after.components.means - path[0].before.components.means
    assert moved[1, 0] < moved[0, 0] < 0
    assert moved[1, 0] / 7 < moved[0, 0] / 6
    grown = path[0].after.components.covariances / path[0].before.components.covariances
    assert grown[1] > 1 > grown[0]


def test_limit(theta0, five, engine):
    last = list(mx.em(theta0, five, tol=1e-14, max_iter=100, engine=engine))[-1].after
    close(last.weights, [0.6, 0.4], 1e-6)
    close(last.components.means, [5, -0.5], 1e-6)
    assert last.components.covariances == pytest.approx([0.66666675507, 0.25], abs=5e-12)
    close(last.log_likelihood(five), LOG_LIKELIHOODS[10], 1e-14)


def test_fit_from_the_start_reaches_the_same_limit(theta0, five):
    with pytest.warns(DegenerateWarning, match="component 1 holds 2 rows"):  # two rows are few for a variance
        fit = mx.fit(five, start=theta0)
    assert fit.converged
    close(fit.mixture.components.means, [5, -0.5], 1e-6)
    assert fit.log_likelihood == pytest.approx(LOG_LIKELIHOODS[10], rel=1e-13)
