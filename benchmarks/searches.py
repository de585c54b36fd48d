"""A whole search, nine numbers of components and fourteen structures, beside R's mclust in one run.

python benchmarks/searches.py [--repeats 5]      (needs Rscript with the package mclust: Debian's r-cran-mclust)

Both make their default call on the same rows, in turn: `mixtura.fit(X)` and `Mclust(X)`. The sign of mclust's BIC is
turned.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import tempfile
import time
from pathlib import Path

import mixtura
import numpy as np

from workloads import EXAMPLES, Array, Workload, rows_of

SCRIPT = """
suppressMessages(library(mclust))
words <- commandArgs(TRUE)
X <- as.matrix(read.csv(words[1], header = FALSE))
seconds <- system.time(found <- Mclust(X, verbose = FALSE))[3]
cat(seconds, -found$bic, found$modelName, found$G, "\\n")
"""


def example(name: str) -> Array:
    """The numeric columns of one of the examples."""
    with (EXAMPLES / f"{name}.csv").open(newline="") as file:
        records = list(csv.reader(file))[1:]
    numeric = [j for j, cell in enumerate(records[0]) if cell.replace(".", "", 1).isdecimal()]
    return np.array([[float(row[j]) for j in numeric] for row in records])


def theirs(path: Path) -> tuple[float, float, str]:
    """Seconds, BIC and model of mclust's default call."""
    done = subprocess.run(["Rscript", "-e", SCRIPT, path], stdout=subprocess.PIPE, text=True, check=True)
    seconds, bic, name, number = done.stdout.split()
    return float(seconds), float(bic), f"{name},{number}"


def ours(X: Array) -> tuple[float, float, str]:
    """The same of mixtura's."""
    began = time.perf_counter()
    found = mixtura.fit(X)
    return time.perf_counter() - began, found.bic, f"{found.mixture.structure},{found.mixture.n_components}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    sets = {
        "Old Faithful": example("old_faithful"),
        "iris": example("iris"),
        "five groups": rows_of(Workload("search", 9000, 4, 5, spread=4.0)),
    }
    mixtura.fit(sets["iris"][:, :2], 2, "VVV")  # loads what it needs
    print("| rows | mixtura, s | mclust, s | faster by | BIC | mclust's BIC |\n|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for name, X in sets.items():
            path = Path(folder) / "rows.csv"
            np.savetxt(path, X, delimiter=",", fmt="%.17g")
            own, other = zip(*((ours(X), theirs(path)) for _ in range(given.repeats)), strict=True)
            seconds, peer = (float(np.median([found[0] for found in each])) for each in (own, other))
            bics = " | ".join(f"{each[0][1]:.2f} ({each[0][2]})" for each in (own, other))
            print(
                f"| {name}, {len(X)} x {X.shape[1]} | {seconds:.3f} | {peer:.3f} | {peer / seconds:.2f} x | {bics} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
