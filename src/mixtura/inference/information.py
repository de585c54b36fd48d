"""Information matrices of a Gaussian mixture: observed, and of the scores; exact for every covariance structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.algorithms.iteration import inward
from mixtura.errors import ParameterError
from mixtura.families.factor_analyzers import FactorAnalyzers
from mixtura.families.gaussian import Gaussian
from mixtura.fixed import Fixed
from mixtura.inference.factor_tangent import FactorTangent, factor_tangent
from mixtura.inference.scores import ScoreSums, lower_factors, score_sums
from mixtura.inference.tangent import Tangent, tangent_of
from mixtura.mixture import Mixture
from mixtura.sources import Source
from mixtura.validation import Array, Flags

MAX_SCORES = 6000
"""Entries of a row's score, over all components, that are held in a square matrix at most (300 MB)."""


@dataclass(frozen=True, slots=True)
class Information:
    """Information matrices in the free parameters of a mixture (inner coordinates, whitened).

    Attributes
    ----------
    observed : (p, p), minus the second derivative of the log-likelihood
    scores : (p, p), Σ w s sᵀ over the rows' scores s
    gradient : (p,), zero at a maximum
    to_natural : (m, p), the derivative of weights (that of noise the last), means and lower triangles of covariances
    counts : (K,), N_k
    """

    observed: Array
    scores: Array
    gradient: Array
    to_natural: Array
    counts: Array

    def without(self, fixed: int) -> Information:
        """The same where the first parameters, such as the weights, are not free."""
        return self.only(np.arange(len(self.gradient)) >= fixed)

    def tied(self, n: int) -> Information:
        """The same where the first n parameters move as one: the odds of equal weights against that of noise."""
        tie = np.eye(len(self.gradient))[:, n - 1 :]
        tie[:n, 0] = 1.0
        return Information(
            tie.T @ self.observed @ tie,
            tie.T @ self.scores @ tie,
            self.gradient @ tie,
            self.to_natural @ tie,
            self.counts,
        )

    def only(self, free: Flags) -> Information:
        """The same where only some of the parameters are free, (p,)."""
        square = np.ix_(free, free)
        return Information(
            self.observed[square], self.scores[square], self.gradient[free], self.to_natural[:, free], self.counts
        )

    def beside(self, fixed: Fixed, n_features: int) -> Information:
        """The same where means and covariances of some components are held; their weights are seen to already."""
        k, d = len(self.counts), n_features
        triangle = d * (d + 1) // 2
        held = np.zeros(len(self.to_natural), dtype=bool)
        first = len(held) - k * (d + triangle)
        held[first : first + k * d].reshape(k, d)[list(fixed.means)] = True
        held[first + k * d :].reshape(k, triangle)[list(fixed.covariances)] = True
        return self.only(~np.any(self.to_natural[held] != 0, axis=0))


