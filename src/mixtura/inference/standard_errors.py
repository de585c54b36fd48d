"""Standard errors from the curvature of the log-likelihood."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mixtura.errors import MixturaWarning, ParameterError
from mixtura.inference.information import Information, information_of
from mixtura.inference.parameters import Interval, Parameters, normal_interval, parameter_table
from mixtura.inference.rows import mixture_and_rows
from mixtura.mixture import Mixture
from mixtura.report.document import Document
from mixtura.report.inference import errors_document
from mixtura.report.text import document_text
from mixtura.result import Fit
from mixtura.tables import Table
from mixtura.validation import Array, frozen

METHODS = ("sandwich", "observed", "scores")

ROWS_PER_PARAMETER = 5
"""A component of fewer rows than this many times (n_features + 1) is too small for large-sample formulas."""

STATIONARY = 0.01
"""Nats that a Newton step may still promise where a mixture is called a maximum."""


@dataclass(frozen=True, repr=False)
class StandardErrors:
    """Standard errors of weights, means and covariances.

    Attributes
    ----------
    mixture : the estimates, in data units
    method : "sandwich", "observed" or "scores"
    standard_errors : in data units; NaN where they do not exist
    covariance : (m, m), of the estimates in the order of `Parameters.flat`
    condition_number : of the information, scaled to a unit diagonal
    warnings : why they are not to be relied on, in words; empty where they are
    """

    mixture: Mixture[Any]
    method: str
    standard_errors: Parameters
    covariance: Array = field(repr=False)
    condition_number: float
    warnings: tuple[str, ...]

    @property
    def reliable(self) -> bool:
        """Whether nothing speaks against them."""
        return not self.warnings

    def interval(self, level: float = 0.95) -> Interval:
        """Estimate ± normal quantile · standard error."""
        return normal_interval(Parameters.of(self.mixture), self.standard_errors, level)

    @property
    def table(self) -> Table:
        """One row a parameter: estimate, standard error and 95 % interval."""
        ends = self.interval()
        return parameter_table(
            self.mixture,
            estimate=Parameters.of(self.mixture),
            standard_error=self.standard_errors,
            lower=ends.lower,
            upper=ends.upper,
        )

    @property
    def document(self) -> Document:
        """The table as a report."""
        return errors_document(f"Standard errors ({self.method}) and 95% intervals", self.table, self.warnings)

    def __repr__(self) -> str:
        return document_text(self.document)


def standard_errors(
    fit: Fit | Mixture[Any], X: Any, method: str = "sandwich", *, sample_weight: Any = None
) -> StandardErrors:
    """Standard errors of the parameters of a fitted mixture.

    I = −∂²ℓ/∂φ²,  J = Σ_i w_i s_i s_iᵀ;  "observed" I⁻¹, "scores" J⁻¹, "sandwich" I⁻¹ J I⁻¹

    The free parameters φ are those of the covariance structure; the delta method leads from them to the weights, means
    and covariances. I is exact (Louis's formula), not a difference quotient. The volume of noise is taken as known.
    Loadings of factor analysers are known up to a rotation only; covariances, which no rotation changes, have errors.

    Parameters
    ----------
    fit : what `fit` found, or a mixture at the maximum of the likelihood of these rows
    X : (n_samples, n_features), the rows it was fitted to; NaN is a missing cell, and scores are those of what is known
    method : "sandwich" holds where the components are not quite Gaussian; "observed" and "scores" rely on the model
    sample_weight : (n_samples,), optional; weight 2 counts a row twice

    Returns
    -------
    StandardErrors

    Raises
    ------
    ParameterError
        For an unknown method, a family that is not Gaussian, a weight of zero, or too many parameters.

    Notes
    -----
    Louis (1982); White (1982) for the sandwich; Boldea & Magnus (2009) for mixtures. One pass over the rows, of cost
    n_samples (n_components q)², q = 1 + D + D (D + 1) / 2. Large-sample theory: where components are small or overlap
    much, `bootstrap` says more.

    Examples
    --------
    >>> import mixtura as mx
    >>> both = mx.Mixture([1.0], mx.Gaussian([[0.0]], [1.0]))
    >>> found = mx.standard_errors(both, [-1.0, 1.0, -1.0, 1.0], method="observed")
    >>> found.standard_errors.means  # σ / √n
    array([[0.5]])
    """
    if method not in METHODS:
        raise ParameterError(f"method is {method!r}; expected one of {', '.join(METHODS)}.")
    mixture, source = mixture_and_rows(fit, X, sample_weight)
    found = information_of(source, mixture)
    if mixture.equal_weights:
        n = mixture.n_components
        found = found.without(n - 1) if mixture.noise is None else found.tied(n)
    if not len(found.gradient):
        raise ParameterError("every parameter is held fixed, so none has a standard error; free some.")
    spread, condition = _inverse(found.scores if method == "scores" else found.observed)
    notes = _warnings(mixture, found, spread)
    if method == "sandwich":
        spread = spread @ found.scores @ spread
    scale = source.coordinates.scale
    k, d = mixture.n_components, mixture.n_features
    units = np.concatenate(
        [np.ones(len(mixture.proportions)), np.full(k * d, scale), np.full(k * d * (d + 1) // 2, scale**2)]
    )
    half = units[:, None] * found.to_natural
    covariance = half @ spread @ half.T
    errors = Parameters.unflat(np.sqrt(np.maximum(np.diagonal(covariance), 0.0)), k, d)
    for text in notes:
        warnings.warn(text, MixturaWarning, stacklevel=2)
    return StandardErrors(mixture, method, errors, frozen(covariance), condition, notes)


def _inverse(information: Array) -> tuple[Array, float]:
    """The inverse, by Cholesky after scaling to a unit diagonal, and the condition number; NaN where not definite."""
    from scipy.linalg import solve_triangular

    size = np.sqrt(np.maximum(np.diagonal(information), 0.0))
    nothing = np.full_like(information, np.nan)
    if not np.all(size > 0):
        return nothing, np.inf
    scaled = information / np.outer(size, size)
    values = np.linalg.eigvalsh(scaled)
    if not values[0] > len(values) * np.finfo(float).eps * values[-1]:
        return nothing, np.inf
    half = solve_triangular(np.linalg.cholesky(scaled), np.diag(1 / size), lower=True)
    return half.T @ half, float(values[-1] / values[0])


def _warnings(mixture: Mixture[Any], found: Information, inverse: Array) -> tuple[str, ...]:
    """Why standard errors are not to be relied on."""
    notes = []
    if np.isnan(inverse).any():
        notes.append(
            "the information matrix is not positive definite: the mixture is no strict maximum of the likelihood of "
            "these rows, or the rows are too few. There are no standard errors of this kind; try bootstrap."
        )
    else:
        promised = 0.5 * float(found.gradient @ inverse @ found.gradient)
        if promised > STATIONARY:
            notes.append(
                "the mixture is not at a maximum of the likelihood of these rows (a Newton step promises "
                f"{promised:.3g} nats): it was fitted to others, with a penalty, or stopped early."
            )
    few = ROWS_PER_PARAMETER * (mixture.n_features + 1)
    small = [k for k in range(mixture.n_components) if found.counts[k] < few]
    if small and mixture.n_components > 1:
        k = small[0]
        notes.append(
            f"component {mixture.component_name(k)} holds {found.counts[k]:.3g} rows, fewer than {few}: too few for "
            "large-sample formulas. Compare with bootstrap."
        )
    return tuple(notes)
