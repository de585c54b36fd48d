"""pomegranate: mixtures of distributions on torch, here on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from peers.base import Peer, Run, numpy_of, timed
from workloads import Array, Parameters


class Pomegranate(Peer):
    """`pomegranate.gmm.GeneralMixtureModel` of `Normal` distributions."""

    name = "pomegranate"
    module = "pomegranate.gmm"
    package = "pomegranate"
    structures = ("full", "diag")
    note = "tol=-inf; its default call starts on float32 rows, as its own start fails on some float64 ones"

    def bytes_a_row(self, k: int, d: int) -> float:
        return 8.0 * (2 * k + 8 * d)

    def iterate(self, X: Array, start: Parameters, n_iter: int) -> Run:
        import torch
        from pomegranate.distributions import Normal
        from pomegranate.gmm import GeneralMixtureModel

        def tensor(a: Array) -> Any:
            return torch.from_numpy(np.array(a, dtype=X.dtype))

        normals = [
            Normal(tensor(mean), tensor(covariance), covariance_type=start.structure)
            for mean, covariance in zip(start.means, start.covariances, strict=True)
        ]
        model = GeneralMixtureModel(normals, priors=tensor(start.weights), max_iter=n_iter, tol=-np.inf)
        rows = torch.from_numpy(X)
        seconds, _ = timed(lambda: model.fit(rows))
        return Run(seconds, _parameters(model, start.structure), n_iter)

    def fit(self, X: Array, k: int, structure: str, seed: int = 0, n_init: int | None = None) -> Run:
        import torch
        from pomegranate.distributions import Normal
        from pomegranate.gmm import GeneralMixtureModel

        rows = torch.from_numpy(X.astype(np.float32))
        model = GeneralMixtureModel([Normal(covariance_type=structure) for _ in range(k)], random_state=seed)
        seconds, _ = timed(lambda: model.fit(rows))
        return Run(seconds, _parameters(model, structure))


def _parameters(model: Any, structure: str) -> Parameters:
    means = np.stack([numpy_of(n.means) for n in model.distributions])
    covariances = np.stack([numpy_of(n.covs) for n in model.distributions])
    weights = numpy_of(model.priors)
    return Parameters(weights / weights.sum(), means, covariances, structure)
