"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peers import Peer


def cpu_name() -> str:
    """Of the processor, as the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def cpu_slug() -> str:
    """The name as part of a file name."""
    plain = re.sub(r"\((R|TM)\)|CPU|@|Processor", " ", cpu_name())
    return re.sub(r"[^A-Za-z0-9.]+", "-", plain).strip("-").lower()


def describe(peers: Sequence[Peer]) -> dict[str, Any]:
    """Processor, cores, memory, versions, thread pools, load, and the commit."""
    from mixtura import _core

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": cpu_name(),
        "cores": cores,
        "memory_gb": _memory_gb(),
        "system": platform.system() + " " + platform.machine(),
        "python": platform.python_version(),
        "versions": {p.name: p.version() for p in peers} | {m: _version(m) for m in ("numpy", "scipy", "torch")},
        "instruction_set": str(_core.instruction_set()),
        "thread_pools": _thread_pools(),
        "load_before": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "commit": _commit(),
    }


def _version(module: str) -> str:
    import importlib.metadata

    try:
        return importlib.metadata.version(module)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _thread_pools() -> list[dict[str, Any]]:
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    return [{key: pool.get(key) for key in ("user_api", "version", "num_threads")} for pool in threadpool_info()]


def _memory_gb() -> float:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (ValueError, OSError, AttributeError):
        return float("nan")


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=Path(__file__).parent, capture_output=True, text=True
        )
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"