def information_of(source: Source, mixture: Mixture[Any], structure: str | None = None) -> Information:
    """The information matrices of a Gaussian mixture (data units); `structure`: its own, or another that it keeps.

    Louis (1982): I = Σ_i E[−∂² log f | x_i] − Σ_i Cov(score of row and component | x_i).
    """
    if not isinstance(mixture.components, Gaussian):
        raise ParameterError(
            f"standard errors from the information are for Gaussian components, not {mixture.structure}; bootstrap "
            "serves every family."
        )
    if not np.all(mixture.weights > 0):
        raise ParameterError(f"weights[{int(np.argmin(mixture.weights))}] is 0; leave that component out.")
    if mixture.noise is not None and mixture.noise.weight == 0:
        raise ParameterError("the weight of the noise is 0, the end of its range; leave it out: .with_noise(None).")
    structure = structure or mixture.structure
    inner = inward(mixture, source.coordinates)
    factors = lower_factors(inner.components)
    analyzers = inner.components if isinstance(inner.components, FactorAnalyzers) else None
    tangent = tangent_of(structure, factors) if analyzers is None else factor_tangent(analyzers)
    diagonal = structure[-1] == "I" or mixture.n_features == 1
    k, d = mixture.n_components, mixture.n_features
    size = k * (1 + d + (d if diagonal else d * (d + 1) // 2))
    if size > MAX_SCORES:
        raise ParameterError(
            f"the score of a row has {size} entries and its square does not fit (at most {MAX_SCORES}); use bootstrap, "
            "or a structure with fewer parameters."
        )
    sums = score_sums(source, inner, diagonal)
    shares = _free_shares(mixture)
    linear = _linear_maps(shares, tangent, sums)
    stacked = linear.transpose(1, 0, 2).reshape(linear.shape[1], -1)
    conditional = np.einsum("kpq,kqr,ksr->ps", linear, sums.own, linear, optimize=True)
    gradient = np.einsum("kpq,kq->p", linear, sums.own[:, 0])
    if mixture.noise is not None:
        of_noise = np.zeros(len(stacked))
        of_noise[: int((shares > 0).sum()) - 1] = _logits(shares)[-1]
        stacked = np.column_stack([stacked, of_noise])
        conditional += sums.noise * np.outer(of_noise, of_noise)
        gradient += sums.noise * of_noise
    scores = stacked @ sums.outer @ stacked.T
    observed = _complete(shares, tangent, sums) - conditional + scores
    natural = _to_natural(shares, float(mixture.proportions[shares > 0].sum()), tangent, factors)
    found = Information((observed + observed.T) / 2, scores, gradient, natural, sums.counts)
    return found if mixture.fixed is None else found.beside(mixture.fixed, mixture.n_features)


def _free_shares(mixture: Mixture[Any]) -> Array:
    """(K,): the weights that are free, as shares of what fixed ones leave; 0 for those that are fixed.

    With noise one more, the last.
    """
    held = () if mixture.fixed is None else mixture.fixed.weights
    free = np.where(np.isin(np.arange(len(mixture.proportions)), held), 0.0, mixture.proportions)
    shares: Array = free / free.sum() if free.any() else free
    return shares


def _logits(shares: Array) -> Array:
    """(K, m): the derivative of log π_k in the parameters log π_j / π_l, j all free weights but the last one, l."""
    free = np.flatnonzero(shares > 0)
    logits: Array = ((np.eye(len(shares)) - shares) * (shares > 0)[:, None])[:, free[:-1]]
    return logits


def _linear_maps(shares: Array, tangent: Tangent | FactorTangent, sums: ScoreSums) -> Array:
    """(K, p, q): A_k with the score of a row Σ_k A_k r_k m_k.

    Parameters are log π_k / π_l of the free weights (K − 1, l the last one, where all are free), shifts of the means in
    units of L_k (K D), and those of the covariances.
    """
    k, d = tangent.first.shape[1:3]
    rows, columns = sums.pairs
    logits = _logits(shares)
    n_logits = logits.shape[1]
    first = n_logits + k * d
    linear = np.zeros((k, first + len(tangent.first), 1 + d + len(rows)))
    linear[:, :n_logits, 0] = logits[:k]
    for j in range(k):
        start = n_logits + j * d
        linear[j, start : start + d, 1 : 1 + d] = np.eye(d)
        directions = tangent.first[:, j]
        linear[j, first:, 0] = -0.5 * np.trace(directions, axis1=1, axis2=2)
        linear[j, first:, 1 + d :] = np.where(rows == columns, 0.5, 1.0) * directions[:, rows, columns]
    return linear


def _complete(shares: Array, tangent: Tangent | FactorTangent, sums: ScoreSums) -> Array:
    """(p, p): −Σ w r ∂² log π_k p(x | k), the information if components were known."""
    k, d = tangent.first.shape[1:3]
    counts, s, second = sums.counts, sums.sums(d), sums.second(d)
    members = np.append(counts, sums.noise)[: len(shares)]
    proportions = shares[shares > 0][:-1]
    n_logits = len(proportions)
    first = n_logits + k * d
    p = first + len(tangent.first)
    complete = np.zeros((p, p))
    mass = members[shares > 0].sum()
    complete[:n_logits, :n_logits] = mass * (np.diag(proportions) - np.outer(proportions, proportions))
    for j in range(k):
        mean = slice(n_logits + j * d, n_logits + (j + 1) * d)
        complete[mean, mean] = counts[j] * np.eye(d)
        directions = tangent.first[:, j]
        complete[mean, first:] = (directions @ s[j]).T
        complete[first:, mean] = complete[mean, first:].T
        flat = directions.reshape(len(directions), -1)
        weighted = (directions @ (second[j] - 0.5 * counts[j] * np.eye(d))).reshape(len(directions), -1)
        complete[first:, first:] += weighted @ flat.T
    complete[first:, first:] -= tangent.bending(second - counts[:, None, None] * np.eye(d))
    return complete


def _to_natural(shares: Array, rest: float, tangent: Tangent | FactorTangent, factors: Array) -> Array:
    """(m, p): the derivative of weights, means and lower triangles of the covariances, inner coordinates.

    `rest` is the sum of the free weights.
    """
    k, d = tangent.first.shape[1:3]
    logits = _logits(shares)
    m, n_logits = logits.shape
    first = n_logits + k * d
    rows, columns = np.tril_indices(d)
    natural = np.zeros((m + k * d + k * len(rows), first + len(tangent.first)))
    natural[:m, :n_logits] = rest * shares[:, None] * logits
    for j in range(k):
        natural[m + j * d : m + (j + 1) * d, n_logits + j * d : n_logits + (j + 1) * d] = factors[j]
        moved = factors[j] @ tangent.first[:, j] @ factors[j].T
        start = m + k * d + j * len(rows)
        natural[start : start + len(rows), first:] = moved[:, rows, columns].T
    return natural
