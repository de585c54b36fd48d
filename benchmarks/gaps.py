"""EM on rows with missing cells, beside the same rows without gaps and beside tgmm's, from one start in one run.

python benchmarks/gaps.py [--rows 1000000] [--columns 10] [--groups 10] [--missing 0.05] [--rounds 3]
"""

from __future__ import annotations

import argparse
import warnings

import mixtura
import numpy as np

from machine import describe
from peers import choose
from peers.base import timed
from workloads import Array, Workload, rows_of, start_of

FEWER, MORE, MANY = 1, 4, 21
"""Iterations whose difference in time is measured (to MANY for mixtura, whose iterations are short): reading and
cutting rows into patterns is not part of it."""


def mixtura_iterations(X: Array, theta: mixtura.Mixture, n: int) -> tuple[float, float]:
    """Seconds, and the log-likelihood of X after n iterations, nats a row."""
    seconds, steps = timed(lambda: list(mixtura.em(theta, X, max_iter=n)))
    return seconds, steps[-1].after.log_likelihood(X) / len(X)


def tgmm_iterations(X: Array, theta: mixtura.Mixture, n: int) -> tuple[float, float]:
    """The same by tgmm; the likelihood of its parameters is ours, so that both are judged alike."""
    import tgmm
    import torch

    model = tgmm.GaussianMixture(
        n_components=theta.n_components,
        n_features=theta.n_features,
        covariance_type="full",
        max_iter=n,
        tol=1e-300,
        reg_covar=0.0,
        init_means=torch.from_numpy(theta.components.means.copy()),
        init_weights=torch.from_numpy(theta.weights.copy()),
        init_covariances=torch.from_numpy(theta.components.covariances.copy()),
        missing="em",
        device="cpu",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that few iterations do not converge
        seconds, _ = timed(lambda: model.fit(torch.from_numpy(X)))
    components = mixtura.Gaussian(model.means_.numpy(), model.covariances_.numpy())
    end = mixtura.Mixture(model.weights_.double().numpy() / model.weights_.double().numpy().sum(), components)
    return seconds, end.log_likelihood(X) / len(X)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--groups", type=int, default=10)
    parser.add_argument("--missing", type=float, default=0.05)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    work = Workload("gaps", given.rows, given.columns, given.groups, spread=2.0)
    whole, start = rows_of(work), start_of(work)
    holes = np.random.default_rng(5).random(whole.shape) < given.missing
    gappy = np.where(holes, np.nan, whole)
    theta = mixtura.Mixture(start.weights, mixtura.Gaussian(start.means, start.covariances))
    patterns = len(np.unique(holes, axis=0))
    peers, missing = choose(["tgmm"])
    if missing:
        raise SystemExit(f"missing: {missing}; see benchmarks/README.md")
    print({key: describe(peers)[key] for key in ("cpu", "cores", "versions", "load_before", "commit")})
    print(f"{work.title}, {given.missing:.0%} of the cells missing at random: {patterns} patterns")
    runs = {
        "mixtura, no gaps": lambda n: mixtura_iterations(whole, theta, n),
        "mixtura": lambda n: mixtura_iterations(gappy, theta, n),
        "tgmm": lambda n: tgmm_iterations(gappy, theta, n),
    }
    fewer, more = ({name: [] for name in runs} for _ in range(2))
    ends = {name: run(MORE)[1] for name, run in runs.items()}
    most = {name: MORE if name == "tgmm" else MANY for name in runs}
    for _ in range(given.rounds):
        for name, run in runs.items():
            fewer[name].append(run(FEWER)[0])
            more[name].append(run(most[name])[0])
    slopes = {name: (min(more[name]) - min(fewer[name])) / (most[name] - FEWER) for name in runs}
    print("| | ms an iteration | beside mixtura with gaps | nats a row after 4 iterations |\n|---|---:|---:|---:|")
    for name, each in slopes.items():
        print(f"| {name} | {1e3 * each:.0f} | {each / slopes['mixtura']:.2f} | {ends[name]:.9f} |")


if __name__ == "__main__":
    main()
