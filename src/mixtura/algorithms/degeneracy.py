"""What is wrong with a mixture whose likelihood is not to be trusted: which components, directions and rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mixtura.algorithms.climb import Climb
from mixtura.algorithms.iteration import outward
from mixtura.families.covariance import Structure
from mixtura.mixture import Mixture
from mixtura.sources import Source
from mixtura.sweep import labels_of


def too_small(mixture: Mixture[Any], counts: Any) -> tuple[int, ...]:
    """Components with too few rows for a covariance of their own: the likelihood grows there without meaning.

    With its own full covariance a component needs more than n_features + 1 rows, with its own variances more than two;
    where covariances are shared, or there is one component, nothing is estimated from a few rows alone.
    """
    constraint = getattr(mixture.components, "constraint", None)
    if constraint is None:
        return ()
    fewest = fewest_rows(constraint, mixture.n_components, mixture.n_features)
    return tuple(np.flatnonzero(np.asarray(counts) <= fewest).tolist())


def fewest_rows(structure: Structure, n_components: int, n_features: int) -> float:
    """A component with so many rows or fewer is too small; −∞ where none can be."""
    if structure.shared or n_components == 1:
        return -math.inf
    return (n_features + 1 if structure.form.ndim == 2 else 2) * (1 + 1e-9)


def short_trouble(end: Climb) -> str:
    """Why a climb's result is not to be trusted, in a few words; empty where it is."""
    if end.emptied:
        return f"a component lost all its rows in iteration {end.failed_at}"
    if end.collapsed:
        return f"a component collapsed in iteration {end.failed_at}"
    if not math.isfinite(end.log_likelihood):
        return "the log-likelihood is not finite"
    small = too_small(end.mixture, end.counts)
    return f"component {small[0]} holds too few rows for a covariance of its own" if small else ""


def trouble_of(source: Source, end: Climb) -> str:
    """What is wrong with the final mixture: which components, which directions, which rows, what to do."""
    if end.emptied:
        return (
            f"component {end.emptied[0]} lost all its rows in iteration {end.failed_at}; its mean and covariance mean "
            "nothing. Ask for fewer components."
        )
    small = too_small(end.mixture, end.counts)
    if not (end.collapsed or small):
        return ""
    k = (end.collapsed or small)[0]
    rows = _rows_of(source, end.mixture, k)
    if end.collapsed:
        what = (
            f"component {k} collapsed in iteration {end.failed_at}: its spread along "
            f"{_direction(source, end.mixture, k)} shrank to the resolution of the data"
        )
    else:
        what = f"component {k} holds {end.counts[k]:.3g} rows, too few for a covariance of its own"
    return (
        f"{what} (rows {rows}). The likelihood is unbounded there and its value means nothing. Ask for fewer "
        "components, or a structure that shares covariances, such as EEE."
    )


def _rows_of(source: Source, inner: Mixture[Any], k: int, at_most: int = 5) -> str:
    """The first rows that belong to a component."""
    rows = np.flatnonzero(labels_of(source, outward(inner, source.coordinates)) == k)
    shown = ", ".join(map(str, rows[:at_most].tolist()))
    return f"{shown}, … {len(rows)} in all" if len(rows) > at_most else shown or "none"


def _direction(source: Source, inner: Mixture[Any], k: int) -> str:
    """The column that weighs most in the direction of smallest spread."""
    resolution = source.resolution / source.coordinates.scale
    covariance = inner.components.component_covariances[k] / np.outer(resolution, resolution)
    vector = np.linalg.eigh(covariance)[1][:, 0]
    return quoted_column(source, int(np.argmax(np.abs(vector))))


def quoted_column(source: Source, j: int) -> str:
    """`column 'waiting'`, or its number."""
    return f"column {source.columns[j]!r}" if source.columns else f"column {j}"
