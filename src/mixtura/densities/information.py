"""Entropy of a mixture, divergence and distance between two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.densities.boxes import inner_box, with_box_divergences, with_box_integrals
from mixtura.densities.estimate import expectation
from mixtura.densities.gaussians import (
    Gaussians,
    divergences,
    log_product_integrals,
    log_sum_exp,
    pair,
)
from mixtura.densities.uniform import log_density
from mixtura.families.gaussian import LOG_2PI
from mixtura.mixture import Mixture
from mixtura.noise import Box
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
    of Σ π_k (H_k − log π_k) (the same) and the entropy of one Gaussian with the mixture's covariance. Noise counts
    as one more component, uniform within its box.

    Examples
    --------
    >>> import mixtura as mx
    >>> found = mx.entropy(mx.Mixture([0.5, 0.5], mx.Gaussian([0.0, 1000.0], [1.0, 1.0])))
    >>> round(found.lower, 4), round(found.upper, 4), abs(found.value - found.upper) < 4 * found.standard_error
    (1.9587, 2.1121, True)
    """
    gaussians = Gaussians.of(mixture)
    box = inner_box(mixture, "entropy", gaussians.coordinates)
    sampled = expectation(mixture, lambda rows: -log_density(mixture, rows, "entropy"), n_draws, seed)
    weights, log_weights, each = gaussians.weights, mixture.log_weights, gaussians.entropies
    products = log_product_integrals(gaussians, gaussians)
    if box is not None and mixture.noise is not None:
        weights, log_weights = (
            np.append(weights, mixture.noise.weight),
            np.append(log_weights, mixture.noise.log_weight),
        )
        each = np.append(each, box.log_volume)
        products = np.pad(products, (0, 1), constant_values=-box.log_volume)  # what the box holds of one is at most one
    knowing = float(weights @ each)
    spread = -float(weights @ log_sum_exp(products + log_weights))
    telling = knowing - float(weights @ np.log(np.where(weights > 0, weights, 1.0)))
    unit = -gaussians.log_jacobian
    return Entropy(
        sampled.value,
        sampled.standard_error,
        max(knowing, spread) + unit,
        min(telling, _gaussian_entropy(gaussians, weights, box)) + unit,
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
    longer falls. Noise counts as one more component, uniform within its box.

    Examples
    --------
    >>> import mixtura as mx
    >>> p, q = (mx.Mixture([1.0], mx.Gaussian([m], [1.0])) for m in (0.0, 1.0))
    >>> found = mx.kullback_leibler(p, q)
    >>> found.upper, abs(found.value - 0.5) < 4 * found.standard_error
    (0.5, True)
    """
    what = "a divergence"
    first, second = pair(p, q)
    own, other = (inner_box(m, what, first.coordinates) for m in (p, q))
    sampled = expectation(p, lambda rows: log_density(p, rows, what) - log_density(q, rows, what), n_draws, seed)
    within = with_box_divergences(divergences(first, first), first, own, own)
    between = with_box_divergences(divergences(first, second), second, own, other)
    pi, omega = p.proportions, q.proportions
    with np.errstate(divide="ignore"):
        gain = log_sum_exp(np.log(pi) - within) - log_sum_exp(np.log(omega) - between)
    variational = float(pi[pi > 0] @ gain[pi > 0])
    return Divergence(sampled.value, sampled.standard_error, variational, _variational_bound(pi, omega, between))


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
        of p and q is rounding; with noise in several columns, 1e-3: what its box holds of a component is integrated by
        lattices there.

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
    what = "a distance"
    first, second = pair(p, q)
    if p == q:
        return 0.0
    one, other = ((g, inner_box(m, what, first.coordinates), m.proportions) for g, m in ((first, p), (second, q)))
    parts = []
    for (a, box_a, weights_a), (b, box_b, weights_b), sign in (
        (one, one, 1.0),
        (one, other, -2.0),
        (other, other, 1.0),
    ):
        integrals = with_box_integrals(np.exp(log_product_integrals(a, b)), a, b, box_a, box_b)
        parts.append(sign * np.outer(weights_a, weights_b) * integrals)
    square = max(0.0, float(np.sum([part.sum() for part in parts])))
    return float(np.sqrt(square)) * float(np.exp(0.5 * first.log_jacobian))


def _gaussian_entropy(gaussians: Gaussians, weights: Array, box: Box | None) -> float:
    """½ log det(2πe Σ), Σ the covariance of the mixture: no density of that covariance has more, nats of u."""
    means, factors = gaussians.means, gaussians.factors
    if box is not None:
        means, factors = np.vstack([means, box.centre]), np.concatenate([factors, box.edges[None] / np.sqrt(3)])
    off = means - weights @ means
    roots = np.concatenate([factors, off[..., None]], axis=-1) * np.sqrt(weights)[:, None, None]
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
