"""The compiled engine: `mixtura._core`, for Gaussian components over float64 and float32 rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura import _core
from mixtura.families.base import Family, Statistics
from mixtura.families.gaussian import Gaussian, GaussianMoments
from mixtura.sources.base import Chunk, Coordinates

if TYPE_CHECKING:
    from mixtura.mixture import Mixture


def serves(components: Family, dtype: np.dtype[Any]) -> bool:
    """Whether the compiled kernels know this family and this kind of number."""
    return isinstance(components, Gaussian) and dtype in (np.float64, np.float32)


def kernel_kind(components: Gaussian) -> str:
    """The kernel for a structure: the form of its factors, and whether they are shared."""
    structure = components.constraint
    return (
        ("tied_" + structure.form.name if structure.form.ndim < 2 else "tied")
        if structure.shared
        else structure.form.name
    )


def _model(mixture: Mixture[Any], components: Gaussian) -> _core.Model:
    factors = components.factors[0] if components.constraint.shared else components.factors
    noise = mixture.noise
    return _core.Model(
        kernel_kind(components),
        mixture.log_weights,
        components.means,
        np.ascontiguousarray(factors),
        -np.inf if noise is None else noise.log_weight,
        0.0 if noise is None else -noise.log_volume,
    )


def accumulate(
    chunk: Chunk,
    coordinates: Coordinates,
    mixtures: Sequence[Mixture[Any]],
    origins: Sequence[Family],
    scatter: Sequence[bool],
    n_threads: int,
) -> list[Statistics[Any]]:
    """Statistics of a chunk under each mixture; `scatter` says for which the second moments are wanted."""
    models = [_model(m, m.components) for m in mixtures]
    apart = any(origin is not m.components for m, origin in zip(mixtures, origins, strict=True))
    about = [_model(m, o) for m, o in zip(mixtures, origins, strict=True) if isinstance(o, Gaussian)] if apart else None
    sums = _core.sweep(
        chunk.rows,
        chunk.weights,
        coordinates.centre,
        np.full(len(coordinates.centre), 1 / coordinates.scale),
        models,
        list(scatter),
        n_threads,
        about=about,
    )
    return [_statistics(values, origin) for values, origin in zip(sums, origins, strict=True)]


def _statistics(values: Any, origin: Family) -> Statistics[GaussianMoments]:
    log_likelihood, log_max_resp, counts, sums, squares, scatter, noise = values
    assert isinstance(origin, Gaussian)
    if scatter is not None and origin.constraint.shared:
        scatter = scatter[None]
    return Statistics(log_likelihood, log_max_resp, counts, GaussianMoments(sums, squares, scatter), origin, noise)


def evaluate(
    chunk: Chunk, coordinates: Coordinates, mixture: Mixture[Any], n_threads: int, wanted: Mapping[str, Any]
) -> None:
    """Write what is wanted of a chunk into the arrays given, in inner coordinates: see `_core.evaluate` for names."""
    model = _model(mixture, mixture.components)
    inverse_scale = np.full(len(coordinates.centre), 1 / coordinates.scale)
    _core.evaluate(chunk.rows, coordinates.centre, inverse_scale, model, n_threads=n_threads, **wanted)
