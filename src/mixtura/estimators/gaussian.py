"""`GaussianMixture`: scikit-learn's class over mixtura's EM."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from mixtura.algorithms.classical import ClassicalEM
from mixtura.algorithms.online import OnlineEM
from mixtura.algorithms.stopping import Aitken
from mixtura.errors import CollapseError
from mixtura.estimators.base import Algorithm, BaseMixture, Climb
from mixtura.estimators.covariance_types import components_of, precision_arrays
from mixtura.estimators.dispatch import by_dispatch, in_main_memory
from mixtura.estimators.inits import Inits
from mixtura.estimators.rows import checked_rows
from mixtura.families.covariance import STRUCTURES, resolve_structure
from mixtura.fitting import fit as fit_mixture
from mixtura.mixture import Mixture
from mixtura.result import Fit
from mixtura.selection import CRITERIA
from mixtura.sources import as_source
from mixtura.sweep import Sweep, labels_of
from mixtura.validation import Array, Labels, frozen

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical", *(name for name in STRUCTURES if len(name) == 3))

OWN_RULES = {"tol": 1e-3, "reg_covar": 1e-6, "max_iter": 100, "init_params": "kmeans", "warm_start": False}
"""What `preset="mixtura"` decides itself, with the values that mean nothing was asked for."""

ILL_DEFINED = (
    "Fitting the mixture model failed because some components have ill-defined empirical covariance (for instance "
    "caused by singleton or collapsed samples). Try to decrease the number of components, increase reg_covar, or scale "
    "the input data."
)


class GaussianMixture(BaseMixture[Mixture[Any]]):
    """Gaussian mixture fitted by EM: scikit-learn's class, drop-in, and more.

    p(x) = Σ_k π_k N(x; μ_k, Σ_k)

    With scikit-learn's own parameters it starts, iterates and stops as scikit-learn does, to rounding. What is
    mixtura's stands last and is off unless asked for. NaN is a missing cell: EM is exact on the others.

    Parameters
    ----------
    n_components : number of components; several, such as range(1, 7), are tried and `criterion` decides
    covariance_type : "full", "tied", "diag", "spherical"; also mclust's fourteen: "VVV", "VVE", "EEE", …
    tol : nats a row: stop where the mean log-likelihood changes by less in one iteration
    reg_covar : data units², added to every variance
    max_iter, n_init : iterations of a start, and starts, the best of which is kept
    init_params : "kmeans", "k-means++", "random" or "random_from_data"
    weights_init, means_init, precisions_init : what replaces the start's own, each optional
    random_state, warm_start, verbose, verbose_interval : as everywhere in scikit-learn
    covariances_init : instead of precisions_init, in the shape of `covariances_`
    responsibilities_init : (n_samples, n_components), instead of `init_params`
    labels_init : (n_samples,), from 0, instead of `init_params`
    fixed : parts that keep the value of their `…_init` (or of `labels_init`, `responsibilities_init`): "weights",
        "means", "covariances", several, or component numbers of each, such as {"means": [0, 2], "weights": [1]}
    criterion : "bic", "icl", "aic", "aicc" or "caic", where `n_components` are several; smaller is better
    preset : "scikit-learn", or "mixtura" for its starts, stop and floor (`mixtura.fit`): tol, reg_covar, max_iter and
        init_params are then not used and must be left alone; `n_init` above 1 is the number of starts

    Attributes
    ----------
    weights_, means_, covariances_, precisions_, precisions_cholesky_ : as in scikit-learn
    converged_, n_iter_ : of the best start
    lower_bound_ : mean log-likelihood of the rows, nats, at the parameters above
    lower_bounds_ : the same after each iteration
    log_likelihood_ : of the rows, total nats, at the parameters above
    remaining_gain_ : Aitken's estimate of what more iterations would still add, total nats
    mixture_ : the `mixtura.Mixture`: a value to ask, plot and save
    n_components_ : the number that was chosen
    n_features_in_, feature_names_in_

    Notes
    -----
    Dempster, Laird & Rubin (1977). The guide "from scikit-learn" says where this class differs on purpose.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import GaussianMixture
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> gm = GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> gm.means_
    array([[10.,  2.],
           [ 1.,  2.]])
    >>> gm.predict([[0, 0], [12, 3]])
    array([1, 0])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMixture._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "covariance_type": [StrOptions(set(COVARIANCE_TYPES))],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "covariances_init": ["array-like", None],
        "responsibilities_init": ["array-like", None],
        "labels_init": ["array-like", None],
        "fixed": [str, dict, "array-like", None],
        "criterion": [StrOptions(set(CRITERIA) - {"cv"})],
        "preset": [StrOptions({"scikit-learn", "mixtura"})],
    }

    n_components_: int
    log_likelihood_: float
    remaining_gain_: float
    _learner: OnlineEM | None = None
    _precision: np.dtype[Any] = np.dtype(np.float64)

    def __init__(
        self,
        n_components: int | Sequence[int] = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        covariances_init: Any = None,
        responsibilities_init: Any = None,
        labels_init: Any = None,
        fixed: Any = None,
        criterion: str = "bic",
        preset: str = "scikit-learn",
    ) -> None:
        self.n_components = n_components  # type: ignore[assignment]
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.covariances_init = covariances_init
        self.responsibilities_init = responsibilities_init
        self.labels_init = labels_init
        self.fixed = fixed
        self.criterion = criterion
        self.preset = preset

    # Fitting

    @by_dispatch
    @_fit_context(prefer_skip_nested_validation=True)
    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Labels:
        """Estimate the parameters, and say to which component each row belongs; parameters as for `fit`."""
        self._learner = None
        if self.preset == "mixtura":
            return self._fit_mixtura(X, sample_weight)
        if not isinstance(self.n_components, Integral):
            return self._fit_several(X, sample_weight)
        try:
            labels = super().fit_predict(X, y, sample_weight)
        except CollapseError:
            raise ValueError(ILL_DEFINED) from None
        self.n_components_ = int(self.n_components)
        self.log_likelihood_ = self.lower_bound_ * self._total_weight
        self.remaining_gain_ = remaining(self.lower_bounds_[-3:]) * self._total_weight
        return labels

    @by_dispatch
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from a block of rows and forget it: stepwise EM (`mixtura.OnlineEM`), for streams. It is not exact.

        The first block is fitted as `fit` does, unless there is a fit already; later ones are looked at once each.
        `lower_bound_` is then the mean log-density of the latest block before it was learnt from, `n_iter_` the number
        of blocks, and `converged_` False: a stream has no end.

        Parameters
        ----------
        X : (n_samples, n_features); the first block needs enough rows for a fit
        y : ignored
        sample_weight : (n_samples,), optional; weight 2 counts a row twice
        """
        if not hasattr(self, "weights_"):
            return self.fit(X, y, sample_weight)
        self._validate_params()
        X = checked_rows(self, X, reset=False)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if self._learner is None:
            ridge = 0.0 if self.preset == "mixtura" else self.reg_covar
            self._learner, self.lower_bounds_ = OnlineEM(self.mixture_, reg_covar=ridge), []
        step = self._learner.update(as_source(X, sample_weight))
        self._keep(step.mixture)
        self.converged_, self.n_iter_ = False, step.index
        self.lower_bound_ = step.mean_log_likelihood
        self.lower_bounds_ = [*self.lower_bounds_, step.mean_log_likelihood]
        self.log_likelihood_, self.remaining_gain_ = math.nan, math.inf
        return self

    def _fit_several(self, X: Any, sample_weight: Any) -> Labels:
        """One fit a number of components; the criterion decides."""
        if self.fixed is not None:
            raise ValueError(f"n_components is {self.n_components!r}; expected one number where parts are fixed.")
        numbers = np.asarray(self.n_components).ravel().tolist()
        if not numbers or not all(isinstance(k, int) and k > 0 for k in numbers):
            raise ValueError(f"n_components is {self.n_components!r}; expected whole numbers of at least 1.")
        fits = [clone(self).set_params(n_components=k) for k in numbers]
        labels = [one.fit_predict(X, sample_weight=sample_weight) for one in fits]
        values = [getattr(one, self.criterion)(X, sample_weight) for one in fits]
        best = int(np.argmin(values))
        for name, value in vars(fits[best]).items():
            if name not in self.get_params(deep=False):
                setattr(self, name, value)
        chosen: Labels = labels[best]
        return chosen

    def _fit_mixtura(self, X: Any, sample_weight: Any) -> Labels:
        """`mixtura.fit`: its starts, its stop, its floor."""
        given = [name for name, usual in OWN_RULES.items() if getattr(self, name) != usual]
        if given:
            raise ValueError(f"preset='mixtura' decides {', '.join(given)} itself; expected the defaults there.")
        X = checked_rows(self, X, gaps=True, ensure_min_samples=2)
        self._precision = X.dtype
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        seed = 0 if self.random_state is None else int(check_random_state(self.random_state).randint(2**31 - 1))
        found = fit_mixture(
            X,
            self.n_components,
            self.covariance_type,
            criterion=self.criterion,
            start=self._inits(X).own_start(self.covariance_type),
            fixed=self.fixed,
            sample_weight=sample_weight,
            seed=seed,
            n_starts=self.n_init if self.n_init > 1 else 12,
        )
        self._keep(found.mixture)
        total = found.total_weight
        self.result_ = found
        self.converged_, self.n_iter_ = found.converged, found.n_iter
        self.n_components_ = found.mixture.n_components
        self.lower_bounds_ = [value / total for value in found.trace["next_log_likelihood"]]
        self.log_likelihood_, self.remaining_gain_ = found.log_likelihood, found.remaining_gain
        self.lower_bound_ = found.log_likelihood / total
        return labels_of(as_source(X), self.mixture_)

    def _ended(self, found: Climb[Mixture[Any]], algorithm: Algorithm[Mixture[Any]]) -> Climb[Mixture[Any]]:
        """The loop's bounds are those before each M-step: one more E-step gives that of the parameters themselves."""
        _, last = next(algorithm.iterate(found.parameters))
        return replace(found, lower_bounds=[*found.lower_bounds[1:], last])

    def _inits(self, X: Any) -> Inits:
        several = not isinstance(self.n_components, Integral)
        return Inits.checked(vars(self), self.covariance_type, 0 if several else int(self.n_components), X.shape)

    def _algorithm(self, sweep: Sweep) -> ClassicalEM:
        self._total_weight = sweep.source.total_weight
        return ClassicalEM(sweep, resolve_structure(self.covariance_type, sweep.source.n_features), self.reg_covar)

    def _start(
        self, X: Any, algorithm: Algorithm[Mixture[Any]], random_state: Any, sample_weight: Array | None
    ) -> Mixture[Any]:
        inits = self._inits(X)
        self._precision = X.dtype
        inits.check_fixed(self.fixed, int(self.n_components))
        if inits.whole:
            return inits.mixture(None, self.covariance_type).with_fixed(self.fixed)
        resp = inits.resp
        if resp is None:
            resp = self._drawn(X, algorithm.sweep, random_state, sample_weight)
        return inits.mixture(algorithm.start(resp), self.covariance_type).with_fixed(self.fixed)

    def _tolerance(self, X: Any, sample_weight: Array | None) -> float:
        return self.tol * (len(X) if sample_weight is None else float(sample_weight.sum()))

    # The parameters

    def _parameters(self) -> Mixture[Any]:
        return self.mixture_

    def _keep(self, mixture: Mixture[Any]) -> None:
        arrays = {"weights_": mixture.weights, "means_": mixture.components.means}
        for name, array in (arrays | precision_arrays(mixture.components, self.covariance_type)).items():
            setattr(self, name, array.astype(self._precision))

    def _mixture(self) -> Mixture[Any]:
        return self.mixture_

    @property
    def mixture_(self) -> Mixture[Any]:
        """The fitted mixture, from the public attributes."""
        check_is_fitted(self, "weights_")
        means, cholesky, given = map(in_main_memory, (self.means_, self.precisions_cholesky_, self.weights_))
        components = components_of(means, cholesky, self.covariance_type)
        weights = np.array(given, dtype=np.float64)
        names = getattr(self, "feature_names_in_", None)
        mixture = Mixture.trusted(frozen(weights / weights.sum()), components).with_fixed(self.fixed)
        return mixture if names is None else mixture.with_names(None, list(names))

    def _n_parameters(self) -> int:
        """Free parameters."""
        return self.mixture_.n_parameters

    # Answers

    @by_dispatch
    def uncertainty(self, X: Any) -> Array:
        """(n_samples,): 1 − max_k p(k | x)."""
        return self.mixture_.uncertainty(self._rows(X))

    @by_dispatch
    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """p log n − 2 L, with n = Σ w; smaller is better."""
        return self.mixture_.bic(self._weighted(X, sample_weight))

    @by_dispatch
    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """2 p − 2 L; smaller is better."""
        return self.mixture_.aic(self._weighted(X, sample_weight))

    @by_dispatch
    def icl(self, X: Any, sample_weight: Any = None) -> float:
        """BIC − 2 Σ w log max_k p(k | x) (Biernacki, Celeux & Govaert 2000); smaller is better."""
        return self.mixture_.icl(self._weighted(X, sample_weight))

    @by_dispatch
    def aicc(self, X: Any, sample_weight: Any = None) -> float:
        """AIC + 2 p (p + 1) / (n − p − 1) (Hurvich & Tsai 1989); smaller is better."""
        source, p = self._weighted(X, sample_weight), self._n_parameters()
        rest = source.total_weight - p - 1
        return self.mixture_.aic(source) + 2 * p * (p + 1) / rest if rest > 0 else math.inf

    @by_dispatch
    def caic(self, X: Any, sample_weight: Any = None) -> float:
        """p (log n + 1) − 2 L (Bozdogan 1987); smaller is better."""
        return self.bic(X, sample_weight) + self._n_parameters()

    def summary(self) -> str:
        """What was found, as plain text: the whole report with preset="mixtura", else the mixture and how it ended."""
        check_is_fitted(self, "weights_")
        if self._learner is not None:
            rows = f"{self._learner.total_weight:.10g}"
            return f"{self.mixture_!r}\nLearnt from {rows} rows in {self.n_iter_} blocks after the fit by stepwise EM."
        result: Fit | None = getattr(self, "result_", None)
        if result is not None:
            return result.summary()
        ended = "converged" if self.converged_ else "did not converge"
        return (
            f"{self.mixture_!r}\nEM {ended} in {self.n_iter_} iterations: log-likelihood {self.log_likelihood_:.4f}, "
            f"an estimated {self.remaining_gain_:.2g} nats still to come."
        )

    def _weighted(self, X: Any, sample_weight: Any) -> Any:
        rows = self._rows(X)
        return rows if sample_weight is None else as_source(rows.X, sample_weight)

    # To scikit-learn and back

    def to_sklearn(self) -> Any:
        """The same fitted mixture as scikit-learn's own `GaussianMixture`."""
        from mixtura.interchange import to_sklearn

        return to_sklearn(self.mixture_)

    @classmethod
    def from_sklearn(cls, other: Any) -> Self:
        """A fitted scikit-learn `GaussianMixture` as this class, with its parameters and its fit."""
        check_is_fitted(other, "weights_")
        new = cls(**other.get_params(deep=False))
        for name, value in vars(other).items():
            if name.endswith("_") and not name.startswith("_"):
                setattr(new, name, value)
        new.n_components_ = len(other.weights_)
        return new


def remaining(bounds: Sequence[float]) -> float:
    """Aitken's estimate of what is still to come, from the last three bounds; infinite where it cannot tell."""
    gains = Aitken(0.0, 1.0)
    for bound in bounds:
        gains.converged(bound)
    return gains.remaining
