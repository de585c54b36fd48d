"""Gaussian mixtures of one shape and structure as arrays: what many starts are, from partition to climb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    """

    weights: Array
    means: Array
    factors: Array
    structure: Structure

    @classmethod
    def of(cls, mixtures: Sequence[Mixture[Gaussian]]) -> Stack:
        """Of mixtures of one shape and structure."""
        components = [m.components for m in mixtures]
        return cls(
            np.stack([m.weights for m in mixtures]),
            np.stack([c.means for c in components]),
            np.stack([c.factors for c in components]),
            components[0].constraint,
        )

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, i: int) -> Mixture[Gaussian]:
        """Mixture i, apart from the others: it keeps none of them in memory."""
        components = Gaussian.from_factors(self.means[i].copy(), self.factors[i].copy(), self.structure)
        return Mixture.trusted(frozen(self.weights[i].copy()), components)

    def take(self, chosen: Sequence[int]) -> Stack:
        """Some of them, in the order given."""
        index = list(chosen)
        return Stack(self.weights[index], self.means[index], self.factors[index], self.structure)
