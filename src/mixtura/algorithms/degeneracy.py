"""What is wrong with a mixture whose likelihood is not to be trusted: which components, directions and rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mixtura.algorithms.climb import Climb
from mixtura.algorithms.iteration import outward
from mixtura.algorithms.stack import Stack
from mixtura.families.covariance import Structure
from mixtura.families.factor_analyzers import FactorAnalyzers
from mixtura.linalg import solve_lower_stack
from mixtura.mixture import Mixture
from mixtura.sources import Source
from mixtura.sweep import labels_of
from mixtura.validation import Array, Flags

FLAT, FEW = 1e-3, 3.0
"""A component is called spurious below so large a variance, relative to the pooled one, where its rows are so few,
in multiples of the fewest that its covariance needs."""

NOTHING_LEFT = 1e-6
"""Of a column's variance in a component: where factors leave less, it is a Heywood case."""

TAKES_PART, MOST_NAMED = 0.05, 6
"""A column is named in a direction from this share of the largest coefficient on, where so many at most take part."""


def too_small(mixture: Mixture[Any], counts: Any) -> tuple[int, ...]:
    """Components with too few rows for a covariance of their own: the likelihood grows there without meaning.

    With its own full covariance a component needs more than n_features + 1 rows, with its own variances more than two,
    as factor analysers more than q + 1: so many rows lie in a plane of q directions, and nothing is left for columns;
    where covariances are shared, or there is one component, nothing is estimated from a few rows alone.
    """
    constraint = getattr(mixture.components, "constraint", None)
    if constraint is None:
        return ()
    fewest = fewest_rows(constraint, mixture.n_components, mixture.n_features)
    return tuple(np.flatnonzero((np.asarray(counts) <= fewest) & _own_spread(mixture)).tolist())


def _own_spread(mixture: Mixture[Any]) -> Flags:
    """(K,): components whose covariance is estimated, not held fixed."""
    if mixture.fixed is None:
        return np.ones(mixture.n_components, dtype=bool)
    fixed = mixture.fixed.covariances
    return ~np.isin(np.arange(mixture.n_components), fixed)


def fewest_rows(structure: Structure, n_components: int, n_features: int) -> float:
    """A component with so many rows or fewer is too small; −∞ where none can be."""
    if structure.shared or n_components == 1:
        return -math.inf
    directions = structure.n_factors or (n_features if structure.form.ndim == 2 else 1)
    return (directions + 1) * (1 + 1e-9)


def relative_variances(mixture: Mixture[Any]) -> Array:
    """Smallest and largest variance of each component in any direction, in units of the pooled variance: (K, 2).

    These are the extreme eigenvalues of W⁻¹ Σ_k with W = Σ_k π_k Σ_k, so no linear map of the data changes them (for
    structures with axes along the columns, or round ones, those maps that they allow). NaN where W has lost its rank.
    """
    components = mixture.components
    constraint = getattr(components, "constraint", None)
    if constraint is None or constraint.shared or mixture.n_components == 1:
        return np.ones((mixture.n_components, 2))
    relative: Array = _relative_variances(constraint, mixture.weights[None], np.asarray(components.factors)[None])[0]
    return relative


def _relative_variances(structure: Structure, weights: Array, factors: Array) -> Array:
    """(B, K, 2): the same of many mixtures, weights (B, K) and factors (B, K, …) of components."""
    relative: Array
    with np.errstate(all="ignore"):
        if structure.form.ndim < 2:
            variances = factors.reshape(*weights.shape, -1) ** 2
            relative = variances / (weights[:, None] @ variances)
        else:
            d = factors.shape[-1]
            wide = np.moveaxis(factors, 1, 2).reshape(len(factors), d, -1)  # (B, D, K·D)
            scaled = wide * np.repeat(np.sqrt(weights), d, axis=1)[:, None]
            try:
                white = solve_lower_stack(np.linalg.cholesky(scaled @ np.swapaxes(scaled, 1, 2)), wide)
                parts = np.moveaxis(white.reshape(len(factors), d, -1, d), 2, 1)
                relative = np.asarray(np.linalg.svd(parts, compute_uv=False) ** 2, dtype=np.float64)
            except np.linalg.LinAlgError:
                if len(factors) == 1:
                    return np.full((*weights.shape, 2), math.nan)
                each = zip(weights[:, None], factors[:, None], strict=True)
                return np.concatenate([_relative_variances(structure, w, f) for w, f in each])
    return np.stack([relative.min(axis=2), relative.max(axis=2)], axis=2)


def eigenvalue_ratio(mixture: Mixture[Any]) -> float:
    """The smallest of all components' relative variances over the largest: 1 where covariances are shared."""
    relative = relative_variances(mixture)
    return float(relative[:, 0].min() / relative[:, 1].max())


def spurious(mixture: Mixture[Any], counts: Any) -> tuple[int, ...]:
    """Components that are tiny and flat: a local optimum owed to a few rows that happen to lie near a plane.

    Notes
    -----
    After McLachlan & Peel (2000), Finite Mixture Models, 3.10: N_k at most `FEW` times the fewest rows that its
    covariance needs, and a relative variance below `FLAT`. A true cluster can look so; it is said, not refused.
    """
    constraint = getattr(mixture.components, "constraint", None)
    if constraint is None:
        return ()
    fewest = fewest_rows(constraint, mixture.n_components, mixture.n_features)
    tiny = (np.asarray(counts) <= FEW * fewest) & _own_spread(mixture)
    if not tiny.any():
        return ()
    return tuple(np.flatnonzero(tiny & (relative_variances(mixture)[:, 0] < FLAT)).tolist())


