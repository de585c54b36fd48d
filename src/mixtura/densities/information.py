"""Entropy of a mixture, divergence and distance between two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.densities.estimate import expectation
from mixtura.densities.gaussians import (
    Gaussians,
    divergences,
    log_product_integrals,
    log_sum_exp,
    pair,
)
from mixtura.families.gaussian import LOG_2PI
from mixtura.mixture import Mixture
from mixtura.validation import Array

VARIATIONAL_STEPS = 200
VARIATIONAL_TOL = 1e-10
"""The variational bound falls in every step; it ends after this many, or where it falls by less than this, nats."""


@dataclass(frozen=True, slots=True)
class Entropy:
    """The entropy of a mixture, nats.

    Attributes
    ----------
    value, standard_error : by sampling
    lower, upper : bounds that need no sampling
    """

    value: float
    standard_error: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Divergence:
    """The Kullback–Leibler divergence of two mixtures, nats.

    Attributes
    ----------
    value, standard_error : by sampling
    variational : an approximation without sampling; neither bound
    upper : a bound without sampling
    """

    value: float
    standard_error: float
    variational: float
    upper: float


def entropy(mixture: Mixture[Any], n_draws: int = 100_000, seed: int = 0) -> Entropy:
    """The differential entropy of a mixture, with its standard error and bounds.

    H = −∫ p(x) log p(x) dx

    Parameters
    ----------
    mixture : of Gaussian components
    n_draws : rows that are drawn, in proportion to the weights
    seed : equal seeds give equal bits

    Returns
    -------
    Entropy
        In nats of the data's units: columns times c add log c each.

    Notes
    -----
    Lower bound: the larger of Σ π_k H_k (knowing the component leaves less to know) and
    −Σ π_i log Σ π_j N(μ_i; μ_j, Σ_i + Σ_j) (Huber, Bailey, Durrant-Whyte & Hanebeck 2008). Upper bound: the smaller
    of Σ π_k (H_k − log π_k) (the same) and the entropy of one Gaussian with the mixture's covariance.

    Examples
    --------
    >>> import mixtura as mx
    >>> found = mx.entropy(mx.Mixture([0.5, 0.5], mx.Gaussian([0.0, 1000.0], [1.0, 1.0])))
    >>> round(found.lower, 4), round(found.upper, 4), abs(found.value - found.upper) < 4 * found.standard_error
    (1.9587, 2.1121, True)
    """
    gaussians = Gaussians.of(mixture)
    sampled = expectation(mixture, lambda rows: -mixture.log_prob(rows), n_draws, seed)
    weights, each = gaussians.weights, gaussians.entropies
    knowing = float(weights @ each)
    spread = -float(weights @ log_sum_exp(log_product_integrals(gaussians, gaussians) + mixture.log_weights))
    telling = knowing - float(weights @ np.log(np.where(weights > 0, weights, 1.0)))
    unit = -gaussians.log_jacobian
    return Entropy(
        sampled.value,
        sampled.standard_error,
        max(knowing, spread) + unit,
        min(telling, _gaussian_entropy(gaussians)) + unit,
    )


def kullback_leibler(p: Mixture[Any], q: Mixture[Any], n_draws: int = 100_000, seed: int = 0) -> Divergence:
    """How much q falls short of describing rows of p, nats a row, with its standard error and a bound.

    KL(p ‖ q) = ∫ p(x) (log p(x) − log q(x)) dx ≥ 0

    Parameters
    ----------
    p, q : mixtures of Gaussian components over the same columns
    n_draws : rows that are drawn from p, in proportion to its weights
    seed : equal seeds give equal bits

    Returns
    -------
    Divergence

    Raises
    ------
    ShapeError
        Where the columns are not as many.

    Notes
    -----
    Hershey & Olsen (2007): their variational approximation, and their variational upper bound, improved until it no
    longer falls.

    Examples
    --------
    >>> import mixtura as mx
    >>> p, q = (mx.Mixture([1.0], mx.Gaussian([m], [1.0])) for m in (0.0, 1.0))
    >>> found = mx.kullback_leibler(p, q)
    >>> found.upper, abs(found.value - 0.5) < 4 * found.standard_error
    (0.5, True)
    """
    first, second = pair(p, q)
    sampled = expectation(p, lambda rows: p.log_prob(rows) - q.log_prob(rows), n_draws, seed)
    within, between = divergences(first, first), divergences(first, second)
    gain = log_sum_exp(p.log_weights - within) - log_sum_exp(q.log_weights - between)
    variational = float(first.weights @ gain)
    return Divergence(
        sampled.value, sampled.standard_error, variational, _variational_bound(p.weights, q.weights, between)
    )


def l2_distance(p: Mixture[Any], q: Mixture[Any]) -> float:
    """The L2 distance of two densities, in closed form.

    (∫ (p(x) − q(x))² dx)^½, with ∫ N(x; μ_a, Σ_a) N(x; μ_b, Σ_b) dx = N(μ_a; μ_b, Σ_a + Σ_b)

    Parameters
    ----------
    p, q : mixtures of Gaussian components over the same columns

    Returns
    -------
    float
        In data units^(−n_features/2): like all densities it depends on the units. What lies below 1e-8 of the norms
        of p and q is rounding.

    Raises
    ------
    ShapeError
        Where the columns are not as many.

    Examples
    --------
    >>> import mixtura as mx
    >>> p = mx.Mixture([0.5, 0.5], mx.Gaussian([0.0, 3.0], [1.0, 1.0]))
    >>> mx.l2_distance(p, p), round(mx.l2_distance(p, mx.Mixture([1.0], mx.Gaussian([0.0], [1.0]))), 4)
    (0.0, 0.3552)
    """
    first, second = pair(p, q)
    if p == q:
        return 0.0
    parts = []
    for a, b, sign in ((first, first, 1.0), (first, second, -2.0), (second, second, 1.0)):
        parts.append(sign * np.outer(a.weights, b.weights) * np.exp(log_product_integrals(a, b)))
    square = max(0.0, float(np.sum([part.sum() for part in parts])))
    return float(np.sqrt(square)) * float(np.exp(0.5 * first.log_jacobian))


def _gaussian_entropy(gaussians: Gaussians) -> float:
    """½ log det(2πe Σ), Σ the covariance of the mixture: no density of that covariance has more, nats of u."""
    off = gaussians.means - gaussians.weights @ gaussians.means
    roots = np.concatenate([gaussians.factors, off[..., None]], axis=-1) * np.sqrt(gaussians.weights)[:, None, None]
    upper = np.linalg.qr(np.concatenate(list(roots), axis=1).T, mode="r")
    d = off.shape[1]
    return float(np.log(np.abs(np.diagonal(upper))).sum() + 0.5 * d * (LOG_2PI + 1))


def _variational_bound(pi: Array, omega: Array, between: Array) -> float:
    """KL(φ ‖ ψ) + Σ φ_ab KL(a ‖ b), least over φ with row sums π and ψ with column sums ω; each step lowers it.

    ψ_ab = ω_b φ_ab / Σ_a φ_ab and φ_ab ∝ ψ_ab exp(−KL(a ‖ b)) (Hershey & Olsen 2007).
    """
    with np.errstate(divide="ignore"):
        log_pi, log_omega = np.log(pi), np.log(omega)
    log_psi = log_pi[:, None] + log_omega  # independent: φ then makes the bound of convexity
    last = np.inf
    for _ in range(VARIATIONAL_STEPS):
        raw = log_psi - between
        total = log_sum_exp(raw, axis=1)
        bound = float(pi[pi > 0] @ (log_pi - total)[pi > 0])
        if not last - bound > VARIATIONAL_TOL:
            break
        last = bound
        with np.errstate(invalid="ignore"):
            log_phi = np.where(pi[:, None] > 0, log_pi[:, None] + raw - total[:, None], -np.inf)
            columns = log_sum_exp(log_phi, axis=0)
            log_psi = np.where(np.isfinite(log_phi), log_omega + log_phi - columns, -np.inf)
    return max(0.0, min(last, bound))
