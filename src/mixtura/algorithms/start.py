"""Where EM starts: partitions of the rows, and the M-step that turns a partition into a mixture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura import _core
from mixtura.algorithms.iteration import inner_floor, inward
from mixtura.algorithms.stack import Stack
from mixtura.errors import ParameterError, ShapeError
from mixtura.families.base import Statistics
from mixtura.families.covariance import Structure, resolve_structure
from mixtura.families.factor_analyzers import family_of
from mixtura.families.gaussian import Gaussian, GaussianMoments
from mixtura.mixture import Mixture
from mixtura.sources import Coordinates, Source
from mixtura.sweep.blocks import blocks
from mixtura.validation import Array, Flags, as_responsibilities, frozen

Whole = npt.NDArray[np.int32]

MANY_GROUPS = 8
"""From here on k-means takes each seed as the best of a few draws: one draw alone too often misses a group."""

START_ROUNDS = 20
"""Of an M-step that iterates."""

FLAT = 1e-7
"""What a column has of its own beside those before it, in units of its spread: below, it is rounding."""

LLOYD_ITERATIONS = 20
"""Enough for a start: EM does the rest."""

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

    def statistics(self, structure: Structure, floor: Array) -> Statistics[GaussianMoments]:
        """As an E-step would have left them, about components at these means; they have no likelihood."""
        form = structure.form
        spread = np.sqrt(np.maximum(self.scatter.sum(axis=0).diagonal(), 0.0) / self.counts.sum())
        spread = np.maximum(spread, floor)
        origin = family_of(structure).standard(self.means, spread, structure)
        if form.ndim == 2:
            second = self.scatter / np.outer(spread, spread)
        else:
            second = np.diagonal(self.scatter, axis1=1, axis2=2) / (spread**2 if form.ndim else np.mean(spread**2))
        squares = np.trace(second, axis1=1, axis2=2) if form.ndim == 2 else second.sum(axis=1)
        pooled = second.sum(axis=0, keepdims=True) if structure.shared else second
        moments = GaussianMoments(np.zeros_like(self.means), squares, pooled if form.ndim else None)
        return Statistics(math.nan, math.nan, self.counts, moments, origin)

    def mixture(self, structure: Structure, floor: Array, method: str) -> Start:
        """The M-step of a structure."""
        step = self.statistics(structure, floor).m_step(floor)
        assert isinstance(step.components, Gaussian)
        weights = frozen(self.counts / self.counts.sum())
        return Start(Mixture.trusted(weights, step.components), method, step.collapsed + step.emptied)


@dataclass(frozen=True, slots=True)
class Groupings:
    """Moments of many partitions of the same rows, each with its method.

    Attributes
    ----------
    methods : (B,)
    counts, means, scatter : (B, K), (B, K, D), (B, K, D, D), as in `Grouping`
    """

    methods: tuple[str, ...]
    counts: Array
    means: Array
    scatter: Array

    def __add__(self, other: Groupings) -> Groupings:
        """These, then others."""
        return Groupings(
            self.methods + other.methods,
            np.concatenate([self.counts, other.counts]),
            np.concatenate([self.means, other.means]),
            np.concatenate([self.scatter, other.scatter]),
        )

    def __getitem__(self, i: int) -> Grouping:
        return Grouping(self.counts[i], self.means[i], self.scatter[i])

    @classmethod
    def of(cls, grouping: Grouping, method: str) -> Groupings:
        """One alone."""
        return cls((method,), grouping.counts[None], grouping.means[None], grouping.scatter[None])

    def elsewhere(self, old: Source, new: Source) -> Groupings:
        """The same groups in the inner coordinates of another source, with counts that add up to its rows."""
        here, there = old.coordinates, new.coordinates
        scale, share = here.scale / there.scale, new.total_weight / old.total_weight
        means = (here.centre - there.centre) / there.scale + self.means * scale
        return Groupings(self.methods, self.counts * share, means, self.scatter * (scale**2 * share))

    def shrunk(self) -> Groupings:
        """Small groups (N_k < 2 (D + 1)) borrow from the pooled scatter, so that a start is not singular by chance."""
        lacking = np.maximum(2.0 * (self.means.shape[2] + 1) - self.counts, 0.0)
        if not lacking.any():
            return self
        pooled = self.scatter.sum(axis=1) / self.counts.sum(axis=1)[:, None, None]
        grown = self.scatter + lacking[:, :, None, None] * pooled[:, None]
        factor = np.where(lacking > 0, self.counts / (self.counts + lacking), 1.0)
        return Groupings(self.methods, self.counts, self.means, grown * factor[:, :, None, None])

    def starts(self, structure: Structure, floor: Array) -> Stack:
        """The M-step of a structure for each partition."""
        if not (structure.own_moments or structure.shares_parts):
            mixtures = [self[i].mixture(structure, floor, method).mixture for i, method in enumerate(self.methods)]
            return Stack.of(mixtures)
        form, d = structure.form, self.means.shape[2]
        total = self.counts.sum(axis=1)
        spread = np.sqrt(np.maximum(np.einsum("bkii->bi", self.scatter), 0.0) / total[:, None])
        spread = np.maximum(spread, floor)
        scatter = self.scatter.sum(axis=1, keepdims=True) if structure.shared else self.scatter
        mass = total[:, None] if structure.shared else self.counts
        empty = ~(mass > np.finfo(float).tiny)
        mass = np.where(empty, 1.0, mass)[:, :, None]
        if form.ndim == 2:
            moments = scatter / (spread[:, None, :, None] * spread[:, None, None, :] * mass[..., None])
            origin = spread[:, None, :, None] * np.eye(d)
        else:
            moments, origin = np.einsum("bkii->bki", scatter) / mass, spread[:, None, :]
            if form.ndim == 0:
                moments, origin = moments.mean(axis=2), np.sqrt((spread**2).mean(axis=1, keepdims=True))
            moments = moments / origin**2
        moments[empty] = np.eye(d) if form.ndim == 2 else 1.0
        stacked = moments.reshape(-1, *moments.shape[2:])
        origin = np.broadcast_to(origin, moments.shape).reshape(stacked.shape)
        factors = form.multiply(origin, stacked, floor)[0].reshape(moments.shape)
        if structure.shares_parts:
            factors = _core.shared_parts(structure.name, self.counts, factors, factors, START_ROUNDS)
        return Stack(self.counts / total[:, None], self.means, factors, structure)


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
    standardised and sphered columns; k-means++ seeds (Arthur & Vassilvitskii 2007) without Lloyd's iterations, and
    random rows, add variety.

    Parameters
    ----------
    rows : a sample (m, D), and its weights
    coordinates : inner coordinates of the rows; where not given they are in them already
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
    VIEWS = ("raw", "standardised", "sphered")

    def __init__(
        self, rows: npt.NDArray[Any], weights: Array | None, n_threads: int = 1, coordinates: Coordinates | None = None
    ) -> None:
        d = rows.shape[1]
        self.rows, self.weights, self.n_threads = rows, weights, n_threads
        self.coordinates = coordinates or Coordinates(np.zeros(d), 1.0)
        (count,), (mean,), (scatter,) = (moments[0] for moments in self._group(np.zeros((1, len(rows)), np.int32), 1))
        covariance = scatter / count
        spread = np.sqrt(np.maximum(covariance.diagonal(), np.finfo(float).tiny))
        scale = self.coordinates.scale
        middle = self.coordinates.centre + mean * scale
        self._centres = np.stack([self.coordinates.centre, middle, middle])
        self._inverse_scales = np.stack([np.ones(d), 1 / spread, 1 / spread]) / scale
        try:
            sphere = np.linalg.cholesky(covariance / np.outer(spread, spread)) if d > 1 else None
        except np.linalg.LinAlgError:
            sphere = None
        if sphere is not None and sphere.diagonal().min() < FLAT:
            sphere = None
        self._factors = [None, None, sphere]
        self.methods = self.ONE_COLUMN if d == 1 else self.METHODS

    def groupings(self, n_components: int, n_starts: int, rng: np.random.Generator) -> Groupings:
        """Moments of `n_starts` partitions, of fewer where they repeat, of one for a single group."""
        methods, labels = self.draw(n_components, n_starts, rng)
        return Groupings(methods, *self._group(labels, n_components))

    def group(self, labels: npt.NDArray[Any], n_components: int, method: str = "given labels") -> Groupings:
        """Moments of partitions that are there already, (B, m) labels from 0."""
        return Groupings((method,) * len(labels), *self._group(labels.astype(np.int32), n_components))

    def some(self, kept: Flags) -> Partitions:
        """Those of some of the rows, (m,) flags."""
        weights = None if self.weights is None else self.weights[kept]
        return Partitions(self.rows[kept], weights, self.n_threads, self.coordinates)

    def cells(self, n_cells: int, rng: np.random.Generator) -> Whole:
        """Labels (1, m): each row with the nearest of as many random ones, in sphered columns."""
        return self._by_centers(["random rows, sphered columns"], n_cells, rng)

    def inner_rows(self) -> Array:
        """(m, D): the rows in inner coordinates."""
        return self.coordinates.rows_inward(self.rows)

    def draw(self, n_components: int, n_starts: int, rng: np.random.Generator) -> tuple[tuple[str, ...], Whole]:
        """The methods and the labels (n_starts, m) of partitions, each different, groups by first appearance."""
        if n_components == 1:
            return ("one group",), np.zeros((1, len(self.rows)), np.int32)
        methods = [self.methods[i % len(self.methods)] for i in range(n_starts)]
        labels = self._by_centers(methods, n_components, rng)
        found: dict[bytes, int] = {}
        for i, method in enumerate(methods):
            if method == "equal counts":
                labels[i] = self._equal_counts(n_components) if i == 0 else labels[0]
            found.setdefault(labels[i].tobytes(), i)
        kept = list(found.values())
        return tuple(methods[i] for i in kept), labels if len(kept) == len(labels) else labels[kept]

    def _by_centers(self, methods: Sequence[str], n_components: int, rng: np.random.Generator) -> Whole:
        """Labels by the nearest of centers: seeds, or what Lloyd's iterations make of them."""
        few = max(SEEDING_ROWS, SEEDING_ROWS_PER_GROUP * n_components)
        some = np.sort(rng.choice(len(self.rows), size=few, replace=False)) if few < len(self.rows) else None
        views = [next((v for v, name in enumerate(self.VIEWS) if name in method), 1) for method in methods]
        plain = [method.startswith("k-means") and not method.startswith("k-means++") for method in methods]
        trials = 2 + int(np.log(n_components)) if n_components >= MANY_GROUPS else 1
        return _core.partition(
            self.rows,
            self.weights,
            self._centres,
            self._inverse_scales,
            self._factors,
            some,
            np.array(views),
            np.where(plain, LLOYD_ITERATIONS, 0),
            np.array(
                [trials if lloyd else int(m.startswith("k-means")) for m, lloyd in zip(methods, plain, strict=True)]
            ),
            rng.random((len(methods), n_components, trials)),
            self.n_threads,
        )

    def _equal_counts(self, n_components: int) -> Whole:
        """Labels (m,) of groups of equal counts along the first column, numbered by first appearance."""
        ranks = np.argsort(np.argsort(self.rows[:, 0], kind="stable"), kind="stable")
        labels = ranks * n_components // len(ranks)
        firsts = np.unique(labels, return_index=True)[1]
        return np.argsort(np.argsort(firsts))[labels].astype(np.int32)

    def _group(self, labels: Whole, n_components: int) -> tuple[Array, Array, Array]:
        centre = self.coordinates.centre
        inverse_scale = np.full(len(centre), 1 / self.coordinates.scale)
        return _core.group(self.rows, self.weights, centre, inverse_scale, labels, n_components, self.n_threads)


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
