"""tgmm: Gaussian mixtures on torch, here on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from peers.base import Peer, Run, numpy_of, timed
from workloads import Array, Parameters

TYPES = {"full": "full", "tied": "tied_full", "diag": "diag", "spherical": "spherical"}


class Tgmm(Peer):
    """`tgmm.GaussianMixture`."""

    name = "tgmm"
    module = "tgmm"
    package = "tgmm"
    note = "reg_covar=0, tol=1e-300"

    def bytes_a_row(self, k: int, d: int) -> float:
        return 3.2 * 8.0 * k * d

    def iterate(self, X: Array, start: Parameters, n_iter: int) -> Run:
        import tgmm
        import torch

        rows = torch.from_numpy(X)

        def tensor(a: Array) -> Any:
            return torch.from_numpy(np.array(a, dtype=X.dtype))

        model = tgmm.GaussianMixture(
            n_components=len(start.weights),
            n_features=X.shape[1],
            covariance_type=TYPES[start.structure],
            max_iter=n_iter,
            tol=1e-300,
            reg_covar=0.0,
            init_means=tensor(start.means),
            init_weights=tensor(start.weights),
            init_covariances=tensor(start.covariances),
            device="cpu",
        )
        seconds, _ = timed(lambda: model.fit(rows))
        return Run(seconds, _parameters(model, start.structure), n_iter)

    def fit(self, X: Array, k: int, structure: str, seed: int = 0, n_init: int | None = None) -> Run:
        import tgmm
        import torch

        rows = torch.from_numpy(X)
        model = tgmm.GaussianMixture(
            k, X.shape[1], TYPES[structure], random_state=seed, n_init=n_init or 1, device="cpu"
        )
        seconds, _ = timed(lambda: model.fit(rows))
        return Run(seconds, _parameters(model, structure), int(model.n_iter_))


def _parameters(model: Any, structure: str) -> Parameters:
    return Parameters(numpy_of(model.weights_), numpy_of(model.means_), numpy_of(model.covariances_), structure)
