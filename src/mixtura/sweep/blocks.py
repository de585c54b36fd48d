"""Blocks of rows: fixed sizes, so that sums do not depend on who computes them."""

from __future__ import annotations

import os
from collections.abc import Iterator

from mixtura.errors import ParameterError
from mixtura.sources.base import Chunk
from mixtura.validation import as_count

BLOCK_ROWS = 2048
"""Rows that the NumPy engine takes at a time."""


def blocks(chunk: Chunk, rows: int = BLOCK_ROWS) -> Iterator[Chunk]:
    """A chunk cut into blocks of a fixed number of rows; only the last may have fewer."""
    for start in range(0, len(chunk.rows), rows):
        piece = slice(start, start + rows)
        weights = None if chunk.weights is None else chunk.weights[piece]
        yield Chunk(chunk.rows[piece], weights, chunk.start + start)


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
