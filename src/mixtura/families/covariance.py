"""Covariance structures: what components share, how many parameters that leaves, and the M-step that keeps it.

A structure is named as in mclust (Banfield & Raftery 1993; Celeux & Govaert 1995): three letters for volume, shape and
orientation of Σ_k = λ_k D_k A_k D_kᵀ, each Equal, Variable or Identity; `E` and `V` in one dimension. scikit-learn's
four names are understood too. A new structure is one row of `STRUCTURES`; `FA1`, `FA2`, … (factor analysers with that
many factors) are made as they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from mixtura import _core
from mixtura.errors import StructureError
from mixtura.families.factor_analysis import factor_parameters, most_factors
from mixtura.families.factors import DIAGONAL, FULL, SPHERICAL, Form
from mixtura.families.shared_parts import (
    MOST_STEPS,
    eev,
    eve,
    one_volume,
    own,
    thin_along_common_axes,
    vee,
    vei,
    vev,
    vve,
)
from mixtura.linalg import lower_from_square_roots
from mixtura.validation import Array, Flags, nearest_names

Minimise = Callable[[Array, Array, Array], Array]
"""(square roots of the mean scatter, counts, old factors) -> square roots of the covariances."""

Update = Callable[["Structure", Array, Array, Array, Array], tuple[Array, Flags]]
"""(structure, factors, centred scatter, counts, floor) -> (new factors, where the floor acted)."""


@dataclass(frozen=True, slots=True)
class Structure:
    """One constraint on the covariances of all components.

    Attributes
    ----------
    name : mclust's letters
    form : the form of its factors
    shared : whether all components share one factor
    covariance_parameters : (n_components, n_features) -> free parameters of the covariances
    description : in words
    update : the M-step; scatter is Σ r (z − δ)(z − δ)ᵀ in coordinates whitened by the old factors,
        one a component, or their sum where `shared`; None where the family does it, which remembers more than factors
    n_factors : of factor analysers; else 0
    """

    name: str
    form: Form
    shared: bool
    covariance_parameters: Callable[[int, int], int]
    description: str
    update: Update | None
    n_factors: int = 0

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by name: rows of the table are functions."""
        return structure_named, (self.name,)

    @property
    def shares_parts(self) -> bool:
        """Whether each component has a factor of its own, and all together are constrained."""
        return not (self.shared or self.own_moments or self.n_factors)

    def project(self, factors: Array, counts: Array, floor: Array) -> Array:
        """The nearest factors (Kullback & Leibler) that keep the structure: the M-step from these covariances."""
        form = self.form
        eye = np.eye(len(floor)) if form.ndim == 2 else np.ones(len(floor)) if form.ndim else np.ones(())
        n = counts.reshape(-1, *[1] * form.ndim)
        return self.m_step(factors, n * eye * form.degrees(len(floor)), counts, floor)[0]

    @property
    def own_moments(self) -> bool:
        """Whether the M-step is the mean scatter in the structure's own form."""
        return self.update is _own_moments

    def m_step(self, factors: Array, scatter: Array, counts: Array, floor: Array) -> tuple[Array, Flags]:
        """New factors, and (m,) where the floor acted."""
        assert self.update is not None
        return self.update(self, factors, scatter, counts, floor)


def _parts(minimise: Minimise) -> Update:
    """The M-step of a structure that shares part of the covariance, on square roots of the mean scatter."""

    def update(
        structure: Structure, factors: Array, scatter: Array, counts: Array, floor: Array
    ) -> tuple[Array, Flags]:
        form = structure.form
        # Roots a little below the floor keep logarithms finite; whether a spread of the new covariances is, is asked at
        # the end, before a common volume hides it. A flat scatter is no harm to those whose shape others share.
        roots = form.multiply(factors, scatter / counts.reshape(-1, *[1] * form.ndim), 0.5 * floor)[0]
        new = minimise(roots, counts, factors) if minimise in CLOSED else _iterate(structure, roots, counts, factors)
        lifted, acted = form.lift(lower_from_square_roots(new) if form.ndim == 2 else new, floor)
        if structure.name == "EVE":
            return lifted, thin_along_common_axes(roots, lifted, floor)
        return one_volume(lifted, counts) if structure.name.startswith("EV") else lifted, acted

    return update


