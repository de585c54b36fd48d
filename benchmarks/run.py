"""The benchmark: mixtura beside its peers, on this machine, in one run.

python benchmarks/run.py                     everything (about an hour on two cores)
python benchmarks/run.py --quick             fewer rounds, repeats and restarts
python benchmarks/run.py --scale 0.01        does it run at all?
python benchmarks/run.py --parts iteration --only W1,W3 --peers sklearn,onedal
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import goals
import iteration
import machine
import memory
import passes
import peers
import solution
from tables import Table
from workloads import NAMES

PARTS: dict[str, ModuleType] = {"iteration": iteration, "solution": solution, "memory": memory, "passes": passes}
RESULTS = Path(__file__).parent / "results"


class Options(argparse.Namespace):
    """What was asked for on the command line."""

    scale: float
    only: list[str] | None
    peers: list[str] | None
    parts: list[str]
    quick: bool
    rounds: int
    repeats: int
    allowance: float
    memory: float
    out: Path

    def wants(self, name: str) -> bool:
        """Whether a workload is to be run."""
        return self.only is None or name in self.only

    @property
    def whole(self) -> bool:
        """Whether this is the real thing: all rows, workloads, peers and parts, at full length."""
        chosen = self.only is not None or self.peers is not None or list(self.parts) != list(PARTS)
        return self.scale >= 1 and not chosen and not self.quick


def arguments() -> Options:
    """From the command line."""

    def names(text: str) -> list[str]:
        return text.split(",")

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of rows")
    parser.add_argument("--only", type=names, metavar="NAME,...", help=f"workloads, of {', '.join(NAMES)}")
    known = [kind.name for kind in peers.ALL]
    parser.add_argument("--peers", type=names, metavar="NAME,...", help=f"of {', '.join(known)}")
    parser.add_argument("--parts", type=names, default=list(PARTS), metavar="NAME,...", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="2 rounds, 1 repeat, 3 restarts")
    parser.add_argument("--rounds", type=int, help="alternating rounds of iterations (5)")
    parser.add_argument("--repeats", type=int, help="seeds of a default call (3)")
    parser.add_argument("--allowance", type=float, default=40.0, help="seconds a peer may spend on a workload (40)")
    parser.add_argument("--memory", type=float, default=6.0, help="gigabytes a peer may take above the data (6)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of results")
    options = parser.parse_args(namespace=Options())
    for given, allowed in ((options.only, NAMES), (options.peers, known), (options.parts, PARTS)):
        unknown = set(given or ()) - set(allowed)
        if unknown:
            parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(allowed)}")
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.repeats = options.repeats or (1 if options.quick else 3)
    options.memory *= 1e9
    return options


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measure part by part; results are written after each."""
    options = arguments()
    warnings.simplefilter("ignore")
    present, missing = peers.choose(options.peers)
    if not present or present[0].name != peers.OURS[0]:
        sys.exit(f"mixtura itself cannot be imported: {missing.get(peers.OURS[0])}")
    for name, why in missing.items():
        say(f"{name} is missing: {why}")
    document: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(present),
        "options": {key: str(value) if key == "out" else value for key, value in vars(options).items()} | {"out": ""},
        "notes": {p.name: p.note for p in present},
        "missing": missing,
        "parts": {},
    }
    heading = header(document)
    print(heading)
    tables: list[Table] = []
    for name in options.parts:
        document["parts"][name] = PARTS[name].measure(present, options, say)
        if document["parts"][name]:
            added = PARTS[name].tables(document["parts"][name], present)
            tables += added
            print(*added, sep="\n", flush=True)
        verdicts = goals.table(goals.goals(document["parts"]))
        write(options, document, "\n".join(map(str, [heading, verdicts, *tables])))
    print(verdicts)


def header(document: dict[str, Any]) -> str:
    """Machine, versions, and who is missing."""
    m = document["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    scale, load = document["options"]["scale"], m["load_before"]
    lines = [
        f"# mixtura beside its peers, {document['date']}",
        "",
        f"{m['cpu']}, {m['cores']} cores, {m['memory_gb']} GB, {m['system']}, Python {m['python']}, "
        f"instruction set {m['instruction_set']}, commit {m['commit']}.",
        f"Versions: {versions}.",
        f"Rounds: {document['options']['rounds']}."
        + (f" Load average before the run: {load[0]:.1f}." if load else "")
        + (f" **Only {scale:g} of the rows: the ratios say nothing.**" if scale < 1 else ""),
        "",
        *(f"- {name}: {note}." for name, note in document["notes"].items()),
        *(f"- {name} is **missing**: {why}." for name, why in document["missing"].items()),
        "",
    ]
    return "\n".join(lines)


def write(options: Options, document: dict[str, Any], text: str) -> None:
    """JSON and Markdown; a run that is not the whole thing is named so."""
    options.out.mkdir(parents=True, exist_ok=True)
    kind = "" if options.whole else "-smoke" if options.scale < 1 else "-part"
    stem = options.out / f"{document['date']}-{machine.cpu_slug()}{kind}"
    Path(f"{stem}.json").write_text(json.dumps(_plain(document), indent=1, allow_nan=False) + "\n")
    Path(f"{stem}.md").write_text(text)
    say(f"written: {stem.name}.json and .md")


def _plain(value: Any) -> Any:
    """For JSON: NaN and infinities as null, long lists of likelihoods left out."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if not (isinstance(v, list) and len(v) > 60)}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)


if __name__ == "__main__":
    main()
