"""One EM step against 50 digits, on well and ill conditioned mixtures and at large offsets."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from mixtura import _core


def exact_step(X, log_weights, means, factors):
    """log-likelihood, new means and covariances of a full mixture, mpmath throughout."""
    n, D = X.shape
    K = len(means)
    mp = mpmath.mpf
    rows = [[mp(float(v)) for v in row] for row in X]
    triangles = [mpmath.matrix(L.tolist()) for L in factors]
    joint = []
    for row in rows:
        terms = []
        for k in range(K):
            difference = mpmath.matrix([row[j] - mp(float(means[k, j])) for j in range(D)])
            z = mpmath.lu_solve(triangles[k], difference)
            log_det = sum(mpmath.log(triangles[k][j, j]) for j in range(D))
            terms.append(
                mp(float(log_weights[k])) - log_det - mp(D) / 2 * mpmath.log(2 * mpmath.pi) - sum(v**2 for v in z) / 2
            )
        joint.append(terms)
    total = mp(0)
    resp = []
    for terms in joint:
        top = max(terms)
        lse = top + mpmath.log(sum(mpmath.exp(t - top) for t in terms))
        total += lse
        resp.append([mpmath.exp(t - lse) for t in terms])
    new_means, covariances = [], []
    for k in range(K):
        count = sum(r[k] for r in resp)
        mean = [sum(resp[i][k] * rows[i][j] for i in range(n)) / count for j in range(D)]
        cov = [
            [
                sum(resp[i][k] * (rows[i][a] - mean[a]) * (rows[i][b] - mean[b]) for i in range(n)) / count
                for b in range(D)
            ]
            for a in range(D)
        ]
        new_means.append(mean)
        covariances.append(cov)
    return total, new_means, covariances


def compiled_step(X, centre, log_weights, means, factors):
    """The same through the compiled loop, in coordinates about `centre`; factors of the new covariances."""
    D = means.shape[1]
    first = _core.climb(
        X, None, centre, np.ones(D), "VVV", log_weights[None], means[None], factors[None], np.zeros(D), 0.0, 0, 1
    )
    then = _core.climb(
        X, None, centre, np.ones(D), "VVV", log_weights[None], means[None], factors[None], np.zeros(D), 0.0, 1, 1
    )
    return first[3][0], then[1][0], then[2][0]


def mixture(rng, n, D, K, condition):
    """Rows, and a mixture near them whose covariances have the condition number asked for."""
    spread = np.geomspace(1, condition**-0.5, D)
    rotations = [np.linalg.qr(rng.standard_normal((D, D)))[0] for _ in range(K)]
    roots = [Q * spread for Q in rotations]
    means = 1.5 * rng.standard_normal((K, D))
    labels = rng.integers(K, size=n)
    X = means[labels] + np.stack([roots[k] @ rng.standard_normal(D) for k in labels])
    X = np.round(X * 2.0**26) / 2.0**26 if condition < 1e4 else X
    factors = []
    for root in roots:
        upper = np.linalg.qr((root * rng.uniform(0.95, 1.05, D)).T, mode="r")
        factors.append((upper * np.sign(np.diag(upper))[:, None]).T)
    moved = means + 0.05 * rng.standard_normal((K, D)) @ roots[0].T
    return X, np.log(rng.dirichlet(np.full(K, 5.0))), moved, np.stack(factors)


@pytest.mark.parametrize("offset", [0.0, 2.0**26])
@pytest.mark.parametrize("D", [2, 5])
def test_step_at_any_offset(engine, D, offset):
    rng = np.random.default_rng([7, D])
    X, log_weights, means, factors = mixture(rng, 60, D, 2, 10.0)
    assert ((X + offset) - offset == X).all()
    with mpmath.workdps(50):
        total, new_means, covariances = exact_step(X, log_weights, means, factors)
        got = compiled_step(X + offset, np.full(D, offset), log_weights, means, factors)
        assert abs(mpmath.mpf(got[0]) - total) <= 1e-13 * abs(total)
        np.testing.assert_allclose(got[1], np.array(new_means, float), rtol=1e-12, atol=1e-13)
        for k in range(2):
            np.testing.assert_allclose(got[2][k] @ got[2][k].T, np.array(covariances[k], float), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("condition", [1e4, 1e8, 1e12])
@pytest.mark.parametrize("D", [3, 6])
def test_step_keeps_its_digits_on_ill_conditioned_mixtures(engine, D, condition):
    rng = np.random.default_rng([8, D])
    X, log_weights, means, factors = mixture(rng, 60, D, 1, condition)
    with mpmath.workdps(50):
        total, new_means, covariances = exact_step(X, log_weights, means, factors)
        got = compiled_step(X, np.zeros(D), log_weights, means, factors)
        assert abs(mpmath.mpf(got[0]) - total) <= 1e-12 * abs(total) * max(1, condition**0.5 / 1e3)
        np.testing.assert_allclose(got[1], np.array(new_means, float), rtol=1e-12, atol=1e-13)
        covariance = np.array(covariances[0], float)
        np.testing.assert_allclose(got[2][0] @ got[2][0].T, covariance, rtol=0, atol=1e-12 * np.abs(covariance).max())
        log_det = 2 * np.log(np.diag(got[2][0])).sum()
        want = float(mpmath.log(mpmath.det(mpmath.matrix(covariances[0]))))
        assert abs(log_det - want) <= 1e-9


def test_float32_step_is_good_to_five_digits(engine):
    rng = np.random.default_rng(9)
    X, log_weights, means, factors = mixture(rng, 80, 3, 2, 10.0)
    X = X.astype(np.float32)
    with mpmath.workdps(50):
        total, new_means, covariances = exact_step(X.astype(float), log_weights, means, factors)
    got = compiled_step(X, np.zeros(3), log_weights, means, factors)
    np.testing.assert_allclose(got[0], float(total), rtol=1e-6)
    np.testing.assert_allclose(got[1], np.array(new_means, float), rtol=1e-5, atol=1e-5)
    for k in range(2):
        np.testing.assert_allclose(got[2][k] @ got[2][k].T, np.array(covariances[k], float), rtol=1e-5, atol=1e-5)
