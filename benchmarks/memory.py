"""Part 3: peak memory above the data, each call in a process of its own.

As a script it is that process: it loads the rows, warms the peer up on a few of them, notes its resident memory, makes
the call and prints the high-water mark less what it noted.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tables import Table
from workloads import ITERATION, SOLUTION, Workload, rows_of, start_of

Say = Callable[[str], None]
ITERATIONS = 3
LIMIT_SECONDS = 600
PEERS = ("mixtura", "sklearn", "onedal", "tgmm", "pomegranate")


def measure(peers: Sequence[Any], options: Any, say: Say) -> list[dict[str, Any]]:
    """Peak megabytes of a few iterations, and of mixtura's and scikit-learn's default fits."""
    records = []
    for calls, workloads in (("iterate", ITERATION), ("fit", SOLUTION)):
        for w in (w for w in workloads if options.wants(w.name)):
            say(f"{w.name}: {w.title}, memory of {calls}")
            with tempfile.TemporaryDirectory() as folder:
                rows = Path(folder) / "rows.npy"
                n = _written(w, options.scale, rows)
                found = {}
                for peer in peers:
                    if peer.name not in PEERS or peer.refuses(w.structure, w.dtype):
                        continue
                    if calls == "fit" and peer.name not in PEERS[:2]:
                        continue
                    found[peer.name] = _in_a_process(peer, calls, w, n, rows, options.memory)
                    say(f"    {peer.name}: {_cell(found[peer.name])}")
            records.append({"workload": w.name, "title": w.title, "call": calls, "rows": n, "peers": found})
    return records


def _written(w: Workload, scale: float, path: Path) -> int:
    X = rows_of(w, scale)
    np.save(path, X)
    return len(X)


def _in_a_process(peer: Any, call: str, w: Workload, n: int, rows: Path, memory: float) -> dict[str, Any]:
    if n * peer.bytes_a_row(w.k, w.d) > memory:
        return {"failure": f"not run: would take about {n * peer.bytes_a_row(w.k, w.d) / 1e9:.0f} GB"}
    command = [sys.executable, __file__, peer.name, call, w.name, str(rows)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return {"failure": f"over {LIMIT_SECONDS} s"}
    if done.returncode:
        return {"failure": (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]}
    return {"failure": "", **json.loads(done.stdout.splitlines()[-1])}


def tables(records: list[dict[str, Any]], peers: Sequence[Any]) -> list[Table]:
    """Megabytes above the data."""
    names = [p.name for p in peers if p.name in PEERS]
    table = Table(
        f"Peak memory above the data, MB ({ITERATIONS} iterations, or a default fit)",
        ["workload", "call", *names],
        "High-water mark of the resident set less the resident set with the rows loaded and the peer warmed up on a "
        "few rows; a fresh process each. mclust runs in R and is not measured.",
    )
    for r in records:
        cells = [_cell(r["peers"][name]) if name in r["peers"] else "-" for name in names]
        table.add(r["title"], r["call"], *cells)
    return [table]


def _cell(result: dict[str, Any]) -> str:
    if result["failure"]:
        return result["failure"] if result["failure"].startswith("not run") else "failed"
    return f"{result['mb']:.1f}" if result["mb"] < 10 else f"{result['mb']:.0f}"


# The process


def main(name: str, call: str, workload: str, path: str) -> None:
    """Measure one call and print it as JSON."""
    from peers import ALL

    peer = next(kind() for kind in ALL if kind.name == name)
    w = next(w for w in (*ITERATION, *SOLUTION) if w.name == workload)
    X, start = np.load(path), start_of(w)
    few = X[: w.least_rows].copy()
    _call(peer, call, few, w, start)
    before = _status("VmRSS")
    exact = _forget_the_peak()
    seconds = _call(peer, call, X, w, start)
    peak = _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"mb": max(peak - before, 0) / 1024, "peak_was_reset": exact, "seconds": seconds}))


def _call(peer: Any, call: str, X: Any, w: Workload, start: Any) -> float:
    if call == "iterate":
        return float(peer.iterate(X, start, ITERATIONS).seconds)
    return float(peer.fit(X, w.k, w.structure).seconds)


def _status(key: str) -> int:
    """Kilobytes of a line of /proc/self/status; 0 where there is none."""
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    found = re.search(rf"^{key}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) if found else 0


def _forget_the_peak() -> bool:
    """Set the high-water mark back to what is resident now, where the system allows it."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5" + os.linesep)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main(*sys.argv[1:5])