CLOSED = (own, eev)
"""M-steps in closed form; the others iterate in the compiled core, as their NumPy twins say."""


def _iterate(structure: Structure, roots: Array, counts: Array, factors: Array) -> Array:
    old = np.broadcast_to(factors, roots.shape)
    new: Array = _core.shared_parts(structure.name, counts[None], old[None], roots[None], MOST_STEPS)[0]
    return new


def _own_moments(
    structure: Structure, factors: Array, scatter: Array, counts: Array, floor: Array
) -> tuple[Array, Flags]:
    """Σ is the mean scatter in the structure's own form: Σ_k = W_k / N_k, or ΣW_k / ΣN_k where shared.

    In square-root form L ← L · root(scatter / N), so Σ itself is never built (`docs/explanation/numerics.md`).
    """
    form = structure.form
    n = (counts.sum(keepdims=True) if structure.shared else counts) * form.degrees(len(floor))
    return form.multiply(factors, scatter / n.reshape(-1, *[1] * form.ndim), floor)


def _row(
    name: str, form: Form, shared: bool, parameters: Callable[[int, int], int], description: str, update: Update
) -> tuple[str, Structure]:
    return name, Structure(name, form, shared, parameters, description, update)


def _turns(d: int) -> int:
    """Free parameters of an orientation."""
    return d * (d - 1) // 2


STRUCTURES: dict[str, Structure] = dict(
    (
        _row("E", SPHERICAL, True, lambda k, d: 1, "equal variances", _own_moments),
        _row("V", SPHERICAL, False, lambda k, d: k, "each its own variance", _own_moments),
        _row("EII", SPHERICAL, True, lambda k, d: 1, "round, equal size", _own_moments),
        _row("VII", SPHERICAL, False, lambda k, d: k, "round, each its own size", _own_moments),
        _row("EEI", DIAGONAL, True, lambda k, d: d, "axis-aligned, equal size and shape", _own_moments),
        _row("VEI", DIAGONAL, False, lambda k, d: k + d - 1, "axis-aligned, equal shape", _parts(vei)),
        _row("EVI", DIAGONAL, False, lambda k, d: 1 + k * (d - 1), "axis-aligned, equal size", _parts(own)),
        _row("VVI", DIAGONAL, False, lambda k, d: k * d, "axis-aligned, each its own size and shape", _own_moments),
        _row("EEE", FULL, True, lambda k, d: d + _turns(d), "equal size, shape and orientation", _own_moments),
        _row("VEE", FULL, False, lambda k, d: k + d - 1 + _turns(d), "equal shape and orientation", _parts(vee)),
        _row("EVE", FULL, False, lambda k, d: 1 + k * (d - 1) + _turns(d), "equal size and orientation", _parts(eve)),
        _row("VVE", FULL, False, lambda k, d: k * d + _turns(d), "equal orientation", _parts(vve)),
        _row("EEV", FULL, False, lambda k, d: d + k * _turns(d), "equal size and shape", _parts(eev)),
        _row("VEV", FULL, False, lambda k, d: k + d - 1 + k * _turns(d), "equal shape", _parts(vev)),
        _row("EVV", FULL, False, lambda k, d: 1 + k * (d - 1 + _turns(d)), "equal size", _parts(own)),
        _row(
            "VVV",
            FULL,
            False,
            lambda k, d: k * (d + _turns(d)),
            "each its own size, shape and orientation",
            _own_moments,
        ),
    )
)


def structure_named(name: str) -> Structure:
    """The structure of a canonical name, for a mixture that is known to fit it."""
    return _factors_of_number(int(name[2:])) if _is_factor_analytic(name) else STRUCTURES[name]


ALIASES = {"FULL": "VVV", "TIED": "EEE", "DIAG": "VVI", "SPHERICAL": "VII"}
"""scikit-learn's names."""


MOST_FACTORS = 6
"""`"FA"` tries so many factors at most."""


