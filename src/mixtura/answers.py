"""`RowAnswers`: what a mixture says of rows, one by one and all together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mixtura.errors import ShapeError
from mixtura.sources import Source, as_source, by_columns
from mixtura.sources.device import DeviceSource, host, is_other_array
from mixtura.sources.kinds import in_kind_of, labels_in_kind_of
from mixtura.validation import Array, Labels, as_responsibilities

if TYPE_CHECKING:
    from mixtura.families.base import Statistics
    from mixtura.mixture import Mixture


class RowAnswers:
    """Densities, responsibilities, labels and criteria of rows: the half of `Mixture` that looks at data."""

    __slots__ = ()

    @property
    def _whole(self) -> Mixture[Any]:
        return cast("Mixture[Any]", self)

    def component_log_prob(self, X: Any) -> Array:
        """(n_samples, n_components): log p(x | k), nats; with noise one more column, −log V."""
        return self._evaluate(X, "component_log_prob")

    def log_prob(self, X: Any) -> Array:
        """(n_samples,): log p(x) = log Σ_k π_k p(x | k), nats."""
        return self._evaluate(X, "log_prob")

    def responsibilities(self, X: Any) -> Array:
        """(n_samples, n_components): p(k | x) = π_k p(x | k) / p(x), the E-step; rows sum to 1.

        With noise there is one more column, the last: the probability of being noise.
        """
        return self._evaluate(X, "responsibilities")

    def predict(self, X: Any) -> Labels:
        """(n_samples,): the component of largest responsibility, counted from 0; the first of equals; −1 for noise.

        Of a data frame in memory they are a series with its index. For an array of another library than NumPy (torch,
        CuPy, …) this and every other answer about rows is an array of that library, where it lies.
        """
        from mixtura.sweep import evaluate_on_device, labels_of

        source = self._checked(X)
        if isinstance(source, DeviceSource):
            return cast("Labels", evaluate_on_device(source, self._whole, "labels")[0])
        return cast("Labels", labels_in_kind_of(X, labels_of(source, self._whole)))

    def uncertainty(self, X: Any) -> Array:
        """(n_samples,): 1 − max_k p(k | x), from 0 (certain) to 1 − 1/n_components.

        Computed as the sum of the other responsibilities, so that 1e-20 is not rounded to 0.
        """
        from mixtura.sweep import evaluate_on_device, uncertainty_of

        source = self._checked(X)
        if isinstance(source, DeviceSource):
            return cast("Array", evaluate_on_device(source, self._whole, "labels")[1])
        return cast("Array", in_kind_of(X, uncertainty_of(source, self._whole)))

    def log_likelihood(self, X: Any, sample_weight: Any = None) -> float:
        """Σ_i w_i log p(x_i), total nats."""
        return self._statistics(X, sample_weight).log_likelihood

    def lower_bound(self, X: Any, resp: Any, sample_weight: Any = None) -> float:
        """Jensen's bound Σ_i w_i Σ_k r_ik (log π_k p(x_i | k) − log r_ik), total nats.

        It never exceeds `log_likelihood(X)` and equals it where `resp` are this mixture's own responsibilities.
        """
        from mixtura.sweep import evaluate

        mixture = self._whole
        resp = host(resp) if is_other_array(resp) else resp
        r = as_responsibilities(resp, as_source(X, sample_weight).n_samples)
        log_weights, noise = mixture.log_weights, mixture.noise
        if noise is not None:
            log_weights = np.append(log_weights, noise.log_weight)
        if r.shape[1] != len(log_weights):
            also = "" if noise is None else ", and noise in one more column"
            raise ShapeError(f"resp has shape {r.shape} but there are {mixture.n_components} components{also}.")
        joint = evaluate(self._checked(X), mixture, "component_log_prob") + log_weights
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(r > 0, r * (joint - np.log(r)), 0.0)
        weights = np.ones(len(r)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        return float(weights @ terms.sum(axis=1))

    # Criteria: smaller is better, everywhere

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """p log n − 2 L (Schwarz 1978), with n = Σ w; smaller is better. mclust prints the negative."""
        statistics = self._statistics(X, sample_weight)
        return self._whole.n_parameters * math.log(statistics.total_weight) - 2 * statistics.log_likelihood

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """2 p − 2 L (Akaike 1974); smaller is better."""
        return 2 * self._whole.n_parameters - 2 * self._statistics(X, sample_weight).log_likelihood

    def icl(self, X: Any, sample_weight: Any = None) -> float:
        """BIC − 2 Σ w log max_k p(k | x) (Biernacki, Celeux & Govaert 2000); smaller is better."""
        statistics = self._statistics(X, sample_weight)
        penalty = self._whole.n_parameters * math.log(statistics.total_weight)
        return penalty - 2 * (statistics.log_likelihood + statistics.log_max_resp)

    def _checked(self, X: Any, sample_weight: Any = None) -> Source:
        mixture = self._whole
        source = by_columns(as_source(X, sample_weight), mixture.columns)
        if source.n_features != mixture.n_features:
            flat = source.n_features == 1 and source.n_samples == mixture.n_features
            hint = " One row is written [[…]]." if flat else ""
            raise ShapeError(
                f"X has {source.n_features} columns but the mixture has {mixture.n_features}; expected as many.{hint}"
            )
        return source

    def _evaluate(self, X: Any, what: str) -> Array:
        from mixtura.sweep import evaluate, evaluate_on_device

        source = self._checked(X)
        if isinstance(source, DeviceSource):
            return cast("Array", evaluate_on_device(source, self._whole, what))
        return cast("Array", in_kind_of(X, evaluate(source, self._whole, what)))

    def _statistics(self, X: Any, sample_weight: Any) -> Statistics[Any]:
        from mixtura.sweep import Sweep

        source = self._checked(X, sample_weight)
        inner = self._whole.into(source.coordinates.centre, source.coordinates.scale)
        return Sweep(source).log_likelihood_of(inner)
