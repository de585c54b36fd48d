"""The ratios that mixtura set itself, beside what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from iteration import best_other, ratio
from passes import summary
from peers import OURS
from solution import shortfall, speedup
from tables import Table

OWN, OWN_ONE = OURS
LIKELIHOOD_SLACK = 1e-6
"""Nats a row that count as no worse: mixtura's own tolerance on a million rows."""


@dataclass(frozen=True)
class Goal:
    """What was aimed at, what was measured, and how both are written."""

    what: str
    aim: float
    measured: float
    unit: str = "x"
    at_most: bool = False

    @property
    def verdict(self) -> str:
        """yes, no, or nothing where it was not measured."""
        if math.isnan(self.measured):
            return "not measured"
        return "yes" if (self.measured <= self.aim if self.at_most else self.measured >= self.aim) else "no"

    def texts(self) -> tuple[str, str]:
        """Goal and measured value."""
        sign = "<=" if self.at_most else ">="
        return f"{sign} {self.aim:g}{self.unit}", "" if math.isnan(self.measured) else f"{self.measured:.3g}{self.unit}"


PER_ITERATION: dict[str, tuple[float | None, float | None]] = {
    "W1": (80, 3.5),
    "W2": (100, 2.8),
    "W7": (100, 2.8),
    "W3": (40, 4),
    "W3d": (20, 2),
    "W3s": (20, 2),
    "W3t": (40, None),
    "W4": (20, 2.7),
    "W6": (None, 2),
    "W5": (10, 1.5),
    "W9": (10, 1.5),
}
"""Times faster than scikit-learn, and than the best other peer."""

SHARES = {"W4": 65, "W6": 70}
"""Percent of the machine's own matrix product."""

ARITHMETIC_BINDS = {"W3f": "W3", "W4f": "W4"}
LARGE = ("W1", "W2", "W3", "W4", "W6", "W7")


def goals(parts: dict[str, list[dict[str, Any]]]) -> list[Goal]:
    """All goals whose part was measured."""
    found: list[Goal] = []
    for part, of in (("iteration", _iteration), ("solution", _solution), ("memory", _memory), ("passes", _passes)):
        if parts.get(part):
            found += of(parts[part])
    return found


def _iteration(records: list[dict[str, Any]]) -> Iterator[Goal]:
    by_name = {r["workload"]: r for r in records}
    for name, (sklearn, other) in PER_ITERATION.items():
        if name in by_name:
            r = by_name[name]
            if sklearn is not None:
                yield Goal(f"{r['title']}: an iteration, beside scikit-learn", sklearn, ratio(r, "sklearn"))
            if other is not None:
                yield Goal(f"{r['title']}: an iteration, beside the best other peer", other, _beside_others(r))
    for name, percent in SHARES.items():
        if name in by_name:
            r = by_name[name]
            yield Goal(f"{r['title']}: useful operations, of gemm's rate", percent, 100 * r["share_of_gemm"], " %")
    yield from _between_own(by_name)


def _beside_others(r: dict[str, Any]) -> float:
    return best_other(r)[1] / _own(r)


def _own(r: dict[str, Any], name: str = OWN) -> float:
    return float(r["peers"][name]["seconds"])


def _between_own(by_name: dict[str, dict[str, Any]]) -> Iterator[Goal]:
    if {"W3", "W3t"} <= by_name.keys():
        value = _own(by_name["W3"]) / _own(by_name["W3t"])
        yield Goal(f"{by_name['W3t']['title']}: an iteration, beside our own full", 3, value)
    for single, double in ARITHMETIC_BINDS.items():
        if {single, double} <= by_name.keys():
            value = _own(by_name[double]) / _own(by_name[single])
            yield Goal(f"{by_name[single]['title']}: an iteration, beside our own float64", 1.6, value)
    for name in LARGE:
        if name in by_name:
            r = by_name[name]
            yield Goal(f"{r['title']}: an iteration, all cores beside one thread", 1.8, ratio(r, OWN_ONE))


def _solution(records: list[dict[str, Any]]) -> Iterator[Goal]:
    aims = {"W8": 10.0, "W10": 50.0}
    for r in records:
        yield Goal(
            f"{r['title']}: default call, beside scikit-learn", aims.get(r["workload"], 20.0), speedup(r, "sklearn")
        )
        target = f"best of {r['restarts']['n_init']} restarts of scikit-learn" if "restarts" in r else "scikit-learn's"
        yield Goal(
            f"{r['title']}: likelihood below {target}", LIKELIHOOD_SLACK, shortfall(r), " nats a row", at_most=True
        )


def _memory(records: list[dict[str, Any]]) -> Iterator[Goal]:
    found = [r["peers"][OWN] for r in records if OWN in r["peers"]]
    failed = any(result["failure"] for result in found)
    worst = math.inf if failed else max((result["mb"] for result in found), default=math.nan)
    yield Goal("memory above the data, the largest of all workloads", 64, worst, " MB", at_most=True)


def _passes(records: list[dict[str, Any]]) -> Iterator[Goal]:
    mean, worst = summary(records)
    yield Goal("passes, plain over accelerated EM, geometric mean", 2, mean)
    yield Goal("passes, plain over accelerated EM, worst data set", 1, worst)


def table(found: list[Goal]) -> Table:
    """Goal beside measured."""
    result = Table("Goals", ["what", "goal", "measured", "met"])
    for goal in found:
        result.add(goal.what, *goal.texts(), goal.verdict)
    return result
