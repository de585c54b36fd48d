"""One-word remedies against the unbounded likelihood, free of units. By default there is none: nothing is added.

Each makes EM climb log-likelihood + log prior instead of the log-likelihood alone, with the same certificate; reported
log-likelihoods and criteria stay those of the mixture without it. The prior enters the M-step as pseudo-data,
W_k + Λ and N_k + ν₀, so every structure's M-step serves unchanged.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mixtura.errors import ParameterError
from mixtura.families.covariance import Structure
from mixtura.families.prior import Prior
from mixtura.families.ratio import Ratio
from mixtura.validation import Array, as_positive, nearest_names


class Regularization(ABC):
    """What is added to the log-likelihood, as a function of the data's total covariance."""

    name: ClassVar[str]

    def serves(self, structure: Structure) -> bool:
        """Whether it has an M-step under a structure."""
        return True

    @abstractmethod
    def prior(
        self, total_weight: float, mean: Array, covariance: Array, n_components: int, form: Structure
    ) -> Prior | Ratio:
        """The pseudo-data, or the constraint, for mixtures of a structure, from the moments of all rows."""


@dataclass(frozen=True, slots=True)
class Penalty(Regularization):
    """Chen & Tan's penalty: −a Σ_k [tr(S Σ_k⁻¹) + log det (Σ_k S⁻¹)], with S the covariance of all rows.

    Parameters
    ----------
    strength : a, optional; None is n^(−1/2), for which the maximum exists and is consistent

    Notes
    -----
    Chen & Tan (2009), J. Multivariate Analysis 100. The covariance becomes (W_k + 2a S) / (N_k + 2a), so affine maps of
    the data change nothing. Clusters that are many orders of magnitude smaller than the whole are blown up.

    Examples
    --------
    >>> import mixtura as mx
    >>> X = [[0.0], [0.0], [0.0], [4.0], [5.0], [6.0]]
    >>> found = mx.fit(X, 2, "V", regularization=mx.Penalty(0.5))
    >>> found.warnings
    []
    """

    strength: float | None = None
    name: ClassVar[str] = "penalty"

    def __post_init__(self) -> None:
        if self.strength is not None:
            as_positive(self.strength, "strength")

    def prior(self, total_weight: float, mean: Array, covariance: Array, n_components: int, form: Structure) -> Prior:
        a = total_weight**-0.5 if self.strength is None else self.strength
        return Prior.of(form, 2 * a * covariance, 2 * a, 0.0, 0.0, mean, covariance, n_components)


@dataclass(frozen=True, slots=True)
class ConjugatePrior(Regularization):
    """Fraley & Raftery's default prior: normal for the means, inverse Wishart for the covariances; EM finds the mode.

    μ_k | Σ_k ~ N(m, Σ_k / κ) and Σ_k ~ IW(ν, Λ) with m the mean of all rows, ν = D + 2 and Λ = S / K^(2/D).

    Parameters
    ----------
    shrinkage : κ, default 0.01; 0 leaves the means alone
    degrees : pseudo-rows of a covariance, optional. None are those of the mode: ν + D + 2 for one with axes of its own.
        mclust adds none for VEV: `degrees=0` gives its numbers.

    Notes
    -----
    Fraley & Raftery (2007), J. Classification 24. S has divisor n − 1, as theirs. Round structures take the mean of
    its diagonal, axis-aligned ones its diagonal (theirs: that mean for all columns, which depends on units).

    Examples
    --------
    >>> import mixtura as mx
    >>> X = [[0.0], [0.0], [0.0], [4.0], [5.0], [6.0]]
    >>> mx.fit(X, 2, "V", regularization="map").mixture.weights.round(2).tolist()
    [0.5, 0.5]
    """

    shrinkage: float = 0.01
    degrees: float | None = None
    name: ClassVar[str] = "map"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.shrinkage) and self.shrinkage >= 0):
            raise ParameterError(f"shrinkage is {self.shrinkage!r}; expected a number of at least 0.")
        if self.degrees is not None and not (math.isfinite(self.degrees) and self.degrees >= 0):
            raise ParameterError(f"degrees is {self.degrees!r}; expected a number of at least 0, or None.")

    def prior(self, total_weight: float, mean: Array, covariance: Array, n_components: int, form: Structure) -> Prior:
        d = len(mean)
        scale = covariance * (total_weight / max(total_weight - 1, 1.0)) / n_components ** (2 / d)
        if form.form.ndim == 0:
            scale = scale / d
        degrees, each = {2: 2 * d + 3.0, 1: d + 4.0, 0: (d + 4.0) / d}[form.form.ndim], float(self.shrinkage > 0)
        if self.degrees is not None:
            degrees, each = self.degrees, 0.0
        return Prior.of(form, scale, degrees, each, self.shrinkage, mean, covariance, n_components)


@dataclass(frozen=True, slots=True)
class EigenvalueRatio(Regularization):
    """No variance of any component along any direction is more than `limit` times another.

    max_kj λ_kj ≤ c · min_kj λ_kj, with λ the eigenvalues of Σ_k where the covariance of all rows is the identity

    Parameters
    ----------
    limit : c, default 100: standard deviations within a factor of ten

    Notes
    -----
    Hathaway (1985); García-Escudero, Gordaliza, Matrán & Mayo-Iscar (2008); exact projection: Fritz et al. (2013).
    Axis-aligned structures compare variances of columns in units of the columns' own, round ones as they are.
    Structures that share a part of the covariance, or have factors, have no exact M-step under it; "all" leaves them
    out.

    Examples
    --------
    >>> import mixtura as mx
    >>> X = [[0.0], [0.0], [0.0], [4.0], [5.0], [6.0]]
    >>> variances = mx.fit(X, 2, "V", regularization=mx.EigenvalueRatio(4)).mixture.components.covariances
    >>> round(float(variances.max() / variances.min()), 6)
    4.0
    """

    limit: float = 100.0
    name: ClassVar[str] = "ratio"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.limit) and self.limit >= 1):
            raise ParameterError(f"limit is {self.limit!r}; expected a number of at least 1.")

    def serves(self, structure: Structure) -> bool:
        return structure.own_moments

    def prior(self, total_weight: float, mean: Array, covariance: Array, n_components: int, form: Structure) -> Ratio:
        return Ratio.of(self.limit, form, covariance)


KNOWN = {"ratio": EigenvalueRatio, "penalty": Penalty, "map": ConjugatePrior}


def as_regularization(value: Regularization | str | None) -> Regularization | None:
    """The remedy of a word, or a `ParameterError` that names the known ones."""
    if value is None or isinstance(value, Regularization):
        return value
    if str(value).lower() not in KNOWN:
        raise ParameterError(
            f"regularization is {value!r}; expected None, {', '.join(map(repr, KNOWN))}, or a mixtura.EigenvalueRatio, "
            f"mixtura.Penalty or mixtura.ConjugatePrior.{nearest_names(str(value), tuple(KNOWN))}"
        )
    known: Regularization = KNOWN[str(value).lower()]()
    return known


def covariance_of(scatter: Array, weight: float) -> Array:
    """The total covariance; with columns that depend on each other, of full rank all the same by a breath."""
    covariance = scatter / weight
    return covariance + 1e-12 * np.diag(covariance.diagonal())
