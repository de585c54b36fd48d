"""Free coordinates of a mixture, in which any straight step stays a mixture.

φ = (log π_k − mean log π, μ_k, strict lower part of L_k, log diag L_k), columns in units of their own spread; for noise
also log π₀ − mean log π; of factor analysers loadings and log √ψ_k in place of L_k. Any φ maps back to proportions and
positive definite covariances, so extrapolating needs no repairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture
from mixtura.validation import Array, frozen

LARGEST = 1e150
"""Of a factor: its square is finite."""


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
        scaled = components.state / self.spread[:, None] if factors.ndim == 3 else factors
        if components.constraint.n_factors:
            lower = np.concatenate([scaled[:, :, :-1], np.log(scaled[:, :, -1:])], axis=2)
        elif factors.ndim == 3:
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
            if old.constraint.n_factors:
                factors = lower.reshape(k, d, -1).copy()
                factors[:, :, -1] = np.exp(factors[:, :, -1])
                factors *= self.spread[:, None]
                smallest = factors[:, :, -1] = np.maximum(factors[:, :, -1], self.floor)
            elif old.factors.ndim == 3:
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
        weights, weight = weights / total, float(noise.sum() / total)
        finite = np.all(np.isfinite(means)) and np.all(np.abs(factors) < LARGEST) and np.all(weights > 0) and weight < 1
        if not finite or not np.all(smallest > self.floor * (not old.constraint.n_factors)):
            return None
        if old.constraint.shares_parts:  # extrapolated covariances keep no structure by themselves
            factors = old.constraint.project(factors, weights, self.floor)
        components = old.from_state(frozen(means), frozen(factors), old.constraint)
        return Mixture.trusted(frozen(weights), components, like, like.noise and like.noise.weighing(weight))
