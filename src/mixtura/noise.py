"""Uniform noise: rows that belong to no group (Banfield & Raftery 1993)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.errors import ParameterError, ShapeError
from mixtura.validation import Array, Flags, as_array, frozen

if TYPE_CHECKING:
    from mixtura.sources.base import Source

LABEL = -1
"""Of a row that is more likely noise than any component."""

N_PARAMETERS = 2
"""The weight and the volume."""

LEAST_LOG_WEIGHT = -700.0
"""What the kernels are told of a weight that is smaller: exp of it is still a number."""


FLAT = 1e-12
"""A box is flat where its volume is a smaller part of the product of its edges' lengths: rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """Where noise lies: {centre + E u : |u_j| ≤ 1}, a box along the columns where E is diagonal, else a turned one.

    Parameters
    ----------
    centre : (n_features,), data units
    edges : E, (n_features, n_features), whose columns are half the edges, data units
    """

    centre: Array
    edges: Array

    def __post_init__(self) -> None:
        centre, edges = as_array(self.centre, "centre"), as_array(self.edges, "edges")
        if centre.ndim != 1 or edges.shape != (len(centre), len(centre)):
            raise ShapeError(f"centre has shape {centre.shape} and edges {edges.shape}; expected (D,) and (D, D).")
        object.__setattr__(self, "centre", frozen(centre))
        object.__setattr__(self, "edges", frozen(edges))
        lengths = 2 * np.linalg.norm(edges, axis=0)
        if not np.all(lengths > 0) or self.log_volume < np.log(lengths).sum() + math.log(FLAT):
            raise ParameterError("the box is flat; expected edges that span a volume.")

    @classmethod
    def between(cls, lowest: Any, highest: Any) -> Box:
        """Along the columns, from `lowest` to `highest` (n_features,), data units."""
        low, high = np.atleast_1d(as_array(lowest, "lowest")), np.atleast_1d(as_array(highest, "highest"))
        if low.shape != high.shape or not np.all(low < high):
            raise ParameterError(f"the box goes from {lowest!r} to {highest!r}; expected rising ends in every column.")
        return cls((low + high) / 2, np.diag((high - low) / 2))

    @property
    def n_features(self) -> int:
        return len(self.centre)

    @property
    def is_along_columns(self) -> bool:
        return bool(np.all(self.edges == np.diag(np.diagonal(self.edges))))

    @property
    def log_volume(self) -> float:
        """log V, V in the product of the columns' units."""
        with np.errstate(divide="ignore"):
            sizes = np.diagonal(self.edges if self.is_along_columns else np.linalg.qr(self.edges, mode="r"))
            return float(np.log(np.abs(2 * sizes)).sum())

    @property
    def ends(self) -> tuple[Array, Array]:
        """(n_features,) each: the lowest and the highest value in every column."""
        reach = np.abs(self.edges).sum(axis=1)
        return self.centre - reach, self.centre + reach

    @property
    def covariance(self) -> Array:
        """(n_features, n_features): E Eᵀ / 3, of the uniform law within."""
        covariance: Array = self.edges @ self.edges.T / 3
        return covariance

    def holds(self, rows: Array) -> Flags:
        """(n_samples,): whether rows lie inside, but for rounding."""
        if self.is_along_columns:
            low, high = self.ends
            inside: Flags = np.all((rows >= low) & (rows <= high), axis=1)
        else:
            inside = np.all(np.abs(np.linalg.solve(self.edges, (rows - self.centre).T)) <= 1 + 1e-12, axis=0)
        return inside

    def sample(self, n_samples: int, rng: np.random.Generator) -> Array:
        """(n_samples, n_features): draws from the uniform law within."""
        return self.centre + rng.uniform(-1.0, 1.0, (n_samples, self.n_features)) @ self.edges.T

    def into(self, centre: Array, scale: float) -> Box:
        """The same box in coordinates u = (x − centre) / scale."""
        return Box((self.centre - centre) / scale, self.edges / scale)

    def out_of(self, centre: Array, scale: float) -> Box:
        """Back from u to x = centre + scale · u."""
        return Box(self.centre * scale + centre, self.edges * scale)

    def of_columns(self, index: Sequence[int]) -> Box:
        """The uniform law in some columns: a box again, if this one lies along the columns or all columns stay."""
        chosen = list(index)
        if len(chosen) == self.n_features:
            columns = chosen if self.is_along_columns else slice(None)
            return Box(self.centre[chosen], self.edges[chosen][:, columns])
        if not self.is_along_columns:
            raise ParameterError(
                "the box of the noise is turned, so that fewer columns of it are not uniform. Fit with a box along the "
                "columns, noise=mixtura.Noise.between(weight, lowest, highest), or leave the noise out: "
                ".with_noise(None)."
            )
        return Box(self.centre[chosen], self.edges[np.ix_(chosen, chosen)])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Box):
            return NotImplemented
        return np.array_equal(self.centre, other.centre) and np.array_equal(self.edges, other.edges)

    def __hash__(self) -> int:
        return hash((self.centre.tobytes(), self.edges.tobytes()))


