"""Whole fits: time to solution, iterations and the likelihood reached."""

from __future__ import annotations

import timeit
from typing import Any

import mixtura
import numpy as np

from .problems import SIZES, problem

LARGE = [name for name in SIZES if not name.startswith("10000x")]


class TimeFit:
    """The default call with n_components and structure given."""

    params = (LARGE,)
    param_names = ("size",)
    timeout = 600

    def setup(self, size: str) -> None:
        self.X, self.start = problem(size, "VVV")

    def time_fit(self, size: str) -> None:
        self._fit()

    def track_iterations(self, size: str) -> int:
        return int(self._fit().n_iter)

    def track_log_likelihood_a_row(self, size: str) -> float:
        return float(self._fit().log_likelihood / len(self.X))

    def _fit(self) -> Any:
        return mixtura.fit(self.X, self.start.n_components, "VVV")


class TimeSmall:
    """Small problems: one fit, the whole search, and a thousand fits in one call."""

    def setup(self) -> None:
        rng = np.random.default_rng(272)
        labels = rng.integers(3, size=272)
        self.X = rng.normal(size=(272, 2)) + 2.5 * np.array([[0, 0], [1, 2], [3, 1]])[labels]
        self.batch = rng.normal(size=(1000, 1000)) + 3 * (rng.uniform(size=(1000, 1000)) < 0.4)

    def time_fit(self) -> None:
        mixtura.fit(self.X, 3, "VVV")

    def time_search(self) -> None:
        mixtura.fit(self.X)

    def time_fit_many(self) -> None:
        mixtura.fit_many(self.batch, 2)

    def track_estimator_milliseconds_above_fit(self) -> float:
        """What scikit-learn's face adds: the least of many calls, less that of `fit` and its labels."""

        def core() -> None:
            mixtura.fit(self.X, 3, "VVV").mixture.predict(self.X)

        def face() -> None:
            mixtura.GaussianMixture(3, preset="mixtura").fit(self.X)

        return 1e3 * (min(timeit.repeat(face, number=1, repeat=100)) - min(timeit.repeat(core, number=1, repeat=100)))
