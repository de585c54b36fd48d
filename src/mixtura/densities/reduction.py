"""Mixture reduction: fewer components with the same mean and covariance, and a bound on what is lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mixtura.densities.gaussians import Gaussians
from mixtura.densities.path import MergePath
from mixtura.errors import ParameterError
from mixtura.families.covariance import resolve_structure
from mixtura.families.gaussian import Gaussian
from mixtura.linalg import diagonals, lower_from_square_roots
from mixtura.mixture import Mixture
from mixtura.tables import Table
from mixtura.validation import Array, Labels, as_count, frozen


@dataclass(frozen=True, slots=True)
class Reduction:
    """A mixture with fewer components, and how it came about.

    Attributes
    ----------
    mixture : the smaller mixture, of structure VVV (V in one column)
    components : (n_original,), the component of `mixture` that each original one went into
    path : the merges, in order
    costs : (n_merges,), the bound on KL(before ‖ after) of each merge, nats
    """

    mixture: Mixture[Gaussian]
    components: Labels
    path: MergePath = field(repr=False)
    costs: Array = field(repr=False)

    @property
    def bound(self) -> float:
        """KL(original ‖ mixture) is at most this, nats: the costs add."""
        return float(self.costs.sum())

    @property
    def table(self) -> Table:
        """One row a merge: components left, what was merged, its cost, and the bound so far."""
        left = self.path.n_components - 1 - np.arange(len(self.costs))
        columns: dict[str, Any] = {"n_components": left, "merged": self.path.names(), "cost": self.costs}
        return Table(columns | {"bound": np.cumsum(self.costs)})


def reduce(mixture: Mixture[Any], n_components: int) -> Reduction:
    """A mixture of fewer components near to a given one, by merging pairs; mean and covariance stay as they are.

    B(i, j) = ½ ((π_i + π_j) log det Σ_ij − π_i log det Σ_i − π_j log det Σ_j), the least of which is merged first

    Parameters
    ----------
    mixture : of Gaussian components; noise stays as it is
    n_components : how many to keep, from 1

    Returns
    -------
    Reduction

    Raises
    ------
    ParameterError
        Where n_components is more than there are.

    Notes
    -----
    Runnalls (2007): B bounds the Kullback–Leibler divergence from before to after a merge. Their sum bounds that from
    the original to the result: by convexity it is Σ_S π_S KL(S ‖ merged S), and the entropy of a mixture is at least
    the mean of those of its components. Indifferent to the columns' units. Cost: n_original² n_features³.

    Examples
    --------
    >>> import mixtura as mx
    >>> three = mx.Mixture([0.4, 0.4, 0.2], mx.Gaussian([0.0, 0.1, 9.0], [1.0, 1.0, 1.0]))
    >>> found = mx.reduce(three, 2)
    >>> found.components, round(found.bound, 6)
    (array([0, 0, 1]), 0.000999)
    """
    gaussians = Gaussians.of(mixture)
    n_original = len(gaussians.weights)
    target = as_count(n_components, "n_components")
    if target > n_original:
        raise ParameterError(f"n_components is {target} but the mixture has {n_original}; expected at most as many.")
    weights, means, factors = gaussians.weights.copy(), gaussians.means.copy(), gaussians.factors.copy()
    alive = list(range(n_original))
    cost = np.full((n_original, n_original), np.inf)
    for i in alive:
        later = [j for j in alive if j > i]
        cost[i, later] = _costs(weights, means, factors, i, later)
    merges, costs = [], []
    while len(alive) > target:
        a, b = (int(i) for i in np.unravel_index(np.argmin(cost), cost.shape))
        merges.append((a, b))
        costs.append(cost[a, b])
        merged = _merged(weights, means, factors, a, [b])
        weights[a], means[a], factors[a] = weights[a] + weights[b], merged[0][0], merged[1][0]
        alive.remove(b)
        cost[b, :] = cost[:, b] = np.inf
        others = [j for j in alive if j != a]
        for j, value in zip(others, _costs(weights, means, factors, a, others), strict=True):
            cost[min(a, j), max(a, j)] = value
    path = MergePath(n_original, tuple(merges))
    smaller = _mixture(mixture, gaussians, weights[alive], means[alive], factors[alive])
    return Reduction(smaller, path.groups(target), path, np.array(costs, dtype=np.float64))


def _mixture(
    like: Mixture[Any], gaussians: Gaussians, weights: Array, means: Array, factors: Array
) -> Mixture[Gaussian]:
    """The components left, in data units, with the columns' names of the original."""
    d = means.shape[1]
    structure = resolve_structure("V" if d == 1 else "VVV", d)
    inner = Gaussian.from_factors(means, factors[:, 0, 0] if d == 1 else factors, structure)
    found = Mixture.trusted(frozen(weights), gaussians.coordinates.outward(inner), noise=like.noise)
    return found.with_names(columns=like.columns)


def _merged(weights: Array, means: Array, factors: Array, i: int, others: list[int]) -> tuple[Array, Array]:
    """Means (m, D) and factors (m, D, D) of component i merged with each of others.

    Σ = u Σ_i + v Σ_j + u v (μ_i − μ_j)(μ_i − μ_j)ᵀ with u, v their shares, as L Lᵀ by QR: no Σ is formed.
    """
    total = weights[i] + weights[others]
    u = np.where(total > 0, weights[i] / np.where(total > 0, total, 1.0), 0.5)
    v = 1 - u
    off = means[others] - means[i]
    root_i = np.sqrt(u)[:, None, None] * factors[i]
    root_j = np.sqrt(v)[:, None, None] * factors[others]
    roots = np.concatenate([root_i, root_j, (np.sqrt(u * v)[:, None] * off)[..., None]], axis=-1)
    return means[i] + v[:, None] * off, lower_from_square_roots(roots)


def _costs(weights: Array, means: Array, factors: Array, i: int, others: list[int]) -> Array:
    """(m,): B(i, j), nats."""
    if not others:
        return np.empty(0)
    _, merged = _merged(weights, means, factors, i, others)
    joint, one, each = (np.log(diagonals(f)).sum(axis=-1) for f in (merged, factors[i], factors[others]))
    cost: Array = weights[i] * (joint - one) + weights[others] * (joint - each)
    return np.maximum(cost, 0.0)
