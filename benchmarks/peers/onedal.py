"""oneDAL's EM through daal4py (package scikit-learn-intelex)."""

from __future__ import annotations

from typing import Any

import numpy as np

from peers.base import Peer, Run, timed
from workloads import Array, Parameters

STORAGE = {"full": "full", "diag": "diagonal"}


class OneDal(Peer):
    """`daal4py.em_gmm`; its default call is `em_gmm_init` (short EM runs from random rows) and then `em_gmm`."""

    name = "onedal"
    module = "daal4py"
    package = "scikit-learn-intelex"
    structures = ("full", "diag")
    note = "accuracyThreshold=0; a covariance it finds singular is regularised by its own default"

    def iterate(self, X: Array, start: Parameters, n_iter: int) -> Run:
        import daal4py

        model = daal4py.em_gmm(maxIterations=n_iter, accuracyThreshold=0.0, **_options(X, len(start.weights), start))
        weights, means = start.weights[None].astype(X.dtype), np.ascontiguousarray(start.means.astype(X.dtype))
        covariances = [np.ascontiguousarray(np.atleast_2d(c).astype(X.dtype)) for c in start.covariances]
        seconds, found = timed(lambda: model.compute(X, weights, means, covariances))
        return Run(seconds, _parameters(found, start.structure), int(np.ravel(found.nIterations)[0]))

    def fit(self, X: Array, k: int, structure: str, seed: int = 0, n_init: int | None = None) -> Run:
        import daal4py

        options = {"fptype": _kind(X), "covarianceStorage": STORAGE[structure]}
        engine = daal4py.engines_mt19937(fptype=_kind(X), seed=seed + 1)

        def run() -> Any:
            first = daal4py.em_gmm_init(k, engine=engine, **options).compute(X)
            return daal4py.em_gmm(k, **options).compute(X, first.weights, first.means, first.covariances)

        seconds, found = timed(run)
        return Run(seconds, _parameters(found, structure), int(np.ravel(found.nIterations)[0]))


def _kind(X: Array) -> str:
    return "float" if X.dtype == np.float32 else "double"


def _options(X: Array, k: int, start: Parameters) -> dict[str, Any]:
    return {"nComponents": k, "fptype": _kind(X), "covarianceStorage": STORAGE[start.structure]}


def _parameters(found: Any, structure: str) -> Parameters:
    covariances = np.array([np.asarray(c, dtype=np.float64) for c in found.covariances])
    if structure == "diag":
        covariances = covariances.reshape(len(covariances), -1)
    weights, means = np.ravel(found.weights).astype(np.float64), np.asarray(found.means, dtype=np.float64)
    return Parameters(weights, means, covariances, structure)
