"""How often the default call finds the best optimum known, beside scikit-learn and R's mclust.

    .venv-bench/bin/python benchmarks/optima.py            # best known values: results/optima.json
    .venv-bench/bin/python benchmarks/optima.py --known    # looks for them again: 200 random starts each

Each of twenty problems (problems.py) fixes structure and number of components; an optimum counts as reached within
1e-3 nats of the best sound one that any call here or 200 random starts found (mclust: within 0.1, as it stops early).
Sound: no component has fewer rows than a covariance needs, or a variance along some direction below 1e-4 of the widest,
in units of the columns' spread.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import time
import warnings
from pathlib import Path
from typing import Any

import mixtura as mx
import numpy as np

from problems import PROBLEMS, Array, Problem

KNOWN = Path(__file__).parent / "results" / "optima.json"
RANDOM_STARTS = 200
REACHED, EARLY = 1e-3, 0.1
THIN = 1e-4
SEEDS = range(5)

SKLEARN = {"VVV": "full", "V": "full", "EEE": "tied", "VVI": "diag", "VII": "spherical"}

MCLUST = """
suppressMessages(library(mclust)); a <- commandArgs(TRUE)
X <- as.matrix(read.csv(a[1], header = FALSE)); if (a[2] %in% c("E", "V")) X <- as.numeric(X)
m <- try(Mclust(X, G = as.integer(a[3]), modelNames = a[2], verbose = FALSE), silent = TRUE)
if (inherits(m, "try-error") || is.null(m)) { cat("NA") } else {
  cat(format(m$loglik, digits = 15)) }
"""


def sound(X: Array, mixture: Any) -> bool:
    """Whether no component is tiny or flat."""
    spread = X.std(axis=0)
    values = np.linalg.eigvalsh(mixture.components.covariance_matrices / np.outer(spread, spread))
    return bool(mixture.weights.min() * len(X) > X.shape[1] + 1 and values.min() > THIN * values.max())


def random_starts(problem: Problem, X: Array) -> float:
    """The best sound optimum of many climbs from random rows."""
    from mixtura.algorithms.compiled import climb_compiled
    from mixtura.algorithms.iteration import inner_floor, outward
    from mixtura.algorithms.start import Partitions
    from mixtura.families.covariance import resolve_structure
    from mixtura.sources import as_source
    from mixtura.sweep import Sweep

    source = as_source(X)
    partitions = Partitions(source.X, None, 2, source.coordinates)
    labels = partitions._by_centers(
        ["random rows, standardised columns"] * RANDOM_STARTS, problem.n_components, np.random.default_rng(1)
    )
    structure = resolve_structure(problem.structure, X.shape[1])
    starts = partitions.group(labels, problem.n_components).shrunk().starts(structure, inner_floor(source))
    ends = climb_compiled(Sweep(source), starts, 1e-10, 20_000)[0]
    for i in ends.best_first():
        if not ends.troubled[i] and sound(X, outward(ends.climb(i).mixture, source.coordinates)):
            return float(ends.log_likelihood[i])
    return -np.inf


def ours(problem: Problem, X: Array, seed: int) -> tuple[float, bool]:
    """The default call."""
    fit = mx.fit(X, problem.n_components, problem.structure, seed=seed)
    return fit.log_likelihood, sound(X, fit.mixture)


def sklearn(problem: Problem, X: Array, seed: int, n_init: int = 1) -> tuple[float, bool]:
    """scikit-learn's call, climbed to its end by ours; NaN where it has no such structure."""
    from sklearn.mixture import GaussianMixture

    kind = SKLEARN.get(problem.structure)
    if kind is None:
        return np.nan, False
    model = GaussianMixture(problem.n_components, covariance_type=kind, n_init=n_init, random_state=seed).fit(X)
    covariances = model.covariances_.reshape(-1) if X.shape[1] == 1 else model.covariances_
    found = mx.Mixture(model.weights_, mx.Gaussian(model.means_, covariances, problem.structure))
    polished = mx.fit(X, start=found)  # it stops early: what counts is the optimum it was climbing
    return polished.log_likelihood, sound(X, polished.mixture)


def mclust(problem: Problem, X: Array, folder: Path) -> tuple[float, bool]:
    """R's default call."""
    path, script = folder / "rows.csv", folder / "mclust.R"
    np.savetxt(path, X, delimiter=",", fmt="%.17g")
    script.write_text(MCLUST)
    done = subprocess.run(
        ["Rscript", str(script), str(path), problem.structure, str(problem.n_components)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    text = done.stdout.strip()
    return (float(text), True) if text and text != "NA" else (np.nan, False)


def main() -> None:
    """Print a table and the shares."""
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--known", action="store_true", help="look for the best known values again")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    known = {} if options.known or not KNOWN.exists() else json.loads(KNOWN.read_text())
    calls = {
        "mixtura": lambda p, X, s: ours(p, X, s),
        "sklearn": lambda p, X, s: sklearn(p, X, s),
        "sklearn n_init=20": lambda p, X, s: sklearn(p, X, s, 20),
    }
    found: dict[str, dict[str, list[tuple[float, bool]]]] = {}
    seconds = dict.fromkeys([*calls, "mclust"], 0.0)
    with tempfile.TemporaryDirectory() as folder:
        for problem in PROBLEMS:
            X = problem.rows()
            record: dict[str, list[tuple[float, bool]]] = {}
            for name, call in calls.items():
                start = time.perf_counter()
                record[name] = [call(problem, X, s) for s in SEEDS]
                seconds[name] += time.perf_counter() - start
            if shutil.which("Rscript"):
                start = time.perf_counter()
                record["mclust"] = [mclust(problem, X, Path(folder))]
                seconds["mclust"] += time.perf_counter() - start
            values = [v for runs in record.values() for v, fine in runs if fine and np.isfinite(v)]
            best = max([known.get(problem.label, -np.inf), *values])
            if options.known or problem.label not in known:
                best = max(best, random_starts(problem, X))
            known[problem.label] = best
            found[problem.label] = record
            gaps = "  ".join(
                f"{name} {' '.join(f'{v - best:.3f}' + ('' if fine else '!') for v, fine in runs)}"
                for name, runs in record.items()
            )
            print(f"{problem.label:26s} {best:14.4f}  {gaps}", flush=True)
    KNOWN.parent.mkdir(exist_ok=True)
    KNOWN.write_text(json.dumps(known, indent=1) + "\n")
    for name in seconds:
        slack = EARLY if name == "mclust" else REACHED
        runs = [(v if fine else -np.inf, known[label]) for label, r in found.items() for v, fine in r.get(name, [])]
        if runs:
            reached = sum(v >= best - slack for v, best in runs)
            print(f"{name}: {reached} of {len(runs)} runs ({reached / len(runs):.0%}), {seconds[name]:.1f} s in all")


if __name__ == "__main__":
    main()
