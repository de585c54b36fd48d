"""The directions in which factor analysers are free: loadings but for rotations of the factors, and uniquenesses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixtura.families.factor_analyzers import FactorAnalyzers
from mixtura.linalg import solve_lower_stack
from mixtura.validation import Array


@dataclass(frozen=True, slots=True)
class FactorTangent:
    """Free directions of covariances ΛΛᵀ + Ψ, in coordinates whitened by L_k, to second order.

    Λ_k(φ) = Λ_k + L_k Σ_i φ_i C_ik,  Ψ_k(φ) = Ψ_k (1 + Σ_i φ_i c_ik)

    Attributes
    ----------
    first : (p, K, D, D), the derivative of L_k⁻¹ Σ_k(φ) L_k⁻ᵀ
    loadings : (p, K, D, q), C_ik; zero where a uniqueness moves
    """

    first: Array
    loadings: Array

    def bending(self, gradient: Array) -> Array:
        """(p, p): the matrix B with φᵀ B φ = Σ_k tr(G_k · second-order term of component k), for G_k (K, D, D)."""
        p = len(self.first)
        flat = self.loadings.reshape(p, -1)
        total: Array = (gradient @ self.loadings).reshape(p, -1) @ flat.T
        return (total + total.T) / 2


def factor_tangent(components: FactorAnalyzers) -> FactorTangent:
    """The tangent space of factor analysers.

    Rotations of the factors, Λ A with A skew, change no density. Directions are orthogonal to them: Λ̃ᵀ C is symmetric
    for the whitened loadings Λ̃ = L⁻¹ Λ.
    """
    k, d, q = components.loadings.shape
    whitened = solve_lower_stack(components.factors, components.loadings)
    inverse = solve_lower_stack(components.factors, np.broadcast_to(np.eye(d), (k, d, d)))
    own = inverse * np.sqrt(components.uniquenesses)[:, None, :]
    p = d * q - q * (q - 1) // 2
    first, loadings = np.zeros((k, p + d, k, d, d)), np.zeros((k, p + d, k, d, q))
    for j in range(k):
        loadings[j, :p, j] = moves = _transversal(whitened[j])
        half = moves @ whitened[j].T
        first[j, :p, j] = half + np.swapaxes(half, 1, 2)
        first[j, p:, j] = np.einsum("ai,bi->iab", own[j], own[j])
    return FactorTangent(first.reshape(-1, k, d, d), loadings.reshape(-1, k, d, q))


def _transversal(whitened: Array) -> Array:
    """(D q − q (q − 1) / 2, D, q): an orthonormal basis of the changes of loadings (D, q) that rotate no factors."""
    d, q = whitened.shape
    turned = np.zeros((q * (q - 1) // 2, d, q))
    for row, (a, b) in zip(turned, zip(*np.tril_indices(q, -1), strict=True), strict=True):
        row[:, a], row[:, b] = whitened[:, b], -whitened[:, a]
    basis = np.linalg.qr(turned.reshape(-1, d * q).T, mode="complete")[0]
    free: Array = basis[:, len(turned) :].T.reshape(-1, d, q)
    return free
