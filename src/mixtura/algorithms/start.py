"""Where EM starts: partitions of the rows, and the M-step that turns a partition into a mixture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.algorithms.iteration import inner_floor, inward
from mixtura.algorithms.kmeans import k_means, nearest, seed_plus_plus
from mixtura.errors import ParameterError, ShapeError
from mixtura.families.covariance import Structure, resolve_structure
from mixtura.families.gaussian import Gaussian, GaussianMoments
from mixtura.linalg import solve_lower
from mixtura.mixture import Mixture
from mixtura.sources import Source
from mixtura.sweep.blocks import blocks
from mixtura.validation import Array, Labels, as_responsibilities, frozen

SEEDING_ROWS, SEEDING_ROWS_PER_GROUP = 4000, 100
"""k-means sees this many rows at least, and this many for each group; all rows then go to the nearest center."""


@dataclass(frozen=True, slots=True)
class Start:
    """A mixture to start from (inner coordinates), how it was found, and what its M-step could not do freely."""

    mixture: Mixture[Gaussian]
    method: str
    collapsed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Grouping:
    """Moments of the rows under responsibilities, in inner coordinates: every structure's first M-step follows.

    Attributes
    ----------
    counts : (K,)
    means : (K, D)
    scatter : (K, D, D), Σ w r (u − μ_k)(u − μ_k)ᵀ
    """

    counts: Array
    means: Array
    scatter: Array

    @classmethod
    def of(cls, source: Source, resp: Array) -> Grouping:
        """Two passes: means, then scatter about them, so that nothing cancels. `resp` is (n_samples, K)."""
        n, d = resp.shape[1], source.n_features
        counts, sums, scatter = np.zeros(n), np.zeros((n, d)), np.zeros((n, d, d))
        for rows, r in _weighted_blocks(source, resp):
            counts += r.sum(axis=0)
            sums += r.T @ rows
        means = sums / np.where(counts > 0, counts, 1.0)[:, None]
        for rows, r in _weighted_blocks(source, resp):
            for k in range(n):
                off = (rows - means[k]) * np.sqrt(r[:, k])[:, None]
                scatter[k] += off.T @ off
        return cls(counts, means, scatter)

    @classmethod
    def of_labels(cls, rows: Array, weights: Array | None, labels: Labels, n_components: int) -> Grouping:
        """Of a partition of rows (m, D) in inner coordinates; each row is looked at for its own group alone."""
        d = rows.shape[1]
        counts, means, scatter = np.zeros(n_components), np.zeros((n_components, d)), np.zeros((n_components, d, d))
        order = np.argsort(labels, kind="stable")
        ends = np.searchsorted(labels[order], np.arange(n_components + 1))
        for k in range(n_components):
            mine = order[ends[k] : ends[k + 1]]
            if len(mine) == 0:
                continue
            group = rows[mine]
            mass = np.ones(len(group)) if weights is None else weights[mine]
            counts[k] = mass.sum()
            if counts[k] > 0:
                means[k] = mass @ group / counts[k]
                off = (group - means[k]) * np.sqrt(mass)[:, None]
                scatter[k] = off.T @ off
        return cls(counts, means, scatter)

    def shrunk(self) -> Grouping:
        """Small groups (N_k < 2 (D + 1)) borrow from the pooled scatter, so that a start is not singular by chance."""
        d = self.means.shape[1]
        need = 2.0 * (d + 1)
        lacking = np.maximum(need - self.counts, 0.0)
        pooled = self.scatter.sum(axis=0) / self.counts.sum()
        grown = self.scatter + lacking[:, None, None] * pooled
        factor = np.where(lacking > 0, self.counts / (self.counts + lacking), 1.0)
        return Grouping(self.counts, self.means, grown * factor[:, None, None])

    def mixture(self, structure: Structure, floor: Array, method: str) -> Start:
        """The M-step of a structure."""
        form = structure.form
        spread = np.sqrt(np.maximum(self.scatter.sum(axis=0).diagonal(), 0.0) / self.counts.sum())
        spread = np.maximum(spread, floor)
        origin = Gaussian.standard(self.means, spread, structure)
        if form.ndim == 2:
            second = self.scatter / np.outer(spread, spread)
        else:
            second = np.diagonal(self.scatter, axis1=1, axis2=2) / (spread**2 if form.ndim else np.mean(spread**2))
        squares = np.trace(second, axis1=1, axis2=2) if form.ndim == 2 else second.sum(axis=1)
        pooled = second.sum(axis=0, keepdims=True) if structure.shared else second
        scatter = pooled if form.ndim else None
        step = origin.m_step(GaussianMoments(np.zeros_like(self.means), squares, scatter), self.counts, floor)
        assert isinstance(step.components, Gaussian)
        weights = frozen(self.counts / self.counts.sum())
        return Start(Mixture.trusted(weights, step.components), method, step.collapsed + step.emptied)


def from_responsibilities(source: Source, resp: Array, structure: str) -> Start:
    """The M-step alone, from responsibilities (n_samples, n_components)."""
    constraint = resolve_structure(structure, source.n_features)
    return Grouping.of(source, resp).mixture(constraint, inner_floor(source), "given responsibilities")


def _weighted_blocks(source: Source, resp: Array) -> Iterator[tuple[Array, Array]]:
    for chunk in source.chunks():
        for block in blocks(chunk):
            r = resp[block.start : block.start + len(block.rows)]
            rows = source.coordinates.rows_inward(block.rows)
            yield rows, r if block.weights is None else r * block.weights[:, None]


class Partitions:
    """Partitions of a sample of rows into groups, by several methods in turn; seeded, so the same every time.

    No single scaling of the columns wins everywhere (`docs/explanation/starts.md`), so k-means runs on raw,
    standardised and sphered columns; k-means++ seeds without Lloyd's iterations and random rows add variety.

    Parameters
    ----------
    sample : rows in inner coordinates (m, D), and their weights
    """

    METHODS = (
        "k-means, standardised columns",
        "k-means, sphered columns",
        "k-means, raw columns",
        "k-means++, standardised columns",
        "k-means++, sphered columns",
        "random rows, standardised columns",
    )
    ONE_COLUMN = ("equal counts", "k-means", "k-means++", "random rows")

    def __init__(self, rows: Array, weights: Array | None, n_threads: int = 1) -> None:
        self.rows, self.weights, self.n_threads = rows, weights, n_threads
        mass = np.ones(len(rows)) if weights is None else weights
        centred = rows - (mass @ rows) / mass.sum()
        covariance = (centred.T * mass) @ centred / mass.sum()
        spread = np.sqrt(np.maximum(covariance.diagonal(), np.finfo(float).tiny))
        self.views = {"raw": rows, "standardised": centred / spread}
        correlation = covariance / np.outer(spread, spread)
        try:
            factor = np.linalg.cholesky(correlation)
            self.views["sphered"] = np.ascontiguousarray(solve_lower(factor, (centred / spread).T).T)
        except np.linalg.LinAlgError:
            self.views["sphered"] = self.views["standardised"]
        self.methods = self.ONE_COLUMN if rows.shape[1] == 1 else self.METHODS

    def draw(self, n_components: int, n_starts: int, rng: np.random.Generator) -> list[tuple[str, Labels]]:
        """`n_starts` partitions (fewer where they repeat, one for a single group), each with its method's name."""
        if n_components == 1:
            return [("one group", np.zeros(len(self.views["raw"]), dtype=np.int64))]
        found: list[tuple[str, Labels]] = []
        seen: set[bytes] = set()
        for i in range(n_starts):
            method = self.methods[i % len(self.methods)]
            labels = self.partition(method, n_components, rng)
            key = _canonical(labels)
            if key not in seen:
                seen.add(key)
                found.append((method, labels))
        return found

    def partition(self, method: str, n_components: int, rng: np.random.Generator) -> Labels:
        """Labels (m,) by one method."""
        view = self.views[next((v for v in self.views if v in method), "standardised")]
        if method == "equal counts":
            ranks = np.argsort(np.argsort(view[:, 0], kind="stable"), kind="stable")
            labels: Labels = ranks * n_components // len(view)
            return labels
        if method.startswith("random"):
            centers = view[rng.choice(len(view), size=n_components, replace=False)]
            return nearest(view, self.weights, centers, self.n_threads)[0]
        few = max(SEEDING_ROWS, SEEDING_ROWS_PER_GROUP * n_components)
        rows = np.sort(rng.choice(len(view), size=few, replace=False)) if few < len(view) else slice(None)
        some, weights = view[rows], None if self.weights is None else self.weights[rows]
        centers = seed_plus_plus(some, weights, n_components, rng)
        if not method.startswith("k-means++"):
            centers = k_means(some, weights, centers, self.n_threads)
        return nearest(view, self.weights, centers, self.n_threads)[0]


