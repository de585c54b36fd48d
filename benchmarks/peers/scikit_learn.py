"""scikit-learn's GaussianMixture."""

from __future__ import annotations

from typing import Any

import numpy as np

from peers.base import Peer, Run, timed
from workloads import Array, Parameters


class ScikitLearn(Peer):
    """`sklearn.mixture.GaussianMixture`, at its own threading."""

    name = "sklearn"
    module = "sklearn.mixture"
    package = "scikit-learn"
    note = "iterations with reg_covar=0, tol=0"

    def bytes_a_row(self, k: int, d: int) -> float:
        return 8.0 * (3 * k + 3 * d)

    def iterate(self, X: Array, start: Parameters, n_iter: int) -> Run:
        from sklearn.mixture import GaussianMixture

        model = GaussianMixture(
            len(start.weights),
            covariance_type=start.structure,
            tol=0.0,
            reg_covar=0.0,
            max_iter=n_iter,
            init_params="random_from_data",
            weights_init=start.weights.astype(X.dtype),
            means_init=start.means.astype(X.dtype),
            precisions_init=_inverse(start).astype(X.dtype),
            random_state=0,
        )
        seconds, _ = timed(lambda: model.fit(X))
        return Run(seconds, _parameters(model), model.n_iter_)

    def fit(self, X: Array, k: int, structure: str, seed: int = 0, n_init: int | None = None) -> Run:
        from sklearn.mixture import GaussianMixture

        model = GaussianMixture(k, covariance_type=structure, n_init=n_init or 1, random_state=seed)
        seconds, _ = timed(lambda: model.fit(X))
        return Run(seconds, _parameters(model), model.n_iter_)


def _inverse(start: Parameters) -> Array:
    if start.structure in ("full", "tied"):
        return np.asarray(np.linalg.inv(start.covariances))
    return 1 / start.covariances


def _parameters(model: Any) -> Parameters:
    weights, means, covariances = (
        np.asarray(a, dtype=np.float64) for a in (model.weights_, model.means_, model.covariances_)
    )
    return Parameters(weights, means, covariances, model.covariance_type)
