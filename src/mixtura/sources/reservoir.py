"""A sample of rows whose number is not known beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura.sources.base import Chunk
from mixtura.validation import Array


class Reservoir:
    """Up to `size` rows of a stream, each set of so many rows equally likely; in the order of the stream.

    Every row draws a number, and the smallest numbers stay. One draw a row makes the sample depend on the rows and the
    generator alone, not on the blocks they come in.

    Parameters
    ----------
    size : rows at most
    rng : draws one number a row
    """

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.size, self.rng = size, rng
        self._parts: list[tuple[Array, npt.NDArray[Any], Array | None]] = []
        self._held = 0
        self._highest = 1.0

    def add(self, chunk: Chunk) -> None:
        """Let the rows of a chunk draw."""
        drawn = self.rng.random(len(chunk.rows))
        chosen = np.flatnonzero(drawn < self._highest)
        weights = None if chunk.weights is None else chunk.weights[chosen]
        self._parts.append((drawn[chosen], chunk.rows[chosen], weights))
        self._held += len(chosen)
        if self._held > 2 * self.size:
            self._settle()

    def rows(self) -> tuple[npt.NDArray[Any], Array | None]:
        """The rows that stayed, and their weights."""
        self._settle()
        _, rows, weights = self._parts[0]
        return rows, weights

    def drawn(self) -> tuple[Array, npt.NDArray[Any]]:
        """What the rows that stayed drew, and these rows: reservoirs of several streams merge by the smallest."""
        self._settle()
        return self._parts[0][:2]

    def _settle(self) -> None:
        """Keep the smallest numbers, in the order of the stream."""
        drawn = np.concatenate([part[0] for part in self._parts])
        rows = np.concatenate([part[1] for part in self._parts])
        given = [part[2] for part in self._parts if part[2] is not None]
        weights = np.concatenate(given) if given else None
        if len(drawn) > self.size:
            kept = np.sort(np.argpartition(drawn, self.size)[: self.size])
            self._highest = float(drawn[kept].max())
            drawn, rows, weights = drawn[kept], rows[kept], None if weights is None else weights[kept]
        self._parts, self._held = [(drawn, rows, weights)], len(drawn)