def _canonical(labels: Labels) -> bytes:
    """A key that is the same for the same partition under other numbers."""
    _, first = np.unique(labels, return_index=True)
    order = np.argsort(np.argsort(first))
    values = np.unique(labels, return_inverse=True)[1]
    return bytes(order[values].astype(np.int32).tobytes())


def user_start(start: Any, source: Source, structure: Structure, n_components: int | None) -> Start:
    """A start that the caller gives: a mixture, labels (n_samples,) from 0, or responsibilities (n_samples, K)."""
    if isinstance(start, Mixture):
        found = Start(inward(start, source.coordinates), "given mixture")
    else:
        resp = as_responsibilities(start, source.n_samples)
        method = "given labels" if np.ndim(start) == 1 else "given responsibilities"
        found = Grouping.of(source, resp).mixture(structure, inner_floor(source), method)
    mixture = found.mixture
    if mixture.n_features != source.n_features or n_components not in (None, mixture.n_components):
        raise ShapeError(
            f"start has {mixture.n_components} components and {mixture.n_features} features; expected "
            f"{n_components or 'any number of'} components and {source.n_features} features."
        )
    if mixture.structure != structure.name:
        raise ParameterError(
            f"start has structure {mixture.structure} but {structure.name} is to be fitted; give a start of that "
            "structure, or labels or responsibilities, which serve every structure."
        )
    return found
