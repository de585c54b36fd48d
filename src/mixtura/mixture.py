"""`Mixture`: everything that can be asked of a mixture; what it says of rows is in `answers`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from mixtura.answers import RowAnswers
from mixtura.errors import DegenerateWarning, ParameterError, ShapeError
from mixtura.families.base import Family
from mixtura.families.gaussian import Gaussian
from mixtura.fixed import Fixed
from mixtura.noise import LABEL, N_PARAMETERS, Noise
from mixtura.sources import as_source
from mixtura.validation import Array, Labels, as_count, as_responsibilities, as_weights, frozen

F = TypeVar("F", bound=Family)
G = TypeVar("G", bound=Family)


class Mixture(RowAnswers, Generic[F]):
    """A mixture: weights and components, an immutable value.

    p(x) = Σ_k π_k p(x | k)

    Parameters
    ----------
    weights : (n_components,), mixing proportions π, non-negative, summing to 1, or with noise to 1 − π₀
    components : Gaussian (or another family)
    names : n_components texts, optional. Names of the components; they travel along.
    columns : n_features texts, optional. Names of the columns; they travel along.
    equal_weights : whether all weights are the same by assumption: EM leaves them so, and they are no parameters
    noise : `Noise`, optional. Adds π₀ / V to the density: rows that belong to no component have the label −1, and
        responsibilities and component log-densities have one more column, the last.

    Raises
    ------
    ShapeError, ParameterError
        Where weights, components and names do not fit, or the weights are not proportions.

    Examples
    --------
    >>> import mixtura as mx
    >>> theta0 = mx.Mixture([0.5, 0.5], mx.Gaussian(means=[6, 7], covariances=[1, 4]))
    >>> round(theta0.log_likelihood([-1, 0, 4, 5, 6]), 4)
    -24.5125
    >>> theta0.predict([-1, 0, 4, 5, 6])
    array([1, 1, 1, 0, 0])
    """

    __slots__ = ("_columns", "_components", "_equal", "_fixed", "_names", "_noise", "_weights")
    _weights: Array
    _components: F
    _names: tuple[str, ...] | None
    _columns: tuple[str, ...] | None
    _equal: bool
    _fixed: Fixed | None
    _noise: Noise | None

    def __init__(
        self,
        weights: Any,
        components: F,
        names: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        equal_weights: bool = False,
        noise: Noise | None = None,
    ) -> None:
        if not isinstance(components, Family):
            raise ParameterError(
                f"components is {components!r}; expected a family, such as mixtura.Gaussian(means, covariances)."
            )
        self._components = components
        self._noise = noise
        self._weights = as_weights(weights, components.n_components, 1.0 if noise is None else 1 - noise.weight)
        self._names = _labels(names, "names", components.n_components)
        self._columns = _labels(columns, "columns", components.n_features)
        self._fixed = None
        self._equal = bool(equal_weights)
        if self._equal and np.ptp(self._weights) > 1e-12:
            raise ParameterError(f"weights is {self._weights.tolist()}; with equal_weights expected all the same.")

    @classmethod
    def trusted(
        cls, weights: Array, components: G, like: Mixture[Any] | None = None, noise: Noise | None = None
    ) -> Mixture[G]:
        """A mixture of checked parts, with the names and the noise of another: the way of EM's inner loop."""
        self: Mixture[G] = object.__new__(Mixture)
        self._weights, self._components = weights, components
        self._names, self._columns = (like._names, like._columns) if like is not None else (None, None)
        self._equal = like is not None and like._equal
        self._fixed = None if like is None else like._fixed
        self._noise = noise if noise is not None or like is None else like._noise
        return self

    def with_equal_weights(self) -> Mixture[F]:
        """The same components with weights that are the same for all, which EM then leaves alone."""
        if self._fixed is not None and self._fixed.weights:
            raise ParameterError("weights are held fixed as they are; equal weights are fixed already. Ask for one.")
        equal = np.full(self.n_components, self._share / self.n_components)
        new = Mixture.trusted(frozen(equal), self._components, like=self)
        new._equal = True
        return new

    def with_fixed(self, fixed: Any) -> Mixture[F]:
        """The same mixture with parts that EM then leaves alone, and that are no free parameters.

        Parameters
        ----------
        fixed : "weights", "means" or "covariances", several of them, or {part: numbers or names of components}; None
            frees all. Under structures whose components share parts of the covariance all covariances are held or none.

        Raises
        ------
        ParameterError
            For what is not there, or cannot be held.

        Examples
        --------
        >>> import mixtura as mx
        >>> theta = mx.Mixture([0.5, 0.5], mx.Gaussian(means=[0, 7], covariances=[1, 4]))
        >>> theta.n_parameters, theta.with_fixed({"means": [0], "covariances": [0]}).n_parameters
        (5, 3)
        """
        found = Fixed.parsed(fixed, self.n_components, self._names)
        if found is not None:
            found.check(self._weights, self._components, self._noise is not None)
            if found.weights and self._equal:
                raise ParameterError("weights are equal by assumption, and so fixed already; leave them out of fixed.")
        new = Mixture.trusted(self._weights, self._components, like=self)
        new._fixed = found
        return new

    def with_noise(self, noise: Noise | None) -> Mixture[F]:
        """The same mixture with other noise, or without; the weights are scaled to leave room for it."""
        share = 1.0 if noise is None else 1 - noise.weight
        weights = self._weights if noise == self._noise else self._weights * (share / self._weights.sum())
        new = Mixture.trusted(frozen(weights), self._components, like=self)
        new._noise = noise
        return new

    @classmethod
    def from_responsibilities(
        cls, X: Any, resp: Any, structure: str = "VVV", sample_weight: Any = None
    ) -> Mixture[Gaussian]:
        """The M-step alone: the Gaussian mixture that maximises the bound for given responsibilities.

        π_k = N_k / N, μ_k = Σ r x / N_k, and covariances from the scatter Σ r (x − μ_k)(x − μ_k)ᵀ by the structure.

        Parameters
        ----------
        X : (n_samples, n_features)
        resp : (n_samples, n_components), rows sum to one; or (n_samples,) labels counted from 0
        structure : see `Gaussian`
        sample_weight : (n_samples,), optional

        Examples
        --------
        >>> Mixture.from_responsibilities([0.0, 2.0, 10.0, 14.0], [0, 0, 1, 1]).components.means.ravel()
        array([ 1., 12.])
        """
        from mixtura.algorithms.start import from_responsibilities

        source = as_source(X, sample_weight)
        start = from_responsibilities(source, as_responsibilities(resp, source.n_samples), structure)
        inner = start.mixture
        if start.collapsed:
            warnings.warn(
                f"component {start.collapsed[0]} has no rows, or none that differ in some direction; its covariance is "
                "held up by the resolution of the data and means nothing.",
                DegenerateWarning,
                stacklevel=2,
            )
        return cls.trusted(inner.weights, source.coordinates.outward(inner.components)).with_names(None, source.columns)

    # What it is made of

    @property
    def weights(self) -> Array:
        """(n_components,): mixing proportions."""
        return self._weights

    @property
    def components(self) -> F:
        """The components, of one family."""
        return self._components

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the components, where they have any."""
        return self._names

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Names of the columns, where they have any."""
        return self._columns

    @property
    def n_components(self) -> int:
        return self._components.n_components

    @property
    def n_features(self) -> int:
        return self._components.n_features

    @property
    def structure(self) -> str:
        """The structure of the components."""
        return self._components.structure

    @property
    def n_parameters(self) -> int:
        """Free parameters: those of the components, n_components − 1 proportions, if these are free, 2 for noise."""
        noise = 0 if self._noise is None else N_PARAMETERS
        free = (0 if self._equal else self.n_components - 1) + self._components.n_parameters + noise
        if self._fixed is None:
            return free
        proportions = self.n_components - (self._noise is None)
        return free - self._fixed.n_parameters(self._components) - min(len(self._fixed.weights), proportions)

    @property
    def equal_weights(self) -> bool:
        """Whether the weights are equal by assumption."""
        return self._equal

    @property
    def fixed(self) -> Fixed | None:
        """What EM leaves alone, where that is anything."""
        return self._fixed

    @property
    def _share(self) -> float:
        """Of the components: 1, or with noise 1 − π₀."""
        return 1.0 if self._noise is None else 1 - self._noise.weight

    @property
    def noise(self) -> Noise | None:
        """The noise, where rows may belong to no component."""
        return self._noise

    @property
    def proportions(self) -> Array:
        """(n_components,): the weights; with noise one more, the last, that of the noise."""
        return self._weights if self._noise is None else np.append(self._weights, self._noise.weight)

    @property
    def log_weights(self) -> Array:
        """(n_components,), nats; −inf for a weight of zero."""
        with np.errstate(divide="ignore"):
            return np.log(self._weights)

    @property
    def mean(self) -> Array:
        """(n_features,): E[x] = Σ π_k μ_k, data units; of the components alone, where there is noise."""
        mean: Array = self._weights @ self._components.component_means
        return mean if self._noise is None else mean / self._weights.sum()

    @property
    def covariance(self) -> Array:
        """(n_features, n_features): Σ π_k (Σ_k + (μ_k − μ)(μ_k − μ)ᵀ), data units²; of the components alone."""
        off = self._components.component_means - self.mean
        within = np.einsum("k,kij->ij", self._weights, self._components.component_covariances)
        covariance: Array = within + (self._weights[:, None] * off).T @ off
        return covariance if self._noise is None else covariance / self._weights.sum()

    def component_name(self, k: int) -> str:
        """The name of component k, or its number."""
        return self._names[k] if self._names else str(k)

    def column_name(self, j: int) -> str:
        """The name of column j, or `x` and its number."""
        if self._columns:
            return self._columns[j]
        return "x" if self.n_features == 1 else f"x{j}"

    def with_names(self, names: Sequence[str] | None = None, columns: Sequence[str] | None = None) -> Mixture[F]:
        """The same mixture with names for components, columns or both."""
        new = Mixture.trusted(self._weights, self._components, like=self)
        if names is not None:
            new._names = _labels(names, "names", self.n_components)
        if columns is not None:
            new._columns = _labels(columns, "columns", self.n_features)
        return new

    def take(self, order: Sequence[int]) -> Mixture[F]:
        """The components in another order; weights are divided by their sum if some are left out."""
        index = list(order)
        if not index or len(set(index)) < len(index) or not set(index) <= set(range(self.n_components)):
            raise ParameterError(f"order is {index}; expected different numbers from 0 to {self.n_components - 1}.")
        weights, some = self._weights[index], len(index) < self.n_components
        new = Mixture.trusted(
            frozen(weights * (self._share / weights.sum()) if some else weights),
            self._components.take(index),
            like=self,
        )
        new._names = tuple(self._names[k] for k in index) if self._names else None
        new._fixed = self._fixed and self._fixed.take(index)
        return new

    def into(self, centre: Array, scale: float) -> Mixture[F]:
        """The same mixture in coordinates u = (x − centre) / scale."""
        new = Mixture.trusted(self._weights, self._components.into(centre, scale), like=self)
        new._noise = self._noise and self._noise.into(centre, scale)
        return new

    def out_of(self, centre: Array, scale: float) -> Mixture[F]:
        """Back from u to x = centre + scale · u."""
        new = Mixture.trusted(self._weights, self._components.out_of(centre, scale), like=self)
        new._noise = self._noise and self._noise.out_of(centre, scale)
        return new

    # Other mixtures, and rows

    def sample(self, n_samples: int, rng: np.random.Generator | int | None = None) -> tuple[Array, Labels]:
        """Draws from the mixture.

        Parameters
        ----------
        n_samples : at least 1
        rng : a NumPy generator, a seed, or None for fresh entropy

        Returns
        -------
        X : (n_samples, n_features), in random order
        labels : (n_samples,), the component each row came from; −1 for noise, which is drawn from its box
        """
        generator, n = np.random.default_rng(rng), as_count(n_samples, "n_samples")
        if self._noise is None:
            labels = generator.choice(self.n_components, size=n, p=self._weights)
            return self._components.sample(labels, generator), labels
        box = self._noise.known_box("sample")
        labels = generator.choice(self.n_components + 1, size=n, p=np.append(self._weights, self._noise.weight))
        noise = labels == self.n_components
        X = np.empty((n, self.n_features))
        X[~noise] = self._components.sample(labels[~noise], generator)
        X[noise] = box.sample(int(noise.sum()), generator)
        return X, np.where(noise, LABEL, labels)

    def marginal(self, columns: Sequence[int | str]) -> Mixture[F]:
        """The mixture of some columns, by number or name, in that order; with noise in a box along the columns."""
        from mixtura.marginals import marginal

        return marginal(self, columns)

    def condition(self, given: Mapping[int | str, float]) -> Mixture[F]:
        """The mixture of the other columns where some have known values: again a mixture.

        Weights become π_k p(values | k) / Σ_j π_j p(values | j); `.mean` and `.covariance` of the result are the
        regression of the other columns on the known ones at these values (`conditional_moments`: for many rows).

        Parameters
        ----------
        given : {column number or name: value in data units}; at least one column must be left. Noise in a box along the
            columns stays noise, with the probability that the values are noise.

        Examples
        --------
        >>> import mixtura as mx
        >>> both = mx.Mixture([1.0], mx.Gaussian([[0, 0]], [[[1, 0.5], [0.5, 1]]]))
        >>> both.condition({0: 2.0}).mean
        array([1.])
        """
        from mixtura.marginals import condition

        return condition(self, given)

    def conditional_moments(self: Mixture[Gaussian], X: Any, given: Sequence[int | str]) -> tuple[Array, Array]:
        """Gaussian mixture regression: mean and covariance of the other columns, for many rows of known ones.

        m(x) = Σ_k p(k | x) m_k(x),  C(x) = Σ_k p(k | x) (C_k + (m_k(x) − m(x))(m_k(x) − m(x))ᵀ)

        Of the components alone, where there is noise.

        Parameters
        ----------
        X : (n_samples, len(given)), values of the known columns, data units
        given : the known columns, by number or name, in the order of X's columns

        Returns
        -------
        mean : (n_samples, n_rest), data units
        covariance : (n_samples, n_rest, n_rest), data units²
        """
        from mixtura.marginals import conditional_moments

        return conditional_moments(self, X, given)

    def impute(self, X: Any, method: str = "mean", rng: np.random.Generator | int | None = None) -> Array:
        """The rows with their missing cells (NaN, null) filled from what is known of each row.

        "mean" is E[x_m | x_o] = Σ_k p(k | x_o) E[x_m | x_o, k]; "draw" takes a component by p(k | x_o), then a value
        from its conditional distribution, so that filled rows vary as much as true ones do.

        Parameters
        ----------
        X : (n_samples, n_features) with missing cells
        method : "mean" or "draw"
        rng : of "draw": a NumPy generator, a seed, or None for fresh entropy

        Returns
        -------
        (n_samples, n_features) float64; known cells as they were

        Examples
        --------
        >>> import mixtura as mx
        >>> both = mx.Mixture([1.0], mx.Gaussian([[0, 0]], [[[1, 0.5], [0.5, 1]]]))
        >>> both.impute([[2.0, float("nan")]])
        array([[2., 1.]])
        """
        from mixtura.imputation import filled

        return filled(self, self._checked(X), method, np.random.default_rng(rng))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the mixture to a JSON file, whole or not at all; every number keeps its last bit."""
        from mixtura.persistence import save_mixture

        save_mixture(self, path)

    # Habits of a value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mixture):
            return NotImplemented
        return (
            np.array_equal(self._weights, other._weights)
            and self._components == other._components
            and self._names == other._names
            and self._columns == other._columns
            and self._equal == other._equal
            and self._fixed == other._fixed
            and self._noise == other._noise
        )

    __hash__ = None  # type: ignore[assignment]  # a value with arrays: equal, but not a key

    def __repr__(self) -> str:
        from mixtura.report.text import mixture_text

        return mixture_text(self)

    def _repr_html_(self) -> str:
        from mixtura.report.notebook import mixture_html

        return mixture_html(self)

    def refuse_noise(self, what: str) -> None:
        """For what knows components alone."""
        if self._noise is not None:
            raise ParameterError(f"{what} knows no noise. Leave it out: .with_noise(None).")


def _labels(values: Sequence[str] | None, what: str, n: int) -> tuple[str, ...] | None:
    if values is None:
        return None
    labels = tuple(str(v) for v in values)
    if len(labels) != n or len(set(labels)) < n:
        raise ShapeError(f"{what} is {list(labels)}; expected {n} different texts.")
    return labels