def suspects(stack: Stack, counts: Array, among: Sequence[int]) -> Flags:
    """(B,): which of some mixtures of a stack have a spurious component; `counts` (B, K)."""
    found = np.zeros(len(stack), dtype=bool)
    structure = stack.structure
    fewest = fewest_rows(structure, counts.shape[1], stack.means.shape[2])
    tiny = counts <= FEW * fewest
    chosen = [i for i in among if tiny[i].any()]
    if structure.n_factors:
        found[chosen] = [bool(spurious(stack[i], counts[i])) for i in chosen]
    elif chosen:
        flat = _relative_variances(structure, stack.weights[chosen], stack.factors[chosen])[:, :, 0] < FLAT
        found[chosen] = (tiny[chosen] & flat).any(axis=1)
    return found


def suspicion_of(source: Source, end: Climb) -> str:
    """A sound mixture's first spurious component in words: rows, direction, what to do; empty where there is none."""
    found = spurious(end.mixture, end.counts)
    if not found:
        return ""
    k = found[0]
    relative = relative_variances(end.mixture)[k, 0]
    return (
        f"component {k} may be spurious: {end.counts[k]:.3g} rows ({_rows_of(source, end.mixture, k)}) lie almost flat "
        f"along {_direction(source, end.mixture, k)} (smallest variance {relative:.1g} of the pooled one). Compare "
        "with fewer components, a structure that shares covariances, or regularization='penalty'."
    )


def heywood_of(source: Source, end: Climb) -> str:
    """The first column that the factors of a component explain altogether, in words; empty where there is none.

    Notes
    -----
    A Heywood case: the likelihood rises towards a uniqueness of zero, and EM ends near it or at the floor.
    """
    components = end.mixture.components
    if not isinstance(components, FactorAnalyzers):
        return ""
    share = components.uniquenesses / np.einsum("kjj->kj", components.component_covariances)
    cases = np.argwhere(share < NOTHING_LEFT)
    if not len(cases):
        return ""
    k, j = cases[0]
    more = f" ({len(cases)} such cases in all)" if len(cases) > 1 else ""
    return (
        f"the factors of component {k} explain {source.quoted_column(int(j))} altogether{more}: nothing of its own is "
        "left (a Heywood case). Means, covariances and labels are sound, loadings say little; try fewer factors."
    )


def short_trouble(end: Climb) -> str:
    """Why a climb's result is not to be trusted, in a few words; empty where it is."""
    if end.emptied:
        return f"a component lost all its rows in iteration {end.failed_at}"
    if end.collapsed:
        return f"a component collapsed in iteration {end.failed_at}"
    if not math.isfinite(end.log_likelihood):
        return "the log-likelihood is not finite"
    small = () if end.regularised else too_small(end.mixture, end.counts)
    return f"component {small[0]} holds too few rows for a covariance of its own" if small else ""


def trouble_of(source: Source, end: Climb) -> str:
    """What is wrong with the final mixture: which components, which directions, which rows, what to do."""
    if end.emptied:
        return (
            f"component {end.emptied[0]} lost all its rows in iteration {end.failed_at}; its mean and covariance mean "
            "nothing. Ask for fewer components."
        )
    small = () if end.regularised else too_small(end.mixture, end.counts)
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
    """The direction of smallest spread in the columns that take part: `column 'x'`, or `0.71·a − 0.71·b`.

    Columns are measured in their resolution; coefficients are those of the columns in data units, the largest first.
    """
    resolution = source.resolution / source.coordinates.scale
    covariance = inner.components.component_covariances[k] / np.outer(resolution, resolution)
    vector = np.linalg.eigh(covariance)[1][:, 0]
    part = np.flatnonzero(np.abs(vector) >= TAKES_PART * np.abs(vector).max())
    if len(part) == 1 or len(part) > MOST_NAMED:
        return source.quoted_column(int(np.argmax(np.abs(vector))))
    along = vector[part] * (resolution[part].min() / resolution[part])
    along = along / np.linalg.norm(along)
    order = np.argsort(-np.abs(along), kind="stable")
    names = source.columns or [f"column {j}" for j in range(source.n_features)]
    return combination(along[order], [names[j] for j in part[order]])


def combination(coefficients: Array, names: Sequence[str]) -> str:
    """`0.71·a − 0.71·b`, with a positive first coefficient.

    Examples
    --------
    >>> combination(np.array([-0.6, 0.8]), ["a", "b"])
    '0.6·a − 0.8·b'
    """
    signed = coefficients * (1.0 if coefficients[0] > 0 else -1.0)
    text = f"{signed[0]:.2g}·{names[0]}"
    for value, name in zip(signed[1:], names[1:], strict=True):
        text += f" {'+' if value > 0 else '−'} {abs(value):.2g}·{name}"
    return text
