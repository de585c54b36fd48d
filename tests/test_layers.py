"""Imports run one way: no two packages know each other."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import mixtura

ROOT = Path(mixtura.__file__).parent


def unit_of(module: str) -> str:
    """The package under mixtura, or the module; the page of the report stands above what it draws."""
    parts = module.split(".")
    if parts[1:3] == ["report", "page"]:
        return "report.page"
    return parts[1] if len(parts) > 1 else ""


def imported(path: Path) -> set[str]:
    """Modules that a file loads when it is loaded."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "mixtura":
            found |= {f"mixtura.{a.name}" for a in node.names} if node.module == "mixtura" else {node.module}
    return found


def test_no_two_packages_import_each_other():
    known: dict[str, set[str]] = defaultdict(set)
    for path in ROOT.rglob("*.py"):
        unit = unit_of(".".join(path.relative_to(ROOT.parent).with_suffix("").parts))
        known[unit] |= {unit_of(module) for module in imported(path)} - {unit}
    both = {(a, b) for a in known for b in known[a] if a < b and a in known.get(b, set())}
    assert both == set()
