"""`MixtureImputer`: missing cells filled from what a mixture says of each row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from mixtura.estimators.rows import TakesGaps, checked_rows
from mixtura.estimators.searching import SEARCH_CONSTRAINTS, search_options
from mixtura.fitting import fit
from mixtura.mixture import Mixture
from mixtura.regularization import Regularization
from mixtura.result import Fit
from mixtura.validation import Array


class MixtureImputer(TakesGaps, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Missing cells (NaN) filled by a mixture that was fitted to the rows with their gaps.

    E[x_m | x_o] = Σ_k p(k | x_o) E[x_m | x_o, k], or a draw from p(x_m | x_o)

    Parameters
    ----------
    method : "mean" for conditional means; "draw" for draws, which keep the spread of the columns: for multiple
        imputation transform several times
    n_components : a number or several to choose from; None is 1 to 9
    structure : "all", a name, or several to choose from, as in `mixtura.fit`
    criterion : that chooses
    n_starts : of each candidate
    regularization : as in `mixtura.fit`
    random_state : seeds the starts and the draws; None draws anew each time

    Attributes
    ----------
    mixture_ : `mixtura.Mixture`
    fit_ : `mixtura.Fit`: table of candidates, warnings, criteria
    n_features_in_, feature_names_in_

    Notes
    -----
    EM on the observed cells alone (Ghahramani & Jordan 1994; Little & Rubin 2019, ch. 8): exact where cells are missing
    at random.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import MixtureImputer
    >>> X = np.loadtxt("examples/old_faithful.csv", delimiter=",", skiprows=1)
    >>> imputer = MixtureImputer(n_components=2, structure="VVV").fit(X)
    >>> imputer.transform([[2.0, np.nan], [4.5, np.nan]]).round(1)
    array([[ 2. , 54.2],
           [ 4.5, 81.1]])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "method": [StrOptions({"mean", "draw"})],
        **SEARCH_CONSTRAINTS,
    }

    def __init__(
        self,
        *,
        method: str = "mean",
        n_components: int | Iterable[int] | None = None,
        structure: str | Iterable[str] = "all",
        criterion: str = "bic",
        n_starts: int = 12,
        regularization: Regularization | str | None = None,
        random_state: Any = None,
    ) -> None:
        self.method = method
        self.n_components = n_components
        self.structure = structure
        self.criterion = criterion
        self.n_starts = n_starts
        self.regularization = regularization
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the mixture to rows with gaps.

        Parameters
        ----------
        X : (n_samples, n_features), NaN where a cell is missing
        y : ignored
        sample_weight : (n_samples,), optional; weight 2 counts a row twice
        """
        X = self._rows(X, reset=True)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        options = search_options(self)
        self.fit_: Fit = fit(X, self.n_components, self.structure, sample_weight=sample_weight, **options)
        self.mixture_: Mixture[Any] = self.fit_.mixture
        return self

    def transform(self, X: Any) -> Array:
        """(n_samples, n_features): the rows with their gaps filled; known cells as they were."""
        check_is_fitted(self)
        rows = self._rows(X, reset=False)
        seed = check_random_state(self.random_state).randint(2**31 - 1) if self.method == "draw" else 0
        return self.mixture_.impute(rows, self.method, int(seed)).astype(rows.dtype, copy=False)

    def _rows(self, X: Any, reset: bool) -> Any:
        return checked_rows(self, X, gaps=True, reset=reset, ensure_min_samples=2 if reset else 1)
