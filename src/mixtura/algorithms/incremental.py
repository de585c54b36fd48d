"""Incremental EM: an M-step after every block, with the statistics of all other blocks as they were.

Where rows are dear to read, a block is better used at once than at the end of a reading. With S = Σ_b s_b the sum of
every block's last statistics, a visit to block b replaces s_b and does the M-step of S. Each visit raises

    F = Σ_b [L_b(θ_b) − Q_b(θ_b)] + Q(θ) ≤ L(θ),   Q(θ) = Σ_k N_k log π_k + Σ w r log p(x | k; θ)

where θ_b made the statistics of block b: the bound costs no further reading, and it must not fall. Its limits are those
of EM (Neal & Hinton 1998).
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from itertools import count
from typing import Any

import numpy as np

from mixtura.algorithms.iteration import ROUNDING, SINGLE_ROUNDING, inner_floor, inward, maximised, outward, rows_for
from mixtura.algorithms.online import blocks_of
from mixtura.algorithms.stopping import Aitken
from mixtura.errors import CertificateError
from mixtura.families.base import MStep, Statistics
from mixtura.families.running import about, check_gaussian, scaled
from mixtura.mixture import Mixture
from mixtura.sources import Coordinates, Source
from mixtura.sweep import Sweep
from mixtura.validation import as_count, as_positive

BLOCK_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reading of all rows did, block by block.

    Attributes
    ----------
    index : 1, 2, …
    lower_bound : F after the last block, total nats: at most the log-likelihood of `mixture`, and it never falls
    n_blocks : blocks, each with an M-step of its own from the second reading on
    collapsed, emptied : components that could not move freely in the last of them
    """

    index: int
    lower_bound: float
    n_blocks: int
    collapsed: tuple[int, ...]
    emptied: tuple[int, ...]
    inner: Mixture[Any] = field(repr=False)
    coordinates: Coordinates = field(repr=False)

    @property
    def mixture(self) -> Mixture[Any]:
        """In data units."""
        return outward(self.inner, self.coordinates)


def incremental_em(
    theta: Mixture[Any],
    X: Any,
    sample_weight: Any = None,
    *,
    block_rows: int = BLOCK_ROWS,
    tol: float | None = None,
    max_iter: int | None = None,
    n_threads: int | None = None,
    engine: str | None = None,
) -> Iterator[Reading]:
    """EM with an M-step after every block of rows, for rows that are dear to read: each value is one reading.

    Parameters
    ----------
    theta : Gaussian mixture to start from; what it holds fixed stays
    X : (n_samples, n_features) array, data frame, path or source
    sample_weight : (n_samples,), optional; weight 2 counts a row twice
    block_rows : rows of a block; the statistics of every block are kept
    tol : nats per row, optional: stop where Aitken's estimate of what the bound has still to gain lies below it
    max_iter : readings at most, optional
    n_threads : None is the machine's cores. Results do not depend on it.
    engine : "native", "reference" or None for the fastest that serves

    Yields
    ------
    Reading

    Raises
    ------
    CertificateError
        If the bound falls beyond rounding: a bug, never swallowed.

    Notes
    -----
    Neal & Hinton (1998); Thiesson, Meek & Heckerman (2001); Ng & McLachlan (2003). The first reading is one iteration
    of EM, so that the order of the rows decides nothing early. The fixed points are EM's; finish with `em` from there
    for its certificate.

    Examples
    --------
    >>> import mixtura as mx
    >>> truth = mx.Mixture([0.3, 0.7], mx.Gaussian(means=[-1, 2], covariances=[1, 1]))
    >>> X, theta0 = truth.sample(20_000, 0)[0], mx.Mixture([0.5, 0.5], mx.Gaussian(means=[0, 1], covariances=[1, 1]))
    >>> *_, last = mx.incremental_em(theta0, X, block_rows=1_000, tol=1e-7)
    >>> *_, plain = mx.em(theta0, X, tol=1e-7)
    >>> last.index < plain.index, bool(abs(last.lower_bound - plain.lower_bound) < 0.01)
    (True, True)
    """
    source = rows_for(theta, X, sample_weight)
    check_gaussian(theta.components)
    size = as_count(block_rows, "block_rows")
    stop = Aitken(as_positive(tol, "tol"), source.total_weight, source.dtype) if tol is not None else None
    most = None if max_iter is None else as_count(max_iter, "max_iter")
    return _readings(_Incremental(theta, source, size, n_threads, engine), stop, most)


