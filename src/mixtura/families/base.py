"""The contract of a family: what the components of a mixture must be able to do.

EM needs four things of a family, each a pure function:

    component_log_prob(X)            log p(x | k): what the E-step compares
    moments(X, resp)                 expected sufficient statistics of a block; they add
    m_step(moments, counts, floor)   the components that maximise the expected log-density
    expected_log_prob(moments, …)    that expected log-density at any components: Jensen's bound

Everything else (sampling, marginals, text) is for people. `docs/developer/add_a_family.md` is the recipe.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np

from mixtura.errors import ParameterError
from mixtura.validation import Array, Flags


class Moments(Protocol):
    """Expected sufficient statistics of a family: a value that adds."""

    def __add__(self, other: Self, /) -> Self: ...


M = TypeVar("M", bound=Moments)


@dataclass(frozen=True, slots=True)
class Statistics(Generic[M]):
    """What one E-step leaves behind: everything the M-step and the certificate need, and no row.

    Attributes
    ----------
    log_likelihood : total nats, of the mixture that the E-step used
    log_max_resp : Σ w log max_k r, nats: zero where every assignment is certain (ICL's penalty, halved)
    counts : (n_components,), N_k = Σ w r
    moments : the family's own sums, in coordinates whitened by `origin`
    origin : the components whose coordinates the moments are in; as a rule those that the E-step used
    noise : Σ w r of uniform noise, where the mixture has it: a count like the others, that moves nothing
    prior : pseudo-data that the M-step adds, where the fit is regularised; `log_likelihood` then holds log prior too
    mixing : (n_components,), Σ r once a group, where rows belong together in groups: what the weights follow
    """

    log_likelihood: float
    log_max_resp: float
    counts: Array
    moments: M
    origin: Family
    noise: float = 0.0
    prior: Any = None
    mixing: Array | None = None

    def __add__(self, other: Self) -> Self:
        """Statistics of two sets of rows under one mixture and origin are the sum of both."""
        if self.origin is not other.origin and self.origin != other.origin:
            raise ParameterError("statistics about different origins do not add; take both about one.")
        return type(self)(
            self.log_likelihood + other.log_likelihood,
            self.log_max_resp + other.log_max_resp,
            self.counts + other.counts,
            self.moments + other.moments,
            self.origin,
            self.noise + other.noise,
            self.prior,
            None if self.mixing is None or other.mixing is None else self.mixing + other.mixing,
        )

    def m_step(self, floor: Array, held: Held | None = None) -> MStep:
        """The components that maximise `expected_log_prob`; no standard deviation below `floor` (n_features,)."""
        if hasattr(self.prior, "admit"):  # a constraint: the M-step without it, brought back inside
            step = self._m_step(floor, None, held)
            return MStep(self.prior.admit(step.components, self.counts), (), step.emptied)
        return self._m_step(floor, self.prior, held)

    def _m_step(self, floor: Array, prior: Any, held: Held | None) -> MStep:
        if held is None:
            return self.origin.m_step(self.moments, self.counts, floor, prior)
        return self.origin.held_m_step(self.moments, self.counts, floor, prior, held)

    def expected_log_prob(self, components: Family) -> float:
        """Σ_ik w r log p(x | k) under any components of the same structure, nats."""
        return self.origin.expected_log_prob(self.moments, self.counts, components)

    @property
    def memberships(self) -> Array:
        """(n_components,): what the weights are shared by, N_k, or one a group where rows are linked."""
        return self.counts if self.mixing is None else self.mixing

    @property
    def total_weight(self) -> float:
        """Σ w, the number of rows where rows have no weights."""
        return float(self.counts.sum()) + self.noise


@dataclass(frozen=True, slots=True)
class MStep:
    """What an M-step returns: new components, and which of them it could not update freely.

    Attributes
    ----------
    components : Family
    collapsed : held up by the floor
    emptied : without rows; they stayed where they were
    maximum : Σ w r log p(x | k) there in nats, where the family knows its maximum without computing it anew
    """

    components: Family
    collapsed: tuple[int, ...] = ()
    emptied: tuple[int, ...] = ()
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What an M-step leaves as it is.

    Attributes
    ----------
    components : whose means and covariances stay
    means, covariances : (n_components,), for which components
    """

    components: Family
    means: Flags
    covariances: Flags


class Family(ABC):
    """All components of a mixture as one immutable value."""

    name: ClassVar[str]

    @property
    @abstractmethod
    def n_components(self) -> int: ...

    @property
    @abstractmethod
    def n_features(self) -> int: ...

    @property
    @abstractmethod
    def n_parameters(self) -> int:
        """Free parameters of the components (the mixing proportions not counted)."""

    @property
    @abstractmethod
    def structure(self) -> str:
        """The name of the constraint that the M-step keeps; a family without any says its own name."""

    @abstractmethod
    def component_log_prob(self, X: Array) -> Array:
        """(n_samples, n_components): log p(x | k), nats, by plain NumPy."""

    @abstractmethod
    def moments(self, X: Array, resp: Array) -> Any:
        """Expected sufficient statistics of a block; `resp` (n_samples, n_components) holds w·r."""

    @abstractmethod
    def m_step(self, moments: Any, counts: Array, floor: Array, prior: Any = None) -> MStep:
        """The components that maximise `expected_log_prob`, and the log prior where there is one.

        No standard deviation is below `floor` (n_features,).
        """

    def held_m_step(self, moments: Any, counts: Array, floor: Array, prior: Any, held: Held) -> MStep:
        """The same with some parameters held: `mixtura.fixed.Fixed.check` says which families can."""
        raise NotImplementedError(f"{self.name} components hold nothing")

    @abstractmethod
    def expected_log_prob(self, moments: Any, counts: Array, at: Self) -> float:
        """Σ_ik w r log p(x | k; at) in nats, from the moments that were taken with `self`."""

    @abstractmethod
    def sample(self, labels: Any, rng: np.random.Generator) -> Array:
        """(n_samples, n_features): one draw from component labels[i] for each i."""

    @abstractmethod
    def take(self, order: Sequence[int]) -> Self:
        """The components in another order, or some of them."""

    @abstractmethod
    def into(self, centre: Array, scale: float) -> Self:
        """The same densities in coordinates u = (x − centre) / scale."""

    @abstractmethod
    def out_of(self, centre: Array, scale: float) -> Self:
        """Back from u to x = centre + scale · u."""

    @property
    def scale(self) -> float:
        """A power of two near the size of the spreads, in which squares neither overflow nor underflow."""
        return 1.0

    @property
    def rounding_grows(self) -> float:
        """How many times larger the rounding of a bound is than that of its terms; 1 where EM multiplies factors."""
        return 1.0

    @property
    @abstractmethod
    def component_means(self) -> Array:
        """(n_components, n_features): E[x | k]."""

    @property
    @abstractmethod
    def component_covariances(self) -> Array:
        """(n_components, n_features, n_features): Cov[x | k]."""

    @abstractmethod
    def marginal(self, columns: Sequence[int]) -> Self:
        """The distribution of some columns."""

    @abstractmethod
    def condition(self, columns: Sequence[int], values: Array) -> Self:
        """The distribution of the other columns where `columns` have these values."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, exact to the last bit, for a model file."""

    @classmethod
    @abstractmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
