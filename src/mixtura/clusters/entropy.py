"""Clusters of several components: those are merged whose merging makes the assignment of rows surest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mixtura.clusters.probabilities import largest, with_noise_apart
from mixtura.densities.gaussians import as_mixture
from mixtura.densities.path import MergePath
from mixtura.mixture import Mixture
from mixtura.report.clusters import entropy_document
from mixtura.report.document import Document
from mixtura.report.text import document_text
from mixtura.sources import Source, as_source, by_columns
from mixtura.sweep.blocks import blocks
from mixtura.sweep.evaluate import PIECE_ROWS
from mixtura.tables import Table
from mixtura.validation import Array, Labels


@dataclass(frozen=True, slots=True, repr=False)
class EntropyMerging:
    """A mixture's components, merged step by step into fewer clusters; the density stays the same throughout.

    Attributes
    ----------
    mixture : whose components are merged
    path : the merges, in order
    entropies : (n_components,), −Σ_i w_i Σ_k t_ik log t_ik with n_components, …, 2, 1 clusters, nats
    merged_weight : (n_components − 1,), rows (Σ w t) in the two clusters of each merge
    """

    mixture: Mixture[Any]
    path: MergePath
    entropies: Array = field(repr=False)
    merged_weight: Array = field(repr=False)

    @property
    def table(self) -> Table:
        """The entropy plot, one row a number of clusters: entropy, what was merged to get there, and the rows in it."""
        n_clusters = np.arange(self.mixture.n_components, 0, -1)
        columns: dict[str, Any] = {"n_clusters": n_clusters, "entropy": self.entropies}
        drop = np.concatenate([[0.0], self.entropies[:-1] - self.entropies[1:]])
        rows = np.concatenate([[0.0], self.merged_weight])
        return Table(columns | {"merged": ["", *self.path.names()], "drop": drop, "merged_rows": rows})

    @property
    def suggested(self) -> int:
        """The number of clusters at the elbow of the entropy plot: where two straight lines that meet fit it best.

        With one or two components there is no elbow, and nothing is merged. A suggestion: look at the plot.
        """
        n = self.mixture.n_components
        if n < 3:
            return n
        n_clusters, entropy = np.arange(1, n + 1), self.entropies[::-1]
        errors = [
            _line_error(n_clusters[:knot], entropy[:knot]) + _line_error(n_clusters[knot - 1 :], entropy[knot - 1 :])
            for knot in range(2, n)
        ]
        rounding = 1e-12 * float(entropy @ entropy)
        return int(np.argmax(np.array(errors) <= min(errors) + rounding)) + 2

    def groups(self, n_clusters: int | None = None) -> Labels:
        """(n_components,): the cluster of each component; of the suggested number of clusters if none is given."""
        return self.path.groups(self.suggested if n_clusters is None else n_clusters)

    def responsibilities(self, X: Any, n_clusters: int | None = None) -> Array:
        """(n_samples, n_clusters): the probability of each cluster, the sum over its components.

        With noise there is one more column, the last.
        """
        groups = self.groups(n_clusters)
        return with_noise_apart(self.mixture, self.mixture.responsibilities(X), np.eye(int(groups.max()) + 1)[groups])

    def predict(self, X: Any, n_clusters: int | None = None) -> Labels:
        """(n_samples,): the cluster of largest probability, counted from 0; −1 for noise."""
        return largest(self.mixture, self.responsibilities(X, n_clusters))

    @property
    def document(self) -> Document:
        """The clusters and the components in them, as a report."""
        return entropy_document(self)

    def __repr__(self) -> str:
        return document_text(self.document)


def merge_by_entropy(mixture: Mixture[Any], X: Any, sample_weight: Any = None) -> EntropyMerging:
    """Merge components into clusters: always the two whose merging lowers the entropy of the assignment most.

    Δ(k, l) = Σ_i w_i ((t_ik + t_il) log (t_ik + t_il) − t_ik log t_ik − t_il log t_il) ≥ 0, t the responsibilities

    Parameters
    ----------
    mixture : the mixture, as a rule that of the smallest BIC; noise stays apart and keeps the label −1
    X : (n_samples, n_features), the rows
    sample_weight : (n_samples,), optional

    Returns
    -------
    EntropyMerging
        The whole path from n_components clusters to one, with the data of the entropy plot and its elbow.

    Raises
    ------
    DataError, ShapeError
        Where the rows cannot be used.

    Notes
    -----
    Baudry, Raftery, Celeux, Lo & Gottardo (2010); mclust's clustCombi, clustCombiOptim and entPlot. A merge changes
    one cluster, so the rows are read n_components − 1 times, in pieces: memory does not grow with them.

    Examples
    --------
    >>> import mixtura as mx
    >>> three = mx.Mixture([0.3, 0.3, 0.4], mx.Gaussian([0.0, 1.0, 20.0], [1.0, 1.0, 1.0]))
    >>> found = mx.merge_by_entropy(three, three.sample(500, 0)[0])
    >>> found.suggested, found.groups(2)
    (2, array([0, 0, 1]))
    """
    theta = as_mixture(mixture)
    source = by_columns(as_source(X, sample_weight), theta.columns)
    n = theta.n_components
    m = n + (theta.noise is not None)  # noise is the last cluster, and never merged
    members = np.eye(m)  # columns: clusters, named by their smallest component
    pairs = [(k, j) for k in range(n) for j in range(k, n)] + [(k, k) for k in range(n, m)]  # (k, k): cluster k alone
    terms, weights = np.zeros((m, m)), np.zeros((m, m))  # Σ w t log t and Σ w t of the union of each pair
    gains = np.full((n, n), -np.inf)
    alive, merges, merged_weight, entropies = list(range(n)), [], [], []
    while True:
        if pairs:
            index = tuple(np.transpose(pairs))
            terms[index], weights[index] = _sums(source, theta, members, pairs)
        own = np.diagonal(terms)
        entropies.append(max(0.0, -float(own[alive].sum() + own[n:].sum())))
        if len(alive) == 1:
            break
        for k, j in pairs:
            if j < n:
                gains[k, j] = terms[k, j] - own[k] - own[j] if k < j else -np.inf
        a, b = (int(i) for i in np.unravel_index(np.argmax(gains), gains.shape))
        merges.append((a, b))
        merged_weight.append(weights[a, b])
        terms[a, a] = terms[a, b]
        members[:, a] += members[:, b]
        gains[b, :] = gains[:, b] = -np.inf
        alive.remove(b)
        pairs = [(min(a, k), max(a, k)) for k in alive if k != a]
    path = MergePath(n, tuple(merges))
    return EntropyMerging(theta, path, np.array(entropies), np.array(merged_weight, dtype=np.float64))


def responsibilities_in_pieces(source: Source, mixture: Mixture[Any]) -> Iterator[tuple[Array, Array]]:
    """Responsibilities (m, n_components) and row weights (m,) of pieces of the rows, in order."""
    for chunk in source.chunks_with_gaps():
        for piece in blocks(chunk, max(1024, PIECE_ROWS // mixture.n_components)):
            weights = np.ones(len(piece.rows)) if piece.weights is None else piece.weights
            yield mixture.responsibilities(piece.rows), weights


def _sums(source: Source, mixture: Mixture[Any], members: Array, pairs: list[tuple[int, int]]) -> tuple[Array, Array]:
    """Σ w t log t and Σ w t (n_pairs,) of the union of each pair of clusters, in one reading of the rows."""
    from scipy.special import xlogy

    terms, weights = np.zeros(len(pairs)), np.zeros(len(pairs))
    for resp, w in responsibilities_in_pieces(source, mixture):
        t = resp @ members
        for p, (k, j) in enumerate(pairs):
            union = t[:, k] if k == j else t[:, k] + t[:, j]
            terms[p] += w @ xlogy(union, union)
            weights[p] += w @ union
    return terms, weights


def _line_error(x: Any, y: Array) -> float:
    """Squares left by the straight line through points."""
    design = np.stack([np.ones(len(x)), x - x.mean()], axis=1)
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return float(left @ left)
