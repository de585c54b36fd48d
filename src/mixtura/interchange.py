"""Fitted mixtures to and from other libraries: scikit-learn and SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.errors import MixturaError, ParameterError, StructureError
from mixtura.families.covariance import resolve_structure
from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture

SKLEARN_TYPES = {"VVV": "full", "EEE": "tied", "VVI": "diag", "VII": "spherical"}
"""What scikit-learn calls four of the structures."""


def to_sklearn(mixture: Mixture[Any]) -> Any:
    """A fitted `sklearn.mixture.GaussianMixture` of a mixture's weights, means and covariances.

    Structures that scikit-learn does not know become "full" (or "diag", if they have no correlations): the density is
    the same, the number of parameters is not. Needs scikit-learn.

    Examples
    --------
    >>> import mixtura as mx
    >>> theta = mx.Mixture([0.5, 0.5], mx.Gaussian([[0, 0], [3, 3]], [[1, 2], [2, 1]]))
    >>> mx.to_sklearn(theta).predict([[0, 0], [3, 3]])
    array([0, 1])
    """
    from sklearn.mixture import GaussianMixture

    from mixtura.estimators.covariance_types import precision_arrays

    mixture.refuse_noise("scikit-learn's class")
    components = mixture.components
    if not isinstance(components, Gaussian):
        raise ParameterError(f"the components are {type(components).__name__}; scikit-learn knows Gaussian ones.")
    kind = SKLEARN_TYPES.get(components.structure)
    if kind is None:
        plain = "full" if components.constraint.form.ndim == 2 else "diag"
        matrices = components.covariance_matrices
        values = matrices if plain == "full" else np.einsum("kdd->kd", matrices)
        kind, components = plain, Gaussian(components.means, values, plain)
    other = GaussianMixture(n_components=mixture.n_components, covariance_type=kind)
    other.weights_, other.means_ = np.array(mixture.weights), np.array(components.means)
    for name, array in precision_arrays(components, kind).items():
        setattr(other, name, array)
    other.n_features_in_, other.converged_, other.n_iter_ = mixture.n_features, True, 0
    other.lower_bound_, other.lower_bounds_ = -np.inf, []
    if mixture.columns:
        other.feature_names_in_ = np.array(mixture.columns, dtype=object)
    return other


def from_sklearn(estimator: Any) -> Mixture[Gaussian]:
    """The mixture of a fitted `sklearn.mixture.GaussianMixture` or `BayesianGaussianMixture`.

    Examples
    --------
    >>> import mixtura as mx
    >>> theta = mx.Mixture([0.5, 0.5], mx.Gaussian([[0, 0], [3, 3]], [[1, 2], [2, 1]]))
    >>> mx.from_sklearn(mx.to_sklearn(theta)).structure
    'VVI'
    """
    from mixtura.estimators.covariance_types import components_of

    missing = [
        a for a in ("weights_", "means_", "precisions_cholesky_", "covariance_type") if not hasattr(estimator, a)
    ]
    if missing:
        raise ParameterError(
            f"{type(estimator).__name__} has no {missing[0]}; expected a fitted GaussianMixture of scikit-learn."
        )
    try:
        resolve_structure(estimator.covariance_type, 2)
    except StructureError as error:
        raise ParameterError(str(error)) from None
    names = getattr(estimator, "feature_names_in_", None)
    components = components_of(estimator.means_, estimator.precisions_cholesky_, estimator.covariance_type)
    return Mixture(estimator.weights_, components, columns=None if names is None else [str(name) for name in names])


def to_scipy(mixture: Mixture[Any]) -> Any:
    """A mixture of one column as a `scipy.stats.Mixture` of normal distributions, with all its methods.

    Needs SciPy 1.15 or newer.

    Examples
    --------
    >>> import mixtura as mx
    >>> theta = mx.Mixture([0.5, 0.5], mx.Gaussian([-1.0, 1.0], [1.0, 1.0]))
    >>> float(mx.to_scipy(theta).cdf(0.0))
    0.5
    """
    from scipy import stats

    if mixture.n_features != 1:
        raise ParameterError(
            f"the mixture has {mixture.n_features} columns; SciPy's distributions have one: .marginal([j])."
        )
    if not hasattr(stats, "Mixture"):
        raise MixturaError("this needs SciPy 1.15 or newer: pip install --upgrade scipy")
    means = mixture.components.component_means[:, 0]
    spreads = np.sqrt(mixture.components.component_covariances[:, 0, 0])
    normals = [stats.Normal(mu=float(m), sigma=float(s)) for m, s in zip(means, spreads, strict=True)]
    if mixture.noise is None:
        return stats.Mixture(normals, weights=mixture.weights)
    low, high = (float(end[0]) for end in mixture.noise.known_box("a SciPy distribution").ends)
    weights = np.append(mixture.weights, mixture.noise.weight)
    return stats.Mixture([*normals, stats.Uniform(a=low, b=high)], weights=weights)
