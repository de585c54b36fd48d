"""Gaussian components under a covariance structure, with EM in whitened coordinates.

The E-step needs z = L_k⁻¹(x − μ_k) anyway, so the sufficient statistics are taken of z, and the M-step multiplies
factors: δ = s/N, μ' = μ + Lδ, L' = L · root(T/N − δδᵀ). The covariance itself is never formed while iterating, so
neither the offset of the data nor the condition number of Σ costs digits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

import numpy as np

from mixtura.errors import ShapeError, StructureError
from mixtura.families.base import Family, Held, MStep
from mixtura.families.covariance import Structure, resolve_structure
from mixtura.families.factors import DIAGONAL, FULL, SPHERICAL
from mixtura.families.prior import Prior
from mixtura.linalg import diagonals, lower_from_square_roots, times_inverse_of_lower
from mixtura.validation import Array, Flags, as_array, frozen

LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True, slots=True)
class GaussianMoments:
    """Sums of z = L_k⁻¹(x − μ_k), weighted by responsibilities.

    Attributes
    ----------
    sums : (K, D), s_k = Σ w r z
    squares : (K,), Σ w r |z|²
    scatter : T_k = Σ w r z zᵀ as far as the structure needs it, stacked: (K, D, D) or (K, D), or one pooled over the
        components, (1, D, D) or (1, D); None for spherical forms, where the squares suffice
    """

    sums: Array
    squares: Array
    scatter: Array | None

    def __add__(self, other: GaussianMoments) -> GaussianMoments:
        """Sums over two sets of rows."""
        both = None if self.scatter is None or other.scatter is None else self.scatter + other.scatter
        return GaussianMoments(self.sums + other.sums, self.squares + other.squares, both)

    def second(self, shared: bool) -> Array:
        """T in the form of the structure, pooled over components where it is shared."""
        if self.scatter is not None:
            return self.scatter
        return self.squares.sum(keepdims=True) if shared else self.squares


class Gaussian(Family):
    """Gaussian components: means and covariances under one structure.

    p(x | k) = (2π)^(−D/2) |Σ_k|^(−½) exp(−½ (x − μ_k)ᵀ Σ_k⁻¹ (x − μ_k))

    Parameters
    ----------
    means : (n_components, n_features), data units; one dimension may be written flat, (n_components,)
    covariances : data units², in the structure's own compact shape: (K, D, D) for VVV, (D, D) for EEE, (K, D) for VVI,
        (D,) for EEI, (K,) for VII and V, a number for EII and E
    structure : str, optional
        What EM keeps. Where it is not given the shape says it: (K, D, D) is VVV, (K, D) is VVI, (K,) is VII.

    Raises
    ------
    ShapeError
        Where means and covariances do not fit.
    ParameterError
        Where a covariance is not symmetric and positive definite, or a number is not finite.
    StructureError
        For an unknown structure, or a shape that says none.

    Examples
    --------
    >>> Gaussian(means=[6, 7], covariances=[1, 4])
    Gaussian(n_components=2, n_features=1, structure='V')
    >>> Gaussian(means=[[0, 0], [3, 3]], covariances=[[1, 0.5], [0.5, 1]], structure="tied").structure
    'EEE'
    """

    name: ClassVar[str] = "gaussian"

    __slots__ = ("_covariances", "_factors", "_means", "_structure")
    _means: Array
    _factors: Array
    _structure: Structure
    _covariances: Array | None

    def __init__(self, means: Any, covariances: Any, structure: str | None = None) -> None:
        self._means = frozen(as_means(means))
        values = as_array(covariances, "covariances")
        if self.n_features == 1 and values.ndim > 1 and values.size == self.n_components:
            values = values.reshape(-1)
        name = _structure_of_shape(values.shape, self._means.shape) if structure is None else structure
        self._structure = resolve_structure(name, self.n_features)
        if self._structure.n_factors:
            raise StructureError(
                f"structure {name!r} needs loadings and uniquenesses; make it as "
                "mixtura.FactorAnalyzers(means, loadings, uniquenesses)."
            )
        if self._structure.shared and values.size == 1:
            values = values.reshape(self._compact_shape) if math.prod(self._compact_shape) == 1 else values
        if values.shape != self._compact_shape:
            raise ShapeError(
                f"covariances has shape {values.shape} but structure {self._structure.name} with means of shape "
                f"{self._means.shape} has shape {self._compact_shape}."
            )
        stacked = values[None] if self._structure.shared else values
        self._factors = frozen(self._structure.form.from_covariances(stacked))
        self._covariances = frozen(values)

    @classmethod
    def from_factors(cls, means: Array, factors: Array, structure: Structure) -> Self:
        """Components from stacked factors (m, …), trusted: the way of the M-step, which never forms Σ."""
        self = cls.__new__(cls)
        self._means, self._factors = frozen(means), frozen(factors)
        self._structure, self._covariances = structure, None
        return self

    @classmethod
    def standard(cls, means: Array, spread: Array, structure: Structure) -> Self:
        """Components with diagonal factors `spread` (n_features,) alike, where a first E-step or M-step looks from."""
        m = 1 if structure.shared else len(means)
        one = {
            FULL.name: np.diag(spread),
            DIAGONAL.name: spread,
            SPHERICAL.name: np.sqrt(np.mean(spread**2)),
        }[structure.form.name]
        return cls.from_factors(means, np.broadcast_to(one, (m, *np.shape(one))).copy(), structure)

    @classmethod
    def from_state(cls, means: Array, state: Array, structure: Structure) -> Self:
        """Components from what EM carries besides means (`state`), trusted."""
        return cls.from_factors(means, state, structure)

    @property
    def state(self) -> Array:
        """What EM carries besides means, one array: the factors."""
        return self._factors

    def at(self, means: Array) -> Self:
        """The same covariances about other means."""
        return self.from_factors(means, self._factors, self._structure)

    @property
    def means(self) -> Array:
        """(n_components, n_features), data units."""
        return self._means

    @property
    def covariances(self) -> Array:
        """Data units², in the structure's own compact shape."""
        if self._covariances is None:
            stacked = self._structure.form.covariances(self._factors)
            self._covariances = frozen(np.asarray(stacked[0] if self._structure.shared else stacked))
        return self._covariances

    @property
    def covariance_matrices(self) -> Array:
        """(n_components, n_features, n_features), data units²."""
        matrices = self._structure.form.matrices(self._factors, self.n_features)
        return np.broadcast_to(matrices, (self.n_components, *matrices.shape[1:])).copy()

    @property
    def factors(self) -> Array:
        """Stacked factors L with Σ = L Lᵀ: (m, D, D), (m, D) or (m,), where m is 1 if they are shared."""
        return self._factors

    @property
    def structure(self) -> str:
        """mclust's name of the covariance structure."""
        return self._structure.name

    @property
    def constraint(self) -> Structure:
        """The structure with its form, its count of parameters and its M-step."""
        return self._structure

    @property
    def n_components(self) -> int:
        return int(self._means.shape[0])

    @property
    def n_features(self) -> int:
        return int(self._means.shape[1])

    @property
    def n_parameters(self) -> int:
        """Free parameters of means and covariances."""
        k, d = self.n_components, self.n_features
        return k * d + self._structure.covariance_parameters(k, d)

    @property
    def component_means(self) -> Array:
        return self._means

    @property
    def component_covariances(self) -> Array:
        return self.covariance_matrices

    @property
    def scale(self) -> float:
        return math.ldexp(1.0, math.frexp(float(np.abs(self._factors).max()))[1])

    @property
    def log_dets(self) -> Array:
        """(n_components,): log det L_k, half of log det Σ_k."""
        log_det = self._structure.form.log_det(self._factors, self.n_features)
        return np.broadcast_to(log_det, (self.n_components,))

    @property
    def _compact_shape(self) -> tuple[int, ...]:
        shape = self._structure.form.stack_shape(self.n_components, self.n_features)
        return shape[1:] if self._structure.shared else shape

    def _whiten(self, k: int, X: Array) -> Array:
        """(n_samples, n_features): z = L_k⁻¹(x − μ_k)."""
        return self._structure.form.whiten(self._factors, 0 if self._structure.shared else k, X - self._means[k])

    def component_log_prob(self, X: Array) -> Array:
        log_norm = -0.5 * self.n_features * LOG_2PI - self.log_dets
        log_prob = np.empty((len(X), self.n_components))
        for k in range(self.n_components):
            log_prob[:, k] = log_norm[k] - 0.5 * (self._whiten(k, X) ** 2).sum(axis=1)
        return log_prob

    def moments(self, X: Array, resp: Array) -> GaussianMoments:
        form, shared = self._structure.form, self._structure.shared
        sums = np.empty((self.n_components, self.n_features))
        squares = np.empty(self.n_components)
        scatters = []
        for k in range(self.n_components):
            z, r = self._whiten(k, X), resp[:, k]
            sums[k], squares[k] = r @ z, r @ (z**2).sum(axis=1)
            scatters.append(form.scatter(z, r))
        if scatters[0] is None:
            return GaussianMoments(sums, squares, None)
        scatter = np.stack([s for s in scatters if s is not None])
        return GaussianMoments(sums, squares, scatter.sum(axis=0, keepdims=True) if shared else scatter)

    def m_step(self, moments: GaussianMoments, counts: Array, floor: Array, prior: Prior | None = None) -> MStep:
        return self.held_m_step(moments, counts, floor, prior, None)

    def held_m_step(
        self, moments: GaussianMoments, counts: Array, floor: Array, prior: Prior | None, held: Held | None
    ) -> MStep:
        form, shared = self._structure.form, self._structure.shared
        sums, second, rows, degrees = moments.sums, moments.second(shared), counts, counts
        if prior is not None:
            sums, second, rows, degrees = prior.added_to(self, moments, counts)
        empty = ~(rows > np.finfo(float).tiny)
        n = np.where(empty, 1.0, rows)
        delta = np.where(empty[:, None], 0.0, sums / n[:, None])
        correction = form.outer(delta, delta) * n.reshape(-1, *[1] * form.ndim)
        scatter = second - _pooled(correction, shared)
        still = empty
        if held is not None:  # the scatter about a mean that stays is that about the rows' own, and n times the way off
            put = held.means & ~empty
            off = np.where(put[:, None], self._steps_to(held.components) - delta, 0.0)
            scatter += _pooled(form.outer(off, off) * n.reshape(-1, *[1] * form.ndim), shared)
            delta, still = delta + off, empty | held.covariances
        if still.any() and not shared:
            scatter[still] = form.degrees(self.n_features) * (np.eye(self.n_features) if form.ndim == 2 else 1.0)
        means = self._means + form.unwhiten(self._factors, delta)
        new, acted = self._updated(means, scatter, degrees if shared else np.where(still, 1.0, degrees), floor)
        lifted = np.broadcast_to(acted, (self.n_components,))
        if held is not None:
            new, lifted = new._holding(held), lifted & ~held.covariances
            empty = empty & ~(held.means & held.covariances)
        collapsed, emptied = tuple(np.flatnonzero(lifted).tolist()), tuple(np.flatnonzero(empty).tolist())
        maximum = None
        if not collapsed and not emptied and prior is None and not (held and held.covariances.any()):
            # Every structure has a scale to choose, and at the best one the squares left are one a row and column.
            total = float(counts.sum())
            maximum = -0.5 * self.n_features * (LOG_2PI + 1) * total - float(counts @ new.log_dets)
        return MStep(new, collapsed, emptied, maximum)

    def _updated(self, means: Array, scatter: Array, counts: Array, floor: Array) -> tuple[Self, Flags]:
        """The structure's M-step from the centred scatter, whitened; and (m,) where the floor acted."""
        factors, acted = self._structure.m_step(self._factors, scatter, counts, floor)
        return self.from_factors(means, factors, self._structure), acted

    def _steps_to(self, other: Any) -> Array:
        """(K, D): L_k⁻¹(μ'_k − μ_k)."""
        return self._structure.form.whiten_each(self._factors, other.means - self._means)

    def _holding(self, held: Held) -> Self:
        """The same with the parameters that are held, to the last bit."""
        old = held.components
        assert isinstance(old, Gaussian)
        means = np.where(held.means[:, None], old.means, self._means)
        factors = self._factors
        if held.covariances.all():
            factors = old.factors
        elif held.covariances.any():
            factors = np.where(held.covariances.reshape(-1, *[1] * (factors.ndim - 1)), old.factors, factors)
        return self.from_factors(means, factors, self._structure)

    def expected_log_prob(self, moments: GaussianMoments, counts: Array, at: Gaussian) -> float:
        form, shared = self._structure.form, self._structure.shared
        trace: Array
        if at is self:
            trace = moments.squares
        else:
            steps = self._steps_to(at)
            mixed = form.outer(moments.sums, steps)
            mixed = mixed + (np.swapaxes(mixed, -2, -1) if form.ndim == 2 else mixed)
            about = form.outer(steps, steps) * counts.reshape(-1, *[1] * form.ndim) - mixed
            second = moments.second(shared) + _pooled(about, shared)
            trace = form.ratio_trace(self._factors, at.factors, second)
        constant = -0.5 * self.n_features * LOG_2PI * counts.sum()
        return float(constant - counts @ at.log_dets - 0.5 * trace.sum())

    def digits_at_risk(self, moments: GaussianMoments, counts: Array) -> float:
        """How many times larger the second moment is than its centred part, at worst over components and pivots.

        T/N − δδᵀ cancels where a component jumps by many of its own spreads: this many ulps are lost.
        """
        form, shared = self._structure.form, self._structure.shared
        n = np.maximum(counts, np.finfo(float).tiny)
        delta = moments.sums / n[:, None]
        outer = form.outer(delta, delta) * n.reshape(-1, *[1] * form.ndim)
        raw = moments.second(shared)
        if not np.all(np.isfinite(raw)):
            return math.inf
        centred = raw - _pooled(outer, shared)
        if form.ndim == 2:
            try:
                smallest = (diagonals(np.asarray(np.linalg.cholesky(centred), dtype=float)) ** 2).min(axis=-1)
            except np.linalg.LinAlgError:
                return math.inf
            raw = np.max(diagonals(raw), axis=-1)
        else:
            smallest = centred
        positive = smallest > 0
        return float(np.max(np.where(positive, raw / np.where(positive, smallest, 1.0), math.inf)))

    def sample(self, labels: Any, rng: np.random.Generator) -> Array:
        X = rng.standard_normal((len(labels), self.n_features))
        for k in range(self.n_components):
            rows = labels == k
            factor = self._factors[0 if self._structure.shared else k]
            X[rows] = self._means[k] + (X[rows] @ factor.T if factor.ndim == 2 else X[rows] * factor)
        return X

    def take(self, order: Sequence[int]) -> Self:
        index = list(order)
        factors = self._factors if self._structure.shared else self._factors[index]
        return self.from_factors(self._means[index], factors, self._structure)

    def into(self, centre: Array, scale: float) -> Self:
        return self.from_factors((self._means - centre) / scale, self._factors / scale, self._structure)

    def out_of(self, centre: Array, scale: float) -> Self:
        return self.from_factors(self._means * scale + centre, self._factors * scale, self._structure)

    def marginal(self, columns: Sequence[int]) -> Self:
        kept = list(columns)
        form = self._structure.form
        factors = self._factors
        if form.ndim == 2:
            factors = lower_from_square_roots(factors[:, kept, :])
        elif form.ndim == 1:
            factors = factors[:, kept]
        return self._reduced(self._means[:, kept], factors)

    def condition(self, columns: Sequence[int], values: Array) -> Self:
        means = self.conditional_means(columns, values[None, :])[0]
        return self._reduced(means, self._conditional_factors(columns)[0])

    def conditional_means(self, columns: Sequence[int], values: Array) -> Array:
        """(n, n_components, n_rest): E[rest | columns = values, k] for rows of values (n, len(columns))."""
        given, rest = list(columns), self._rest(columns)
        means = np.empty((len(values), self.n_components, len(rest)))
        slopes = self._conditional_factors(columns)[1]
        for k in range(self.n_components):
            means[:, k] = self._means[k, rest] + (values - self._means[k, given]) @ slopes[k].T
        return means

    def conditional_covariances(self, columns: Sequence[int]) -> Array:
        """(n_components, n_rest, n_rest): Cov[rest | columns, k], the same for all values."""
        matrices = self._structure.form.matrices(self._conditional_factors(columns)[0], len(self._rest(columns)))
        return np.broadcast_to(matrices, (self.n_components, *matrices.shape[1:]))

    def _rest(self, columns: Sequence[int]) -> list[int]:
        return [j for j in range(self.n_features) if j not in set(columns)]

    def _conditional_factors(self, columns: Sequence[int]) -> tuple[Array, Array]:
        """Factors of the rest given the columns, stacked, and the regression slopes (K, n_rest, n_given).

        With the given columns first, L = [G 0; R S]: the slopes are R G⁻¹ and the conditional factor is S.
        """
        given, rest = list(columns), self._rest(columns)
        form, g = self._structure.form, len(given)
        if form.ndim < 2:
            factors = self._factors[:, rest] if form.ndim == 1 else self._factors
            return factors, np.zeros((self.n_components, len(rest), g))
        ordered = lower_from_square_roots(self._factors[:, given + rest, :])
        slopes = np.stack([times_inverse_of_lower(f[g:, :g], f[:g, :g]) for f in ordered])
        return ordered[:, g:, g:], np.broadcast_to(slopes, (self.n_components, len(rest), g))

    def _reduced(self, means: Array, factors: Array) -> Self:
        """Fewer columns: the form and the sharing stay; a common volume, shape or orientation, or factors, need not."""
        names = {FULL.name: "VVV EEE", DIAGONAL.name: "VVI EEI", SPHERICAL.name: "VII EII"}
        name = names[self._structure.form.name].split()[self._structure.shared]
        structure = resolve_structure(name, means.shape[1])
        if means.shape[1] == 1:
            factors = factors.reshape(len(factors))
        return cast(Self, Gaussian.from_factors(means, np.ascontiguousarray(factors), structure))

    def to_dict(self) -> dict[str, Any]:
        return {
            "structure": self.structure,
            "means": self._means.tolist(),
            "covariances": self.covariances.tolist(),
            "factors": self._factors.tolist(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        if "factors" not in data:  # written by hand
            return cls(data["means"], data["covariances"], data["structure"])
        means, factors = frozen(as_means(data["means"])), frozen(as_array(data["factors"], "factors"))
        read = cls.from_factors(means, factors, resolve_structure(data["structure"], means.shape[1]))
        given = frozen(as_array(data["covariances"], "covariances"))
        shape = read._compact_shape
        fits = factors.shape == ((1, *shape) if read._structure.shared else shape) and given.shape == shape
        with np.errstate(invalid="ignore", divide="ignore"):
            sound = fits and bool(np.all(np.isfinite(read.log_dets))) and _near(given, read.covariances)
        if not sound:
            raise ShapeError("the factors in the file are not those of its covariances.")
        read._covariances = given
        return read

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Gaussian):
            return NotImplemented
        return (
            self.structure == other.structure
            and np.array_equal(self._means, other._means)
            and np.array_equal(self.covariances, other.covariances)
        )

    __hash__ = None  # type: ignore[assignment]  # a value with arrays: equal, but not a key

    def __repr__(self) -> str:
        return f"Gaussian(n_components={self.n_components}, n_features={self.n_features}, structure={self.structure!r})"


def _pooled(each: Array, shared: bool) -> Array:
    """Summed over the components where they share a factor, (1, …)."""
    pooled: Array = each.sum(axis=0, keepdims=True) if shared else each
    return pooled


def _near(one: Array, other: Array) -> bool:
    """Whether two stacks of covariances agree but for rounding."""
    return bool(np.all(np.abs(one - other) <= 1e-9 * np.max(np.abs(other))))


def as_means(value: Any) -> Array:
    """Means as (n_components, n_features); flat ones are those of one column."""
    means = as_array(value, "means")
    if means.ndim < 2:
        means = means.reshape(-1, 1)
    if means.ndim != 2 or 0 in means.shape:
        raise ShapeError(
            f"means has shape {means.shape}; expected (n_components, n_features), or flat in one dimension."
        )
    return means


def _structure_of_shape(shape: tuple[int, ...], means_shape: tuple[int, ...]) -> str:
    """The structure that a shape of covariances says."""
    k, d = means_shape
    by_shape = {(k,): "VII", (k, d): "VVI", (k, d, d): "VVV"}
    if shape not in by_shape:
        raise StructureError(
            f"covariances of shape {shape} with means of shape {means_shape} do not say their structure; expected "
            f"({k}, {d}, {d}) for VVV, ({k}, {d}) for VVI or ({k},) for VII, or name it: structure='EEE' takes "
            f"({d}, {d}), 'EEI' ({d},), 'EII' a number."
        )
    return by_shape[shape]
