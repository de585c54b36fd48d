"""Ten EM iterations through the public iterator: time and peak memory."""

from __future__ import annotations

import mixtura
import numpy as np

from .problems import SIZES, STRUCTURES, problem

ITERATIONS = 10


class TimeSweep:
    """Plain EM on all cores and on one; divide by ten for an iteration."""

    params = (list(SIZES), list(STRUCTURES), [None, 1])
    param_names = ("size", "structure", "n_threads")
    timeout = 300

    def setup(self, size: str, structure: str, n_threads: int | None) -> None:
        self.X, self.start = problem(size, structure)

    def time_ten_iterations(self, size: str, structure: str, n_threads: int | None) -> None:
        for _ in mixtura.em(self.start, self.X, max_iter=ITERATIONS, n_threads=n_threads):
            pass


class TimeSweepSingle:
    """The same in float32."""

    params = (list(SIZES),)
    param_names = ("size",)

    def setup(self, size: str) -> None:
        X, self.start = problem(size, "VVV")
        self.X = X.astype(np.float32)

    def time_ten_iterations(self, size: str) -> None:
        for _ in mixtura.em(self.start, self.X, max_iter=ITERATIONS):
            pass


class PeakMemSweep:
    """Peak memory of the process, rows included."""

    params = (list(SIZES), list(STRUCTURES))
    param_names = ("size", "structure")

    def setup(self, size: str, structure: str) -> None:
        self.X, self.start = problem(size, structure)

    def peakmem_iterations(self, size: str, structure: str) -> None:
        for _ in mixtura.em(self.start, self.X, max_iter=3):
            pass
