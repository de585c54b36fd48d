"""Clocks: seconds per iteration as a slope, and the machine's own rates, taken in the same rounds."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field

import numpy as np

from likelihood import mean_log_likelihood
from peers import Peer
from peers.base import timed
from workloads import Array, Parameters

FEWER, MORE = 2, 6
"""Iteration counts whose difference in time is measured; fast peers get a larger second one."""

WORTH_TIMING = 0.4
"""Seconds that the extra iterations should take, so that the clock and the scheduler do not matter."""

CHECKED_ITERATIONS = 3
"""Iterations after which likelihoods are compared."""

SETTLE = 0.03
"""Seconds of rest before a clock starts: threads of the last peer may still be spinning."""


@dataclass
class Contestant:
    """One peer on one workload, and what was measured of it."""

    peer: Peer
    rows: int
    more: int
    allowance: float
    fewer_seconds: list[float] = field(default_factory=list)
    more_seconds: list[float] = field(default_factory=list)
    spent: float = 0.0
    log_likelihood: float = float("nan")
    reference: float = float("nan")
    failure: str = ""

    def per_iteration(self, rows: int) -> float:
        """Seconds, scaled up linearly to all rows where only some were used."""
        if self.failure or not self.fewer_seconds:
            return float("nan")
        slope = (min(self.more_seconds) - min(self.fewer_seconds)) / (self.more - FEWER)
        return slope * rows / self.rows if slope > 0 else float("nan")

    @property
    def disagreement(self) -> float:
        """Of the likelihood from that of mixtura after the same iterations on the same rows, relative."""
        return abs(self.log_likelihood / self.reference - 1)


def enter(peer: Peer, X: Array, start: Parameters, least: int, allowance: float, memory: float) -> Contestant:
    """Find out on a few rows (`least` or more) how many rows and iterations a peer can be given in its allowance."""
    n, (k, d) = len(X), start.means.shape
    few = min(n, max(n // 40, least))
    contestant = Contestant(peer, n, MORE, allowance)
    try:
        peer.iterate(X[:few], start, 1)
        one, three = (peer.iterate(X[:few], start, count).seconds for count in (1, 3))
    except Exception as error:  # whatever a peer raises is its result
        contestant.failure = f"{type(error).__name__}: {error}"
        return contestant
    an_iteration = max((three - one) / 2, 1e-6) * n / few
    while contestant.rows * peer.bytes_a_row(k, d) > memory or (
        contestant.rows > few and an_iteration * contestant.rows / n * (FEWER + MORE) * 2 > allowance
    ):
        contestant.rows = max(contestant.rows // 2, few)
    quick = an_iteration * contestant.rows / n
    most = 40 if contestant.rows > 2 * least else MORE - FEWER
    contestant.more = FEWER + int(np.clip(np.ceil(WORTH_TIMING / quick), MORE - FEWER, most))
    return contestant


def check(contestant: Contestant, X: Array, start: Parameters, references: dict[int, float], judge: Peer) -> None:
    """Compare the likelihood after a few iterations with mixtura's on the same rows."""
    if contestant.failure:
        return
    rows = X[: contestant.rows]
    try:
        begin = time.perf_counter()
        end = contestant.peer.iterate(rows, start, CHECKED_ITERATIONS).parameters
        contestant.spent += time.perf_counter() - begin
        contestant.log_likelihood = mean_log_likelihood(rows, end)
        if contestant.rows not in references:
            own = judge.iterate(rows, start, CHECKED_ITERATIONS).parameters
            references[contestant.rows] = mean_log_likelihood(rows, own)
        contestant.reference = references[contestant.rows]
    except Exception as error:
        contestant.failure = f"{type(error).__name__}: {error}"


def clock(contestant: Contestant, X: Array, start: Parameters) -> None:
    """One round of a contestant: both iteration counts, one after the other, unless its allowance is spent."""
    if contestant.failure or (contestant.fewer_seconds and contestant.spent >= contestant.allowance):
        return
    rows = X[: contestant.rows]
    begin = time.perf_counter()
    try:
        for count, seconds in ((FEWER, contestant.fewer_seconds), (contestant.more, contestant.more_seconds)):
            gc.collect()
            time.sleep(SETTLE)
            seconds.append(contestant.peer.iterate(rows, start, count).seconds)
    except Exception as error:
        contestant.failure = f"{type(error).__name__}: {error}"
    contestant.spent += time.perf_counter() - begin


class Gemm:
    """The rate of a square matrix product of NumPy's BLAS: its best over the rounds of a run."""

    def __init__(self, dtype: str, size: int = 2048) -> None:
        rng = np.random.default_rng(0)
        self.a, self.b = (rng.normal(size=(size, size)).astype(dtype) for _ in range(2))
        self.out = np.empty_like(self.a)
        self.rates: list[float] = []
        np.matmul(self.a, self.b, out=self.out)

    def clock(self, products: int = 3) -> None:
        """A round of a few products."""
        time.sleep(SETTLE)
        for _ in range(products):
            seconds, _ = timed(lambda: np.matmul(self.a, self.b, out=self.out))
            self.rates.append(2.0 * len(self.a) ** 3 / seconds / 1e9)

    @property
    def best(self) -> float:
        """GFLOP/s."""
        return max(self.rates)
