"""Gaussian mixtures of one shape and structure as arrays: what many starts are, from partition to climb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mixtura.families.covariance import Structure
from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture
from mixtura.validation import Array, frozen


@dataclass(frozen=True, slots=True)
class Stack:
    """B mixtures, in inner coordinates.

    Attributes
    ----------
    weights : (B, K)
    means : (B, K, D)
    factors : (B, m, …), the stacked factors of `Gaussian.factors`: m is 1 where they are shared
    structure : Structure
    equal_weights : whether the weights are equal by assumption
    """

    weights: Array
    means: Array
    factors: Array
    structure: Structure
    equal_weights: bool = False

    @classmethod
    def of(cls, mixtures: Sequence[Mixture[Gaussian]]) -> Stack:
        """Of mixtures of one shape and structure."""
        components = [m.components for m in mixtures]
        return cls(
            np.stack([m.weights for m in mixtures]),
            np.stack([c.means for c in components]),
            np.stack([c.factors for c in components]),
            components[0].constraint,
            mixtures[0].equal_weights,
        )

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, i: int) -> Mixture[Gaussian]:
        """Mixture i, apart from the others: it keeps none of them in memory."""
        components = Gaussian.from_factors(self.means[i].copy(), self.factors[i].copy(), self.structure)
        mixture = Mixture.trusted(frozen(self.weights[i].copy()), components)
        return mixture.with_equal_weights() if self.equal_weights else mixture

    def with_equal_weights(self) -> Stack:
        """The same components, all of one weight."""
        equal = np.full_like(self.weights, 1 / self.weights.shape[1])
        return replace(self, weights=equal, equal_weights=True)

    def take(self, chosen: Sequence[int]) -> Stack:
        """Some of them, in the order given."""
        index = list(chosen)
        return Stack(self.weights[index], self.means[index], self.factors[index], self.structure, self.equal_weights)
