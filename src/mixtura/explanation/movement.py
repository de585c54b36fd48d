"""How the components of a mixture moved and grew between two mixtures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mixtura.explanation.comparing import largest, settled
from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture
from mixtura.validation import Array


@dataclass(frozen=True)
class Movement:
    """From one mixture to another of the same components.

    Attributes
    ----------
    before, after : the two mixtures
    scale : the largest number among data and means, data units; moves below its rounding count as none
    """

    before: Mixture[Gaussian]
    after: Mixture[Gaussian]
    scale: float

    @cached_property
    def shift(self) -> Array:
        """(n_components, n_features): of the means, data units; negative is to the left."""
        return settled(self.after.components.means - self.before.components.means, self.scale)

    @cached_property
    def relative_shift(self) -> Array:
        """(n_components, n_features): shift as a share of |mean before|; NaN where that is zero."""
        size = np.abs(self.before.components.means)
        known = size > 0
        return np.where(known, self.shift / np.where(known, size, 1.0), np.nan)

    @cached_property
    def distance(self) -> Array:
        """(n_components,): |L⁻¹ shift|, in the component's own standard deviations before the move."""
        components = self.before.components
        form, shared = components.constraint.form, components.constraint.shared
        moved = [
            form.whiten(components.factors, 0 if shared else k, self.shift[k : k + 1])
            for k in range(components.n_components)
        ]
        return np.array([float(np.linalg.norm(z)) for z in moved])

    @cached_property
    def size_ratio(self) -> Array:
        """(n_components,): |C after|^(1/D) / |C before|^(1/D): in one dimension the ratio of the variances."""
        change = self.after.components.log_dets - self.before.components.log_dets
        return np.exp(2 * settled(change, 1.0) / self.before.n_features)

    @cached_property
    def spread_ratio(self) -> Array:
        """(n_components, n_features): ratio of the standard deviations by column."""
        return standard_deviations(self.after) / standard_deviations(self.before)

    def left_most(self, column: int = 0) -> tuple[int, ...]:
        """The components whose mean moves left most in a column; none where none moves left."""
        return largest(-self.shift[:, column], np.flatnonzero(self.shift[:, column] < 0).tolist())

    def left_most_relatively(self, column: int = 0) -> tuple[int, ...]:
        """The same by the share of |mean before|."""
        return largest(-self.relative_shift[:, column], np.flatnonzero(self.shift[:, column] < 0).tolist())

    def left_most_in_spreads(self) -> tuple[int, ...]:
        """The same in own standard deviations, in one dimension."""
        return largest(self.distance, np.flatnonzero(self.shift[:, 0] < 0).tolist())

    def furthest(self) -> tuple[int, ...]:
        """The components that moved furthest in data units; none where none moved."""
        far = np.linalg.norm(self.shift, axis=1)
        return largest(far, np.flatnonzero(far > 0).tolist())

    def furthest_in_spreads(self) -> tuple[int, ...]:
        """The components that moved furthest in own standard deviations; none where none moved."""
        return largest(self.distance, np.flatnonzero(self.distance > 0).tolist())

    def grew_most(self) -> tuple[int, ...]:
        """The components whose size grew most relatively; none where none grew."""
        return largest(self.size_ratio, np.flatnonzero(self.size_ratio > 1).tolist())


def standard_deviations(mixture: Mixture[Gaussian]) -> Array:
    """(n_components, n_features): by column, data units."""
    covariances = mixture.components.component_covariances
    deviations: Array = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    return deviations


def sizes(mixture: Mixture[Gaussian]) -> Array:
    """(n_components,): |C|^(1/D), data units²: the variance in one dimension, a mean variance in several."""
    size: Array = np.exp(2 * mixture.components.log_dets / mixture.n_features)
    return size
