"""Variational Bayes for Gaussian mixtures, on the sweep of EM.

Rows belong to components with proportions π, and each component has a normal-Wishart prior,

    μ_k | Λ_k ~ N(m₀, (β₀ Λ_k)⁻¹),  Λ_k ~ Wishart(ν₀, S₀⁻¹).

Under the factorised posterior q(Z) q(π) Π q(μ_k, Λ_k), log q(z = k | x) is, up to a constant, the log-density of a
Gaussian with covariance S_k / ν_k plus a number of the component, so the E-step is that of a mixture whose log-weights
do not sum to one. The update of q(μ, Λ) is EM's M-step with the prior as pseudo-data. Both exist already.

Diagonal and spherical structures restrict the posterior's scale matrix to that form, and shared ones let components
have one Wishart in common, each time by the restriction's own best choice. So the bound is one on the evidence of the
same model for every structure, and coordinate ascent never lowers it.

Missing cells are part of Z: with them integrated out q(z = k | x_o) is the marginal of the same Gaussian with the same
number, so rows with gaps need nothing of their own here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mixtura.algorithms.concentration import Concentration
from mixtura.algorithms.iteration import inner_floor
from mixtura.algorithms.start import Grouping
from mixtura.errors import ParameterError
from mixtura.families.base import Statistics
from mixtura.families.covariance import Structure
from mixtura.families.gaussian import LOG_2PI, Gaussian, GaussianMoments
from mixtura.families.prior import Prior
from mixtura.imputation import completed
from mixtura.linalg import diagonals, semidefinite_root, solve_lower_stack
from mixtura.mixture import Mixture
from mixtura.sources.strata import StratifiedSource
from mixtura.sweep import Sweep
from mixtura.sweep.reference import log_sum_exp
from mixtura.validation import Array, frozen


@dataclass(frozen=True, slots=True)
class NormalWishart:
    """The prior of each component's mean and precision.

    Attributes
    ----------
    mean : (n_features,), m₀, data units
    mean_precision : β₀, pseudo-rows of the mean
    degrees_of_freedom : ν₀ > n_features − 1, pseudo-rows of the covariance
    scale : S₀ in the structure's form, data units²: (D, D), (D,), or a number for a multiple of the identity
    """

    mean: Array
    mean_precision: float
    degrees_of_freedom: float
    scale: Array

    def into(self, centre: Array, scale: float) -> NormalWishart:
        """The same prior in coordinates u = (x − centre) / scale."""
        return replace(self, mean=(self.mean - centre) / scale, scale=self.scale / scale**2)

    @property
    def _root(self) -> Array:
        """A square root of S₀ in its form."""
        if self.scale.ndim < 2:
            spread: Array = np.sqrt(self.scale)
            return spread
        try:
            root: Array = np.asarray(np.linalg.cholesky(self.scale), dtype=np.float64)
        except np.linalg.LinAlgError:
            root = semidefinite_root(self.scale[None])[0]
        return root

    def pseudo_data(self, structure: Structure) -> Prior:
        """What the M-step adds to the moments of the rows."""
        root = self._root * (1.0 if structure.form.ndim else math.sqrt(len(self.mean)))
        return Prior(root, self.degrees_of_freedom, self.mean_precision, self.mean, 0.0, 1.0)

    @property
    def log_det(self) -> float:
        """log det S₀; 0 where S₀ is singular, the prior therefore improper and its constant without meaning."""
        if self.scale.ndim == 2:
            sign, log_det = np.linalg.slogdet(self.scale)
            return float(log_det) if sign > 0 else 0.0
        variances = np.broadcast_to(self.scale, self.mean.shape)
        return float(np.log(variances).sum()) if np.all(variances > 0) else 0.0


class ExpectedMixture(Mixture[Gaussian]):
    """The mixture of a variational E-step: its log-weights carry E[log π] and more, and do not sum to one."""

    __slots__ = ("_log_weights",)
    _log_weights: Array

    @classmethod
    def of(cls, weights: Array, log_weights: Array, components: Gaussian) -> ExpectedMixture:
        """From proportions (for people) and the log-weights (for the E-step)."""
        self = object.__new__(cls)
        self._weights, self._log_weights, self._components = weights, log_weights, components
        self._names = self._columns = self._noise = None
        self._equal = False
        return self

    @property
    def log_weights(self) -> Array:
        return self._log_weights

    def into(self, centre: Array, scale: float) -> ExpectedMixture:
        return self.of(self._weights, self._log_weights, self._components.into(centre, scale))


@dataclass(frozen=True, slots=True)
class Posterior:
    """q(π) q(μ, Λ): all that variational Bayes knows of the parameters.

    Attributes
    ----------
    concentration : the prior of the proportions
    weight_concentration : parameters of the proportions' posterior, see `Concentration`
    mean_precision : (n_components,), β_k
    degrees_of_freedom : (n_components,), ν_k
    components : means m_k, and covariances S_k / ν_k = E[Λ_k]⁻¹ in the structure's form
    """

    concentration: Concentration
    weight_concentration: Array
    mean_precision: Array
    degrees_of_freedom: Array
    components: Gaussian

    @property
    def weights(self) -> Array:
        """(n_components,): E[π_k], summing to one."""
        return self.concentration.expected_weights(self.weight_concentration)

    @property
    def log_weights(self) -> Array:
        """(n_components,): E[log π_k] + ½ E[log |Λ_k| − log |ν_k S_k⁻¹|] − D / (2 β_k), nats."""
        from scipy.special import digamma

        d, nu = self.components.n_features, self.degrees_of_freedom
        log_precision = digamma(0.5 * (nu - np.arange(d)[:, None])).sum(axis=0) - d * np.log(0.5 * nu)
        expected = self.concentration.expected_log_weights(self.weight_concentration)
        log_weights: Array = expected + 0.5 * log_precision - 0.5 * d / self.mean_precision
        return log_weights

    @property
    def mixture(self) -> ExpectedMixture:
        """What the E-step compares: responsibilities are q(Z)."""
        return ExpectedMixture.of(frozen(self.weights), self.log_weights, self.components)

    def predictive_log_prob(self, component_log_prob: Array) -> Array:
        """(n_samples,): log p(x | all rows seen), nats, the parameters integrated over their posterior.

        Σ_k E[π_k] St(x; m_k, scale · S_k / ν_k, df) with df = ν_k + 1 − D and scale = ν_k (1 + β_k) / (β_k df): a
        proper density with Student tails, which bounds of variational Bayes are not (Bishop 2006, equation 10.81).
        It is given what `components` say of the rows, (n_samples, n_components), nats.
        """
        from scipy.special import gammaln

        d, beta, nu = self.components.n_features, self.mean_precision, self.degrees_of_freedom
        df = nu + 1.0 - d
        spread = nu * (1 + beta) / (beta * df)
        log_norm = -0.5 * d * LOG_2PI - self.components.log_dets
        squares = 2 * (log_norm - component_log_prob)
        student = gammaln(0.5 * (df + d)) - gammaln(0.5 * df) - 0.5 * d * np.log(math.pi * df * spread)
        joint = np.log(self.weights) + student - self.components.log_dets
        return log_sum_exp(joint - 0.5 * (df + d) * np.log1p(squares / (spread * df)))[0]

    def into(self, centre: Array, scale: float) -> Posterior:
        """The same posterior in coordinates u = (x − centre) / scale."""
        return replace(self, components=self.components.into(centre, scale))

    def out_of(self, centre: Array, scale: float) -> Posterior:
        """Back from u to x = centre + scale · u."""
        return replace(self, components=self.components.out_of(centre, scale))


class VariationalBayes:
    """Coordinate ascent on the evidence bound over one source.

    Parameters
    ----------
    sweep : the rows and the engine
    structure : one whose M-step is the mean scatter in its own form: VVV EEE VVI EEI VII EII, or V and E
    prior : of means and precisions, data units
    concentration : the prior of the proportions
    reg_covar : data units²; each row counts as if it were spread by this variance along each column. With 0 the bound
        never falls; otherwise it may by as little as `reg_covar` moves it.

    Raises
    ------
    ParameterError
        For a structure that shares part of the covariance.

    Notes
    -----
    Attias (2000); Bishop (2006), section 10.2; Blei & Jordan (2006) for the Dirichlet process. An iteration reads the
    rows once.
    """

    def __init__(
        self,
        sweep: Sweep,
        structure: Structure,
        prior: NormalWishart,
        concentration: Concentration,
        reg_covar: float = 0.0,
    ) -> None:
        if not structure.own_moments:
            raise ParameterError(
                f"structure {structure.name} shares part of the covariance, for which there is no conjugate prior; "
                "expected VVV, EEE, VVI, EEI, VII or EII."
            )
        coordinates = sweep.source.coordinates
        self.sweep, self.structure, self.concentration = sweep, structure, concentration
        self._prior, self._inner_prior = prior, prior.into(coordinates.centre, coordinates.scale)
        self._pseudo_data = self._inner_prior.pseudo_data(structure)
        self._spread = reg_covar / coordinates.scale**2
        self._floor = inner_floor(sweep.source)

    def start(self, resp: Array) -> Posterior:
        """The posterior for given responsibilities (n_samples, n_components), data units."""
        coordinates = self.sweep.source.coordinates
        source = self.sweep.source
        if isinstance(source, StratifiedSource):  # the update needs whole rows
            whole = self.sweep.like(completed(self.sweep))
            spread = self._spread * coordinates.scale**2
            own = VariationalBayes(whole, self.structure, self._prior, self.concentration, spread)
            return own.start(resp[source.counted])
        statistics = Grouping.of(source, resp).statistics(self.structure, self._floor)
        return self._update(statistics).out_of(coordinates.centre, coordinates.scale)

    def iterate(self, start: Posterior) -> Iterator[tuple[Posterior, float]]:
        """E-step and update, for as long as asked: the new posterior, and the bound on the log evidence there.

        The bound, total nats, is that of the posterior and the E-step's responsibilities, complete with its constants.
        """
        coordinates = self.sweep.source.coordinates
        inner = start.into(coordinates.centre, coordinates.scale)
        while True:
            before = inner.mixture
            statistics = self.sweep.one(before)
            inner = self._update(statistics)
            after = inner.out_of(coordinates.centre, coordinates.scale)
            yield after, self._lower_bound(before, statistics, inner)

    def _update(self, statistics: Statistics[Any]) -> Posterior:
        origin, counts = statistics.origin, statistics.counts
        assert isinstance(origin, Gaussian)
        moments = broadened(statistics.moments, origin, counts, self._spread) if self._spread else statistics.moments
        step = origin.m_step(moments, counts, self._floor, self._pseudo_data)
        assert isinstance(step.components, Gaussian)
        rows = np.full(len(counts), counts.mean()) if self.structure.shared else counts
        return Posterior(
            self.concentration,
            self.concentration.parameters(counts),
            self._inner_prior.mean_precision + counts,
            self._inner_prior.degrees_of_freedom + rows,
            step.components,
        )

    def _lower_bound(self, before: ExpectedMixture, statistics: Statistics[Any], after: Posterior) -> float:
        """Entropy of q(Z), and the posterior's normalisers over the prior's; the rows' densities have cancelled."""
        expected = statistics.counts @ before.log_weights + statistics.expected_log_prob(before.components)
        entropy = statistics.log_likelihood - float(expected)  # the first is in data units, and so is the bound
        proportions = self.concentration.log_evidence(after.weight_concentration)
        return entropy + proportions + self._log_evidence_of_components(after, statistics.total_weight)

    def _log_evidence_of_components(self, after: Posterior, total_weight: float) -> float:
        from scipy.special import gammaln

        prior, d, nu = self._inner_prior, len(self._floor), after.degrees_of_freedom
        nu0 = prior.degrees_of_freedom
        halves = 0.5 * np.arange(d)[:, None]
        log_gamma = (gammaln(0.5 * nu - halves) - gammaln(0.5 * nu0 - halves)).sum(axis=0)
        log_det = 2 * after.components.log_dets + d * np.log(0.5 * nu)  # of S_k / 2
        log_det_prior = prior.log_det - d * math.log(2.0)
        means = 0.5 * d * np.log(prior.mean_precision / after.mean_precision)
        each = means + log_gamma - 0.5 * nu * log_det + 0.5 * nu0 * log_det_prior
        return float(each.sum()) - 0.5 * d * LOG_2PI * total_weight


def broadened(moments: GaussianMoments, origin: Gaussian, counts: Array, variance: float) -> GaussianMoments:
    """The moments of rows that are spread by a variance along each column: Σ_k + variance · I after the M-step."""
    form, factors = origin.constraint.form, origin.factors
    if form.ndim == 2:
        inverse = solve_lower_stack(factors, np.broadcast_to(np.eye(origin.n_features), factors.shape))
        added = variance * inverse @ np.swapaxes(inverse, -2, -1)
        squares = diagonals(added).sum(axis=-1)
    else:
        added = variance / factors**2
        squares = added.sum(axis=-1) if form.ndim else added * origin.n_features
    scatter = moments.scatter
    if scatter is not None:
        mass = counts.sum(keepdims=True) if origin.constraint.shared else counts
        scatter = scatter + mass.reshape(-1, *[1] * form.ndim) * added
    return GaussianMoments(moments.sums, moments.squares + counts * squares, scatter)
