"""What is known of rows beside their cells: labels, components they may belong to, and rows that belong together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura.errors import ParameterError, ShapeError
from mixtura.validation import Array, Flags

Numbers = npt.NDArray[np.intp]

UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Known:
    """Knowledge of n rows.

    Attributes
    ----------
    code : (n,), 0 where any component may be, else which of the sets: c + 1 is the label c, or row c of `sets`
    n_classes : the smallest number of components that labels need
    sets : (S, K), the components of each set; None where the codes are labels
    log_prior : (n, K), nats, added to the log-weights of the components; None without soft priors
    group : (n,), rows of one number belong to one component together; −1 for a row alone; None without groups
    """

    code: Numbers
    n_classes: int = 1
    sets: Flags | None = None
    log_prior: Array | None = None
    group: Numbers | None = None

    @property
    def n_components(self) -> int | None:
        """The number of components that sets and priors are given for; None where any will do."""
        if self.log_prior is not None:
            return int(self.log_prior.shape[1])
        return None if self.sets is None else int(self.sets.shape[1])

    @property
    def linked(self) -> bool:
        """Whether rows cannot be cut into strata: each has a prior of its own, or waits for others."""
        return self.log_prior is not None or self.group is not None

    @property
    def informs(self) -> Flags:
        """(n,): rows of which more is known than their cells."""
        informs: Flags = self.code > 0
        if self.log_prior is not None:
            informs = informs | (np.ptp(self.evidence(self.log_prior.shape[1]), axis=1) > 0)
        return informs

    def allowed(self, n_components: int) -> Flags:
        """(S + 1, n_components): the components that each code allows."""
        own = np.eye(n_components, dtype=bool) if self.sets is None else self.sets
        return np.concatenate([np.ones((1, n_components), dtype=bool), own])

    def evidence(self, n_components: int) -> Array:
        """(n, n_components): what multiplies the weight of each component; 0 where it can't be, 1 where it may."""
        evidence = self.allowed(n_components)[self.code].astype(np.float64)
        return evidence if self.log_prior is None else evidence * np.exp(self.log_prior)

    def take(self, rows: Any) -> Known:
        """What is known of some of the rows."""
        return replace(
            self,
            code=self.code[rows],
            log_prior=None if self.log_prior is None else self.log_prior[rows],
            group=None if self.group is None else self.group[rows],
        )

    def check(self, n_components: int) -> None:
        """Refuse a number of components that labels, sets or priors do not fit."""
        if self.n_components not in (None, n_components):
            raise ParameterError(
                f"y has {self.n_components} columns but there are {n_components} components; expected one each."
            )
        if n_components < self.n_classes:
            row = int(np.argmax(self.code))
            raise ParameterError(
                f"y holds the label {self.n_classes - 1} (row {row}) but there are {n_components} components, counted "
                "from 0; ask for more components, or correct the label."
            )
        if self.group is not None:
            self._check_groups(n_components)

    def check_noise(self) -> None:
        """Refuse what noise has no place in."""
        if self.linked:
            raise ParameterError(
                "noise has no prior of its own and belongs to no group; give labels or allowed components beside noise."
            )

    def _check_groups(self, n_components: int) -> None:
        assert self.group is not None
        possible = self.evidence(n_components) > 0
        order = np.argsort(self.group, kind="stable")
        order = order[self.group[order] >= 0]
        if not len(order):
            return
        starts = np.flatnonzero(np.diff(self.group[order], prepend=-1))
        nothing = ~np.logical_and.reduceat(possible[order], starts, axis=0).any(axis=1)
        if nothing.any():
            first = int(np.argmax(nothing))
            members = order[starts[first] : [*starts[1:], len(order)][first]]
            raise ParameterError(
                f"rows {', '.join(map(str, members[:5].tolist()))} belong to one group but no component is allowed for "
                "all of them; correct groups or y."
            )


def as_known(y: Any, groups: Any, n_samples: int) -> Known | None:
    """What `y` and `groups` of `fit` and `em` say; None where that is nothing.

    Raises
    ------
    ShapeError, ParameterError
        For other shapes and kinds, labels below −1, and rows that no component may have.
    """
    if y is None and groups is None:
        return None
    known = Known(np.zeros(n_samples, dtype=np.intp)) if y is None else _of(np.asarray(y), n_samples)
    if groups is not None:
        known = replace(known, group=_groups(np.asarray(groups), n_samples))
        known._check_groups(known.n_components or known.n_classes)
    return known if known.linked or known.code.any() else None


def _of(y: npt.NDArray[Any], n_samples: int) -> Known:
    if y.ndim not in (1, 2) or len(y) != n_samples:
        raise ShapeError(
            f"y has shape {y.shape} but X has {n_samples} rows; expected ({n_samples},) labels, or ({n_samples}, "
            "n_components) flags or priors."
        )
    if y.ndim == 1:
        if not np.issubdtype(y.dtype, np.integer):
            raise ParameterError(
                f"y holds {y.dtype} values; expected whole numbers, labels counted from 0 and -1 where unknown."
            )
        if y.min() < UNKNOWN:
            row = int(np.argmin(y))
            raise ParameterError(f"y[{row}] is {int(y[row])}; expected labels counted from 0, or -1 where unknown.")
        return Known((y + 1).astype(np.intp), int(y.max(initial=0)) + 1)
    if y.dtype == np.bool_:
        _check_possible(y, "allows no component")
        sets, code = np.unique(y, axis=0, return_inverse=True)
        code = np.where(sets.all(axis=1), 0, np.arange(1, len(sets) + 1))[code.reshape(-1)]
        return Known(code.astype(np.intp), sets=sets)
    prior = np.ascontiguousarray(y, dtype=np.float64)
    bad = ~(np.isfinite(prior) & (prior >= 0)).all(axis=1)
    if bad.any():
        row = int(np.argmax(bad))
        raise ParameterError(f"y[{row}] is {prior[row].tolist()}; priors must be finite and non-negative.")
    _check_possible(prior > 0, "gives every component the prior 0")
    with np.errstate(divide="ignore"):
        return Known(np.zeros(n_samples, dtype=np.intp), log_prior=np.log(prior))


def _check_possible(possible: Flags, what: str) -> None:
    nothing = ~possible.any(axis=1)
    if nothing.any():
        raise ParameterError(f"y[{int(np.argmax(nothing))}] {what}; a row needs one that it may belong to.")


def _groups(groups: npt.NDArray[Any], n_samples: int) -> Numbers:
    """(n,): groups of several rows by number; −1 for rows alone."""
    if groups.shape != (n_samples,):
        raise ShapeError(f"groups has shape {groups.shape} but X has {n_samples} rows; expected ({n_samples},).")
    if not np.issubdtype(groups.dtype, np.integer):
        raise ParameterError(f"groups holds {groups.dtype} values; expected whole numbers, -1 for rows in no group.")
    _, number = np.unique(groups, return_inverse=True)
    number = np.where(groups < 0, -1, number.reshape(-1))
    return number.astype(np.intp)
