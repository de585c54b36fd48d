"""`MixtureRegressor`: Gaussian mixture regression behind scikit-learn's regressor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, _fit_context
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from mixtura.estimators.rows import TakesGaps, by_pattern, checked_rows
from mixtura.estimators.searching import SEARCH_CONSTRAINTS, search_options
from mixtura.fitting import fit
from mixtura.mixture import Mixture
from mixtura.regularization import Regularization
from mixtura.result import Fit
from mixtura.validation import Array


class MixtureRegressor(TakesGaps, RegressorMixin, MultiOutputMixin, BaseEstimator):
    """Gaussian mixture regression: the conditional mean and covariance of y given x under their joint mixture.

    E[y | x] = Σ_k p(k | x) m_k(x),  Cov[y | x] = Σ_k p(k | x) (C_k + (m_k(x) − E[y | x])(m_k(x) − E[y | x])ᵀ)

    Each component is a linear regression m_k(x) with its own spread C_k; x decides between them. So the curve may bend,
    and its spread may differ from place to place.

    Parameters
    ----------
    n_components : a number or several to choose from; None is 1 to 9
    structure : of the covariances of (x, y): "all", a name, or several to choose from, as in `mixtura.fit`
    criterion : that chooses
    n_starts : of each candidate
    regularization : as in `mixtura.fit`
    random_state : seeds the starts

    Attributes
    ----------
    mixture_ : `mixtura.Mixture` of (x, y), the columns of y last
    fit_ : `mixtura.Fit`: table of candidates, warnings, criteria
    n_features_in_, feature_names_in_

    Notes
    -----
    Ghahramani & Jordan (1994). `mixture_.condition({0: x, …})` is the whole conditional mixture, which may have several
    modes.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import MixtureRegressor
    >>> eruptions, waiting = np.loadtxt("examples/old_faithful.csv", delimiter=",", skiprows=1).T
    >>> found = MixtureRegressor(n_components=2, structure="VVV").fit(eruptions[:, None], waiting)
    >>> mean, std = found.predict([[2.0], [4.5]], return_std=True)
    >>> mean.round(1), std.round(1)
    (array([54.2, 81.1]), array([5.6, 5.6]))
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **SEARCH_CONSTRAINTS,
    }

    def __init__(
        self,
        *,
        n_components: int | Iterable[int] | None = None,
        structure: str | Iterable[str] = "all",
        criterion: str = "bic",
        n_starts: int = 12,
        regularization: Regularization | str | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.structure = structure
        self.criterion = criterion
        self.n_starts = n_starts
        self.regularization = regularization
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the joint mixture of (x, y).

        Parameters
        ----------
        X : (n_samples, n_features), NaN where a cell is missing
        y : (n_samples,) or (n_samples, n_outputs)
        sample_weight : (n_samples,), optional; weight 2 counts a row twice
        """
        X, y = checked_rows(self, X, y, gaps=True, multi_output=True, y_numeric=True, ensure_min_samples=2)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        outputs = y[:, None] if y.ndim == 1 else y
        self.fit_: Fit = fit(
            np.concatenate([X, outputs], axis=1),
            self.n_components,
            self.structure,
            **search_options(self),
            sample_weight=sample_weight,
        )
        self.mixture_: Mixture[Any] = self.fit_.mixture
        self._flat = y.ndim == 1
        return self

    def predict(self, X: Any, return_std: bool = False, return_cov: bool = False) -> Any:
        """The conditional mean of y, and on request its spread.

        Parameters
        ----------
        X : (n_samples, n_features); where a cell is missing the others are what y is conditional on
        return_std : also the conditional standard deviations, in the shape of the mean
        return_cov : also the conditional covariances, (n_samples, n_outputs, n_outputs); not with return_std

        Returns
        -------
        mean : (n_samples,), or (n_samples, n_outputs) where y had two dimensions
        """
        if return_std and return_cov:
            raise ValueError("return_std and return_cov are both True; the first is the root of the other's diagonal.")
        check_is_fitted(self)
        mean, covariance = self._moments(checked_rows(self, X, gaps=True, reset=False))
        shaped: Array = mean[:, 0] if self._flat else mean
        if return_cov:
            return shaped, covariance
        if return_std:
            std = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
            return shaped, std[:, 0] if self._flat else std
        return shaped

    def _moments(self, X: Array) -> tuple[Array, Array]:
        """Conditional mean (n, n_outputs) and covariance (n, n_outputs, n_outputs) of y given what is known of x."""
        n_outputs = self.mixture_.n_features - self.n_features_in_
        mean, covariance = np.empty((len(X), n_outputs)), np.empty((len(X), n_outputs, n_outputs))
        for seen, rows in by_pattern(X):
            if seen.any():
                found = self.mixture_.conditional_moments(X[rows][:, seen], np.flatnonzero(seen).tolist())
                mean[rows], covariance[rows] = found[0][:, -n_outputs:], found[1][:, -n_outputs:, -n_outputs:]
            else:
                mean[rows] = self.mixture_.mean[-n_outputs:]
                covariance[rows] = self.mixture_.covariance[-n_outputs:, -n_outputs:]
        return mean, covariance