def _factor_analytic(name: str, n_features: int) -> Structure:
    """The structure of `FA1`, `FA2`, …."""
    q, most = int(name[2:]), most_factors(n_features)
    if not 1 <= q <= most:
        known = f"FA1 to FA{most}" if most > 1 else "FA1" if most else "none"
        raise StructureError(
            f"structure {name!r} with {n_features} columns: so many factors say no less than a full covariance; "
            f"expected {known}, or VVV{'' if n_features > 1 else ' (V in one column)'}."
        )
    return _factors_of_number(q)


def _factors_of_number(q: int) -> Structure:
    words = f"{q} common factor{'s' if q > 1 else ''} and a rest of its own for each column"
    return Structure(f"FA{q}", FULL, False, lambda k, d: factor_parameters(k, d, q), words, None, q)


def _is_factor_analytic(name: str) -> bool:
    return name.startswith("FA") and name[2:].isdecimal()


@cache
def nested(inner: str, outer: str) -> bool:
    """Whether every mixture of one structure is one of the other: each of mclust's letters is as free or freer.

    Factor analysers contain VVI and those of fewer factors, and are contained in VVV.
    """
    if _is_factor_analytic(outer):
        return int(inner[2:]) < int(outer[2:]) if _is_factor_analytic(inner) else nested(inner, "VVI")
    if _is_factor_analytic(inner):
        return outer == "VVV"
    freedom = {"I": 0, "E": 1, "V": 2}
    if len(inner) != len(outer) or not set(inner + outer) <= set(freedom):
        return False
    return all(freedom[a] <= freedom[b] for a, b in zip(inner, outer, strict=True))


def structure_names(n_features: int) -> tuple[str, ...]:
    """All structures for that many columns, simplest first."""
    return tuple(name for name in STRUCTURES if (len(name) == 1) == (n_features == 1))


def factor_names(n_features: int) -> tuple[str, ...]:
    """FA1, FA2, … as far as the columns determine factors, `MOST_FACTORS` at most; FA1 alone where they do not."""
    return tuple(f"FA{q}" for q in range(1, max(1, min(MOST_FACTORS, most_factors(n_features))) + 1))


def resolve_structure(name: str, n_features: int) -> Structure:
    """The structure of a name in either vocabulary; in one dimension its volume letter alone counts.

    Raises
    ------
    StructureError
        For an unknown name (the nearest known ones are offered), or E or V with several columns.
    """
    canonical = ALIASES.get(str(name).upper(), str(name).upper())
    if _is_factor_analytic(canonical):
        return _factor_analytic(f"FA{int(canonical[2:])}", n_features)
    if canonical not in STRUCTURES:
        known = (*STRUCTURES, "FA1", *(a.lower() for a in ALIASES))
        raise StructureError(
            f"unknown structure {name!r}; known are {', '.join(known)}.{nearest_names(str(name), known)}"
        )
    if n_features == 1:
        return STRUCTURES[canonical[0]]
    if len(canonical) == 1:
        raise StructureError(
            f"structure {name!r} is for one column but there are {n_features}; {canonical}II is its round analogue."
        )
    return STRUCTURES[canonical]


def resolve_structures(names: str | Iterable[str], n_features: int) -> tuple[str, ...]:
    """A list of structures from `"all"`, one name, a comma-separated text or several names; duplicates once.

    `"FA"` among them stands for all numbers of factors that the columns determine, up to `MOST_FACTORS`.
    """
    if not isinstance(names, (str, Iterable)):
        raise StructureError(f"structure is {names!r}; expected 'all', a name such as 'VVV', or several.")
    if isinstance(names, str):
        if names.lower() == "all":
            return structure_names(n_features)
        names = [part.strip() for part in names.split(",") if part.strip()]
    each = [part for name in names for part in (factor_names(n_features) if str(name).upper() == "FA" else (name,))]
    resolved = tuple(dict.fromkeys(resolve_structure(name, n_features).name for name in each))
    if not resolved:
        raise StructureError("no structure was named; name at least one, or 'all'.")
    return resolved