def _readings(state: _Incremental, stop: Aitken | None, most: int | None) -> Iterator[Reading]:
    for index in count(1):
        if most is not None and index > most:
            return
        reading = state.read(index)
        yield reading
        if stop is not None and stop.converged(reading.lower_bound):
            return


class _Incremental:
    """The mixture, and the last statistics of every block with their share of F."""

    def __init__(
        self, theta: Mixture[Any], source: Source, block_rows: int, n_threads: int | None, engine: str | None
    ) -> None:
        self.source, self.block_rows = source, block_rows
        self.n_threads, self.engine = n_threads, engine
        self.floor, self.coordinates = inner_floor(source), source.coordinates
        self.theta = inward(theta, self.coordinates)
        self.kept: list[tuple[Statistics[Any], float]] = []
        self.last: Reading | None = None

    def read(self, index: int) -> Reading:
        """Visit every block once; the first time one M-step for all, so that no order of the rows leads astray."""
        blocks = blocks_of(self.source, self.block_rows)
        if not self.kept:
            self.kept = [self._e_step(block) for block in blocks]
            self.theta, step = maximised(self.theta, self._sum(), self.floor)
        else:
            self.total = self._sum()  # anew, so that rounding does not add up
            for b, block in enumerate(blocks):
                step = self._visit(b, block)
        bound = sum(free for _, free in self.kept) + _expected(self._sum(), self.theta)
        found = step.collapsed, step.emptied
        reading = Reading(index, bound, len(self.kept), *found, self.theta, self.coordinates)
        self._check(reading)
        self.last = reading
        return reading

    def _visit(self, b: int, block: Source) -> MStep:
        """The E-step over one block, and the M-step of all."""
        old = self.kept[b][0]
        self.kept[b] = self._e_step(block)
        new = self.kept[b][0]
        self.total = about(self.total, new.origin) + scaled(about(old, new.origin), -1.0) + new
        self.theta, step = maximised(self.theta, self.total, self.floor)
        return step

    def _e_step(self, block: Source) -> tuple[Statistics[Any], float]:
        """The statistics of a block, and L_b(θ) − Q_b(θ)."""
        found = Sweep(block, self.n_threads, self.engine, coordinates=self.coordinates).one(self.theta)
        return found, found.log_likelihood - _expected(found, self.theta)

    def _sum(self) -> Statistics[Any]:
        """Of all blocks, about the present components."""
        return reduce(operator.add, (about(found, self.theta.components) for found, _ in self.kept))

    def _check(self, reading: Reading) -> None:
        """Raise `CertificateError` where the bound falls beyond rounding; a floor that acted explains a fall."""
        if self.last is None or self.last.collapsed or self.last.emptied or reading.collapsed or reading.emptied:
            return
        before, after = self.last.lower_bound, reading.lower_bound
        size = abs(before) + abs(after) + self.source.total_weight * (self.source.n_features + 1)
        if not after >= before - (SINGLE_ROUNDING if self.source.dtype == np.float32 else ROUNDING) * size:
            raise CertificateError(
                f"reading {reading.index}: the bound fell from {before!r} to {after!r}. This is a bug in mixtura: "
                "please report it with the data and the mixture that EM started from."
            )


def _expected(statistics: Statistics[Any], theta: Mixture[Any]) -> float:
    """Q(θ) = Σ_k N_k log π_k + Σ w r log p(x | k; θ), nats in inner coordinates, but for the density of noise."""
    alive = statistics.counts > 0
    of_weights = float(statistics.counts[alive] @ np.log(theta.weights[alive]))
    if theta.noise is not None:
        of_weights += statistics.noise * theta.noise.log_weight
    return of_weights + statistics.expected_log_prob(theta.components)
