"""Part 1: seconds per EM iteration from injected equal starts, in alternating rounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from peers import OURS, Peer
from tables import Table, milliseconds, times
from timing import CHECKED_ITERATIONS, FEWER, Contestant, Gemm, check, clock, enter
from workloads import ITERATION, Workload, rows_of, start_of

Say = Callable[[str], None]
AGREED = {"float64": 1e-9, "float32": 1e-4}
"""Relative difference of log-likelihoods that counts as the same."""


def measure(peers: Sequence[Peer], options: Any, say: Say) -> list[dict[str, Any]]:
    """One record a workload."""
    return [_workload(w, peers, options, say) for w in ITERATION if options.wants(w.name)]


def _workload(w: Workload, peers: Sequence[Peer], options: Any, say: Say) -> dict[str, Any]:
    X, start = rows_of(w, options.scale), start_of(w)
    say(f"{w.name}: {w.title}, {len(X)} rows")
    refusals = {p.name: p.refuses(w.structure, w.dtype) for p in peers}
    contestants = []
    references: dict[int, float] = {}
    for peer in peers:
        if not refusals[peer.name]:
            contestants.append(enter(peer, X, start, w.least_rows, _allowance(peer, options), options.memory))
            check(contestants[-1], X, start, references, peers[0])
    gemm = Gemm(w.dtype)
    for _ in range(options.rounds):
        gemm.clock()
        for contestant in contestants:
            clock(contestant, X, start)
    record: dict[str, Any] = {
        "workload": w.name,
        "title": w.title,
        "rows": len(X),
        "structure": w.structure,
        "dtype": w.dtype,
        "gemm_gflops": gemm.best,
        "gemm_gflops_median": sorted(gemm.rates)[len(gemm.rates) // 2],
        "refused": {name: why for name, why in refusals.items() if why},
        "peers": {c.peer.name: _result(c, len(X), w) for c in contestants},
    }
    own = record["peers"][OURS[0]]["seconds"]
    record["share_of_gemm"] = w.flops * len(X) / own / 1e9 / gemm.best if w.structure == "full" else None
    for c in contestants:
        say(f"    {c.peer.name}: {c.failure or milliseconds(c.per_iteration(len(X)))}")
    return record


def _allowance(peer: Peer, options: Any) -> float:
    """Seconds; scikit-learn, which the goals are set beside, gets more, so that it sees all rows."""
    return float(options.allowance * (4 if peer.name == "sklearn" else 1))


def _result(c: Contestant, rows: int, w: Workload) -> dict[str, Any]:
    return {
        "seconds": c.per_iteration(rows),
        "rows_used": c.rows,
        "iteration_counts": [FEWER, c.more],
        "rounds": len(c.more_seconds),
        "log_likelihood": c.log_likelihood,
        "disagreement": c.disagreement,
        "agrees": bool(c.disagreement <= AGREED[w.dtype]),
        "failure": c.failure,
    }


def best_other(record: dict[str, Any], without: Sequence[str] = ("sklearn",)) -> tuple[str, float]:
    """The fastest peer that is not mixtura (and not among `without`), and its seconds; NaN where there is none."""
    others = {
        name: r["seconds"]
        for name, r in record["peers"].items()
        if name not in (*OURS, *without) and not math.isnan(r["seconds"])
    }
    name = min(others, key=lambda n: others[n], default="")
    return name, others.get(name, math.nan)


def ratio(record: dict[str, Any], name: str) -> float:
    """How many times faster mixtura is than a peer."""
    peer = record["peers"].get(name)
    return peer["seconds"] / record["peers"][OURS[0]]["seconds"] if peer else math.nan


def tables(records: list[dict[str, Any]], peers: Sequence[Peer]) -> list[Table]:
    """Times with ratios, and how the likelihoods compare."""
    names = [p.name for p in peers]
    speed = Table(
        "Seconds per EM iteration, in ms",
        ["workload", *names, "x sklearn", "x best other", "x 1 thread", "GFLOP/s gemm", "share of gemm"],
        "~ scaled up linearly from fewer rows; != another likelihood than mixtura's after the same iterations; - not "
        "offered; ratios: how many times faster mixtura is; share: 2 N K D^2 useful operations, of gemm's rate.",
    )
    for r in records:
        name, seconds = best_other(r)
        own = r["peers"][OURS[0]]["seconds"]
        share = r["share_of_gemm"]
        speed.add(
            r["title"],
            *(_cell(r, n) for n in names),
            times(ratio(r, "sklearn")),
            times(seconds / own) if math.isnan(seconds / own) else f"{times(seconds / own)} {name}",
            times(ratio(r, OURS[1])),
            f"{r['gemm_gflops']:.0f}",
            "" if share is None or math.isnan(share) else f"{share:.0%}",
        )
    same = Table(
        f"Log-likelihood after {CHECKED_ITERATIONS} iterations from equal starts: relative difference from mixtura",
        ["workload", "mixtura, nats a row", *names[1:]],
        "Each peer's parameters are judged by the same plain NumPy function, on at most 100,000 of its rows.",
    )
    for r in records:
        same.add(r["title"], f"{r['peers'][names[0]]['log_likelihood']:.9f}", *(_difference(r, n) for n in names[1:]))
    return [speed, same]


def _cell(record: dict[str, Any], name: str) -> str:
    if name not in record["peers"]:
        return "-"
    result = record["peers"][name]
    if result["failure"]:
        return "failed"
    marks = ("~" if result["rows_used"] < record["rows"] else "") + ("" if result["agrees"] else " !=")
    return milliseconds(result["seconds"]) + marks


def _difference(record: dict[str, Any], name: str) -> str:
    if name not in record["peers"]:
        return "-"
    result = record["peers"][name]
    if result["failure"]:
        return "failed"
    return f"{result['disagreement']:.0e}" + ("" if result["agrees"] else " !=")
