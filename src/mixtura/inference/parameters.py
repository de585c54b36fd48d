"""The parameters that people read, side by side: weights, means, covariances, and tables of what is known of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.mixture import Mixture
from mixtura.tables import Table
from mixtura.validation import Array, as_level


@dataclass(frozen=True, slots=True)
class Parameters:
    """One number for each weight, mean and covariance: estimates, standard errors, or ends of intervals.

    Attributes
    ----------
    weights : (…, n_components); with noise one more, the last, that of the noise
    means : (…, n_components, n_features), data units
    covariances : (…, n_components, n_features, n_features), data units²
        Leading axes, where there are any, count replicates.
    """

    weights: Array
    means: Array
    covariances: Array

    @classmethod
    def of(cls, mixture: Mixture[Any]) -> Parameters:
        """Those of a mixture."""
        components = mixture.components
        return cls(mixture.proportions, components.component_means, components.component_covariances)

    def map(self, function: Callable[..., Array], *others: Parameters) -> Parameters:
        """A function of each of the three arrays, and of those of others."""
        return Parameters(
            function(self.weights, *(o.weights for o in others)),
            function(self.means, *(o.means for o in others)),
            function(self.covariances, *(o.covariances for o in others)),
        )

    def flat(self) -> Array:
        """(…, n_parameters): weights, means, lower triangles of the covariances, one component after the other."""
        lead = self.weights.shape[:-1]
        rows, columns = np.tril_indices(self.means.shape[-1])
        parts = (self.weights, self.means.reshape(*lead, -1), self.covariances[..., rows, columns].reshape(*lead, -1))
        return np.concatenate(parts, axis=-1)

    @classmethod
    def unflat(cls, flat: Array, n_components: int, n_features: int) -> Parameters:
        """The inverse of `flat`; what goes beyond components is the weight of noise."""
        k, d = n_components, n_features
        lead = flat.shape[:-1]
        rows, columns = np.tril_indices(d)
        first = flat.shape[-1] - k * (d + len(rows))
        covariances = np.zeros((*lead, k, d, d))
        lower = flat[..., first + k * d :].reshape(*lead, k, -1)
        covariances[..., rows, columns] = lower
        covariances[..., columns, rows] = lower
        return cls(flat[..., :first], flat[..., first : first + k * d].reshape(*lead, k, d), covariances)


@dataclass(frozen=True, slots=True)
class Interval:
    """The two ends of an interval for each parameter, and how often such intervals should hold the truth."""

    lower: Parameters
    upper: Parameters
    level: float


def normal_interval(estimate: Parameters, standard_errors: Parameters, level: float) -> Interval:
    """estimate ± z · standard error, with z the normal quantile of (1 + level) / 2."""
    from statistics import NormalDist

    z = NormalDist().inv_cdf((1 + as_level(level)) / 2)
    lower = estimate.map(lambda a, s: a - z * s, standard_errors)
    return Interval(lower, estimate.map(lambda a, s: a + z * s, standard_errors), level)


def parameter_table(mixture: Mixture[Any], **columns: Parameters) -> Table:
    """One row a parameter: what it is, of which component and columns, and the named values."""
    d = mixture.n_features
    names = [mixture.column_name(j) for j in range(d)]
    pairs = [names[i] if i == j else f"{names[i]}, {names[j]}" for i, j in zip(*np.tril_indices(d), strict=True)]
    components = [mixture.component_name(k) for k in range(mixture.n_components)]
    labels = [("weight", c, "") for c in (components if mixture.noise is None else [*components, "noise"])]
    labels += [("mean", c, name) for c in components for name in names]
    labels += [("covariance" if "," in pair else "variance", c, pair) for c in components for pair in pairs]
    whats, whose, where = zip(*labels, strict=True)
    table: dict[str, Any] = {"parameter": whats, "component": whose, "column": where}
    return Table(table | {name: parameters.flat() for name, parameters in columns.items()})
