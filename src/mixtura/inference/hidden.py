"""What a row with missing cells adds to scores: its whitened position is known up to a Gaussian.

Given the known cells and component k, z ~ N(z̄, H) with H of the row's pattern. So E[z_a z_b] = z̄_a z̄_b + H_ab, and the
covariance of m = (1, z, products of z) is that of Gaussian moments up to the fourth (Isserlis 1918). Summed over the
rows of one pattern it needs no more than Σ w r, Σ w r z̄ and Σ w r z̄ z̄ᵀ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture
from mixtura.sources.base import Coordinates
from mixtura.sources.strata import Numbers, StratifiedSource
from mixtura.sweep.incomplete import gaussian, look, posterior
from mixtura.validation import Array, Labels


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows under the components of a mixture.

    Attributes
    ----------
    z : (m, K, D), E[z | known cells, k]
    resp : (m, K), with noise one more column
    weights : (m,)
    hidden : how far z is known; None where it is known exactly
    """

    z: Array
    resp: Array
    weights: Array
    hidden: Hidden | None = None


@dataclass(frozen=True, slots=True)
class Hidden:
    """Conditional covariances of z.

    Attributes
    ----------
    covariances : (P, K, D, D), H of each pattern under each component
    pattern : (m,), in order: the pattern of each row
    """

    covariances: Array
    pattern: Numbers

    def products(self, pairs: tuple[Labels, Labels]) -> Array:
        """(m, K, n_pairs): H_ab, what E[z_a z_b] has beside z̄_a z̄_b."""
        found: Array = self.covariances[:, :, pairs[0], pairs[1]][self.pattern]
        return found

    def spread(self, part: Part, pairs: tuple[Labels, Labels]) -> Array:
        """(K, q, q): Σ w r Cov(m | known cells, k)."""
        (_, k, d), n_pairs = part.z.shape, len(pairs[0])
        total = np.zeros((k, 1 + d + n_pairs, 1 + d + n_pairs))
        ends = np.searchsorted(self.pattern, np.arange(len(self.covariances) + 1))
        for p, hidden in enumerate(self.covariances):
            if not hidden.any():
                continue
            rows = slice(ends[p], ends[p + 1])
            resp = part.resp[rows, :k] * part.weights[rows, None]
            counts, z = resp.sum(axis=0), part.z[rows]
            sums = np.einsum("nk,nkd->kd", resp, z)
            second = np.einsum("nk,nka,nkb->kab", resp, z, z)
            total[:, 1 : 1 + d, 1 : 1 + d] += counts[:, None, None] * hidden
            cross = _with_products(hidden, sums, pairs)
            total[:, 1 : 1 + d, 1 + d :] += cross
            total[:, 1 + d :, 1 : 1 + d] += np.swapaxes(cross, 1, 2)
            total[:, 1 + d :, 1 + d :] += _of_products(hidden, counts, second, pairs)
        return total


def _with_products(hidden: Array, sums: Array, pairs: tuple[Labels, Labels]) -> Array:
    """(K, D, n_pairs): Σ w r Cov(z_c, z_a z_b), with Cov(z_c, z_a z_b) = H_ca z̄_b + H_cb z̄_a."""
    a, b = pairs
    found: Array = hidden[:, :, a] * sums[:, None, b] + hidden[:, :, b] * sums[:, None, a]
    return found


def _of_products(hidden: Array, counts: Array, second: Array, pairs: tuple[Labels, Labels]) -> Array:
    """(K, n_pairs, n_pairs): Σ w r Cov(z_a z_b, z_c z_d).

    Cov(z_a z_b, z_c z_d) = H_ac H_bd + H_ad H_bc + z̄_a z̄_c H_bd + z̄_b z̄_d H_ac + z̄_a z̄_d H_bc + z̄_b z̄_c H_ad.
    """
    a, b = (side[:, None] for side in pairs)
    c, d = (side[None, :] for side in pairs)
    n = counts[:, None, None]

    def both(first: tuple[Labels, Labels], other: tuple[Labels, Labels]) -> Array:
        h, g = hidden[:, *first], hidden[:, *other]
        found: Array = n * h * g + second[:, *first] * g + h * second[:, *other]
        return found

    return both((a, c), (b, d)) + both((a, d), (b, c))


def incomplete_parts(source: StratifiedSource, inner: Mixture[Gaussian], coordinates: Coordinates) -> Iterator[Part]:
    """Rows of which some have missing cells, a batch at a time; a row that knows nothing weighs nothing."""
    components = gaussian(source, inner)
    k, d = components.n_components, components.n_features
    for batch in source.batches():
        seen = look(components, batch, coordinates)
        root = seen.hidden[:, None, :, None] * np.eye(d) if seen.hidden.ndim == 2 else seen.hidden
        covariances = np.broadcast_to(root @ np.swapaxes(root, 2, 3), (len(root), k, d, d))
        resp = posterior(inner, batch, seen.log_prob).resp
        yield Part(seen.z, resp, batch.weights, Hidden(covariances, batch.pattern))
