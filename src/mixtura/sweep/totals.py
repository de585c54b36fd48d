"""The total scatter of the data, which makes tied structures cheap.

Where all components share a factor, Σ_k T_k needs no pass of cost N·K·D²: the scatter of all rows about their mean does
not depend on the responsibilities, and the part between components follows from counts and sums. Total minus between
cancels when groups lie many spreads apart, so `safe` looks at the digits first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mixtura.families.base import Statistics
from mixtura.families.gaussian import Gaussian, GaussianMoments
from mixtura.linalg import solve_lower
from mixtura.validation import Array

LARGEST_RATIO = 1e3
"""Total over within, in coordinates whitened by the shared factor; above it more than three digits could cancel."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Moments of all rows, in inner coordinates.

    Attributes
    ----------
    weight : Σ w
    mean : (D,)
    scatter : (D, D), Σ w (u − mean)(u − mean)ᵀ
    """

    weight: float
    mean: Array
    scatter: Array

    @property
    def spread(self) -> Array:
        """(D,): standard deviation of each column."""
        return np.sqrt(np.maximum(np.diag(self.scatter), 0.0) / self.weight)


def wants_scatter(components: Gaussian) -> bool:
    """Whether second moments have to be known at all: spherical forms live on the squares."""
    return components.constraint.form.ndim > 0


def safe(components: Gaussian, totals: Totals) -> bool:
    """Whether total minus between keeps its digits for this shared factor."""
    factor = components.factors[0]
    if factor.ndim == 1:
        largest = float(np.max(totals.spread / factor))
    else:
        inverse = np.abs(solve_lower(factor, np.eye(len(factor))))
        largest = float(np.max(inverse @ totals.spread))
    return largest**2 <= LARGEST_RATIO


def complete(statistics: Statistics[GaussianMoments], totals: Totals) -> Statistics[GaussianMoments]:
    """The same statistics with the pooled scatter filled in.

    With y = L⁻¹(u − mean) and the new means m_k = L⁻¹(μ_k − mean) + δ_k, δ_k = s_k / N_k:
    Σ_k T_k = Σ w y yᵀ − Σ_k N_k m_k m_kᵀ + Σ_k N_k δ_k δ_kᵀ.
    """
    components = statistics.origin
    assert isinstance(components, Gaussian)
    factor, counts = components.factors[0], statistics.counts
    moments = statistics.moments
    delta = moments.sums / np.maximum(counts, np.finfo(float).tiny)[:, None]
    delta[counts <= 0] = 0.0
    if factor.ndim == 1:
        means = (components.means - totals.mean) / factor + delta
        scatter = np.diag(totals.scatter) / factor**2 - counts @ means**2 + counts @ delta**2
    else:
        means = solve_lower(factor, (components.means - totals.mean).T).T + delta
        half = solve_lower(factor, totals.scatter)
        scatter = solve_lower(factor, half.T) - (means.T * counts) @ means + (delta.T * counts) @ delta
        scatter = 0.5 * (scatter + scatter.T)
    return replace(statistics, moments=GaussianMoments(moments.sums, moments.squares, scatter[None]))
