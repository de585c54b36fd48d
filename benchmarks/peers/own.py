"""mixtura itself: `mixtura.em` for iterations, `mixtura.fit` and `mixtura.fit_many` for solutions."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from peers.base import Peer, Run, timed
from workloads import Array, Parameters

STRUCTURES = {"full": "VVV", "tied": "EEE", "diag": "VVI", "spherical": "VII"}


def mixture_of(theta: Parameters) -> Any:
    """Plain parameters as a `mixtura.Mixture`."""
    import mixtura

    return mixtura.Mixture(theta.weights, mixtura.Gaussian(theta.means, theta.covariances, STRUCTURES[theta.structure]))


def parameters_of(mixture: Any, structure: str) -> Parameters:
    """A `mixtura.Mixture` as plain parameters; one column keeps the shapes of the structure asked for."""
    k, d = np.shape(mixture.components.means)
    shape = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}[structure]
    covariances = np.array(mixture.components.covariances).reshape(shape)
    return Parameters(np.array(mixture.weights), np.array(mixture.components.means), covariances, structure)


class Own(Peer):
    """mixtura with every core of the machine."""

    name = "mixtura"
    module = "mixtura"
    package = "mixtura"
    n_threads: ClassVar[int | None] = None
    note = "iterations by mixtura.em(theta, X, max_iter=n): plain EM, each iteration with its certificate"

    def iterate(self, X: Array, start: Parameters, n_iter: int) -> Run:
        import mixtura

        theta = mixture_of(start)

        def run() -> Any:
            for step in mixtura.em(theta, X, max_iter=n_iter, n_threads=self.n_threads):
                last = step
            return last.after

        seconds, mixture = timed(run)
        return Run(seconds, parameters_of(mixture, start.structure), n_iter)

    def fit(self, X: Array, k: int, structure: str, seed: int = 0, n_init: int | None = None) -> Run:
        import mixtura

        options: dict[str, Any] = {} if n_init is None else {"n_starts": n_init}
        seconds, found = timed(
            lambda: mixtura.fit(X, k, STRUCTURES[structure], seed=seed, n_threads=self.n_threads, **options)
        )
        return Run(seconds, parameters_of(found.mixture, structure), found.n_iter)

    def fit_each(self, batch: Array, k: int, structure: str) -> tuple[float, list[Parameters]]:
        import mixtura

        seconds, found = timed(lambda: mixtura.fit_many(batch, k, STRUCTURES[structure], n_threads=self.n_threads))
        return seconds, [parameters_of(found[i], structure) for i in range(len(batch))]


class OwnOneThread(Own):
    """mixtura on one core."""

    name = "mixtura-1t"
    n_threads = 1
    note = "mixtura with n_threads=1"
