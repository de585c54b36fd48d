"""Where many climbs ended: numbers for all of them, and each as a `Climb` where it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura.algorithms.climb import Climb
from mixtura.algorithms.degeneracy import short_trouble, spurious
from mixtura.validation import Array, Flags


@dataclass(frozen=True, slots=True)
class Ends:
    """Ends of B climbs.

    Attributes
    ----------
    log_likelihood : (B,), total nats
    n_iter : (B,), readings of the rows
    converged : (B,)
    troubled : (B,), whether the end is not to be trusted: `short_trouble` says why
    suspect : (B,), whether a component is spurious (`degeneracy.spurious`): any other sound end is preferred
    weights : (B, K)
    climb : builds the climb of one of them, with its trace
    """

    log_likelihood: Array
    n_iter: npt.NDArray[np.int64]
    converged: Flags
    troubled: Flags
    suspect: Flags
    weights: Array
    climb: Callable[[int], Climb]

    @classmethod
    def of(cls, climbs: Sequence[Climb]) -> Ends:
        """Of climbs that are there already."""
        return cls(
            np.array([c.log_likelihood for c in climbs]),
            np.array([c.n_iter for c in climbs]),
            np.array([c.converged for c in climbs]),
            np.array([bool(short_trouble(c)) for c in climbs]),
            np.array([bool(spurious(c.mixture, c.counts)) for c in climbs]),
            np.stack([c.mixture.weights for c in climbs]),
            list(climbs).__getitem__,
        )

    def __len__(self) -> int:
        return len(self.log_likelihood)

    def best_first(self, among: Sequence[int] | None = None) -> list[int]:
        """Indices: sound ones first, of these the suspect ones last, then by falling log-likelihood, ties by index."""
        indices = range(len(self)) if among is None else among
        keys: list[Any] = list(
            zip((2 * self.troubled + self.suspect).tolist(), (-self.log_likelihood).tolist(), strict=True)
        )
        return sorted(indices, key=lambda i: (*keys[i], i))

    def trusting(self) -> Ends:
        """The same with none suspect."""
        return replace(self, suspect=np.zeros_like(self.suspect))

    def above(self, i: int, value: float) -> bool:
        """Whether an end is sound, not suspect, and its log-likelihood lies above a value."""
        return not (self.troubled[i] or self.suspect[i]) and bool(self.log_likelihood[i] > value)

    def replaced(self, chosen: Sequence[int], others: Ends) -> Ends:
        """The same numbers but for some; `climb` knows of them already."""
        parts: dict[str, Any] = {}
        for name in ("log_likelihood", "n_iter", "converged", "troubled", "suspect", "weights"):
            parts[name] = getattr(self, name).copy()
            parts[name][list(chosen)] = getattr(others, name)
        return replace(self, **parts)

    def carried_on(self, chosen: Sequence[int], further: Ends) -> Ends:
        """The same climbs, some of which went on to further ends."""
        index = list(chosen)
        whole = self.replaced(index, further)
        whole.n_iter[index] += self.n_iter[index]
        place = {i: new for new, i in enumerate(chosen)}

        def climb(i: int) -> Climb:
            first = self.climb(i)
            if i not in place:
                return first
            end = further.climb(place[i])
            known = bool(first.trace or not first.n_iter) and bool(end.trace or not end.n_iter)
            end.trace = first.trace + end.trace if known else []
            end.n_iter += first.n_iter
            if end.failed_at is not None:
                end.failed_at += first.n_iter
            return end

        return replace(whole, climb=climb)
