"""Before anything is fitted: columns that are combinations of others, and candidates that have too few rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mixtura.algorithms.degeneracy import fewest_rows
from mixtura.algorithms.iteration import inner_floor
from mixtura.errors import DataError
from mixtura.families.covariance import Structure, factor_names, structure_named
from mixtura.families.factor_analysis import most_factors
from mixtura.sources import Source
from mixtura.sweep import Sweep
from mixtura.validation import Array

SUSPECT, SUSPECT_SINGLE = 1e-8, 1e-5
"""A direction is looked at where its variance is below this, columns in units of their spread: sums of squares know no
better, nor those of float32 rows the second."""

FEW_ROWS = 5000
"""Of many rows so many are looked at first."""

NEGLIGIBLE = 1e-7
"""A coefficient, columns in units of their spread, that rounding explains."""

FACTORS_OF_ALL = 3
"""Factors at most that "all" tries where rows are no more than columns."""

MOST_TERMS, MOST_NAMED = 6, 3
"""Of a combination that is written out, and combinations that are named."""


def needs_full_rank(structure: Structure) -> bool:
    """Whether its covariances are regular only where rows spread into all directions."""
    return structure.form.ndim == 2 and not structure.n_factors


def flat_directions(sweep: Sweep) -> Array:
    """(D, m): independent directions v (inner coordinates) along which all rows together are flat to their resolution.

    A covariance there is at the smallest spread that EM allows, whatever the number of components. Sums of squares
    suggest directions; the rows themselves, in which a combination cancels to rounding, correct and confirm them.
    """
    totals, source = sweep.totals, sweep.source
    spread = np.maximum(totals.spread, np.finfo(float).tiny)
    values, vectors = np.linalg.eigh(totals.scatter / np.outer(spread, spread) / totals.weight)
    single = source.dtype == np.float32
    flat = values < (SUSPECT_SINGLE if single else SUSPECT)
    suspects, others = vectors[:, flat] / spread[:, None], vectors[:, ~flat] / spread[:, None]
    if not flat.any():
        return suspects
    from scipy.linalg import eigh

    tilt = _covariance_along(source, totals.mean, others, suspects) / values[~flat, None]
    suspects = suspects - others @ tilt
    smallest = inner_floor(source)[:, None] * suspects
    variances, mixing = eigh(_covariance_along(source, totals.mean, suspects, suspects), smallest.T @ smallest)
    confirmed: Array = suspects @ mixing[:, variances < len(values)]  # a sum of D terms rounds √D times
    return confirmed


def _covariance_along(source: Source, mean: Array, left: Array, right: Array) -> Array:
    """(l, r): the covariance of the rows along directions (D, l) and (D, r), each of which cancels row by row."""
    weight, means = 0.0, (np.zeros(left.shape[1]), np.zeros(right.shape[1]))
    products = np.zeros((left.shape[1], right.shape[1]))
    for chunk in source.chunks():
        rows = np.asarray(source.coordinates.rows_inward(chunk.rows), dtype=float) - mean
        w = np.ones(len(rows)) if chunk.weights is None else chunk.weights
        one, other = rows @ left, rows @ right
        weight, means = weight + w.sum(), (means[0] + w @ one, means[1] + w @ other)
        products += (one.T * w) @ other
    covariance: Array = products / weight - np.outer(*means) / weight**2
    return covariance


def dependence(sweep: Sweep) -> str:
    """Which columns are combinations of others, in words: `'c' = 1·a + 2·b`; empty where none is."""
    source = sweep.source
    if source.is_partial:  # with missing cells no row shows every combination
        return ""
    if source.n_samples > FEW_ROWS:  # what is flat in all rows is flat in some of them
        some = source.sample(FEW_ROWS, np.random.default_rng(0))
        if not flat_directions(sweep.like(some)).size:
            return ""
    flat = flat_directions(sweep)
    d, m = flat.shape
    if not m:
        return ""
    if source.n_samples <= d:
        return f"{source.n_samples} rows in {d} columns spread into {d - m} directions only"
    spread = sweep.totals.spread
    rows, pivots = _solved_for_last(flat.T * spread)
    centre = source.coordinates.centre + source.coordinates.scale * sweep.totals.mean
    wide = source.coordinates.scale * spread
    said = [
        _equation(source, -row * (spread[j] / spread), j, centre, row, wide[j])
        for row, j in zip(rows, pivots, strict=True)
    ]
    more = f"; and {m - MOST_NAMED} more such columns" if m > MOST_NAMED else ""
    return "; ".join(said[:MOST_NAMED]) + more


def _solved_for_last(equations: Array) -> tuple[Array, list[int]]:
    """Gauss–Jordan: the equations (m, D), each with a coefficient of 1 for a column that no other has, a late one."""
    rows, pivots = equations.copy(), list[int]()
    for r in range(len(rows)):
        sizes = np.abs(rows[r:]).max(axis=0)
        j = int(np.flatnonzero(sizes >= 0.1 * sizes.max())[-1])
        i = r + int(np.argmax(np.abs(rows[r:, j])))
        rows[[r, i]] = rows[[i, r]]
        rows[r] /= rows[r, j]
        others = np.arange(len(rows)) != r
        rows[others] -= rows[others, j, None] * rows[r]
        pivots.append(j)
    return rows, pivots


def _equation(source: Source, coefficients: Array, j: int, centre: Array, scaled: Array, spread: float) -> str:
    """`column 'c' = 1·a + 2·b − 3`, coefficients in data units."""
    others = np.flatnonzero((np.abs(scaled) > NEGLIGIBLE) & (np.arange(len(scaled)) != j))
    if len(others) > MOST_TERMS:
        return f"{source.quoted_column(j)} is a combination of {len(others)} others"
    names = source.columns or [f"column {i}" for i in range(source.n_features)]
    terms = "".join(
        f" {'+' if c > 0 else '−'} {abs(c):.6g}·{names[i]}" for i, c in zip(others, coefficients[others], strict=True)
    )
    terms = terms[3:] if terms.startswith(" + ") else f"−{terms[3:]}"
    constant = float(centre[j] - coefficients[others] @ centre[others])
    size = spread + abs(centre[j]) + np.abs(coefficients[others] * centre[others]).sum()
    rest = "" if abs(constant) <= NEGLIGIBLE * size else f" {'+' if constant > 0 else '−'} {abs(constant):.6g}"
    return f"{source.quoted_column(j)} = {terms}{rest}"


@dataclass(frozen=True, slots=True)
class Feasible:
    """Candidates that can be fitted, and why others cannot: no likelihood of theirs means anything.

    Attributes
    ----------
    pairs : (structure, n_components) to fit
    left_out : (structure, n_components, why), in words
    """

    pairs: list[tuple[str, int]]
    left_out: list[tuple[str, int, str]]


def feasible(sweep: Sweep, structures: Sequence[str], numbers: Sequence[int], every: bool = False) -> Feasible:
    """Leave out what must end degenerate: full covariances of dependent columns, and more groups than rows bear.

    Where `every` structure was asked for and rows are no more than columns, factor analysers take part too. Where too
    few rows are the reason for all candidates, they are fitted all the same, for a result that says how it collapsed.

    Raises
    ------
    DataError
        Where columns depend on each other, though rows are enough, and every structure needs a covariance of full rank.
    """
    source = sweep.source
    known = {name: structure_named(name) for name in structures}
    reason = dependence(sweep) if any(needs_full_rank(s) for s in known.values()) else ""
    if reason and every and source.n_samples <= source.n_features:
        known |= {name: structure_named(name) for name in factor_names(source.n_features)[:FACTORS_OF_ALL]}
    if reason and source.n_samples > source.n_features and all(needs_full_rank(s) for s in known.values()):
        advice = "factor analysers: structure='FA'" if most_factors(source.n_features) else "structure='VVI'"
        raise DataError(
            f"{reason}: no covariance of full rank fits, as {', '.join(known)} "
            f"{'needs' if len(known) == 1 else 'need'}. Leave such columns out, or name structures that need none: "
            f"axis-aligned ones such as 'VVI', or {advice}."
        )
    pairs, left_out = list[tuple[str, int]](), list[tuple[str, int, str]]()
    for k in numbers:
        for name, structure in known.items():
            why = reason and needs_full_rank(structure) and f"{reason}: no covariance of full rank"
            why = why or too_few_rows(structure, k, source)
            if why:
                left_out.append((name, k, why))
            else:
                pairs.append((name, k))
    if not pairs:
        return Feasible([(name, k) for name, k, _ in left_out], [])
    return Feasible(pairs, left_out)


def too_few_rows(structure: Structure, n_components: int, source: Source) -> str:
    """Why that many components cannot all have rows enough, in words; empty where they can."""
    fewest = fewest_rows(structure, n_components, source.n_features)
    if source.total_weight > n_components * fewest:
        return ""
    return (
        f"{n_components} components of structure {structure.name} need more than {fewest:.3g} rows each; there are "
        f"{source.total_weight:.6g}"
    )
