"""What scikit-learn's two mixture classes share: the starts, the loop with scikit-learn's stop, and the answers."""

from __future__ import annotations

import math
import warnings
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from mixtura.estimators.covariance_types import shapes_of
from mixtura.estimators.dispatch import by_dispatch
from mixtura.estimators.progress import Progress
from mixtura.estimators.rows import TakesGaps, checked_rows
from mixtura.estimators.starts import INIT_PARAMS, initial_responsibilities
from mixtura.imputation import completed
from mixtura.mixture import Mixture
from mixtura.sources import as_source
from mixtura.sources.open import check_observed
from mixtura.sources.strata import StratifiedSource
from mixtura.sweep import Sweep, evaluate, labels_of
from mixtura.validation import Array, Labels

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Climb(Generic[P]):
    """Where one start ended.

    Attributes
    ----------
    parameters : the last ones
    lower_bounds : after each iteration, total nats
    converged : whether the last change was below the tolerance
    n_iter : iterations
    last : the bound that the next change is taken from, where `warm_start` goes on
    """

    parameters: P
    lower_bounds: list[float]
    converged: bool
    n_iter: int
    last: float

    @property
    def lower_bound(self) -> float:
        """The last one."""
        return self.lower_bounds[-1] if self.lower_bounds else -math.inf


def climb(
    start: P, steps: Iterator[tuple[P, float]], tol: float, max_iter: int, before: float, progress: Progress
) -> Climb[P]:
    """Iterate until the bound changes by less than `tol` (in the bound's unit): scikit-learn's stop."""
    parameters, converged = start, False
    bounds: list[float] = []
    for _ in range(max_iter):
        parameters, bound = next(steps)
        change = bound - (bounds[-1] if bounds else before)
        bounds.append(bound)
        progress.iteration(len(bounds), change)
        if abs(change) < tol:
            converged = True
            break
    if max_iter:
        progress.end(bounds[-1], converged)
    return Climb(parameters, bounds, converged, len(bounds), bounds[-1] if bounds else before)


class Algorithm(Protocol[P]):
    """What the loop needs of the core."""

    sweep: Sweep

    def start(self, resp: Array, /) -> P:
        """The parameters that responsibilities (n_samples, n_components) lead to, data units."""
        ...

    def iterate(self, start: P, /) -> Iterator[tuple[P, float]]:
        """Parameters after each iteration, data units, and their bound, total nats."""
        ...


