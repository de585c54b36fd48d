"""Factor analysers as components: few common factors and a variance of its own for each column, for wide data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np

from mixtura import _core
from mixtura.errors import DataError, ParameterError, ShapeError
from mixtura.families.base import Held, MStep
from mixtura.families.covariance import Structure, resolve_structure
from mixtura.families.factor_analysis import along_principal_axes, improve, turned_towards
from mixtura.families.gaussian import Gaussian, GaussianMoments, as_means
from mixtura.families.prior import Prior
from mixtura.linalg import diagonals, semidefinite_root
from mixtura.validation import Array, Flags, as_array, frozen

FLAT = 2.0
"""A component has collapsed where its spread in some direction is below so many of the smallest ones."""


class FactorAnalyzers(Gaussian):
    """Gaussian components with Σ_k = Λ_k Λ_kᵀ + Ψ_k: q common factors, and what each column has of its own.

    x = μ_k + Λ_k z + e,  z ~ N(0, 1),  e ~ N(0, Ψ_k) with Ψ_k diagonal

    Parameters
    ----------
    means : (n_components, n_features), data units
    loadings : (n_components, n_features, n_factors), Λ_k, data units; any rotation of the factors is the same density
    uniquenesses : (n_components, n_features), the diagonals of Ψ_k, data units², positive

    Raises
    ------
    ShapeError, ParameterError
        Where shapes do not fit, a uniqueness is not positive, or a number is not finite.
    StructureError
        For more factors than columns determine, (D − q)² ≥ D + q.

    Notes
    -----
    Ghahramani & Hinton (1997); McLachlan & Peel (2000), chapter 8. K (D q − q (q − 1) / 2 + D) covariance parameters
    instead of K D (D + 1) / 2. Structures "FA1", "FA2", …; EM returns factors along principal axes, Λᵀ Ψ⁻¹ Λ diagonal.

    Examples
    --------
    >>> import numpy as np
    >>> one = FactorAnalyzers(np.zeros((1, 3)), [[[1], [2], [2]]], [[1, 1, 1]])
    >>> one.structure, one.n_parameters
    ('FA1', 9)
    >>> one.covariances[0].round(9).tolist()
    [[2.0, 2.0, 2.0], [2.0, 5.0, 4.0], [2.0, 4.0, 5.0]]
    """

    name: ClassVar[str] = "factor analyzer"

    __slots__ = ("_loadings", "_uniquenesses")
    _loadings: Array
    _uniquenesses: Array

    def __init__(self, means: Any, loadings: Any, uniquenesses: Any) -> None:
        means, loadings = as_means(means), as_array(loadings, "loadings")
        uniquenesses = as_array(uniquenesses, "uniquenesses")
        if loadings.ndim != 3 or loadings.shape[:2] != means.shape or not loadings.shape[2]:
            raise ShapeError(
                f"loadings has shape {loadings.shape} but means {means.shape}; expected "
                "(n_components, n_features, n_factors)."
            )
        if uniquenesses.shape != means.shape:
            raise ShapeError(f"uniquenesses has shape {uniquenesses.shape}; expected that of means, {means.shape}.")
        if not np.all(uniquenesses > 0):
            where = [int(i) for i in np.argwhere(~(uniquenesses > 0))[0]]
            raise ParameterError(f"uniquenesses{where} is {uniquenesses[tuple(where)]}; expected a positive variance.")
        structure = resolve_structure(f"FA{loadings.shape[2]}", means.shape[1])
        self._set(means, loadings, uniquenesses, structure)

    @classmethod
    def from_parts(cls, means: Array, loadings: Array, uniquenesses: Array, structure: Structure) -> Self:
        """Components from their parts, trusted."""
        self = cls.__new__(cls)
        self._set(means, loadings, uniquenesses, structure)
        return self

    def _set(self, means: Array, loadings: Array, uniquenesses: Array, structure: Structure) -> None:
        self._means, self._structure, self._covariances = frozen(means), structure, None
        self._loadings, self._uniquenesses = frozen(loadings), frozen(uniquenesses)
        self._factors = frozen(_core.factor_sum(self._loadings, self._uniquenesses))

    @classmethod
    def standard(cls, means: Array, spread: Array, structure: Structure) -> Self:
        k, d = means.shape
        uniquenesses = np.broadcast_to(spread**2, (k, d)).copy()
        return cls.from_parts(means, np.zeros((k, d, structure.n_factors)), uniquenesses, structure)

    @classmethod
    def from_state(cls, means: Array, state: Array, structure: Structure) -> Self:
        return cls.from_parts(means, state[:, :, :-1], state[:, :, -1] ** 2, structure)

    @property
    def state(self) -> Array:
        """(K, D, q + 1): loadings, and square roots of the uniquenesses beside them."""
        return np.concatenate([self._loadings, np.sqrt(self._uniquenesses)[:, :, None]], axis=2)

    @property
    def rounding_grows(self) -> float:
        # Each M-step makes its factors anew from loadings and uniquenesses, so their condition shows, columns scaled.
        scaled = self._factors / np.linalg.norm(self._factors, axis=2, keepdims=True)
        values = np.linalg.svd(scaled, compute_uv=False)
        return float(np.max(values[:, 0] / np.maximum(values[:, -1], np.finfo(float).tiny)))

    @property
    def loadings(self) -> Array:
        """(n_components, n_features, n_factors): Λ_k, data units."""
        return self._loadings

    @property
    def uniquenesses(self) -> Array:
        """(n_components, n_features): variance of each column that no factor explains, data units²."""
        return self._uniquenesses

    @property
    def n_factors(self) -> int:
        """q, common factors of each component."""
        return int(self._loadings.shape[2])

    def at(self, means: Array) -> Self:
        return self.from_parts(means, self._loadings, self._uniquenesses, self._structure)

    def held_m_step(
        self, moments: GaussianMoments, counts: Array, floor: Array, prior: Prior | None, held: Held | None
    ) -> MStep:
        # A generalised M-step: it raises the bound and does not reach its maximum, which is not known beforehand.
        return replace(super().held_m_step(moments, counts, floor, prior, held), maximum=None)

    def _holding(self, held: Held) -> Self:
        old = held.components
        assert isinstance(old, FactorAnalyzers)
        means = np.where(held.means[:, None], old.means, self._means)
        loadings = np.where(held.covariances[:, None, None], old.loadings, self._loadings)
        uniquenesses = np.where(held.covariances[:, None], old.uniquenesses, self._uniquenesses)
        return self.from_parts(means, loadings, uniquenesses, self._structure)

    def _updated(self, means: Array, scatter: Array, counts: Array, floor: Array) -> tuple[Self, Flags]:
        roots = self._factors @ _thin_root(scatter / counts[:, None, None])
        loadings, uniquenesses = improve(roots, self._loadings, self._uniquenesses, floor)
        loadings = turned_towards(loadings, self._loadings, uniquenesses)
        new = self.from_parts(means, loadings, uniquenesses, self._structure)
        lifted = np.any(uniquenesses <= floor**2 * (1 + 1e-9), axis=1)
        if lifted.any():  # as a rule factors explain that column and all is well (a Heywood case)
            lifted &= np.linalg.svd(new._factors / floor[:, None], compute_uv=False)[:, -1] < FLAT
        return new, lifted

    def digits_at_risk(self, moments: GaussianMoments, counts: Array) -> float:
        # The centred scatter may be singular and harmless: where rows are fewer than columns it always is.
        n = np.maximum(counts, np.finfo(float).tiny)[:, None]
        raw = diagonals(moments.second(False))
        centred = raw - moments.sums**2 / n
        with np.errstate(divide="ignore", invalid="ignore"):
            lost = raw.max(axis=1) / np.maximum(centred.min(axis=1), 0.0)
        return float(np.max(np.where(np.isfinite(lost), lost, np.inf)))

    def take(self, order: Sequence[int]) -> Self:
        index = list(order)
        return self.from_parts(self._means[index], self._loadings[index], self._uniquenesses[index], self._structure)

    def into(self, centre: Array, scale: float) -> Self:
        means = (self._means - centre) / scale
        return self.from_parts(means, self._loadings / scale, self._uniquenesses / scale**2, self._structure)

    def out_of(self, centre: Array, scale: float) -> Self:
        loadings = along_principal_axes(self._loadings, self._uniquenesses)
        means = self._means * scale + centre
        with np.errstate(over="ignore"):
            uniquenesses = self._uniquenesses * scale * scale
        if not np.all((uniquenesses >= np.finfo(float).tiny) & np.isfinite(uniquenesses)):
            raise DataError(
                f"rows spread by about {scale:.3g}, and float64 does not hold the variances of each column that factor "
                "analysers have. Multiply the columns by a power of ten."
            )
        return self.from_parts(means, loadings * scale, uniquenesses, self._structure)

    def to_dict(self) -> dict[str, Any]:
        return {
            "structure": self.structure,
            "means": self._means.tolist(),
            "loadings": self._loadings.tolist(),
            "uniquenesses": self._uniquenesses.tolist(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        read = cls(data["means"], data["loadings"], data["uniquenesses"])
        if read.structure != data["structure"]:
            raise ShapeError(
                f"the file says structure {data['structure']} but its loadings are those of {read.structure}."
            )
        return read

    def __repr__(self) -> str:
        return super().__repr__().replace("Gaussian(", "FactorAnalyzers(")


def family_of(structure: Structure) -> type[Gaussian]:
    """The class of components that keep a structure."""
    return FactorAnalyzers if structure.n_factors else Gaussian


def _thin_root(moments: Array) -> Array:
    """Square roots A (K, D, r) of a stack, A Aᵀ = M, without columns that are zero but for rounding in all of them."""
    try:
        return np.asarray(np.linalg.cholesky(moments), dtype=float)
    except np.linalg.LinAlgError:
        root = semidefinite_root(moments)
    lengths = np.linalg.norm(root, axis=1)
    largest = lengths.max(axis=1, keepdims=True)
    kept = np.any(lengths**2 > root.shape[1] * np.finfo(float).eps * largest**2, axis=0)
    kept[-1] = True
    thin: Array = root[:, :, kept]
    return thin
