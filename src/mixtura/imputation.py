"""Missing cells filled from a mixture: by their conditional mean, or by draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.errors import ParameterError
from mixtura.families.gaussian import Gaussian
from mixtura.noise import Box
from mixtura.sources.arrays import ArraySource
from mixtura.sources.base import Coordinates, Source
from mixtura.sources.strata import Batch, StratifiedSource
from mixtura.sweep.incomplete import Look, gaussian, look, noise_log_prob
from mixtura.sweep.reference import log_sum_exp, log_weights
from mixtura.validation import Array

if TYPE_CHECKING:
    from mixtura.mixture import Mixture
    from mixtura.sweep import Sweep

METHODS = ("mean", "draw")


def filled(mixture: Mixture[Any], source: Source, method: str, rng: np.random.Generator) -> Array:
    """(n_samples, n_features) float64: the rows with their missing cells filled; see `Mixture.impute`."""
    if method not in METHODS:
        raise ParameterError(f"method is {method!r}; expected 'mean' or 'draw'.")
    if source.is_partial:
        return np.concatenate([_imputed(mixture, part, method, rng) for _, part in source.parts()])
    return np.concatenate([np.asarray(chunk.rows, dtype=np.float64) for chunk in source.chunks()])


def _imputed(mixture: Mixture[Any], source: StratifiedSource, method: str, rng: np.random.Generator) -> Array:
    whole = source.X.astype(np.float64)
    for batch, values in _values(mixture, source, None if method == "mean" else rng):
        whole[batch.numbers] = np.where(batch.seen[batch.pattern], whole[batch.numbers], values)
    return whole


def completed(sweep: Sweep) -> ArraySource:
    """The rows that know anything, with missing cells drawn from one Gaussian given the others: for starts.

    Conditional means would lie in planes, where components collapse that are none.
    """
    from mixtura.mixture import Mixture

    source = sweep.source
    assert isinstance(source, StratifiedSource)
    totals, coordinates = sweep.totals, source.coordinates
    covariance = totals.scatter[None] / totals.weight
    one = Gaussian(totals.mean[None], covariance if source.n_features > 1 else covariance.reshape(1))
    mixture = Mixture.trusted(np.ones(1), coordinates.outward(one))
    rows = _imputed(mixture, source, "draw", np.random.default_rng(0))[source.counted]
    weights = None if source.sample_weight is None else source.sample_weight[source.counted]
    return ArraySource(rows, weights, source.columns)


def _values(
    mixture: Mixture[Any], source: StratifiedSource, rng: np.random.Generator | None
) -> Iterator[tuple[Batch, Array]]:
    """Incomplete rows in batches, and values (m, D) in data units for all their cells."""
    coordinates = source.coordinates
    inner = mixture.into(coordinates.centre, coordinates.scale)
    components = gaussian(source, inner)
    for batch in source.incomplete_batches():
        seen = look(components, batch, coordinates)
        joint = seen.log_prob
        if inner.noise is not None:
            joint = np.column_stack([joint, noise_log_prob(inner.noise, batch)])
        resp = log_sum_exp(joint + log_weights(inner))[2]
        box = None if inner.noise is None else inner.noise.known_box("filling")
        u = _mean(components, seen, resp, box) if rng is None else _drawn(components, seen, batch, resp, box, rng)
        yield batch, _outward(coordinates, u)


def _mean(components: Gaussian, seen: Look, resp: Array, box: Box | None) -> Array:
    """(m, D): Σ_k r_k E[x | x_o, k]; of noise the middle of its box."""
    mean: Array = np.einsum(
        "nk,nkd->nd", resp[:, : components.n_components], components.means + _unwhiten(components, seen.z)
    )
    return mean if box is None else mean + resp[:, -1:] * box.centre


def _drawn(
    components: Gaussian, seen: Look, batch: Batch, resp: Array, box: Box | None, rng: np.random.Generator
) -> Array:
    """(m, D): a component by its responsibility, then the missing cells from their conditional distribution."""
    below = rng.random(len(resp))[:, None] > np.cumsum(resp, axis=1)
    owner = np.minimum(below.sum(axis=1), resp.shape[1] - 1)
    label = np.minimum(owner, components.n_components - 1)
    noise = rng.standard_normal((len(resp), components.n_features))
    rows = np.arange(len(resp))
    if components.constraint.form.ndim < 2:
        z = seen.z[rows, label] + seen.hidden[batch.pattern] * noise
    else:
        roots = np.broadcast_to(seen.hidden, (len(seen.hidden), components.n_components, *seen.hidden.shape[2:]))
        z = seen.z[rows, label] + (roots[batch.pattern, label] @ noise[..., None])[..., 0]
    wide = np.broadcast_to(z[:, None, :], seen.z.shape)
    drawn: Array = components.means[label] + _unwhiten(components, wide)[rows, label]
    if box is None:
        return drawn
    strays = owner == components.n_components
    drawn[strays] = box.sample(int(strays.sum()), rng)
    return drawn


def _unwhiten(components: Gaussian, z: Array) -> Array:
    """(m, K, D): L_k z."""
    factors = components.factors
    if factors.ndim == 3:
        return np.asarray((factors @ z[..., None])[..., 0])
    return z * factors.reshape(len(factors), -1)


def _outward(coordinates: Coordinates, u: Array) -> Array:
    return u * coordinates.scale + coordinates.centre