class BaseMixture(TakesGaps, DensityMixin, BaseEstimator, Generic[P]):
    """A mixture fitted from several starts, the best of which is kept."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions(INIT_PARAMS)],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
    }

    n_components: int
    covariance_type: str
    tol: float
    reg_covar: float
    max_iter: int
    n_init: int
    init_params: str
    random_state: Any
    warm_start: bool
    verbose: int
    verbose_interval: int

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.array_api_support = True
        return tags

    # What a class says of itself

    @abstractmethod
    def _algorithm(self, sweep: Sweep) -> Algorithm[P]:
        """The core's algorithm over these rows, after the parameters have been checked against them."""

    @abstractmethod
    def _parameters(self) -> P:
        """Those of the last fit, for `warm_start`, from the public attributes."""

    @abstractmethod
    def _keep(self, parameters: P) -> None:
        """Set the public attributes."""

    @abstractmethod
    def _mixture(self) -> Mixture[Any]:
        """What rows are compared with, from the public attributes, data units."""

    # Fitting

    @by_dispatch
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Estimate the parameters from `n_init` starts and keep the best.

        Parameters
        ----------
        X : (n_samples, n_features), NaN where a cell is missing
        y : ignored
        sample_weight : (n_samples,), optional; weight 2 counts a row twice
        """
        self.fit_predict(X, y, sample_weight)
        return self

    @by_dispatch
    @_fit_context(prefer_skip_nested_validation=True)
    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Labels:
        """Estimate the parameters, and say to which component each row belongs; parameters as for `fit`."""
        X = checked_rows(self, X, gaps=True, ensure_min_samples=2)
        if len(X) < self.n_components:
            raise ValueError(
                f"Expected n_samples >= n_components but got n_components = {self.n_components}, n_samples = {len(X)}"
            )
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        source = as_source(X, sample_weight)
        check_observed(source)
        best = self._best_climb(X, sample_weight, self._algorithm(Sweep(source)))
        self.converged_ = best.converged
        if not best.converged and self.max_iter > 0:
            warnings.warn(
                "Best performing initialization did not converge. Try different init parameters, or increase max_iter, "
                "tol, or check for degenerate data.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self._keep(best.parameters)
        self.n_iter_ = best.n_iter
        self.lower_bounds_ = [bound / source.total_weight for bound in best.lower_bounds]
        self.lower_bound_ = best.lower_bound / source.total_weight
        self._last_bound = best.last
        return labels_of(as_source(X), self._mixture())

    def _best_climb(self, X: Any, sample_weight: Array | None, algorithm: Algorithm[P]) -> Climb[P]:
        progress = Progress(self.verbose, self.verbose_interval)
        random_state = check_random_state(self.random_state)
        go_on = self.warm_start and hasattr(self, "converged_")
        best: Climb[P] | None = None
        for init in range(1 if go_on else self.n_init):
            progress.begin(init)
            start = self._parameters() if go_on else self._start(X, algorithm, random_state, sample_weight)
            before = self._last_bound if go_on else -math.inf
            tol = self._tolerance(X, sample_weight)
            found = climb(start, algorithm.iterate(start), tol, self.max_iter, before, progress)
            found = self._ended(found, algorithm)
            if best is None or found.lower_bound > best.lower_bound:
                best = found
        assert best is not None
        return best

    def _start(self, X: Any, algorithm: Algorithm[P], random_state: Any, sample_weight: Array | None) -> P:
        """Where the next climb starts."""
        return algorithm.start(self._drawn(X, algorithm.sweep, random_state, sample_weight))

    def _drawn(self, X: Any, sweep: Sweep, random_state: Any, sample_weight: Array | None) -> Array:
        """Responsibilities by `init_params`; of rows with gaps by the same rows with their gaps filled by draws."""
        source = sweep.source
        if not isinstance(source, StratifiedSource):
            return initial_responsibilities(X, self.n_components, self.init_params, random_state, sample_weight)
        rows, resp = completed(sweep), np.zeros((len(X), self.n_components))
        known = initial_responsibilities(rows.X, self.n_components, self.init_params, random_state, rows.sample_weight)
        resp[source.counted] = known
        return resp

    def _ended(self, found: Climb[P], algorithm: Algorithm[P]) -> Climb[P]:
        """A climb with the bounds that belong to its parameters."""
        return found

    def _tolerance(self, X: Any, sample_weight: Array | None) -> float:
        """The change of the bound, total nats, at which a climb ends."""
        return self.tol

    # Answers

    def _rows(self, X: Any) -> Any:
        check_is_fitted(self)
        return as_source(checked_rows(self, X, gaps=True, reset=False))

    @by_dispatch
    def score_samples(self, X: Any) -> Array:
        """(n_samples,): the log-density of each row, nats."""
        rows = self._rows(X)
        return evaluate(rows, self._mixture(), "log_prob").astype(rows.X.dtype, copy=False)

    @by_dispatch
    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The mean log-density of the rows, nats."""
        return float(np.average(self.score_samples(X), weights=sample_weight))

    @by_dispatch
    def predict(self, X: Any) -> Labels:
        """(n_samples,): the component of largest responsibility, from 0."""
        return labels_of(self._rows(X), self._mixture())

    @by_dispatch
    def predict_proba(self, X: Any) -> Array:
        """(n_samples, n_components): responsibilities; rows sum to one."""
        rows = self._rows(X)
        return evaluate(rows, self._mixture(), "responsibilities").astype(rows.X.dtype, copy=False)

    @by_dispatch
    def sample(self, n_samples: int = 1, random_state: Any = None) -> tuple[Array, Labels]:
        """Draws from the fitted mixture, and the component of each; the rows are ordered by component.

        `random_state` is the estimator's own where it is not given.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least one sample.")
        rng = check_random_state(self.random_state if random_state is None else random_state)
        mixture = self._mixture()
        counts = rng.multinomial(n_samples, mixture.weights)
        full, drawn = shapes_of(self.covariance_type).form.ndim == 2, []
        for mean, covariance, n in zip(
            mixture.components.means, mixture.components.covariance_matrices, counts, strict=True
        ):
            if full:
                drawn.append(rng.multivariate_normal(mean, covariance, int(n)))
            else:
                spread = np.sqrt(covariance.diagonal())
                drawn.append(mean + rng.standard_normal((n, len(mean))) * spread)
        return np.concatenate(drawn), np.repeat(np.arange(len(counts)), counts)
