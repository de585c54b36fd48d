"""`BayesianGaussianMixture`: scikit-learn's class over mixtura's variational Bayes."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from mixtura.algorithms.concentration import Concentration, Dirichlet, StickBreaking
from mixtura.algorithms.variational import ExpectedMixture, NormalWishart, Posterior, VariationalBayes
from mixtura.estimators.base import BaseMixture
from mixtura.estimators.covariance_types import components_of, precision_arrays, shapes_of
from mixtura.estimators.rows import checked_rows
from mixtura.families.covariance import resolve_structure
from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture
from mixtura.sources import as_source
from mixtura.sweep import Sweep, evaluate
from mixtura.validation import Array, frozen

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical", "VVV", "EEE", "VVI", "EEI", "VII", "EII")

CONCENTRATIONS: dict[str, type[Dirichlet | StickBreaking]] = {
    "dirichlet_process": StickBreaking,
    "dirichlet_distribution": Dirichlet,
}


class BayesianGaussianMixture(BaseMixture[Posterior]):
    """Gaussian mixture whose parameters have a posterior, by variational Bayes: scikit-learn's class, drop-in.

    log p(X) ≥ E_q[log p(X, Z, π, μ, Λ)] − E_q[log q(Z, π, μ, Λ)] = `lower_bound_` · n_samples

    Components that the rows do not need keep weights near zero, so `n_components` is the most there can be.

    Parameters
    ----------
    n_components : at most so many
    covariance_type : "full", "tied", "diag", "spherical"; also mclust's names VVV EEE VVI EEI VII EII
    tol : stop where the bound (total nats) changes by less in one iteration
    reg_covar : data units², added to each component's mean scatter along the diagonal; with 0 the bound never falls
    max_iter, n_init : iterations of a start, and starts, the best of which is kept
    init_params : "kmeans", "k-means++", "random" or "random_from_data"
    weight_concentration_prior_type : "dirichlet_process" (stick-breaking) or "dirichlet_distribution"
    weight_concentration_prior : γ or α; None is 1 / n_components
    mean_precision_prior : β₀; None is 1
    mean_prior : (n_features,), m₀; None is the mean of the rows
    degrees_of_freedom_prior : ν₀ > n_features − 1; None is n_features
    covariance_prior : S₀ in the shape of one component's covariance; None is the covariance of the rows in that form
    random_state, warm_start, verbose, verbose_interval : as everywhere in scikit-learn

    Attributes
    ----------
    weights_, means_, covariances_, precisions_, precisions_cholesky_ : E[π], E[μ_k], E[Λ_k]⁻¹, and its inverses
    weight_concentration_, mean_precision_, degrees_of_freedom_ : of the posterior; the first is a pair for the process
    weight_concentration_prior_, mean_precision_prior_, mean_prior_, degrees_of_freedom_prior_, covariance_prior_
    converged_, n_iter_ : of the best start
    lower_bound_ : on the log evidence, complete with its constants, nats a row (scikit-learn: total, without constants)
    lower_bounds_ : the same after each iteration
    n_features_in_, feature_names_in_

    Notes
    -----
    Attias (2000); Bishop (2006), section 10.2; Blei & Jordan (2006). `docs/guides/estimators.md` says where this class
    differs from scikit-learn's and why.

    Examples
    --------
    >>> import numpy as np
    >>> from mixtura import BayesianGaussianMixture
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [4, 2], [12, 4], [10, 7]])
    >>> found = BayesianGaussianMixture(n_components=2, random_state=42).fit(X)
    >>> found.means_.round(2)
    array([[2.5 , 2.29],
           [8.46, 4.52]])
    >>> found.predict([[0, 0], [9, 3]])
    array([0, 1])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMixture._parameter_constraints,
        "covariance_type": [StrOptions(set(COVARIANCE_TYPES))],
        "weight_concentration_prior_type": [StrOptions(set(CONCENTRATIONS))],
        "weight_concentration_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "mean_precision_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "mean_prior": [None, "array-like"],
        "degrees_of_freedom_prior": [None, Interval(Real, 0.0, None, closed="neither")],
        "covariance_prior": [None, "array-like", Interval(Real, 0.0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        n_components: int = 1,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weight_concentration_prior_type: str = "dirichlet_process",
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: Any = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    # The prior

    def _algorithm(self, sweep: Sweep) -> VariationalBayes:
        n_features = sweep.source.n_features
        given = self.weight_concentration_prior
        self.weight_concentration_prior_ = 1.0 / self.n_components if given is None else given
        self.mean_precision_prior_ = 1.0 if self.mean_precision_prior is None else self.mean_precision_prior
        degrees = n_features if self.degrees_of_freedom_prior is None else self.degrees_of_freedom_prior
        if degrees <= n_features - 1:
            raise ValueError(
                f"The parameter 'degrees_of_freedom_prior' should be greater than {n_features - 1}, but got "
                f"{degrees:.3f}."
            )
        self.degrees_of_freedom_prior_ = degrees
        mean, covariance = self._moments(sweep)
        self.mean_prior_ = mean if self.mean_prior is None else _checked(self.mean_prior, mean.shape, "means")
        self.covariance_prior_ = self._covariance_prior(covariance)
        structure = resolve_structure(self.covariance_type, n_features)
        shape = structure.form.stack_shape(1, n_features)[1:]
        prior = NormalWishart(
            np.asarray(self.mean_prior_, dtype=np.float64),
            float(self.mean_precision_prior_),
            float(degrees),
            np.asarray(self.covariance_prior_, dtype=np.float64).reshape(shape),
        )
        return VariationalBayes(sweep, structure, prior, self._concentration(), float(self.reg_covar))

    def _concentration(self) -> Concentration:
        return CONCENTRATIONS[self.weight_concentration_prior_type](float(self.weight_concentration_prior_))

    def _moments(self, sweep: Sweep) -> tuple[Array, Array]:
        """Mean (D,) and covariance (D, D) of all rows, data units, with divisor Σw − 1."""
        totals, coordinates = sweep.totals, sweep.source.coordinates
        if self.covariance_prior is None and not totals.weight > 1:
            raise ValueError(
                f"sample_weight sums to {totals.weight:.6g}; expected more than 1, or covariance_prior to be given."
            )
        mean = coordinates.centre + coordinates.scale * totals.mean
        return mean, coordinates.scale**2 / max(totals.weight - 1, np.finfo(float).tiny) * totals.scatter

    def _covariance_prior(self, covariance: Array) -> Any:
        """In the shape of one component, from what is given or from the covariance of all rows."""
        row, d = shapes_of(self.covariance_type), len(covariance)
        if self.covariance_prior is None:
            if row.form.ndim == 2:
                return covariance
            return covariance.diagonal().copy() if row.form.ndim else covariance.diagonal().mean()
        if row.form.ndim == 0:
            return self.covariance_prior
        shape = row.form.stack_shape(1, d)[1:]
        prior = _checked(self.covariance_prior, shape, f"{self.covariance_type} covariance_prior")
        if prior.ndim == 2 and not (np.allclose(prior, prior.T) and np.all(np.linalg.eigvalsh(prior) > 0)):
            raise ValueError(f"'{self.covariance_type} precision' should be symmetric, positive-definite")
        if prior.ndim == 1 and np.any(prior <= 0):
            raise ValueError(f"'{self.covariance_type} precision' should be positive")
        return prior

    # The posterior

    def _parameters(self) -> Posterior:
        return Posterior(
            self._concentration(),
            np.asarray(self.weight_concentration_),
            self.mean_precision_,
            np.broadcast_to(self.degrees_of_freedom_, (len(self.means_),)),
            components_of(self.means_, self.precisions_cholesky_, self.covariance_type),
        )

    def _keep(self, posterior: Posterior) -> None:
        pair = self.weight_concentration_prior_type == "dirichlet_process"
        concentration, degrees = posterior.weight_concentration, posterior.degrees_of_freedom
        self.weight_concentration_ = tuple(concentration) if pair else concentration
        self.weights_ = posterior.weights
        self.mean_precision_ = posterior.mean_precision
        self.degrees_of_freedom_ = degrees[0] if shapes_of(self.covariance_type).shared else degrees
        self.means_ = posterior.components.means.copy()
        for name, array in precision_arrays(posterior.components, self.covariance_type).items():
            setattr(self, name, array)

    def _mixture(self) -> ExpectedMixture:
        posterior = self._parameters()
        return ExpectedMixture.of(frozen(np.array(self.weights_)), posterior.log_weights, posterior.components)

    def predictive_log_prob(self, X: Any) -> Array:
        """(n_samples,): log p(x | training rows), nats: Student densities, the parameters integrated out.

        Unlike `score_samples` (scikit-learn's: the E-step's normaliser, not a density) it integrates to one, and rows
        in components with few rows are less surprising to it. It wants whole rows.
        """
        check_is_fitted(self)
        rows, posterior = as_source(checked_rows(self, X, reset=False)), self._parameters()
        plain = Mixture(self.weights_, posterior.components)
        return posterior.predictive_log_prob(evaluate(rows, plain, "component_log_prob"))

    @property
    def mixture_(self) -> Mixture[Gaussian]:
        """The mixture with the posterior's expected weights, means and precisions: a value to ask, plot and save."""
        components = components_of(self.means_, self.precisions_cholesky_, self.covariance_type)
        names = getattr(self, "feature_names_in_", None)
        return Mixture(self.weights_, components, columns=None if names is None else list(names))


def _checked(value: Any, shape: tuple[int, ...], name: str) -> Array:
    """A parameter of that shape."""
    array = check_array(value, dtype=[np.float64, np.float32], ensure_2d=False)
    if array.shape != shape:
        raise ValueError(f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}")
    checked: Array = array
    return checked
