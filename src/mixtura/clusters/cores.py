"""Clusters as hills of the density: rows joined at high density form cores, and the others go with their components."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mixtura.clusters.graph import neighbour_pairs, segment_levels
from mixtura.clusters.probabilities import largest, with_noise_apart
from mixtura.densities.gaussians import Gaussians, as_mixture
from mixtura.densities.modes import Climber
from mixtura.errors import DataError
from mixtura.mixture import Mixture
from mixtura.noise import LABEL
from mixtura.report.clusters import density_document
from mixtura.report.document import Document
from mixtura.report.text import document_text
from mixtura.sources import as_source, by_columns
from mixtura.tables import Table
from mixtura.validation import Array, Labels, as_count

SHARE = 0.01
"""Where `min_rows` is not given, a core holds at least this share of the rows, and more rows than columns."""


@dataclass(frozen=True, slots=True, repr=False)
class DensityMerging:
    """Clusters of rows that lie on one hill of a mixture's density.

    Attributes
    ----------
    mixture : whose density it is
    cores : (n_samples,), the core of each row, from 0, the highest hill first; −1 for rows in none
    labels : (n_samples,), the cluster of each row: its core, or that of largest probability; −1 for noise
    peaks, saddles : (n_clusters,), log-density of the highest row of each core, and of the highest pass to another
        hill, nats; −∞ where there is none
    shares : (n_components, n_clusters), the share of each component in each cluster; rows sum to 1
    """

    mixture: Mixture[Any]
    cores: Labels = field(repr=False)
    labels: Labels = field(repr=False)
    peaks: Array
    saddles: Array
    shares: Array = field(repr=False)

    @property
    def n_clusters(self) -> int:
        return len(self.peaks)

    @property
    def table(self) -> Table:
        """One row a cluster: rows in its core, all its rows, the log-densities of its peak and its highest pass."""
        columns: dict[str, Any] = {"cluster": np.arange(self.n_clusters)}
        for name, labels in (("core_rows", self.cores), ("rows", self.labels)):
            columns[name] = np.bincount(labels[labels >= 0], minlength=self.n_clusters)
        return Table(columns | {"log_peak": self.peaks, "log_saddle": self.saddles})

    def responsibilities(self, X: Any) -> Array:
        """(n_samples, n_clusters): the probability of each cluster, Σ_k p(k | x) share_kg; noise in one more."""
        return with_noise_apart(self.mixture, self.mixture.responsibilities(X), self.shares)

    def predict(self, X: Any) -> Labels:
        """(n_samples,): the cluster of largest probability, counted from 0; −1 for noise."""
        return largest(self.mixture, self.responsibilities(X))

    @property
    def document(self) -> Document:
        """The clusters and the components in them, as a report."""
        return density_document(self)

    def __repr__(self) -> str:
        return document_text(self.document)


def merge_by_density(mixture: Mixture[Any], X: Any, min_rows: int | None = None) -> DensityMerging:
    """Merge components into clusters where their density has one hill: the hills are found, not their number given.

    Rows are joined to near rows as far as the density on the way between them stays above a level. While the level
    falls from the highest row down, groups appear, grow and meet. When two groups of at least `min_rows` rows meet, and
    climbs from their highest rows end at different modes, both are cores.

    Parameters
    ----------
    mixture : the mixture, as a rule that of the smallest BIC
    X : (n_samples, n_features), the rows
    min_rows : the fewest rows that make a core; more than n_features and at least 1 % of the rows where not given

    Returns
    -------
    DensityMerging

    Raises
    ------
    DataError, ShapeError
        Where the rows cannot be used.

    Notes
    -----
    The idea, high-density cores first and the rest by probability, is Scrucca's (2016; mclust's gmmhd), the graph is
    that of Azzalini & Torelli (2007). As in Menardi & Azzalini (2014) the density on the whole way counts, not that
    at its ends, so that no edge leaps a valley. The tree over all levels is taken, not a grid of them, and
    the other rows are assigned by the mixture itself: a component belongs to a cluster in the share that the cluster
    has among the core rows of that component. Near rows: Delaunay's triangulation of the sphered rows for few columns,
    nearest neighbours for many. No linear map of the columns matters. Held in memory: the edges, and
    n_samples × n_components responsibilities. With noise the hills are those of the components, and of the rows that
    these claim; the others keep the label −1.

    Examples
    --------
    >>> import mixtura as mx
    >>> three = mx.Mixture([0.3, 0.3, 0.4], mx.Gaussian([0.0, 1.0, 20.0], [1.0, 1.0, 1.0]))
    >>> found = mx.merge_by_density(three, three.sample(500, 0)[0])
    >>> found.n_clusters, found.shares.argmax(axis=1)
    (2, array([0, 0, 1]))
    """
    theta = as_mixture(mixture)
    source = by_columns(as_source(X), theta.columns)
    rows = np.concatenate([np.asarray(chunk.rows, dtype=np.float64) for chunk in source.chunks()])
    if theta.noise is None:
        return _merged(theta, rows, min_rows)
    kept = theta.predict(rows) != LABEL
    if not kept.any():
        raise DataError("every row is noise, so none lies on a hill.")
    found = _merged(theta.with_noise(None), rows[kept], min_rows)
    cores, labels = np.full((2, len(rows)), LABEL, dtype=np.int64)
    cores[kept], labels[kept] = found.cores, found.labels
    return replace(found, mixture=theta, cores=cores, labels=labels)


def _merged(theta: Mixture[Any], rows: Array, min_rows: int | None) -> DensityMerging:
    """The same for a mixture without noise."""
    least = (
        max(theta.n_features + 1, math.ceil(SHARE * len(rows))) if min_rows is None else as_count(min_rows, "min_rows")
    )
    height = theta.log_prob(rows)
    pairs = neighbour_pairs(rows, theta.covariance)
    levels = segment_levels(theta, rows, height, pairs)
    climber = Climber(Gaussians.of(theta))
    inner = climber.gaussians.coordinates.rows_inward(rows)
    cores, saddles = _cores(pairs, levels, height, least, lambda i: climber.mode_above(inner[i]))
    n = max(int(cores.max()) + 1, 1)
    if n == 1:
        cores = np.zeros(len(rows), dtype=np.int64)
    peaks = np.array([height[cores == g].max() for g in range(n)])
    order = np.argsort(-peaks, kind="stable")
    cores = np.where(cores >= 0, np.argsort(order)[cores], -1)
    resp = theta.responsibilities(rows)
    shares = np.stack([resp[cores == g].sum(axis=0) for g in range(n)], axis=1)
    total = shares.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, shares / np.where(total > 0, total, 1.0), 1.0 / n)
    labels = np.where(cores >= 0, cores, (resp @ shares).argmax(axis=1))
    return DensityMerging(theta, cores, labels, peaks[order], saddles[order] if n > 1 else np.array([-np.inf]), shares)


def _cores(pairs: Labels, levels: Array, height: Array, least: int, hill: Callable[[int], int]) -> tuple[Labels, Array]:
    """The core of each row, −1 for none, and the level at which each core met another group.

    Kruskal's algorithm: edges from the highest level down join groups of rows. A group of `least` rows on a hill of its
    own, told by its highest row, becomes a core when it meets another such group; a group that never does, at the end.
    """
    group = np.arange(len(height))
    members = {i: [i] for i in range(len(height))}
    hills: dict[int, set[int]] = {}  # of groups that hold cores
    cores = np.full(len(height), -1, dtype=np.int64)
    saddles: list[float] = []

    def settle(g: int, level: float) -> None:
        cores[members[g]] = len(saddles)
        saddles.append(level)

    for e in np.argsort(-levels, kind="stable").tolist():
        a, b = sorted((int(group[pairs[e, 0]]), int(group[pairs[e, 1]])), key=lambda g: -len(members[g]))
        if a == b:
            continue
        if all(g in hills or len(members[g]) >= least for g in (a, b)):
            fresh = {g: hill(max(members[g], key=lambda i: height[i])) for g in (a, b) if g not in hills}
            known = (hills.get(a) or {fresh[a]}) & (hills.get(b) or {fresh[b]})
            if not known:
                for g, top in fresh.items():
                    settle(g, float(levels[e]))
                    hills[g] = {top}
        if a in hills or b in hills:
            hills[a] = hills.get(a, set()) | hills.pop(b, set())
        group[members[b]] = a
        members[a] += members.pop(b)
    for g in members:
        if g not in hills and len(members[g]) >= least:
            settle(g, -math.inf)
    return cores, np.array(saddles)
