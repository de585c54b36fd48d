"""Gaussian mixtures of one shape and structure as arrays: what many starts are, from partition to climb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mixtura.families.covariance import Structure
from mixtura.families.factor_analyzers import family_of
from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture
from mixtura.noise import Box, Noise
from mixtura.validation import Array, frozen


@dataclass(frozen=True, slots=True)
class Stack:
    """B mixtures, in inner coordinates.

    Attributes
    ----------
    weights : (B, K)
    means : (B, K, D)
    factors : (B, m, …), the stacked factors of `Gaussian.factors`: m is 1 where they are shared. Of factor analysers,
        which remember more, `FactorAnalyzers.state`.
    structure : Structure
    equal_weights : whether the weights are equal by assumption
    noise : (B,), its weight in each, where there is noise, with `log_volume` and `box`; weights add up to 1 less that
    """

    weights: Array
    means: Array
    factors: Array
    structure: Structure
    equal_weights: bool = False
    noise: Array | None = None
    log_volume: float = 0.0
    box: Box | None = None

    @classmethod
    def of(cls, mixtures: Sequence[Mixture[Gaussian]]) -> Stack:
        """Of mixtures of one shape and structure."""
        components, noise = [m.components for m in mixtures], [m.noise for m in mixtures if m.noise is not None]
        return cls(
            np.stack([m.weights for m in mixtures]),
            np.stack([c.means for c in components]),
            np.stack([c.state for c in components]),
            components[0].constraint,
            mixtures[0].equal_weights,
            np.array([n.weight for n in noise]) if noise else None,
            noise[0].log_volume if noise else 0.0,
            noise[0].box if noise else None,
        )

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, i: int) -> Mixture[Gaussian]:
        """Mixture i, apart from the others: it keeps none of them in memory."""
        components = family_of(self.structure).from_state(self.means[i].copy(), self.factors[i].copy(), self.structure)
        noise = None if self.noise is None else Noise(float(self.noise[i]), self.log_volume, self.box)
        mixture = Mixture.trusted(frozen(self.weights[i].copy()), components, noise=noise)
        return mixture.with_equal_weights() if self.equal_weights else mixture

    def with_equal_weights(self) -> Stack:
        """The same components, all of one weight."""
        share = np.ones(len(self)) if self.noise is None else 1 - self.noise
        equal = np.repeat(share[:, None] / self.weights.shape[1], self.weights.shape[1], axis=1)
        return replace(self, weights=equal, equal_weights=True)

    def with_noise(self, noise: Noise | None) -> Stack:
        """The same components, with noise of that weight beside them."""
        if noise is None:
            return self
        weights = self.weights * (1 - noise.weight)
        shares = np.full(len(self), noise.weight)
        return replace(self, weights=weights, noise=shares, log_volume=noise.log_volume, box=noise.box)

    def take(self, chosen: Sequence[int]) -> Stack:
        """Some of them, in the order given."""
        index = list(chosen)
        noise = None if self.noise is None else self.noise[index]
        return replace(
            self, weights=self.weights[index], means=self.means[index], factors=self.factors[index], noise=noise
        )
