"""Starts where labels are known: components in the order that the labels say, and the moments of the labelled rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mixtura.algorithms.iteration import inner_floor, inward, outward
from mixtura.algorithms.start import Grouping, Groupings
from mixtura.families.covariance import resolve_structure
from mixtura.mixture import Mixture
from mixtura.sources import Source
from mixtura.sources.strata import StratifiedSource
from mixtura.sweep.evaluate import evaluate
from mixtura.validation import Array

METHOD = "the labelled rows"

MOST_ROWS = 20_000
"""Labelled rows that are looked at, evenly spaced."""


def in_order_of_labels(source: StratifiedSource, inner: Mixture[Any]) -> Mixture[Any]:
    """The mixture (inner coordinates) with each component where it explains most of what is known.

    The assignment maximises Σ_i Σ_k e_ik r_i,σ(k), e the shares that labels, sets or priors give and r the
    responsibilities without them.
    """
    from scipy.optimize import linear_sum_assignment

    found = _evidence(source, inner.n_components)
    if found is None:
        return inner
    numbers, evidence = found
    rows = replace(source.take(numbers), known=None)
    plain, mixture = rows if rows.has_gaps else rows.whole(), outward(inner, source.coordinates)
    resp = evaluate(plain, mixture, "responsibilities")[:, : inner.n_components]
    return inner.take(linear_sum_assignment(evidence.T @ resp, maximize=True)[1].tolist())


def labelled_start(
    source: StratifiedSource, completed: Source, structure: str, n_components: int
) -> Mixture[Any] | None:
    """The M-step (inner coordinates of `source`) of the labelled rows alone; None where a component has none.

    `completed` holds the rows that count, with their gaps filled.
    """
    known = source.known
    if known is None or not known.informs.any():
        return None
    evidence = known.evidence(n_components)[source.counted]
    evidence = evidence / evidence.sum(axis=1, keepdims=True) * known.informs[source.counted][:, None]
    if np.any(evidence.max(axis=0) <= 0.5):
        return None
    grouping = Grouping.of(completed, evidence)
    if not np.all(grouping.counts > 0):
        return None
    whole = Grouping.of(completed, np.ones((completed.n_samples, 1)))
    if not np.any(grouping.counts > 1):
        return None
    moments = Groupings.of(_spread(grouping, whole), METHOD).shrunk()
    start = moments[0].mixture(resolve_structure(structure, source.n_features), inner_floor(completed), METHOD).mixture
    return inward(outward(start, completed.coordinates), source.coordinates)


def _spread(grouping: Grouping, whole: Grouping) -> Grouping:
    """Where labelled rows have no spread in some column, the scatter of all rows lends them its own."""
    pooled = grouping.scatter.sum(axis=0)
    if np.all(pooled.diagonal() > 1e-12 * whole.scatter[0].diagonal()):
        return grouping
    share = grouping.counts / whole.counts[0]
    return replace(grouping, scatter=grouping.scatter + share[:, None, None] * whole.scatter[0])


def _evidence(source: StratifiedSource, n_components: int) -> tuple[Any, Array] | None:
    """Rows of which more is known than their cells, and the shares that this gives to the components."""
    known = source.known
    if known is None:
        return None
    numbers = np.flatnonzero(known.informs & (source.weights > 0))
    if not len(numbers):
        return None
    numbers = numbers[:: -(-len(numbers) // MOST_ROWS)]
    evidence = known.take(numbers).evidence(n_components)
    shares: Array = evidence / evidence.sum(axis=1, keepdims=True) * source.weights[numbers, None]
    return numbers, shares
