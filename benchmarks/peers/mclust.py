"""R's mclust, in an Rscript of its own; the time is taken inside R, so starting R is not in it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from peers.base import Peer, Run
from workloads import Array, Parameters

MODELS = {"full": "VVV", "tied": "EEE", "diag": "VVI", "spherical": "VII"}
SCRIPT = Path(__file__).with_name("mclust.R")
LIMIT_SECONDS = 240
"""Longer calls are given up, and reported."""


class Mclust(Peer):
    """`em` from given parameters; `Mclust(X, G=k, modelNames=one)` as the default call."""

    name = "mclust"
    module = "mclust"
    package = "mclust"
    single = False
    note = "R; em() with eps=0, tol=0; its default call starts from an agglomeration of at most 2000 rows"

    def missing(self) -> str:
        if shutil.which("Rscript") is None:
            return "no Rscript (Debian: r-base-core and r-cran-mclust)"
        done = subprocess.run(["Rscript", "-e", "library(mclust)"], capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else "R has no package mclust (Debian: r-cran-mclust)"

    def version(self) -> str:
        words = 'cat(paste0(packageVersion("mclust"), " on R ", getRversion()))'
        return subprocess.run(["Rscript", "-e", words], capture_output=True, text=True, check=True).stdout.strip()

    def bytes_a_row(self, k: int, d: int) -> float:
        return 8.0 * (3 * k + 5 * d)

    def iterate(self, X: Array, start: Parameters, n_iter: int) -> Run:
        first = np.concatenate([start.weights, start.means.ravel(), _full(start).ravel()])
        return _run(X[None], len(start.weights), start.structure, "iterate", n_iter, first)[0]

    def fit(self, X: Array, k: int, structure: str, seed: int = 0, n_init: int | None = None) -> Run:
        return _run(X[None], k, structure, "fit", 1, seed=seed)[0]

    def fit_each(self, batch: Array, k: int, structure: str) -> tuple[float, list[Parameters]]:
        runs = _run(batch, k, structure, "each", len(batch))
        return sum(run.seconds for run in runs), [run.parameters for run in runs]


def _full(theta: Parameters) -> Array:
    """(K, D, D)."""
    k, d = theta.means.shape
    if theta.structure in ("full", "tied"):
        return np.array(np.broadcast_to(theta.covariances, (k, d, d)))
    return np.array([np.eye(d) * c for c in theta.covariances])


def _compact(covariances: Array, structure: str) -> Array:
    diagonal = np.diagonal(covariances, axis1=1, axis2=2)
    compact = {"full": covariances, "tied": covariances[0], "diag": diagonal, "spherical": diagonal.mean(axis=1)}
    return np.array(compact[structure])


def _run(
    batch: Array, k: int, structure: str, mode: str, count: int, start: Array | None = None, seed: int = 0
) -> list[Run]:
    """Hand problems (m, n, d) to R, and read what it found: one result, or one a problem."""
    _, n, d = batch.shape
    model = "V" if d == 1 else MODELS[structure]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.asfortranarray(batch.reshape(-1, d)).T.astype(np.float64).tofile(folder / "rows.bin")
        if start is not None:
            start.tofile(folder / "start.bin")
        command = ["Rscript", str(SCRIPT), name, mode, model, *(str(v) for v in (n, d, k, count, seed))]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
        if done.returncode:
            raise RuntimeError(" ".join(line for line in done.stderr.splitlines() if "halted" not in line))
        values = np.fromfile(folder / "out.bin")
    return [_result(v, k, d, structure) for v in values.reshape(-1, 2 + k + d * k + d * d * k)]


def _result(values: Array, k: int, d: int, structure: str) -> Run:
    seconds, iterations = values[:2]
    weights, means, covariances = np.split(values[2:], [k, k + k * d])
    theta = Parameters(weights, means.reshape(k, d), _compact(covariances.reshape(k, d, d), structure), structure)
    return Run(float(seconds), theta, int(iterations) if iterations >= 0 else None)
