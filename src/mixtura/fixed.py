"""What EM holds fixed: weights, means and covariances, of all components or of some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from mixtura.errors import ParameterError
from mixtura.families.base import Family, Held
from mixtura.families.gaussian import Gaussian
from mixtura.validation import Array, frozen, nearest_names

PARTS = ("weights", "means", "covariances")

EXAMPLES = "such as 'means', ['weights', 'covariances'] or {'means': [0, 2], 'weights': [1]}"


@dataclass(frozen=True, slots=True)
class Fixed:
    """Numbers of the components whose weight, mean or covariance EM leaves alone.

    Attributes
    ----------
    weights, means, covariances : component numbers, in order
    """

    weights: tuple[int, ...] = ()
    means: tuple[int, ...] = ()
    covariances: tuple[int, ...] = ()

    @classmethod
    def parsed(cls, value: Any, n_components: int, names: Sequence[str] | None = None) -> Self | None:
        """What a caller asks for; None where that is nothing.

        Parameters
        ----------
        value : a part ("weights", "means", "covariances"), several, or {part: component numbers or names}
        n_components : of the mixture
        names : of the components, where they have any

        Raises
        ------
        ParameterError
            For another part, or a component that is not there.
        """
        if value is None:
            return None
        if isinstance(value, Fixed):
            value = {part: list(getattr(value, part)) for part in PARTS}
        everyone = range(n_components)
        if isinstance(value, str):
            asked: dict[str, Any] = {value: everyone}
        elif isinstance(value, Mapping):
            asked = dict(value)
        elif isinstance(value, Iterable):
            asked = dict.fromkeys(value, everyone)
        else:
            raise ParameterError(f"fixed is {value!r}; expected parts of a mixture, {EXAMPLES}.")
        for part in asked:
            if part not in PARTS:
                near = nearest_names(str(part), PARTS)
                raise ParameterError(f"fixed names {part!r}; expected {', '.join(PARTS)}, {EXAMPLES}.{near}")
        found = cls(*(_numbers(part, asked.get(part, ()), n_components, names) for part in PARTS))
        return found if any(found.to_dict().values()) else None

    def to_dict(self) -> dict[str, list[int]]:
        """{part: component numbers}, of those parts that hold any."""
        return {part: list(getattr(self, part)) for part in PARTS if getattr(self, part)}

    def take(self, order: Sequence[int]) -> Fixed | None:
        """For the components in another order, or some of them; weights are not held where components are left out."""
        place = {old: new for new, old in enumerate(order)}

        def moved(numbers: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(sorted(place[k] for k in numbers if k in place))

        weights = moved(self.weights) if set(self.weights) <= set(place) else ()
        new = Fixed(weights, moved(self.means), moved(self.covariances))
        return new if new.to_dict() else None

    def n_parameters(self, components: Family) -> int:
        """How many parameters of the components are held."""
        k, d = components.n_components, components.n_features
        of_covariances = components.n_parameters - k * d
        return len(self.means) * d + of_covariances * len(self.covariances) // k

    def held(self, components: Family) -> Held:
        """The same for the M-step, with the values."""
        everyone = np.arange(components.n_components)
        return Held(components, np.isin(everyone, self.means), np.isin(everyone, self.covariances))

    def next_weights(self, weights: Array, counts: Array) -> Array:
        """The proportions that maximise Σ N_k log π_k: the free ones share in proportion to N_k what the others leave.

        Noise is one more proportion, the last, where there is noise.
        """
        free = ~np.isin(np.arange(len(weights)), self.weights)
        total = counts[free].sum()
        new = np.array(weights)
        if total > 0:
            new[free] = (1 - weights[~free].sum()) * counts[free] / total
        return frozen(new)

    def check(self, weights: Array, components: Family, noisy: bool) -> None:
        """Refuse what EM cannot hold for a mixture, with the reason."""
        if not isinstance(components, Gaussian):
            raise ParameterError(f"parts of {components.name} components cannot be held fixed; Gaussian ones can.")
        k, structure = components.n_components, components.constraint
        if 0 < len(self.covariances) < k and (structure.shared or structure.shares_parts):
            raise ParameterError(
                f"fixed holds the covariances of components {list(self.covariances)} but under structure "
                f"{structure.name} all {k} share parts of them, so that one cannot stay while others move. Fix all or "
                "none, or take a structure where each has its own: VVV, VVI, VII or FA1."
            )
        rest = 1 - float(weights[list(self.weights)].sum())
        if 0 < len(self.weights) < k + noisy and rest < 1e-12:
            raise ParameterError(
                f"the fixed weights of components {list(self.weights)} sum to 1, which leaves nothing for the others; "
                "expected less, or all weights fixed."
            )


def _numbers(part: str, given: Any, n_components: int, names: Sequence[str] | None) -> tuple[int, ...]:
    """Component numbers, each once and in order, of numbers or names; True or "all" is everyone."""
    if given is True or (isinstance(given, str) and given == "all"):
        return tuple(range(n_components))
    if given is False or given is None:
        return ()
    numbers = []
    for one in given if isinstance(given, Iterable) and not isinstance(given, str) else [given]:
        if isinstance(one, str) and names and one in names:
            numbers.append(list(names).index(one))
        elif isinstance(one, (int, np.integer)) and not isinstance(one, bool) and 0 <= one < n_components:
            numbers.append(int(one))
        else:
            known = f" or a name of {', '.join(names)}" if names else ""
            raise ParameterError(
                f"fixed[{part!r}] names component {one!r}; expected a number from 0 to {n_components - 1}{known}."
            )
    return tuple(sorted(set(numbers)))
