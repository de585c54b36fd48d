"""Blocks of rows: fixed sizes, so that sums do not depend on who computes them."""

from __future__ import annotations

from collections.abc import Iterator

from mixtura.sources.base import Chunk

BLOCK_ROWS = 2048
"""Rows that the NumPy engine takes at a time."""


def blocks(chunk: Chunk, rows: int = BLOCK_ROWS) -> Iterator[Chunk]:
    """A chunk cut into blocks of a fixed number of rows; only the last may have fewer."""
    for start in range(0, len(chunk.rows), rows):
        piece = slice(start, start + rows)
        weights = None if chunk.weights is None else chunk.weights[piece]
        yield Chunk(chunk.rows[piece], weights, chunk.start + start)
