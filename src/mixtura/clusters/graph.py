"""Which rows are near each other, and how high the density stays on the way between them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mixtura.mixture import Mixture
from mixtura.validation import Array, Labels

DELAUNAY_ROWS = {1: math.inf, 2: math.inf, 3: 100_000, 4: 10_000, 5: 1_500, 6: 300}
"""Rows up to which the rows are triangulated, by columns: simplices grow with the factorial of the columns."""

STOPS = 7
"""Places on the way between two rows where the density is looked at, besides its ends."""

EDGES_AT_ONCE = 1 << 14


def neighbour_pairs(rows: Array, covariance: Array) -> Labels:
    """(m, 2): pairs of near rows, in coordinates in which their mixture has covariance I.

    One column: neighbours in order. Few columns: the edges of Delaunay's triangulation. Else each row and
    its 2 (1 + log₂ n) nearest.
    """
    from scipy.spatial import Delaunay, QhullError, cKDTree

    n, d = rows.shape
    if d == 1:
        order = np.argsort(rows[:, 0], kind="stable").astype(np.int64)
        return np.stack([order[:-1], order[1:]], axis=1)
    spread = np.sqrt(np.diagonal(covariance))
    factor = np.linalg.cholesky(covariance / np.outer(spread, spread))
    sphered = np.linalg.solve(factor, ((rows - rows.mean(axis=0)) / spread).T).T
    if n > d + 1 and n <= DELAUNAY_ROWS.get(d, 0):
        try:
            found = Delaunay(sphered, qhull_options="QJ Pp")
        except QhullError:
            pass
        else:
            corners = [(i, j) for i in range(d + 1) for j in range(i + 1, d + 1)]
            return _unique(np.concatenate([found.simplices[:, [i, j]] for i, j in corners]))
    near = min(n - 1, 2 * (1 + math.ceil(math.log2(n)))) if n > 1 else 0
    if not near:
        return np.empty((0, 2), dtype=np.int64)
    nearest = cKDTree(sphered).query(sphered, near + 1)[1]
    return _unique(np.stack([np.repeat(np.arange(n), near + 1), nearest.reshape(-1)], axis=1))


def segment_levels(mixture: Mixture[Any], rows: Array, height: Array, pairs: Labels) -> Array:
    """(m,): the least log-density at the ends of each pair and at `STOPS` places between, nats."""
    levels: Array = np.minimum(height[pairs[:, 0]], height[pairs[:, 1]])
    shares = np.arange(1, STOPS + 1)[:, None, None] / (STOPS + 1)
    for start in range(0, len(pairs), EDGES_AT_ONCE):
        here = slice(start, start + EDGES_AT_ONCE)
        first, second = rows[pairs[here, 0]], rows[pairs[here, 1]]
        between = first + shares * (second - first)
        on_the_way = mixture.log_prob(between.reshape(-1, rows.shape[1])).reshape(STOPS, -1)
        levels[here] = np.minimum(levels[here], on_the_way.min(axis=0))
    return levels


def _unique(pairs: Any) -> Labels:
    """Each pair once, without pairs of a row with itself."""
    ordered = np.sort(pairs.astype(np.int64), axis=1)
    distinct: Labels = np.unique(ordered[ordered[:, 0] != ordered[:, 1]], axis=0)
    return distinct
