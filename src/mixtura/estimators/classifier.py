"""`MixtureClassifier`: discriminant analysis by mixtures (MclustDA, EDDA) behind scikit-learn's classifier."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from mixtura.discriminant import Discriminant, edda, mclust_da
from mixtura.estimators.rows import TakesGaps, checked_rows
from mixtura.estimators.searching import SEARCH_CONSTRAINTS, search_options
from mixtura.regularization import Regularization
from mixtura.validation import Array


class MixtureClassifier(TakesGaps, ClassifierMixin, BaseEstimator):
    """Classes with Gaussian mixtures as densities: mclust's MclustDA and EDDA.

    p(class c | x) = τ_c p(x | c) / Σ_b τ_b p(x | b)

    Parameters
    ----------
    model : "MclustDA" (each class a mixture of its own) or "EDDA" (one component a class, one structure for all)
    n_components : a number or several to choose from in each class; None is 1 to 5, and for EDDA always 1
    structure : "all", a name, or several to choose from, as in `mixtura.fit`
    criterion : that chooses n_components and structure in MclustDA; EDDA takes BIC
    priors : (n_classes,), τ; None is the share of each class among the rows
    n_starts : of each candidate
    regularization : as in `mixtura.fit`, for MclustDA
    random_state : seeds the starts

    Attributes
    ----------
    classes_ : (n_classes,)
    priors_ : (n_classes,), τ
    mixtures_ : a `mixtura.Mixture` for each class
    discriminant_ : all of them as one value: `bic`, `table`, `log_prob`
    n_features_in_, feature_names_in_

    Notes
    -----
    Bensmail & Celeux (1996); Hastie & Tibshirani (1996); Fraley & Raftery (2002). Quadratic discriminant analysis is
    EDDA with structure="VVV", linear discriminant analysis with "EEE".

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import MixtureClassifier
    >>> X = np.loadtxt("examples/iris.csv", delimiter=",", skiprows=1)
    >>> y = np.repeat(["setosa", "versicolor", "virginica"], 50)
    >>> found = MixtureClassifier(model="EDDA").fit(X, y)
    >>> found.mixtures_[0].structure, round(1 - found.score(X, y), 4)
    ('VEV', 0.02)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "model": [StrOptions({"MclustDA", "EDDA"})],
        "priors": [None, "array-like"],
        **SEARCH_CONSTRAINTS,
    }

    def __init__(
        self,
        *,
        model: str = "MclustDA",
        n_components: int | Iterable[int] | None = None,
        structure: str | Iterable[str] = "all",
        criterion: str = "bic",
        priors: Any = None,
        n_starts: int = 12,
        regularization: Regularization | str | None = None,
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.n_components = n_components
        self.structure = structure
        self.criterion = criterion
        self.priors = priors
        self.n_starts = n_starts
        self.regularization = regularization
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the density of every class.

        Parameters
        ----------
        X : (n_samples, n_features), NaN where a cell is missing
        y : (n_samples,), class of each row
        sample_weight : (n_samples,), optional; weight 2 counts a row twice
        """
        X, y = checked_rows(self, X, y, gaps=True)
        check_classification_targets(y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
            X, y, sample_weight = (rows[sample_weight > 0] for rows in (X, y, sample_weight))
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class, {self.classes_[0]!r}; a classifier needs at least two.")
        if self.model == "EDDA":
            self._refuse_what_edda_ignores()
            found = edda(X, labels, self.structure, sample_weight)
        else:
            found = mclust_da(
                X,
                labels,
                self.n_components,
                self.structure,
                sample_weight,
                [str(name) for name in self.classes_.tolist()],
                **search_options(self),
            )
        self.discriminant_: Discriminant = found if self.priors is None else found.with_priors(self._given_priors())
        self.priors_, self.mixtures_ = np.array(self.discriminant_.priors), list(self.discriminant_.mixtures)
        return self

    def _refuse_what_edda_ignores(self) -> None:
        if self.n_components not in (None, 1):
            raise ValueError(f"model='EDDA' has one component a class; n_components is {self.n_components!r}.")
        if self.criterion != "bic" or self.regularization is not None:
            raise ValueError("model='EDDA' knows the criterion 'bic' and no regularization; take model='MclustDA'.")

    def _given_priors(self) -> Array:
        priors = np.asarray(self.priors, dtype=np.float64)
        if priors.shape != self.classes_.shape or np.any(priors < 0) or abs(priors.sum() - 1) > 1e-6:
            raise ValueError(
                f"priors is {self.priors!r}; expected {len(self.classes_)} non-negative numbers that sum to one."
            )
        return priors

    def _rows(self, X: Any) -> Any:
        check_is_fitted(self)
        return checked_rows(self, X, gaps=True, reset=False)

    def predict(self, X: Any) -> Any:
        """(n_samples,): the most probable class of each row."""
        rows = self._rows(X)
        return self.classes_[self.discriminant_.predict(rows)]

    def predict_proba(self, X: Any) -> Array:
        """(n_samples, n_classes): p(class | x), in the order of `classes_`."""
        rows = self._rows(X)
        return self.discriminant_.responsibilities(rows)

    def predict_log_proba(self, X: Any) -> Array:
        """(n_samples, n_classes): log p(class | x), nats; finite where the probability underflows."""
        rows = self._rows(X)
        joint = self.discriminant_.joint_log_prob(rows)
        log_proba: Array = joint - np.logaddexp.reduce(joint, axis=1, keepdims=True)
        return log_proba
