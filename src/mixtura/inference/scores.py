"""Scores of the rows: one pass sums all that the information matrices need, and holds no row.

With z = L_k⁻¹(x − μ_k) and m = (1, z, products of z), the score of a row in any parameters is linear in its
u = (r_1 m_1, …, r_K m_K). So Σ w u uᵀ gives the outer products of the scores, and Σ w r m mᵀ what Louis's formula
subtracts them from, whatever the structure. Of a row with missing cells m is expected given what is known, and the sum
of m mᵀ gains its conditional covariance (`hidden`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mixtura.families.gaussian import LOG_2PI, Gaussian
from mixtura.inference.hidden import Part, incomplete_parts
from mixtura.linalg import diagonals, solve_lower
from mixtura.mixture import Mixture
from mixtura.sources import Source
from mixtura.sweep.blocks import blocks
from mixtura.sweep.reference import log_sum_exp
from mixtura.validation import Array, Labels


@dataclass(frozen=True, slots=True)
class ScoreSums:
    """Sums over the rows for a mixture in inner coordinates; q = 1 + D + the number of pairs.

    Attributes
    ----------
    own : (K, q, q), Σ w r E[m mᵀ]; its first rows hold N, Σ w r z and Σ w r z zᵀ
    outer : (K q, K q), Σ w u uᵀ; with noise u has one entry more, r of the noise
    pairs : (rows, columns), the products z_a z_b that m holds
    noise : Σ w r of the noise
    """

    own: Array
    outer: Array
    pairs: tuple[Labels, Labels]
    noise: float = 0.0

    @property
    def counts(self) -> Array:
        """(K,), N_k = Σ w r."""
        return self.own[:, 0, 0]

    def sums(self, n_features: int) -> Array:
        """(K, D), Σ w r z."""
        return self.own[:, 0, 1 : 1 + n_features]

    def second(self, n_features: int) -> Array:
        """(K, D, D), Σ w r z zᵀ; entries that m does not hold are zero."""
        rows, columns = self.pairs
        second = np.zeros((len(self.own), n_features, n_features))
        second[:, rows, columns] = self.own[:, 0, 1 + n_features :]
        second[:, columns, rows] = second[:, rows, columns]
        return second


def lower_factors(components: Gaussian) -> Array:
    """(K, D, D): lower triangular L_k with Σ_k = L_k L_kᵀ, whatever the form of the structure's factors."""
    factors, d = components.factors, components.n_features
    if factors.ndim == 2:
        factors = factors[:, :, None] * np.eye(d)
    elif factors.ndim == 1:
        factors = factors[:, None, None] * np.eye(d)
    return np.broadcast_to(factors, (components.n_components, d, d))


def score_sums(source: Source, inner: Mixture[Gaussian], diagonal: bool) -> ScoreSums:
    """One pass over the rows; `diagonal`: products z_a² alone, enough where covariances are diagonal."""
    k, d = inner.n_components, inner.n_features
    rows_of, columns_of = np.diag_indices(d) if diagonal else np.tril_indices(d)
    pairs: tuple[Labels, Labels] = rows_of.astype(np.int64), columns_of.astype(np.int64)
    q = 1 + d + len(pairs[0])
    n_scores = k * q + (inner.noise is not None)
    own, outer, of_noise = np.zeros((k, q, q)), np.zeros((n_scores, n_scores)), 0.0
    for part in _parts(source, inner):
        features = np.empty((len(part.z), k, q))
        features[:, :, 0] = 1.0
        features[:, :, 1 : 1 + d] = part.z
        features[:, :, 1 + d :] = part.z[:, :, pairs[0]] * part.z[:, :, pairs[1]]
        if part.hidden is not None:
            features[:, :, 1 + d :] += part.hidden.products(pairs)
            own += part.hidden.spread(part, pairs)
        root = np.sqrt(part.weights)[:, None]
        for j in range(k):
            scaled = features[:, j] * (np.sqrt(part.resp[:, j : j + 1]) * root)
            own[j] += scaled.T @ scaled
        features *= (part.resp[:, :k] * root)[:, :, None]
        flat = features.reshape(len(features), -1)
        if inner.noise is not None:
            flat = np.column_stack([flat, part.resp[:, k:] * root])
            of_noise += float((part.resp[:, k:] * root**2).sum())
        outer += flat.T @ flat
    return ScoreSums(own, outer, pairs, of_noise)


def _parts(source: Source, inner: Mixture[Gaussian]) -> Iterator[Part]:
    if source.has_gaps:
        return (part for _, some in source.parts() for part in incomplete_parts(some, inner, source.coordinates))
    return _whole_parts(source, inner)


def _whole_parts(source: Source, inner: Mixture[Gaussian]) -> Iterator[Part]:
    """Rows without gaps, a block at a time."""
    k, d, noise = inner.n_components, inner.n_features, inner.noise
    factors, means = lower_factors(inner.components), inner.components.means
    log_scale = inner.log_weights - np.log(diagonals(factors)).sum(axis=1) - 0.5 * d * LOG_2PI
    for chunk in source.chunks():
        for block in blocks(chunk):
            rows = source.coordinates.rows_inward(block.rows)
            z = np.empty((len(rows), k, d))
            for j in range(k):
                z[:, j] = solve_lower(factors[j], (rows - means[j]).T).T
            joint = log_scale - 0.5 * (z**2).sum(axis=2)
            if noise is not None:
                joint = np.pad(joint, ((0, 0), (0, 1)), constant_values=noise.log_weight - noise.log_volume)
            weights = np.ones(len(rows)) if block.weights is None else block.weights
            yield Part(z, log_sum_exp(joint)[2], weights)
