"""The directions in which a covariance structure leaves room: its tangent space, and how it bends.

Around the covariances Σ_k = L_k L_kᵀ of a mixture, a structure is written as

    Σ_k(φ) = F_k exp(Ω_k) P_k exp(S_k) exp(−Ω_k) F_kᵀ

with S_k symmetric and Ω_k skew, both linear in the free parameters φ. Where the orientation goes with the shape (or
there is none), F_k = L_k, P_k = 1 and Ω_k = 0; where it is shared or free apart from the shape, F_k are the common
axes and P_k the variances along them. The three letters of the structure say which entries of S_k and Ω_k are free and
which components share them, so the fourteen structures need no formula of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mixtura.linalg import solve_lower_stack
from mixtura.validation import Array


@dataclass(frozen=True, slots=True)
class Tangent:
    """Free directions of the covariances, in coordinates whitened by L_k, to second order.

    L_k⁻¹ Σ_k(φ) L_k⁻ᵀ = 1 + Σ_i φ_i E_ik + ½ Σ_ij φ_i φ_j (…) + …

    Attributes
    ----------
    first : (p, K, D, D), E_ik
    symmetric, skew : (p, K, D, D), the directions of S_k and Ω_k
    axes : (K, D, D), L_k⁻¹ F_k
    variances : (K, D), the diagonal of P_k
    """

    first: Array
    symmetric: Array
    skew: Array
    axes: Array
    variances: Array

    def bending(self, gradient: Array) -> Array:
        """(p, p): the matrix B with φᵀ B φ = Σ_k tr(G_k · second-order term of component k), for G_k (K, D, D)."""
        p = len(self.first)
        total = np.zeros((p, p))
        for k in range(self.first.shape[1]):
            pulled = self.axes[k].T @ gradient[k] @ self.axes[k]
            weighted, s, skew = pulled * self.variances[k], self.symmetric[:, k], self.skew[:, k]
            stretched = self.variances[k][:, None] * s
            turned = pulled @ skew - skew @ pulled
            total += 0.5 * _traces(weighted @ s, s)
            total += _traces(turned, stretched + 0.5 * _turn(skew, self.variances[k]))
        return (total + total.T) / 2


def tangent_of(structure: str, factors: Array) -> Tangent:
    """The tangent space of a structure (mclust's letters) at covariances with lower triangular factors (K, D, D)."""
    k, d = factors.shape[:2]
    volume, shape, orientation = tuple(structure) if len(structure) == 3 else (structure, "I", "I")
    joint = orientation == "I" or orientation == shape
    blocks: list[tuple[Array, Array]] = []
    for scale in _shared(np.eye(d)[None], k, volume):
        blocks.append((scale, np.zeros_like(scale)))
    if shape != "I":
        for stretch in _shared(_traceless(d, full=joint and orientation != "I"), k, shape):
            blocks.append((stretch, np.zeros_like(stretch)))
    if not joint:
        for rotation in _shared(_rotations(d), k, orientation):
            blocks.append((np.zeros_like(rotation), rotation))
    symmetric = np.stack([s for s, _ in blocks])
    skew = np.stack([o for _, o in blocks])
    if joint:
        axes, variances = np.broadcast_to(np.eye(d), factors.shape), np.ones((k, d))
    else:
        frames, variances = _frames(factors, common=orientation == "E")
        axes = solve_lower_stack(factors, frames)
    change = variances[:, :, None] * symmetric + _turn(skew, variances)
    first = axes @ change @ np.swapaxes(axes, -2, -1)
    return Tangent((first + np.swapaxes(first, -2, -1)) / 2, symmetric, skew, axes, variances)


def _shared(basis: Array, k: int, letter: str) -> Iterator[Array]:
    """Each direction (K, D, D): of all components together for E, of each alone for V."""
    for direction in basis:
        if letter == "E":
            yield np.broadcast_to(direction, (k, *direction.shape))
        else:
            for j in range(k):
                alone = np.zeros((k, *direction.shape))
                alone[j] = direction
                yield alone


def _traceless(d: int, full: bool) -> Array:
    """A basis of symmetric (or diagonal) matrices without trace, (m, D, D)."""
    diagonal = np.zeros((d - 1, d, d))
    for j in range(d - 1):  # Helmert's contrasts: orthogonal, so that no direction is special
        diagonal[j, range(j + 1), range(j + 1)] = 1.0
        diagonal[j, j + 1, j + 1] = -(j + 1.0)
        diagonal[j] /= np.linalg.norm(diagonal[j])
    if not full:
        return diagonal
    rotations = _rotations(d)
    return np.concatenate([diagonal, np.abs(rotations)])


def _rotations(d: int) -> Array:
    """A basis of skew matrices, (D (D − 1) / 2, D, D)."""
    rows, columns = np.tril_indices(d, -1)
    basis = np.zeros((len(rows), d, d))
    basis[range(len(rows)), rows, columns] = 1.0
    basis[range(len(rows)), columns, rows] = -1.0
    return basis


def _frames(factors: Array, common: bool) -> tuple[Array, Array]:
    """Axes (K, D, D) and variances (K, D) of the covariances; one frame for all where they are common."""
    if not common:
        left, values, _ = np.linalg.svd(factors)
        return left, values**2
    # Commuting matrices have the eigenvectors of any combination; different weights keep equal sums apart.
    size = np.einsum("kij,kij->k", factors, factors)
    mixed = np.concatenate(
        [f * np.sqrt((1 + 0.61803 * i % 1) / s) for i, (f, s) in enumerate(zip(factors, size, strict=True))], axis=1
    )
    frame = np.linalg.svd(mixed, full_matrices=False)[0]
    variances = np.sum((frame.T @ factors) ** 2, axis=2)
    return np.broadcast_to(frame, factors.shape), variances


def _turn(skew: Array, variances: Array) -> Array:
    """[Ω, P] for diagonal P: entries Ω_ab (P_b − P_a)."""
    turned: Array = skew * (variances[..., None, :] - variances[..., :, None])
    return turned


def _traces(left: Array, right: Array) -> Array:
    """(p, p): tr(A_i B_j)."""
    traces: Array = left.reshape(len(left), -1) @ np.swapaxes(right, -2, -1).reshape(len(right), -1).T
    return traces
