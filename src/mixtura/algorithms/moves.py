"""Split and merge: moves from one optimum towards a better one, and from K components to K + 1.

A merge makes one group of two, at a loss that follows from their moments (Runnalls 2007, eq. 16); a split cuts the rows
of one across a long axis, at a gain that follows from the moments of the halves. The exchanges of largest gain less
loss are tried. Ueda, Nakano, Ghahramani & Hinton (2000) rank by the rows' responsibilities instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura.algorithms.start import Grouping, Groupings, Partitions
from mixtura.linalg import solve_lower
from mixtura.mixture import Mixture
from mixtura.validation import Array, Labels

AXES = 2
"""Ways in which each group is cut in two."""

NEIGHBOURS = 3
"""Pairs of groups that may be merged, for each group: the cheapest."""

FLAT = 1e-9
"""A variance, beside the common one of all groups: no promise is made by halves that are thinner."""

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Splits:
    """Two groups in place of one, S ways, largest gain first.

    Attributes
    ----------
    group : (S,), the one that is split
    gain : (S,), of the classification likelihood of its rows, nats
    counts, means, scatter : (S, 2), (S, 2, D), (S, 2, D, D), moments of the halves
    """

    group: Indices
    gain: Array
    counts: Array
    means: Array
    scatter: Array

    def __len__(self) -> int:
        return len(self.group)


@dataclass(frozen=True, slots=True)
class Merges:
    """One group in place of two, P ways, smallest loss first.

    Attributes
    ----------
    pair : (P, 2), the ones that are merged
    loss : (P,), N log |Σ|^½ of both together less that of each, nats
    counts, means, scatter : (P,), (P, D), (P, D, D), moments of both together
    """

    pair: Indices
    loss: Array
    counts: Array
    means: Array
    scatter: Array


def groups_of(mixture: Mixture[Any], counts: Array) -> Grouping:
    """The moments that a mixture stands for: N_k, μ_k, N_k Σ_k."""
    covariances = mixture.components.component_covariances
    return Grouping(counts, mixture.components.component_means, covariances * counts[:, None, None])


def merges_of(groups: Grouping, most: int) -> Merges:
    """The pairs of groups whose merging costs least."""
    pair = np.stack(np.triu_indices(len(groups.counts), 1), axis=1)
    counts, means = groups.counts[pair], groups.means[pair]
    total = counts.sum(axis=1)
    off = np.sqrt(counts.prod(axis=1) / total)[:, None] * (means[:, 0] - means[:, 1])
    scatter = groups.scatter[pair].sum(axis=1) + off[:, :, None] * off[:, None, :]
    sphere = _sphere(groups)
    alone = groups.counts * _log_dets(groups.scatter / groups.counts[:, None, None], sphere)
    loss = total * _log_dets(scatter / total[:, None, None], sphere) - alone[pair].sum(axis=1)
    order = np.argsort(loss, kind="stable")[:most]
    middle = (counts[:, :, None] * means).sum(axis=1) / total[:, None]
    return Merges(pair[order], loss[order], total[order], middle[order], scatter[order])


def splits_of(partitions: Partitions, labels: Labels, groups: Grouping) -> Splits:
    """Each group cut in two across its longest axes; `labels` (m,) of the same groups.

    An axis is long where the group is wide beside the groups' common scatter, so units do not matter. The gain is that
    of the classification likelihood: N log |Σ|^½ of the whole less that of the halves, and the entropy of the halves.
    """
    k, d = groups.means.shape
    n_axes = min(AXES, d)
    covariances = groups.scatter / groups.counts[:, None, None]
    sphere = _sphere(groups)
    axes = sphere.T @ np.linalg.eigh(sphere @ covariances @ sphere.T)[1][:, :, : -n_axes - 1 : -1]
    off = partitions.inner_rows() - groups.means[labels]
    beyond = np.stack([np.einsum("nd,nd->n", off, axes[labels, :, a]) > 0 for a in range(n_axes)])
    parts = partitions.group(2 * labels + beyond, 2 * k).shrunk()
    counts = parts.counts.reshape(-1, 2)
    large = np.flatnonzero((counts > d + 1).all(axis=1))
    group, counts = large % k, counts[large]
    scatter = parts.scatter.reshape(-1, 2, d, d)[large]
    apart = _log_dets((scatter / counts[:, :, None, None]).reshape(-1, d, d), sphere).reshape(-1, 2)
    total = counts.sum(axis=1)
    gain = total * _log_dets(covariances, sphere)[group] + (counts * (np.log(counts / total[:, None]) - apart)).sum(
        axis=1
    )
    order = np.argsort(-gain, kind="stable")
    return Splits(group[order], gain[order], counts[order], parts.means.reshape(-1, 2, d)[large][order], scatter[order])


def _sphere(groups: Grouping) -> Array:
    """(D, D): the map that makes the common covariance of all groups the identity."""
    common = groups.scatter.sum(axis=0) / groups.counts.sum()
    spread = np.sqrt(common.diagonal())
    factor = np.linalg.cholesky(common / np.outer(spread, spread))
    return solve_lower(factor, np.diag(1 / spread))


def _log_dets(covariances: Array, sphere: Array) -> Array:
    """½ log |Σ| of each in sphered coordinates; what is flat there counts as `FLAT`, so that nothing is infinite."""
    factors = np.linalg.cholesky(sphere @ covariances @ sphere.T + FLAT * np.eye(len(sphere)))
    log_dets: Array = np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1)
    return log_dets


def with_splits(groups: Grouping, splits: Splits, most: int, method: str) -> Groupings | None:
    """K + 1 groups each, by the best splits; None where there are none."""
    group = splits.group[:most]
    if not len(group):
        return None
    rest = _others(len(groups.counts), group[:, None])
    return Groupings(
        (method,) * len(group),
        np.concatenate([groups.counts[rest], splits.counts[:most]], axis=1),
        np.concatenate([groups.means[rest], splits.means[:most]], axis=1),
        np.concatenate([groups.scatter[rest], splits.scatter[:most]], axis=1),
    )


def exchanges(groups: Grouping, splits: Splits, method: str, most: int, least: float) -> Groupings | None:
    """K groups each, two merged and a third split: those of largest gain less loss, if above `least` nats."""
    k = len(groups.counts)
    merges = merges_of(groups, NEIGHBOURS * k)
    promise = splits.gain[:, None] - merges.loss
    promise[(splits.group[:, None, None] == merges.pair).any(axis=2)] = -np.inf
    best = np.argsort(-promise, axis=None, kind="stable")[: min(most, np.count_nonzero(promise > least))]
    if not len(best):
        return None
    s, m = np.unravel_index(best, promise.shape)
    rest = _others(k, np.column_stack([splits.group[s], merges.pair[m]]))
    return Groupings(
        (method,) * len(best),
        np.concatenate([groups.counts[rest], merges.counts[m, None], splits.counts[s]], axis=1),
        np.concatenate([groups.means[rest], merges.means[m, None], splits.means[s]], axis=1),
        np.concatenate([groups.scatter[rest], merges.scatter[m, None], splits.scatter[s]], axis=1),
    )


def _others(n_groups: int, left_out: Indices) -> Indices:
    """(B, K − L): the groups that are not among those left out, (B, L) different ones a row."""
    kept = np.ones((len(left_out), n_groups), dtype=bool)
    np.put_along_axis(kept, left_out, False, axis=1)
    return np.nonzero(kept)[1].reshape(len(left_out), -1)
