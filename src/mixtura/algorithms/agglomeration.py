"""Model-based agglomeration: a tree of groups, cut wherever a number of components asks for it; no luck involved.

Each row, or each cell of a hundred and more where rows are many, is a group at first; then always those two become one
whose merging costs least classification likelihood under Gaussians of their own (Fraley 1998; on sphered columns as in
Scrucca & Raftery 2015). A group of few rows has no volume, so each has D + 1 pseudo-rows of the variance that the cell
of one row would have if the rows filled their space evenly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mixtura import _core
from mixtura.algorithms.start import FLAT, Partitions, Whole
from mixtura.linalg import solve_lower

METHOD = "agglomeration"

CELLS, TOO_WIDE = 128, 40
"""Groups to begin with (more lead to no better optima), and the columns from which on the tree would cost too much."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Cells and how they grow together.

    Attributes
    ----------
    cells : (m,), the cell of each row
    merges : (G − 1, 2), in each step the second group goes into the first
    """

    cells: npt.NDArray[np.intp]
    merges: Whole

    def labels(self, n_groups: int) -> Whole | None:
        """(1, m): the rows in that many groups; None where there are not so many cells."""
        n_cells = len(self.merges) + 1
        if n_groups > n_cells:
            return None
        into = list(range(n_cells))
        for first, second in reversed(self.merges[: n_cells - n_groups].tolist()):
            into[second] = into[first]
        return np.unique(into, return_inverse=True)[1][self.cells].astype(np.int32)[None]


def agglomerate(partitions: Partitions, rng: np.random.Generator) -> Tree | None:
    """The tree of the rows; None where columns are too many, or depend on each other."""
    m, d = partitions.rows.shape
    n_cells = min(m, CELLS)
    if d > TOO_WIDE:
        return None
    labels = np.arange(m)[None] if n_cells == m else partitions.cells(n_cells, rng)
    cells = partitions.group(labels, n_cells)
    used = cells.counts[0] > 0
    counts, means, scatter = cells.counts[0][used], cells.means[0][used], cells.scatter[0][used]
    off = means - counts @ means / counts.sum()
    total = (scatter.sum(axis=0) + (counts[:, None] * off).T @ off) / counts.sum()
    spread = np.sqrt(total.diagonal())
    if len(counts) < 2 or not np.all(spread > 0):
        return None
    try:
        factor = np.linalg.cholesky(total / np.outer(spread, spread))
    except np.linalg.LinAlgError:
        return None
    if factor.diagonal().min() < FLAT:
        return None
    sphere = solve_lower(factor, np.diag(1 / spread))
    merges = _core.agglomerate(counts, off @ sphere.T, sphere @ scatter @ sphere.T, float(m) ** (-2 / d), float(d + 1))
    return Tree(np.maximum(np.cumsum(used) - 1, 0)[labels[0]], merges)