@dataclass(frozen=True, slots=True)
class Noise:
    """Rows that belong to no component: the same density everywhere.

    p(x) = Σ_k π_k p(x | k) + π₀ / V

    Parameters
    ----------
    weight : π₀, from 0 to below 1: the share of the noise; the weights of the components add up to 1 − π₀
    log_volume : log V, V in the product of the columns' units
    box : where the noise lies, if that is known; `between` makes one along the columns

    Notes
    -----
    Rows are judged without a border, so that a new row far from everything is noise too (Coretto & Hennig 2016):
    `log_prob` and `responsibilities` take 1 / V everywhere. What asks for a density that integrates to one (sampling,
    distribution functions, regions, entropy) takes it within the box, and refuses where only a volume is known. EM
    keeps volume and box and estimates the weight; weight and volume count as parameters, as in mclust.

    Examples
    --------
    >>> import mixtura as mx
    >>> theta = mx.Mixture([0.9], mx.Gaussian([0.0], [1.0]), noise=mx.Noise.between(0.1, -10, 10))
    >>> theta.predict([0.0, 9.0])
    array([ 0, -1])
    >>> mx.cdf(theta, [-5.0, 0.0]).round(4)
    array([0.025, 0.5  ])
    """

    weight: float
    log_volume: float
    box: Box | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.weight < 1:
            raise ParameterError(f"the weight of the noise is {self.weight}; expected a share from 0 to below 1.")
        if not math.isfinite(self.log_volume):
            raise ParameterError(f"log_volume is {self.log_volume}; expected a finite number of nats.")

    @classmethod
    def between(cls, weight: float, lowest: Any, highest: Any) -> Noise:
        """Uniform in a box along the columns, from `lowest` to `highest` (n_features,), data units."""
        return cls.within(weight, Box.between(lowest, highest))

    @classmethod
    def within(cls, weight: float, box: Box) -> Noise:
        """Uniform in a box."""
        return cls(weight, box.log_volume, box)

    @property
    def volume(self) -> float:
        """V, in the product of the columns' units."""
        return math.exp(self.log_volume)

    @property
    def log_weight(self) -> float:
        """log π₀, nats, not below `LEAST_LOG_WEIGHT`."""
        return max(math.log(self.weight), LEAST_LOG_WEIGHT) if self.weight > 0 else LEAST_LOG_WEIGHT

    def weighing(self, weight: float) -> Noise:
        """The same volume with another weight."""
        return replace(self, weight=weight)

    def into(self, centre: Array, scale: float) -> Noise:
        """The same noise in coordinates u = (x − centre) / scale."""
        log_volume = self.log_volume - len(centre) * math.log(scale)
        return replace(self, log_volume=log_volume, box=self.box and self.box.into(centre, scale))

    def out_of(self, centre: Array, scale: float) -> Noise:
        """Back from u to x = centre + scale · u."""
        log_volume = self.log_volume + len(centre) * math.log(scale)
        return replace(self, log_volume=log_volume, box=self.box and self.box.out_of(centre, scale))

    def of_columns(self, index: Sequence[int], n_features: int, what: str) -> Noise:
        """The noise of some columns, all of them or a box's; `what` asks for it."""
        if self.box is None and len(index) == n_features:
            return self
        return Noise.within(self.weight, self.known_box(what).of_columns(index))

    def known_box(self, what: str) -> Box:
        """The box, or an error of `what` that needs it."""
        if self.box is None:
            raise ParameterError(
                f"{what} needs to know where the noise lies, and only its volume was given. Give it a box, "
                "mixtura.Noise.between(weight, lowest, highest), or leave it out: .with_noise(None)."
            )
        return self.box

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists."""
        record: dict[str, Any] = {"weight": self.weight, "log_volume": self.log_volume}
        if self.box is not None:
            record["box"] = {"centre": self.box.centre.tolist(), "edges": self.box.edges.tolist()}
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Noise:
        """The inverse of `to_dict`."""
        box = record.get("box")
        rest = {key: value for key, value in record.items() if key != "box"}
        return cls(**rest, box=None if box is None else Box(**box))


def smallest_box(source: Source) -> Box:
    """The smaller of two boxes that hold all rows: along the columns, and along the principal axes of the standardised
    columns, so that units do not matter. mclust takes the same two, the second of the columns as they are.
    """
    along_columns = Box.between(*source.ranges)
    axes, centre, spread = _principal_axes(source)
    low, high = np.full(len(axes), np.inf), np.full(len(axes), -np.inf)
    for rows in _rows(source):
        turned = ((rows - centre) / spread) @ axes
        low, high = np.minimum(low, turned.min(axis=0)), np.maximum(high, turned.max(axis=0))
    if not np.all(low < high):
        return along_columns
    frame = spread[:, None] * axes
    along_axes = Box(centre + frame @ ((low + high) / 2), frame * ((high - low) / 2))
    return along_axes if along_axes.log_volume < along_columns.log_volume else along_columns


def _principal_axes(source: Source) -> tuple[Array, Array, Array]:
    """Eigenvectors (D, D) of the rows' correlation, and the centre and spread (D,) that standardise them."""
    centre = source.coordinates.centre
    scatter = np.zeros((len(centre), len(centre)))
    total, weight = np.zeros(len(centre)), 0.0
    for rows in _rows(source):
        off = rows - centre
        scatter += off.T @ off
        total += off.sum(axis=0)
        weight += len(rows)
    covariance = scatter / weight - np.outer(total, total) / weight**2
    spread = np.sqrt(covariance.diagonal())
    axes: Array = np.linalg.eigh(covariance / np.outer(spread, spread))[1]
    return axes, centre, spread


def _rows(source: Source, at_once: int = 1 << 16) -> Iterator[Array]:
    for chunk in source.chunks():
        for first in range(0, len(chunk.rows), at_once):
            yield np.asarray(chunk.rows[first : first + at_once], dtype=np.float64)
