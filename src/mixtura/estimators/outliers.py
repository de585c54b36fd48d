"""`MixtureOutlierDetector`: rows that the fitted mixture itself would rarely produce."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from mixtura.densities.regions import highest_density_region
from mixtura.estimators.rows import by_pattern, checked_rows
from mixtura.estimators.searching import SEARCH_CONSTRAINTS, search_options
from mixtura.fitting import fit
from mixtura.mixture import Mixture
from mixtura.regularization import Regularization
from mixtura.result import Fit
from mixtura.validation import Array, Labels


class MixtureOutlierDetector(OutlierMixin, BaseEstimator):
    """Outliers are rows outside the smallest region that holds all but a share `level` of the mixture.

    x is an outlier ⇔ log p(x) < c, with P(log p(X) < c) = level for X drawn from the mixture

    Parameters
    ----------
    level : the share of proper rows that may be called outliers, between 0 and 1
    contamination : "auto" for the threshold above; a number up to 0.5 sets it so that this share of the training rows
        lies below, whatever the mixture says
    n_components : a number or several to choose from; None is 1 to 9
    structure : "all", a name, or several to choose from, as in `mixtura.fit`
    criterion : that chooses
    n_starts : of each candidate
    regularization : as in `mixtura.fit`
    random_state : seeds the starts, and the draws that tell the threshold where there are several columns

    Attributes
    ----------
    mixture_ : `mixtura.Mixture`
    fit_ : `mixtura.Fit`: table of candidates, warnings, criteria
    offset_ : c, nats
    n_features_in_, feature_names_in_

    Notes
    -----
    The threshold is that of the highest-density region (Hyndman 1996): exact in one column, from
    draws of the mixture in several. It knows no training row, so a training set without outliers has about
    a share `level` of rows below it. Where many rows are outliers, `mixtura.fit(X, noise=True)` keeps them out of the
    components while fitting.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import MixtureOutlierDetector
    >>> X = np.loadtxt("examples/old_faithful.csv", delimiter=",", skiprows=1)
    >>> found = MixtureOutlierDetector(level=0.01, n_components=2, structure="VVV", random_state=0).fit(X)
    >>> found.predict([[2.0, 55.0], [4.4, 80.0], [3.0, 95.0]])
    array([ 1,  1, -1])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "level": [Interval(Real, 0, 1, closed="neither")],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        **SEARCH_CONSTRAINTS,
    }

    def __init__(
        self,
        *,
        level: float = 0.01,
        contamination: float | str = "auto",
        n_components: int | Iterable[int] | None = None,
        structure: str | Iterable[str] = "all",
        criterion: str = "bic",
        n_starts: int = 12,
        regularization: Regularization | str | None = None,
        random_state: Any = None,
    ) -> None:
        self.level = level
        self.contamination = contamination
        self.n_components = n_components
        self.structure = structure
        self.criterion = criterion
        self.n_starts = n_starts
        self.regularization = regularization
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the mixture and find the threshold.

        Parameters
        ----------
        X : (n_samples, n_features)
        y : ignored
        sample_weight : (n_samples,), optional; weight 2 counts a row twice
        """
        X = checked_rows(self, X, gaps=self.contamination == "auto", ensure_min_samples=2)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        options = search_options(self)
        self.fit_: Fit = fit(X, self.n_components, self.structure, sample_weight=sample_weight, **options)
        self.mixture_: Mixture[Any] = self.fit_.mixture
        if self.contamination == "auto":
            self._seed = options["seed"]
            self.offset_ = self._threshold(self.mixture_)
        else:
            self.offset_ = weighted_quantile(self.mixture_.log_prob(X), float(self.contamination), sample_weight)
        return self

    def score_samples(self, X: Any) -> Array:
        """(n_samples,): log p(x), nats: the smaller, the more of an outlier."""
        check_is_fitted(self)
        return self.mixture_.log_prob(self._rows(X))

    def decision_function(self, X: Any) -> Array:
        """(n_samples,): log p(x) − c, nats; negative for outliers.

        Where cells are missing both are those of the known columns alone; nothing known is no outlier.
        """
        check_is_fitted(self)
        rows = self._rows(X)
        scores, thresholds = self.mixture_.log_prob(rows), np.full(len(rows), self.offset_)
        for seen, same in by_pattern(rows):
            if not seen.all():
                known = np.flatnonzero(seen).tolist()
                thresholds[same] = self._threshold(self.mixture_.marginal(known)) if known else 0.0
        differences: Array = scores - thresholds
        return differences

    def predict(self, X: Any) -> Labels:
        """(n_samples,): −1 for outliers, 1 for the others."""
        inside = self.decision_function(X) >= 0
        return np.where(inside, 1, -1)

    def _rows(self, X: Any) -> Any:
        """A threshold of the training rows' own is for whole rows."""
        return checked_rows(self, X, gaps=self.contamination == "auto", reset=False)

    def _threshold(self, mixture: Mixture[Any]) -> float:
        """The log-density, nats, below which the mixture has a share `level` of its rows."""
        return highest_density_region(mixture, 1 - self.level, seed=self._seed).log_threshold

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.contamination == "auto"
        return tags


def weighted_quantile(values: Array, share: float, weights: Array | None = None) -> float:
    """The value below which a share of the rows lies; without weights as `numpy.quantile` interpolates."""
    if weights is None:
        return float(np.quantile(values, share))
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, share * reached[-1])])
