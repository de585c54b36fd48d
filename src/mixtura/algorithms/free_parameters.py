"""Free coordinates of a mixture, in which any straight step stays a mixture.

φ = (log π_k − mean log π, μ_k, strict lower part of L_k, log diag L_k), columns in units of their own spread; for noise
also log π₀ − mean log π. Any φ
maps back to proportions and positive definite covariances, so extrapolating needs no repairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture
from mixtura.validation import Array, frozen


@dataclass(frozen=True, slots=True)
class FreeParameters:
    """Packs Gaussian mixtures into vectors and back.

    Parameters
    ----------
    spread : (n_features,), the standard deviation of each column
    floor : (n_features,), no standard deviation comes back below it
    """

    spread: Array
    floor: Array

    def pack(self, mixture: Mixture[Any]) -> Array | None:
        """φ, or None where a weight is zero (on the boundary), parts are held fixed, or the family is another."""
        components = mixture.components
        if mixture.fixed is not None:
            return None
        noise = () if mixture.noise is None else (mixture.noise.weight,)
        if not isinstance(components, Gaussian) or not np.all(mixture.weights > 0) or 0 in noise:
            return None
        logs = np.log(mixture.weights)
        factors = components.factors
        scaled = factors / self.spread[:, None] if factors.ndim == 3 else factors
        if factors.ndim == 3:
            rows, columns = np.tril_indices(mixture.n_features)
            lower = scaled[:, rows, columns]
            lower[:, rows == columns] = np.log(lower[:, rows == columns])
        else:
            lower = np.log(scaled)
        middle = logs.mean()
        means = components.means / self.spread
        return np.concatenate([logs - middle, means.ravel(), lower.ravel(), np.log(noise) - middle])

    def unpack(self, phi: Array, like: Mixture[Any]) -> Mixture[Gaussian] | None:
        """The mixture of φ, of the same structure as another; None where it is not finite or below the floor."""
        old = like.components
        k, d = like.n_components, like.n_features
        with np.errstate(over="ignore", invalid="ignore"):
            phi, extra = (phi, phi[:0]) if like.noise is None else (phi[:-1], phi[-1:])
            largest = max([phi[:k].max(), *extra])
            weights, noise = np.exp(phi[:k] - largest), np.exp(extra - largest)
            means = phi[k : k + k * d].reshape(k, d) * self.spread
            lower = phi[k + k * d :]
            if old.factors.ndim == 3:
                rows, columns = np.tril_indices(d)
                entries = lower.reshape(len(old.factors), -1).copy()
                entries[:, rows == columns] = np.exp(entries[:, rows == columns])
                factors = np.zeros_like(old.factors)
                factors[:, rows, columns] = entries
                factors *= self.spread[:, None]
                smallest = np.diagonal(factors, axis1=1, axis2=2)
            else:
                factors = np.exp(lower).reshape(old.factors.shape)
                smallest = factors if factors.ndim == 2 else factors[:, None]
        total = weights.sum() + noise.sum()
        weights = weights / total
        finite = np.all(np.isfinite(means)) and np.all(np.isfinite(factors)) and np.all(weights > 0)
        if not finite or not np.all(smallest > self.floor):
            return None
        if old.constraint.shares_parts:  # extrapolated covariances keep no structure by themselves
            factors = old.constraint.project(factors, weights, self.floor)
        components = Gaussian.from_factors(frozen(means), frozen(factors), old.constraint)
        weight = float(noise.sum() / total)
        return Mixture.trusted(frozen(weights), components, like, like.noise and like.noise.weighing(weight))
