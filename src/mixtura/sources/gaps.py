"""How much of the rows is missing, and where: counted a piece of them at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixtura.validation import Flags


@dataclass(frozen=True, slots=True)
class Gaps:
    """How much is missing, and where.

    Attributes
    ----------
    n_cells : missing cells
    share : of all cells
    by_column : (n_features,), missing cells of each column
    n_rows : rows with a missing cell
    n_blank : rows with no cell at all: they count for nothing
    n_patterns : different sets of known columns, the complete one and the empty one included
    never_together : pairs of columns that no row knows both of
    """

    n_cells: int
    share: float
    by_column: tuple[int, ...]
    n_rows: int
    n_blank: int
    n_patterns: int
    never_together: tuple[tuple[int, int], ...] = ()


class Tally:
    """Gaps of pieces of the rows, added up.

    Parameters
    ----------
    n_features : columns
    """

    def __init__(self, n_features: int) -> None:
        self._n_samples = self._n_rows = self._n_blank = 0
        self._by_column = np.zeros(n_features, dtype=np.int64)
        self._together = np.zeros((n_features, n_features), dtype=bool)
        self._patterns = set[bytes]()

    def add(self, missing: Flags, counted: Flags, patterns: Flags) -> None:
        """Missing cells (m, n_features), rows that count (m,), and the sets of known columns (P, n_features)."""
        self._n_samples += len(missing)
        self._by_column += missing.sum(axis=0)
        self._n_rows += int(missing.any(axis=1).sum())
        self._n_blank += int((~counted).sum())
        self._together |= patterns.astype(np.float64).T @ patterns > 0
        self._patterns.update(known.tobytes() for known in np.packbits(patterns, axis=1))

    def add_whole(self, n_samples: int) -> None:
        """Rows that lack nothing."""
        if n_samples:
            self._n_samples += n_samples
            self._together[:] = True
            self._patterns.add(np.packbits(np.ones(len(self._by_column), dtype=bool)).tobytes())

    def gaps(self) -> Gaps:
        """All of them."""
        cells = int(self._by_column.sum())
        return Gaps(
            cells,
            cells / (self._n_samples * len(self._by_column)),
            tuple(self._by_column.tolist()),
            self._n_rows,
            self._n_blank,
            len(self._patterns),
            tuple((int(i), int(j)) for i, j in np.argwhere(np.triu(~self._together, 1))),
        )
