"""Part 2: the default call beside every peer's default call: seconds and the likelihood reached."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from likelihood import mean_log_likelihood
from peers import OURS, Peer
from tables import Table, milliseconds, times
from workloads import MANY, SMALL, SOLUTION, Array, many_problems, old_faithful, rows_of

Say = Callable[[str], None]

RESTARTS = 10
"""Restarts of scikit-learn whose best likelihood is the one to reach."""

SMALL_REPEATS = 30
FEW_PROBLEMS = 100
"""Problems that are enough to time a slow loop; its seconds are scaled up."""

SLOW_LOOPS = ("tgmm", "pomegranate", "mclust")


def measure(peers: Sequence[Peer], options: Any, say: Say) -> list[dict[str, Any]]:
    """One record a workload."""
    records = [_large(w, peers, options, say) for w in SOLUTION if options.wants(w.name)]
    if options.wants(SMALL):
        records.append(_small(peers, options, say))
    if options.wants(MANY):
        records.append(_many(peers, options, say))
    return records


def _large(w: Any, peers: Sequence[Peer], options: Any, say: Say) -> dict[str, Any]:
    X = rows_of(w, options.scale)
    say(f"{w.name}: {w.title}, {len(X)} rows, default calls")
    results = {}
    for peer in (p for p in peers if p.name != OURS[1]):
        if peer.refuses(w.structure, w.dtype):
            continue
        why = _out_of_reach(peer, X, w, options)
        fits = _failed(why) if why else _fits(peer, X, w.k, w.structure, options.repeats, options.allowance)
        results[peer.name] = fits
        say(f"    {peer.name}: {_said(results[peer.name])}")
    record = {"workload": w.name, "title": w.title, "rows": len(X), "peers": results}
    judge = next((p for p in peers if p.name == "sklearn"), None)
    if judge is not None:
        restarts = 3 if options.quick else RESTARTS
        record["restarts"] = {"n_init": restarts, **_fits(judge, X, w.k, w.structure, 1, math.inf, restarts)}
        say(f"    sklearn, best of {restarts}: {_said(record['restarts'])}")
    return record


def _out_of_reach(peer: Peer, X: Array, w: Any, options: Any) -> str:
    """Why a default call is not made: memory, or a trial on fewer rows that tells it would take far too long."""
    if len(X) * peer.bytes_a_row(w.k, w.d) > options.memory:
        return "not run: more memory than --memory allows"
    few = X[: max(len(X) // 20, w.least_rows)]
    if peer.name in (OURS[0], "sklearn") or len(few) == len(X):
        return ""
    seconds = _fits(peer, few, w.k, w.structure, 1, math.inf)["seconds"] * len(X) / len(few)
    return f"not run: about {seconds:.0f} s by {len(few)} rows" if seconds > 4 * options.allowance else ""


def _small(peers: Sequence[Peer], options: Any, say: Say) -> dict[str, Any]:
    X = old_faithful()
    say(f"{SMALL}: Old Faithful, 272 x 2, K=3, full, default calls")
    results = {}
    for peer in (p for p in peers if p.name != OURS[1]):
        repeats = 3 if options.quick or peer.name == "mclust" else SMALL_REPEATS
        results[peer.name] = _fits(peer, X, 3, "full", repeats, math.inf)
        say(f"    {peer.name}: {_said(results[peer.name])}")
    return {"workload": SMALL, "title": "272 x 2, K=3, full (Old Faithful)", "rows": len(X), "peers": results}


def _many(peers: Sequence[Peer], options: Any, say: Say) -> dict[str, Any]:
    batch = many_problems(options.scale)
    say(f"{MANY}: {len(batch)} fits of 1000 x 1, K=2")
    results = {}
    for peer in (p for p in peers if p.name != OURS[1]):
        some = batch[:FEW_PROBLEMS] if peer.name in SLOW_LOOPS else batch
        results[peer.name] = _each(peer, some, len(batch), 3 if peer.name == OURS[0] else 1)
        say(f"    {peer.name}: {_said(results[peer.name])}")
    return {"workload": MANY, "title": f"{len(batch)} fits of 1000 x 1, K=2", "rows": 1000, "peers": results}


def _fits(
    peer: Peer, X: Array, k: int, structure: str, repeats: int, allowance: float, n_init: int | None = None
) -> dict[str, Any]:
    """Default calls with the seeds 0, 1, …, until the allowance is spent: medians, and the best likelihood."""
    runs = []
    try:
        if len(X) < 10_000:
            peer.fit(X, k, structure, seed=99)
        for seed in range(repeats):
            runs.append(peer.fit(X, k, structure, seed=seed, n_init=n_init))
            if sum(run.seconds for run in runs) > allowance:
                break
        values = [mean_log_likelihood(X, run.parameters, None) for run in runs]
    except Exception as error:  # whatever a peer raises is its result
        return _failed(f"{type(error).__name__}: {error}")
    return {
        "seconds": statistics.median(run.seconds for run in runs),
        "seconds_all": [run.seconds for run in runs],
        "n_iter": [run.n_iter for run in runs],
        "log_likelihood": statistics.median(values),
        "log_likelihood_best": max(values),
        "log_likelihood_all": values,
        "scaled": False,
        "failure": "",
    }


def _each(peer: Peer, batch: Array, problems: int, repeats: int) -> dict[str, Any]:
    """A default fit of each problem; the likelihood is the mean over problems and rows."""
    try:
        peer.fit_each(batch[:5], 2, "full")
        found = [peer.fit_each(batch, 2, "full") for _ in range(repeats)]
        seconds, ends = min(found, key=lambda pair: pair[0])
        with np.errstate(all="ignore"):
            values = [mean_log_likelihood(X, end) for X, end in zip(batch, ends, strict=True)]
    except Exception as error:
        return _failed(f"{type(error).__name__}: {error}")
    return {
        "seconds": seconds * problems / len(batch),
        "log_likelihood": float(np.mean(values)),
        "log_likelihood_all": values,
        "scaled": len(batch) < problems,
        "failure": "",
    }


def _failed(why: str) -> dict[str, Any]:
    return {"seconds": math.nan, "log_likelihood": math.nan, "scaled": False, "failure": why}


def _said(result: dict[str, Any]) -> str:
    return result["failure"] or f"{milliseconds(result['seconds'])} ms, {result['log_likelihood']:.6f} nats a row"


def speedup(record: dict[str, Any], name: str) -> float:
    """How many times faster mixtura is than a peer."""
    peer = record["peers"].get(name)
    return peer["seconds"] / record["peers"][OURS[0]]["seconds"] if peer else math.nan


def shortfall(record: dict[str, Any]) -> float:
    """Mean log-likelihood to reach (best of scikit-learn's restarts, or its default call) less mixtura's, nats a row.

    On many problems the means over the same problems are compared.
    """
    own = record["peers"][OURS[0]]
    other = record.get("restarts") or record["peers"].get("sklearn")
    return other["log_likelihood"] - own["log_likelihood"] if other else math.nan


def tables(records: list[dict[str, Any]], peers: Sequence[Peer]) -> list[Table]:
    """Seconds and likelihoods, one row a peer and workload."""
    table = Table(
        "Time to solution: default calls, the number of components given",
        ["workload", "peer", "ms", "mixtura is faster by", "nats a row", "below mixtura", "iterations"],
        "Medians over seeds; likelihoods by one plain NumPy function; ~ scaled up from fewer problems. "
        "`below mixtura` is positive where mixtura reached a higher likelihood on the same data.",
    )
    for r in records:
        own = r["peers"][OURS[0]]
        entries = list(r["peers"].items())
        if "restarts" in r:
            entries.append((f"sklearn, best of {r['restarts']['n_init']}", r["restarts"]))
        for name, result in entries:
            if result["failure"]:
                table.add(r["title"], name, result["failure"][:60], "", "", "", "")
                continue
            iterations = ", ".join("?" if i is None else str(i) for i in result.get("n_iter", [])[:3])
            table.add(
                r["title"],
                name,
                milliseconds(result["seconds"]) + ("~" if result["scaled"] else ""),
                "" if name == OURS[0] else times(result["seconds"] / own["seconds"]),
                f"{result['log_likelihood']:.6f}",
                "" if name == OURS[0] else f"{_below(own, result):+.1e}",
                iterations,
            )
    return [table]


def _below(own: dict[str, Any], result: dict[str, Any]) -> float:
    """mixtura's mean log-likelihood less a peer's, on the problems that both were given."""
    if own["failure"]:
        return math.nan
    ours, theirs = own["log_likelihood_all"], result["log_likelihood_all"]
    if len(theirs) == len(ours) or not result["scaled"]:
        return float(own["log_likelihood"] - result["log_likelihood"])
    return float(np.mean(ours[: len(theirs)]) - np.mean(theirs))
