"""The eigenvalue-ratio constraint: no variance more than so many times another, over all components and directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from mixtura.errors import StructureError
from mixtura.linalg import lower_from_square_roots, solve_lower
from mixtura.validation import Array

if TYPE_CHECKING:
    from mixtura.families.covariance import Structure
    from mixtura.families.gaussian import Gaussian


def clipped_to_ratio(variances: Array, counts: Array, limit: float) -> Array:
    """The variances e (K, D), max e ≤ c · min e, that minimise Σ_k N_k Σ_j (log e_kj + d_kj / e_kj).

    They are d clipped to [m, c m] (Fritz, García-Escudero & Mayo-Iscar 2013): m is found exactly, as on each interval
    between the values d and d / c the best one is a ratio of sums.
    """
    if variances.max() <= limit * variances.min():
        return variances
    ends = np.unique(np.concatenate([variances.ravel(), variances.ravel() / limit]))
    middles = np.concatenate([[ends[0] / 2], (ends[:-1] + ends[1:]) / 2, [2 * ends[-1]]])[:, None, None]
    low, high = variances < middles, variances > limit * middles
    weight = counts[:, None]
    sums = (weight * variances * low).sum(axis=(1, 2)) + (weight * variances * high).sum(axis=(1, 2)) / limit
    rows = (weight * (low | high)).sum(axis=(1, 2))
    smallest = sums[rows > 0] / rows[rows > 0]
    clipped = np.clip(variances, smallest[:, None, None], limit * smallest[:, None, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        objective = (weight * (np.log(clipped) + variances / clipped)).sum(axis=(1, 2))
    best: Array = clipped[int(np.nanargmin(np.where(smallest > 0, objective, np.nan)))]
    return best


@dataclass(frozen=True, slots=True)
class Ratio:
    """The constraint in the coordinates of a fit, where units do not matter.

    Attributes
    ----------
    limit : c, at least 1
    unit : what variances are counted in: a square root (D, D) of the total covariance for full structures, (D,)
        standard deviations of the columns for axis-aligned ones, 1 for round ones
    """

    limit: float
    unit: Array

    @classmethod
    def of(cls, limit: float, structure: Structure, covariance: Array) -> Self:
        """For a structure, from the total covariance (D, D)."""
        if not structure.own_moments:
            raise StructureError(
                f"the eigenvalue ratio has no exact M-step under structure {structure.name}; it serves VVV, VVI, VII, "
                "V, EEE, EEI, EII and E. Name one of these, or take regularization='penalty' or 'map'."
            )
        ndim = structure.form.ndim
        unit: Array = np.ones(())
        if ndim == 2:
            unit = np.asarray(np.linalg.cholesky(covariance), dtype=float)
        elif ndim == 1:
            unit = np.sqrt(covariance.diagonal())
        return cls(limit, unit)

    def log_density(self, components: Gaussian) -> float:
        """A constraint adds nothing to the likelihood."""
        return 0.0

    def admit(self, components: Gaussian, counts: Array) -> Gaussian:
        """The components nearest to these that keep the constraint: the M-step under it, for counts (K,)."""
        structure, factors = components.constraint, components.factors
        rows = np.full(1, counts.sum()) if structure.shared else counts
        if structure.form.ndim == 2:
            white = np.stack([solve_lower(self.unit, factor) for factor in factors])
            axes, spreads, _ = np.linalg.svd(white)
            clipped = np.sqrt(clipped_to_ratio(spreads**2, rows, self.limit))
            new = lower_from_square_roots(self.unit @ (axes * clipped[:, None, :]))
        else:
            variances = ((factors / self.unit) ** 2).reshape(len(factors), -1)
            new = np.sqrt(clipped_to_ratio(variances, rows, self.limit)).reshape(factors.shape) * self.unit
        return components.from_factors(components.means, new, structure)
