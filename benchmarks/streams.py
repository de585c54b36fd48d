"""A file larger than the memory a fit is given: time, peak memory and readings, beside the same rows in memory.

python benchmarks/large_rows.py FILE                       (200,000,000 x 4 of float32, 3.2 GB; --rows for fewer)
python benchmarks/streams.py FILE [--groups 10] [--memory-limit "512 MB"]

Each part is a process of its own, so that its peak of resident memory (VmHWM) is its own. The part in memory holds
all rows. Time per iteration is a slope between two iteration counts, so that the survey of the rows cancels.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mixtura
import numpy as np
from pyarrow import dataset, parquet

FEWER, MORE = 1, 4
START_ROWS = 200_000
IN_MEMORY = "1 TB"
MOST_ITERATIONS = 300


def peak_megabytes() -> float:
    """The largest resident set of this process so far."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1000


def start_of(path: str, groups: int) -> mixtura.Mixture:
    """Where all iterations start: centers are rows, one covariance for all."""
    head = next(parquet.ParquetFile(path).iter_batches(START_ROWS))
    rows = np.column_stack([head[name].to_numpy() for name in head.schema.names]).astype(np.float64)
    covariance = np.cov(rows.T)
    return mixtura.Mixture(
        np.full(groups, 1 / groups),
        mixtura.Gaussian(rows[:groups], np.broadcast_to(covariance, (groups, *covariance.shape))),
    )


def iteration(path: str, groups: int, limit: str) -> dict[str, Any]:
    """Seconds an iteration, and the log-likelihood after the last one."""
    rows, theta = mixtura.scan(path, memory_limit=limit), start_of(path, groups)
    list(mixtura.em(theta, rows, max_iter=1))
    times = []
    for n in (FEWER, MORE):
        began = time.perf_counter()
        steps = list(mixtura.em(theta, rows, max_iter=n))
        times.append(time.perf_counter() - began)
    return {"seconds": (times[1] - times[0]) / (MORE - FEWER), "log_likelihood": steps[-1].log_likelihood}


def reader(path: str) -> dict[str, Any]:
    """Seconds that pyarrow's scanner takes to hand out all rows, nothing done with them."""
    began = time.perf_counter()
    n = sum(batch.num_rows for batch in dataset.dataset(path).scanner().to_batches())
    return {"seconds": time.perf_counter() - began, "rows": n}


def climbed(theta: mixtura.Mixture, path: str) -> float:
    """Nats a row that many plain iterations in memory lead to."""
    rows = mixtura.scan(path, memory_limit=IN_MEMORY)
    *_, last = mixtura.em(theta, rows, tol=1e-9, max_iter=MOST_ITERATIONS)
    return last.log_likelihood / rows.n_samples


def whole_fit(path: str, groups: int, limit: str) -> dict[str, Any]:
    """The default call with the number of components given."""
    rows = mixtura.scan(path, memory_limit=limit)
    began = time.perf_counter()
    fit = mixtura.fit(rows, groups, "VVV")
    found = {
        "seconds": time.perf_counter() - began,
        "readings": getattr(rows, "readings", None),
        "nats_a_row": fit.log_likelihood / fit.n_samples,
        "converged": fit.converged,
        "peak_megabytes": peak_megabytes(),
    }
    return {**found, "plain_em_adds": climbed(fit.mixture, path) - found["nats_a_row"]}


def one_pass(path: str, groups: int, limit: str) -> dict[str, Any]:
    """Online EM in one reading: what it leaves of the way from the start to the optimum that plain EM goes on to."""
    start, rows = start_of(path, groups), mixtura.scan(path, memory_limit=limit)
    began = time.perf_counter()
    *_, last = mixtura.online_em(start, rows)
    found = {"seconds": time.perf_counter() - began, "peak_megabytes": peak_megabytes()}
    low, here = (theta.log_likelihood(rows) / rows.n_samples for theta in (start, last.mixture))
    top = climbed(last.mixture, path)
    return {**found, "start": low, "nats_a_row": here, "optimum": top, "left": (top - here) / (top - low)}


def parts(path: str, groups: int, limit: str) -> dict[str, Callable[[], dict[str, Any]]]:
    """What is measured, by name."""
    return {
        "reader alone": lambda: reader(path),
        "iteration, rows in memory": lambda: iteration(path, groups, IN_MEMORY),
        f"iteration, file under {limit}": lambda: iteration(path, groups, limit),
        f"default fit, file under {limit}": lambda: whole_fit(path, groups, limit),
        f"one online pass, file under {limit}": lambda: one_pass(path, groups, limit),
    }


def in_a_process(name: str, given: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, given.file, "--groups", str(given.groups), "--part", name]
    done = subprocess.run(
        [*command, "--memory-limit", given.memory_limit], stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--groups", type=int, default=10)
    parser.add_argument("--memory-limit", default="512 MB")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    given = parser.parse_args()
    measured = parts(given.file, given.groups, given.memory_limit)
    if given.part:
        found = measured[given.part]()
        print(json.dumps({"peak_megabytes": peak_megabytes(), **found}))
        return
    found = {}
    for name in measured:
        found[name] = in_a_process(name, given)
        print(name, found[name], flush=True)
    alone, memory, file, *_ = found.values()
    print(f"an iteration over the file takes {file['seconds'] / (memory['seconds'] + alone['seconds']):.2f} x the sum")
    apart = abs(file["log_likelihood"] / memory["log_likelihood"] - 1)
    print(f"log-likelihoods after {MORE} iterations differ by {apart:.1e} of their value")


if __name__ == "__main__":
    main()
