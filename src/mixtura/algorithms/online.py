"""Stepwise EM for streams: each row is looked at once and forgotten.

    ŝ ← (1 − γ) ŝ + γ s̄(piece; θ),  θ ← M-step(ŝ),  γ = 1 − exp(−w ρ),  ρ = (W / p + offset)^(−exponent) / p

A piece of the stream of weight w (rows), the last of W in all, moves the running statistics ŝ, one row's worth of them,
which are all that is kept; p is the number of free parameters. So it matters little how the stream is cut. ŝ begins as
what the start itself expects of a row, so that no covariance is ever estimated from a few rows alone. It converges in
the limit of an endless stream (Cappé & Moulines 2009), but no step carries a certificate: it is not exact.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from mixtura.algorithms.iteration import FLOOR_UNITS, inward, maximised, outward, rows_for
from mixtura.algorithms.variational import broadened
from mixtura.errors import DataError, DegenerateWarning, ParameterError
from mixtura.families.base import MStep, Statistics
from mixtura.families.gaussian import Gaussian
from mixtura.families.running import blended, check_gaussian, expected, scaled
from mixtura.mixture import Mixture
from mixtura.sources import ArraySource, Coordinates, Source
from mixtura.sweep import Sweep
from mixtura.sweep.blocks import blocks as cut
from mixtura.validation import Array, as_count, as_positive

BLOCK_ROWS = 1 << 16
"""Rows of a block where a whole source is given."""

LARGEST_STEP = 0.2
"""Of w ρ: longer blocks are cut into pieces, each learnt from before the next is looked at."""

EXPONENT, OFFSET = 0.51, 30.0
"""Measured on mixtures of 3 to 30 components: bolder than the usual 0.6, as progress is the sum of the steps."""

FORGETTING = 3
"""The iterate after W rows has the weight W³ in the average: those of the first half count for a sixteenth in all."""


@dataclass(frozen=True, slots=True)
class OnlineStep:
    """What one block did.

    Attributes
    ----------
    index : 1, 2, …
    n_samples : rows of the block
    total_weight : Σ w of all blocks so far, the number of rows where they have no weights
    step_size : γ, from 0 to 1: how much of the running statistics is of this block
    mean_log_likelihood : of the rows before they were learnt from, nats per row: an honest score, as of new rows
    collapsed, emptied : components whose covariance is held up by the resolution of the data, or without rows
    """

    index: int
    n_samples: int
    total_weight: float
    step_size: float
    mean_log_likelihood: float
    collapsed: tuple[int, ...]
    emptied: tuple[int, ...]
    inner_latest: Mixture[Any] = field(repr=False)
    running: Statistics[Any] = field(repr=False)
    averaged: Statistics[Any] | None = field(repr=False)
    floor: Array = field(repr=False)
    ridge: float = field(repr=False)
    coordinates: Coordinates = field(repr=False)

    @property
    def latest(self) -> Mixture[Any]:
        """θ in data units: what the next block is compared with."""
        return outward(self.inner_latest, self.coordinates)

    @property
    def mixture(self) -> Mixture[Any]:
        """The M-step of the averaged statistics, in data units; where memory is limited `latest` itself."""
        if self.averaged is None:
            return self.latest
        found, _ = _maximised(self.inner_latest, self.averaged, self.total_weight, self.floor, self.ridge)
        return outward(found, self.coordinates)


class OnlineEM:
    """A mixture that learns from one block of rows after another.

    ŝ ← (1 − γ) ŝ + γ s̄(block; θ),  γ = 1 − exp(−w ρ),  ρ = (W / p + offset)^(−exponent) / p

    with w the rows of the block, W all rows so far and p the free parameters. `mixture` is the M-step of the averaged
    statistics (Polyak & Ruppert's averaging, late ones count most), `latest` that of the running ones. Its size does
    not depend on the number of rows; it can be pickled between blocks.

    Parameters
    ----------
    theta : Gaussian mixture to start from, best fitted to some first rows; what it holds fixed stays
    exponent : above 0.5, at most 1: how fast steps shrink. Near ½ they go far, and averaging takes out the noise.
    offset : rows a parameter, at least 1, that the start is trusted for: smaller is bolder
    memory : rows, optional: steps do not shrink, ρ = 1 / memory, and rows fade as exp(−rows / memory). It follows a
        stream that drifts; `mixture` is then the latest one.
    reg_covar : data units², added to every variance in each M-step, as scikit-learn does; 0 adds nothing
    n_threads : None is the machine's cores. Results do not depend on it.
    engine : "native", "reference" or None for the fastest that serves

    Raises
    ------
    ParameterError
        Where theta is no Gaussian mixture or a number makes no sense.

    Notes
    -----
    Cappé & Moulines (2009), J. R. Statist. Soc. B 71; Liang & Klein (2009) for blocks. Long blocks are cut into pieces
    with steps of at most a fifth. Not exact: `em` and `fit` are.

    Examples
    --------
    >>> import numpy as np, mixtura as mx
    >>> rng = np.random.default_rng(0)
    >>> learner = mx.OnlineEM(mx.Mixture([0.5, 0.5], mx.Gaussian(means=[0, 1], covariances=[1, 1])))
    >>> for _ in range(200):
    ...     step = learner.update(np.where(rng.random(500) < 0.3, -2, 4) + rng.normal(size=500))
    >>> learner.mixture.components.means.ravel().round(1)
    array([-2.,  4.])
    """

    def __init__(
        self,
        theta: Mixture[Any],
        *,
        exponent: float = EXPONENT,
        offset: float = OFFSET,
        memory: float | None = None,
        reg_covar: float = 0.0,
        n_threads: int | None = None,
        engine: str | None = None,
    ) -> None:
        if not isinstance(theta, Mixture):
            raise ParameterError(f"theta is {theta!r}; expected a mixtura.Mixture to start from.")
        check_gaussian(theta.components)
        if not (isinstance(exponent, (int, float)) and 0.5 < exponent <= 1):
            raise ParameterError(f"exponent is {exponent!r}; expected a number above 0.5, at most 1.")
        if not (isinstance(offset, (int, float)) and 1 <= offset < math.inf):
            raise ParameterError(f"offset is {offset!r}; expected a number of at least 1, in rows a parameter.")
        self.exponent, self.offset = float(exponent), float(offset)
        self.memory = None if memory is None else as_positive(memory, "memory")
        if not (isinstance(reg_covar, (int, float)) and 0 <= reg_covar < math.inf):
            raise ParameterError(f"reg_covar is {reg_covar!r}; expected a number of at least 0, in data units².")
        self.reg_covar = float(reg_covar)
        self.n_threads, self.engine = n_threads, engine
        self._start = theta
        self._last: OnlineStep | None = None

    def __repr__(self) -> str:
        return f"OnlineEM after {self.n_updates} blocks of {self.total_weight:.10g} rows in all\n{self.mixture!r}"

    @property
    def mixture(self) -> Mixture[Any]:
        """The averaged mixture, the answer so far, in data units."""
        return self._start if self._last is None else self._last.mixture

    @property
    def latest(self) -> Mixture[Any]:
        """The mixture that the next block is compared with, in data units."""
        return self._start if self._last is None else self._last.latest

    @property
    def n_updates(self) -> int:
        """Blocks so far."""
        return 0 if self._last is None else self._last.index

    @property
    def total_weight(self) -> float:
        """Σ w of all blocks so far, the number of rows where they have no weights."""
        return 0.0 if self._last is None else self._last.total_weight

    def update(self, X: Any, sample_weight: Any = None) -> OnlineStep:
        """Learn from a block of rows: one E-step over it, one M-step of the running statistics.

        Parameters
        ----------
        X : (n_samples, n_features) array, data frame, path or source: the next rows, of any number
        sample_weight : (n_samples,), optional; weight 2 counts a row twice

        Raises
        ------
        DataError, ShapeError
            Where the rows cannot be used, or lie beyond the reach of floating point; nothing has changed then.
        """
        step = self._learn(rows_for(self._start, X, sample_weight))
        sound = self._last is None or not (self._last.collapsed or self._last.emptied)
        self._last = step
        if sound and (step.collapsed or step.emptied):
            what = f"component {(step.collapsed or step.emptied)[0]} " + (
                "collapsed to the resolution of the data" if step.collapsed else "has no rows left"
            )
            warnings.warn(f"block {step.index}: {what}; start from fewer components.", DegenerateWarning, stacklevel=2)
        return step

    def _learn(self, block: Source) -> OnlineStep:
        """All pieces of a block as one step."""
        before = self._last
        last, log_likelihood, log_kept = before, 0.0, 0.0
        for piece, log_kept_of_piece in self._pieces(block):
            last = self._step(piece, last, log_kept_of_piece)
            log_likelihood += last.mean_log_likelihood * piece.total_weight
            log_kept += log_kept_of_piece
        assert last is not None
        return replace(
            last,
            index=1 if before is None else before.index + 1,
            n_samples=block.n_samples,
            step_size=-math.expm1(log_kept),
            mean_log_likelihood=log_likelihood / block.total_weight,
        )

    def _pieces(self, block: Source) -> Iterator[tuple[Source, float]]:
        """Pieces with w ρ of at most `LARGEST_STEP`, where rows weigh alike, and log (1 − γ) = −w ρ of each."""
        total = self.total_weight
        for chunk in block.chunks():
            start = 0
            while start < len(chunk.rows):
                mean = 1.0 if chunk.weights is None else float(chunk.weights.mean())
                here = slice(start, start + max(1, int(LARGEST_STEP / (self._rate(total) * (mean or 1.0)))))
                start = here.stop
                piece = ArraySource(
                    chunk.rows[here], None if chunk.weights is None else chunk.weights[here], block.columns
                )
                if piece.total_weight > 0:
                    total += piece.total_weight
                    yield piece, -piece.total_weight * self._rate(total)

    def _rate(self, total_weight: float) -> float:
        """ρ, per row."""
        if self.memory is not None:
            return 1 / self.memory
        p = max(self._start.n_parameters, 1)
        return float((total_weight / p + self.offset) ** -self.exponent / p)

    def _step(self, piece: Source, last: OnlineStep | None, log_kept: float) -> OnlineStep:
        """One E-step over a piece, and one M-step."""
        coordinates = piece.coordinates if last is None else last.coordinates
        theta = inward(self._start, coordinates) if last is None else last.inner_latest
        found = Sweep(piece, self.n_threads, self.engine, coordinates=coordinates).one(theta)
        if not math.isfinite(found.log_likelihood):
            raise DataError("a row lies too far from every component for floating point; nothing was learnt.")
        weight, seen = found.total_weight, 0.0 if last is None else last.total_weight
        noise = 0.0 if theta.noise is None else theta.noise.weight
        before = expected(theta.weights, noise, theta.components) if last is None else last.running
        running, averaged = blended(before, scaled(found, 1 / weight), -math.expm1(log_kept)), None
        if self.memory is None:
            share = 1 - (seen / (seen + weight)) ** (FORGETTING + 1)
            averaged = running if last is None or last.averaged is None else blended(last.averaged, running, share)
        floor = FLOOR_UNITS * piece.resolution / coordinates.scale
        ridge = self.reg_covar / coordinates.scale**2
        after, step = _maximised(theta, running, seen + weight, floor, ridge)
        return OnlineStep(
            1,
            piece.n_samples,
            seen + weight,
            -math.expm1(log_kept),
            found.log_likelihood / weight,
            step.collapsed,
            step.emptied,
            after,
            running,
            averaged,
            floor,
            ridge,
            coordinates,
        )


def _maximised(
    theta: Mixture[Any], of_a_row: Statistics[Any], total_weight: float, floor: Array, ridge: float
) -> tuple[Mixture[Any], MStep]:
    """The M-step of running statistics, counted in rows again: a component of few rows is told from one of many."""
    statistics, origin = scaled(of_a_row, total_weight), of_a_row.origin
    assert isinstance(origin, Gaussian)
    if ridge > 0:
        moments = broadened(statistics.moments, origin, statistics.counts, ridge)
        statistics = replace(statistics, moments=moments)
    return maximised(theta, statistics, floor)


def online_em(
    theta: Mixture[Any],
    rows: Any,
    sample_weight: Any = None,
    *,
    block_rows: int = BLOCK_ROWS,
    exponent: float = EXPONENT,
    offset: float = OFFSET,
    memory: float | None = None,
    n_threads: int | None = None,
    engine: str | None = None,
) -> Iterator[OnlineStep]:
    """Stepwise EM over a stream: each value is what one block did, and knows the mixture so far.

    Parameters
    ----------
    theta : Gaussian mixture to start from, best fitted to some first rows
    rows : an iterator of blocks (arrays, data frames, …), endless if it likes; or an array, data frame, path or source,
        which is cut into blocks and read once. Order matters: rows sorted by anything should be shuffled first.
    sample_weight : (n_samples,), optional, where `rows` is no iterator
    block_rows : rows of a block, where `rows` is no iterator
    exponent, offset, memory, n_threads, engine : see `OnlineEM`

    Yields
    ------
    OnlineStep

    Notes
    -----
    Not exact: one pass leaves a gap of the order of p / n nats per row, p parameters, and what the start lacked. Where
    the rows can be read again, `em` from there on goes to the optimum, with its certificate.

    Examples
    --------
    >>> import mixtura as mx
    >>> truth = mx.Mixture([0.3, 0.7], mx.Gaussian(means=[-2, 4], covariances=[1, 1]))
    >>> theta0 = mx.Mixture([0.5, 0.5], mx.Gaussian(means=[0, 1], covariances=[1, 1]))
    >>> *_, last = mx.online_em(theta0, truth.sample(100_000, 0)[0], block_rows=10_000)
    >>> last.index, last.mixture.weights.round(2)
    (10, array([0.3, 0.7]))
    """
    learner = OnlineEM(theta, exponent=exponent, offset=offset, memory=memory, n_threads=n_threads, engine=engine)
    size = as_count(block_rows, "block_rows")
    if isinstance(rows, Iterator):
        if sample_weight is not None:
            raise ParameterError("sample_weight goes with one array; for blocks give each its own in OnlineEM.update.")
        return map(learner.update, rows)
    return map(learner.update, blocks_of(rows_for(theta, rows, sample_weight), size))


def blocks_of(source: Source, size: int) -> Iterable[Source]:
    """A source in blocks of that many rows; blocks of no weight are left out."""
    for chunk in source.chunks():
        for block in cut(chunk, size):
            if block.weights is None or block.weights.any():
                yield ArraySource(block.rows, block.weights, source.columns)
