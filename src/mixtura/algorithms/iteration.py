"""EM as an iterator of values, with a certificate in every iteration.

    L(θ_t)  ≤  bound(θ_{t+1}, q_t)  ≤  L(θ_{t+1})

The bound is a function of the statistics alone: it equals L(θ_t) where the E-step made it tight, and the M-step
raises it by Q(θ_{t+1} | θ_t) − Q(θ_t | θ_t), so it costs no pass over the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from mixtura.algorithms.stopping import Aitken
from mixtura.errors import CertificateError, ParameterError, ShapeError
from mixtura.families.base import Family, MStep, Statistics
from mixtura.mixture import Mixture
from mixtura.regularization import Regularization, as_regularization
from mixtura.sources import Coordinates, Source, as_source, by_columns
from mixtura.sources.known import as_known
from mixtura.sources.strata import with_knowledge
from mixtura.sweep import Sweep
from mixtura.validation import Array, as_count, as_positive, frozen

if TYPE_CHECKING:
    from mixtura.algorithms.online import OnlineStep

FLOOR_UNITS = 4.0
"""The smallest standard deviation, in rounding units of the data: the only floor (`docs/explanation/numerics.md`)."""

ROUNDING = 1e-12
"""Relative rounding that a certificate may show, of the sums it is made of; for float32 rows `SINGLE_ROUNDING`."""

SINGLE_ROUNDING = 1e-5

MOST_NOISE = float(np.nextafter(1.0, 0.0))
"""Weight of noise that took every row."""


@dataclass(frozen=True, slots=True)
class Iteration:
    """One E-step and one M-step.

    Attributes
    ----------
    index : 1, 2, …
    statistics : the sufficient statistics between the two steps (in inner, whitened coordinates)
    lower_bound : Jensen's bound of `after` at the E-step's responsibilities, total nats; with regularization, of
        log-likelihood + log prior
    collapsed : components whose covariance was held up by the resolution of the data
    emptied : components that no row belongs to any more; they stayed where they were
    """

    index: int
    statistics: Statistics[Any] = field(repr=False)
    lower_bound: float
    collapsed: tuple[int, ...]
    emptied: tuple[int, ...]
    inner_before: Mixture[Any] = field(repr=False)
    inner_after: Mixture[Any] = field(repr=False)
    coordinates: Coordinates = field(repr=False)

    @property
    def log_likelihood(self) -> float:
        """Of `before`, total nats: a by-product of its E-step."""
        return self.objective - self.log_prior

    @property
    def log_prior(self) -> float:
        """Of `before`, nats up to a constant; 0 without regularization."""
        prior = self.statistics.prior
        return 0.0 if prior is None else float(prior.log_density(self.inner_before.components))

    @property
    def objective(self) -> float:
        """log-likelihood + log prior of `before`: what `lower_bound` lies above."""
        return self.statistics.log_likelihood

    @property
    def before(self) -> Mixture[Any]:
        """θ_{t−1}, in data units."""
        return outward(self.inner_before, self.coordinates)

    @property
    def after(self) -> Mixture[Any]:
        """θ_t, in data units."""
        return outward(self.inner_after, self.coordinates)


@overload
def em(
    theta: Mixture[Any],
    X: Any,
    sample_weight: Any = None,
    *,
    algorithm: Literal["em"] = "em",
    y: Any = None,
    groups: Any = None,
    tol: float | None = None,
    max_iter: int | None = None,
    n_threads: int | None = None,
    engine: str | None = None,
    regularization: Regularization | str | None = None,
    fixed: Any = None,
) -> Iterator[Iteration]: ...


@overload
def em(
    theta: Mixture[Any],
    X: Any,
    sample_weight: Any = None,
    *,
    algorithm: Literal["online"],
    n_threads: int | None = None,
    engine: str | None = None,
) -> Iterator[OnlineStep]: ...


def em(
    theta: Mixture[Any],
    X: Any,
    sample_weight: Any = None,
    *,
    algorithm: str = "em",
    y: Any = None,
    groups: Any = None,
    tol: float | None = None,
    max_iter: int | None = None,
    n_threads: int | None = None,
    engine: str | None = None,
    regularization: Regularization | str | None = None,
    fixed: Any = None,
) -> Iterator[Iteration] | Iterator[OnlineStep]:
    """EM from a mixture: each value holds one E-step and one M-step.

    Without `tol` and `max_iter` it goes on for as long as you ask it to; components keep their order.

    Parameters
    ----------
    theta : where to start
    X : (n_samples, n_features) array, data frame, or path of a CSV or Parquet file; NaN and null are missing cells
    sample_weight : (n_samples,), optional; weight 2 counts a row twice
    algorithm : "em", or "online" for `online_em`: stepwise EM in one pass over the rows or over an endless iterator of
        blocks, not exact and without certificates; of what follows it takes `n_threads` and `engine`
    y, groups : what is known of the rows' components, optional: labels, flags or priors, and rows that belong together;
        see `fit`
    tol : nats per row, optional: stop where Aitken's estimate of the remaining gain lies below it
    max_iter : optional: stop after that many iterations
    n_threads : threads of the compiled engine; None is the machine's cores. Results do not depend on it.
    engine : "native", "reference" or None for the fastest that serves; "standard" reads X by the array API standard
    regularization : "ratio", "penalty", "map" or an object (`mixtura.EigenvalueRatio`, `mixtura.Penalty`,
        `mixtura.ConjugatePrior`); None adds nothing. Under "ratio" EM starts at the nearest mixture that keeps it.
    fixed : what stays as it is in `theta`: "weights", "means" or "covariances", several of them, or component numbers
        of each, such as {"means": [0, 2], "weights": [1]}. None is what `theta` itself says (`Mixture.with_fixed`).

    Yields
    ------
    Iteration, or OnlineStep

    Raises
    ------
    CertificateError
        If log-likelihood ≤ bound ≤ next log-likelihood fails beyond rounding: a bug, never swallowed.

    Notes
    -----
    Dempster, Laird & Rubin (1977); the bound as in Neal & Hinton (1998). An iteration reads the rows once.

    Examples
    --------
    >>> import mixtura as mx
    >>> theta0 = mx.Mixture([0.5, 0.5], mx.Gaussian(means=[6, 7], covariances=[1, 4]))
    >>> for it in mx.em(theta0, [-1, 0, 4, 5, 6], max_iter=2):
    ...     print(it.index, round(it.log_likelihood, 3), round(it.lower_bound, 3))
    1 -24.513 -11.079
    2 -10.956 -10.845
    """
    if algorithm == "online":
        from mixtura.algorithms.online import online_em

        others = {"y": y, "groups": groups, "tol": tol, "max_iter": max_iter, "regularization": regularization}
        for name, value in {**others, "fixed": fixed}.items():
            if value is not None:
                raise ParameterError(f"{name} is given, but online EM knows none; leave it out, or use algorithm='em'.")
        return online_em(theta, X, sample_weight, n_threads=n_threads, engine=engine)
    if algorithm != "em":
        raise ParameterError(f"algorithm is {algorithm!r}; expected 'em' or 'online'.")
    source = rows_for(theta, X, sample_weight, engine)
    if y is not None or groups is not None:
        known = as_known(y, groups, source.n_samples)
        if known is not None:
            known.check(theta.n_components)
        source = with_knowledge(source, known)
    if fixed is not None:
        theta = theta.with_fixed(fixed)
    stop = Aitken(as_positive(tol, "tol"), source.total_weight, source.dtype) if tol is not None else None
    max_iter = None if max_iter is None else as_count(max_iter, "max_iter")
    sweep = Sweep(source, n_threads, engine, as_regularization(regularization))
    return _iterate(sweep, sweep.admit(inward(theta, source.coordinates)), stop, max_iter)


def rows_for(theta: Any, X: Any, sample_weight: Any = None, engine: str | None = None) -> Source:
    """The rows that a mixture is to learn from, in its columns, after a look whether it is one and both fit."""
    if not isinstance(theta, Mixture):
        raise ParameterError(f"theta is {theta!r}; expected a mixtura.Mixture to start from.")
    source = by_columns(as_source(X, sample_weight, engine), theta.columns)
    if source.n_features != theta.n_features:
        raise ShapeError(
            f"X has {source.n_features} columns but theta has {theta.n_features} features; expected as many."
        )
    return source


def _iterate(sweep: Sweep, inner: Mixture[Any], stop: Aitken | None, max_iter: int | None) -> Iterator[Iteration]:
    last: Iteration | None = None
    floor = inner_floor(sweep.source)
    for index in count(1):
        if max_iter is not None and index > max_iter:
            return
        statistics = sweep.one(inner)
        if last is not None:
            check_certificate(last, statistics.log_likelihood, sweep.source)
        if stop is not None and stop.converged(statistics.log_likelihood):
            return
        last = advance(index, inner, statistics, floor, sweep.source.coordinates)
        yield last
        inner = last.inner_after


def advance(
    index: int, inner: Mixture[Any], statistics: Statistics[Any], floor: Array, coordinates: Coordinates
) -> Iteration:
    """The M-step after an E-step, and the bound: no row is read."""
    after, step = maximised(inner, statistics, floor)
    return Iteration(
        index,
        statistics,
        lower_bound(statistics, inner, after, step.maximum),
        step.collapsed,
        step.emptied,
        inner,
        after,
        coordinates,
    )


def maximised(before: Mixture[Any], statistics: Statistics[Any], floor: Array) -> tuple[Mixture[Any], MStep]:
    """The M-step: the mixture that maximises Q beside what `before` holds fixed, and what could not move freely."""
    step = statistics.m_step(floor, None if before.fixed is None else before.fixed.held(before.components))
    return _weighed(before, step.components, statistics), step


def _weighed(before: Mixture[Any], components: Family, statistics: Statistics[Any]) -> Mixture[Any]:
    """New components with the weights that maximise Σ N_k log π_k: N_k / N, or equal shares of what noise leaves."""
    members = statistics.memberships
    total = float(members.sum()) + statistics.noise
    if before.fixed is not None and before.fixed.weights:
        return _weighed_beside_fixed(before, components, statistics)
    noise = before.noise and before.noise.weighing(min(statistics.noise / total, MOST_NOISE))
    if not before.equal_weights:
        return Mixture.trusted(frozen(members / total), components, before, noise)
    after = Mixture.trusted(before.weights, components, before, noise)
    return after if noise is None else after.with_equal_weights()


def _weighed_beside_fixed(before: Mixture[Any], components: Family, statistics: Statistics[Any]) -> Mixture[Any]:
    """The same where some weights stay: the others, and that of the noise, share what is left."""
    assert before.fixed is not None
    if before.noise is None:
        return Mixture.trusted(before.fixed.next_weights(before.weights, statistics.memberships), components, before)
    weights, counts = (
        np.append(before.weights, before.noise.weight),
        np.append(statistics.memberships, statistics.noise),
    )
    new = before.fixed.next_weights(weights, counts)
    return Mixture.trusted(frozen(new[:-1].copy()), components, before, before.noise.weighing(float(new[-1])))


def lower_bound(
    statistics: Statistics[Any], before: Mixture[Any], after: Mixture[Any], maximum: float | None = None
) -> float:
    """Jensen's bound of `after` at the responsibilities of `before`, total nats.

    L(θ) + Q(θ' | θ) − Q(θ | θ) with Q(θ' | θ) = Σ N_k log π'_k + Σ w r log p(x | k; θ'). Where the M-step knows the
    second term's maximum it is taken: a wrong M-step then shows as a next log-likelihood that falls short of the bound.
    Noise counts among the weights alone: its density stays.
    """
    members = statistics.memberships
    alive = members > 0
    rise = np.log(after.weights[alive]) - np.log(before.weights[alive])
    reached = statistics.expected_log_prob(after.components) if maximum is None else maximum
    components = reached - statistics.expected_log_prob(before.components)
    bound = statistics.log_likelihood + float(members[alive] @ rise) + components
    if before.noise is not None and after.noise is not None and statistics.noise > 0:
        bound += statistics.noise * (after.noise.log_weight - before.noise.log_weight)
    if statistics.prior is not None:
        bound += statistics.prior.log_density(after.components) - statistics.prior.log_density(before.components)
    return bound


def check_certificate(iteration: Iteration, next_log_likelihood: float, source: Source) -> None:
    """Raise `CertificateError` where the sandwich fails beyond rounding; a floor that acted explains a fall."""
    if iteration.collapsed or iteration.emptied:
        return
    low, bound = iteration.objective, iteration.lower_bound
    size = abs(low) + abs(next_log_likelihood) + abs(bound) + source.total_weight * (source.n_features + 1)
    squares = getattr(iteration.statistics.moments, "squares", None)
    size += float(np.sum(squares)) if squares is not None else 0.0
    slack = (SINGLE_ROUNDING if source.dtype == np.float32 else ROUNDING) * size
    if not (low - slack <= bound <= next_log_likelihood + slack):
        slack *= max(m.components.rounding_grows for m in (iteration.inner_before, iteration.inner_after))
    if not (low - slack <= bound <= next_log_likelihood + slack):
        raise CertificateError(
            f"iteration {iteration.index}: log-likelihood {low!r}, bound {bound!r}, next log-likelihood "
            f"{next_log_likelihood!r} are not in order (rounding explains {slack:.3g}). This is a bug in mixtura: "
            "please report it with the data and the mixture that EM started from."
        )


def inward(theta: Mixture[Any], coordinates: Coordinates) -> Mixture[Any]:
    """The mixture in the inner coordinates of a source."""
    return theta.into(coordinates.centre, coordinates.scale)


def outward(inner: Mixture[Any], coordinates: Coordinates) -> Mixture[Any]:
    """The mixture in data units."""
    return inner.out_of(coordinates.centre, coordinates.scale)


def inner_floor(source: Source) -> Array:
    """(n_features,): the smallest standard deviation, in inner coordinates."""
    return FLOOR_UNITS * source.resolution / source.coordinates.scale
