"""The same mixture fitted anew to many resamples, each climbed from where the original ended."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura import _core
from mixtura.algorithms.acceleration import accelerated_em
from mixtura.algorithms.climb import Rules, climb_all
from mixtura.algorithms.compiled import COLLAPSED, STRUCTURES, VIOLATED
from mixtura.algorithms.degeneracy import fewest_rows, short_trouble
from mixtura.algorithms.iteration import inner_floor, inward, outward
from mixtura.algorithms.levels import climb_one
from mixtura.families.gaussian import Gaussian
from mixtura.inference.matching import matched
from mixtura.inference.parameters import Parameters
from mixtura.mixture import Mixture
from mixtura.sources import ArraySource
from mixtura.sources.strata import StratifiedSource
from mixtura.sweep import Sweep
from mixtura.validation import Array, Flags

REMAINING = 1e-6
"""Total nats that a refit may leave to gain: a shift of a thousandth of a standard error."""

MAX_ITER = 2000
"""Readings of the rows at most; a refit that needs more is taken where it stands."""

BATCH_NUMBERS = 1 << 23
"""Numbers of resampled rows and weights that are held together (64 MB)."""

Rows = ArraySource | StratifiedSource

Draw = Callable[[int], tuple[Array | None, Array | None]]
"""Number of a resample → its rows (None: the rows of the source) and their weights (None: one each)."""


@dataclass(frozen=True, slots=True)
class Refits:
    """Where the climbs on B resamples ended.

    Attributes
    ----------
    parameters : (B, …), data units, components matched to those of the original
    log_likelihood : (B,), total nats, of the resample
    sound : (B,); where not, a component collapsed, emptied or kept too few rows
    """

    parameters: Parameters
    log_likelihood: Array
    sound: Flags


def refit(source: Rows, mixture: Mixture[Any], draw: Draw, n_resamples: int, n_threads: int) -> Refits:
    """Climb from a mixture (data units) on each resample of the rows it was fitted to; the same for any `n_threads`."""
    components = mixture.components
    simple = isinstance(components, Gaussian) and components.structure in STRUCTURES
    simple = simple and not (mixture.equal_weights or mixture.fixed or mixture.noise)
    if simple and np.all(mixture.weights > 0) and isinstance(source, ArraySource):
        found = _compiled(source, mixture, draw, n_resamples, n_threads)
    else:
        found = _one_by_one(source, mixture, draw, range(n_resamples), n_threads)
    sound = found.sound
    parameters = found.parameters.map(lambda a: np.array(a))
    kept = matched(parameters.map(lambda a: a[sound]), Parameters.of(mixture))
    for whole, part in zip(_arrays(parameters), _arrays(kept), strict=True):
        whole[sound] = part
    return Refits(parameters, found.log_likelihood, sound)


def _arrays(parameters: Parameters) -> tuple[Array, Array, Array]:
    return parameters.weights, parameters.means, parameters.covariances


def _compiled(source: ArraySource, mixture: Mixture[Gaussian], draw: Draw, n_resamples: int, n_threads: int) -> Refits:
    """All climbs in the core, a batch at a time; a certificate that fails there is looked at again by the sweep."""
    n, d = source.X.shape
    size = max(1, BATCH_NUMBERS // (n * (d + 1)))
    parts: list[Refits] = []
    for first in range(0, n_resamples, size):
        numbers = range(first, min(first + size, n_resamples))
        part, violated = _batch(source, mixture, [draw(b) for b in numbers], n_threads)
        if violated:
            again = _one_by_one(source, mixture, draw, [numbers[i] for i in violated], n_threads)
            for whole, mended in zip(_arrays(part.parameters), _arrays(again.parameters), strict=True):
                whole[violated] = mended
            part.log_likelihood[violated], part.sound[violated] = again.log_likelihood, again.sound
        parts.append(part)
    parameters = parts[0].parameters.map(lambda *arrays: np.concatenate(arrays), *(p.parameters for p in parts[1:]))
    return Refits(
        parameters, np.concatenate([p.log_likelihood for p in parts]), np.concatenate([p.sound for p in parts])
    )


def _batch(
    source: ArraySource, mixture: Mixture[Gaussian], draws: list[tuple[Array | None, Array | None]], n_threads: int
) -> tuple[Refits, list[int]]:
    """Climbs on some resamples in the core, and which of them failed their certificate."""
    m, coordinates = len(draws), source.coordinates
    rows, weights = [r for r, _ in draws if r is not None], [w for _, w in draws if w is not None]
    X = np.stack(rows) if rows else np.broadcast_to(source.X, (m, *source.X.shape))
    inner = inward(mixture, coordinates).components
    structure = inner.constraint

    def each(value: Any) -> Array:
        return np.ascontiguousarray(np.broadcast_to(value, (m, *np.shape(value))), dtype=np.float64)

    log_weights, means, factors, log_likelihood, _, _, _, _, status, _ = _core.climb_many(
        X,
        np.stack(weights) if weights else None,
        each(coordinates.centre),
        each(np.full(source.n_features, 1 / coordinates.scale)),
        STRUCTURES[structure.name],
        each(mixture.log_weights),
        each(inner.means),
        each(inner.factors[0] if structure.shared else inner.factors),
        each(inner_floor(source)),
        REMAINING / source.total_weight,
        MAX_ITER,
        n_threads,
    )
    k, d = inner.means.shape
    total = np.sum(weights, axis=1) if weights else np.full(m, float(X.shape[1]))
    proportions = np.exp(log_weights)
    proportions /= proportions.sum(axis=1, keepdims=True)
    stacked = factors[:, None] if structure.shared else factors
    matrices = structure.form.matrices(stacked.reshape(-1, *stacked.shape[2:]), d).reshape(m, -1, d, d)
    few = (proportions * total[:, None]).min(axis=1) <= fewest_rows(structure, k, d)
    parameters = Parameters(
        proportions,
        means * coordinates.scale + coordinates.centre,
        np.broadcast_to(matrices, (m, k, d, d)) * coordinates.scale**2,
    )
    found = Refits(parameters, log_likelihood + total * coordinates.log_jacobian, (status < COLLAPSED) & ~few)
    return found, np.flatnonzero(status == VIOLATED).tolist()


def _one_by_one(source: Rows, mixture: Mixture[Any], draw: Draw, numbers: Any, n_threads: int) -> Refits:
    """Climbs by the sweep, in Python threads: any family and structure."""
    rules = Rules(REMAINING / source.total_weight, MAX_ITER)

    def climb(b: int) -> tuple[Parameters, float, bool]:
        rows, weights = draw(b)
        resample = type(source)(source.X if rows is None else rows, weights)
        sweep = Sweep(resample, 1)
        inner = inward(mixture, resample.coordinates)
        simple = mixture.fixed is None
        end = climb_one(sweep, inner, rules) if simple else climb_all(sweep, [inner], rules, accelerated_em)[0]
        return Parameters.of(outward(end.mixture, resample.coordinates)), end.log_likelihood, not short_trouble(end)

    with ThreadPoolExecutor(n_threads) as pool:
        ends = list(pool.map(climb, numbers))
    first, rest = ends[0][0], [p for p, _, _ in ends[1:]]
    parameters = first.map(lambda *arrays: np.stack(arrays), *rest)
    return Refits(parameters, np.array([v for _, v, _ in ends]), np.array([s for _, _, s in ends]))
