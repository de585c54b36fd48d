"""How many threads the compiled core may use."""

from __future__ import annotations

import os

from mixtura.errors import ParameterError
from mixtura.validation import as_count


def thread_count(n_threads: int | None) -> int:
    """How many threads to use: what was asked for, else MIXTURA_NUM_THREADS, else the cores of this process."""
    if n_threads is None:
        asked = os.environ.get("MIXTURA_NUM_THREADS", "")
        if asked:
            if not asked.isdigit() or int(asked) < 1:
                raise ParameterError(f"MIXTURA_NUM_THREADS is {asked!r}; expected a whole number of at least 1.")
            return int(asked)
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return as_count(n_threads, "n_threads")
