"""Per-row answers of a mixture in data units: log-densities and responsibilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.sources.base import Coordinates, Source
from mixtura.sweep import native, reference
from mixtura.sweep.blocks import thread_count
from mixtura.validation import Array

if TYPE_CHECKING:
    from mixtura.mixture import Mixture


def evaluate(source: Source, mixture: Mixture[Any], what: str, n_threads: int | None = None) -> Array:
    """`component_log_prob` or `responsibilities` (n_samples, n_components), or `log_prob` (n_samples,).

    A row's answer depends on that row alone: float64 rows are taken as they are, float32 ones about a float32 value
    in the middle of the mixture, so that x − μ keeps its digits in single precision.
    """
    n, k = source.n_samples, mixture.n_components
    out = np.empty(n if what == "log_prob" else (n, k))
    for chunk in source.chunks():
        single = chunk.rows.dtype == np.float32
        centre = mixture.mean.astype(np.float32).astype(np.float64) if single else np.zeros(mixture.n_features)
        coordinates = Coordinates(centre, 1.0)
        inner = type(mixture).trusted(mixture.weights, coordinates.inward(mixture.components))
        here = out[chunk.start : chunk.start + len(chunk.rows)]
        if native.serves(mixture.components, chunk.rows.dtype):
            native.evaluate(chunk, coordinates, inner, what, here, thread_count(n_threads))
        else:
            reference.evaluate(chunk, coordinates, inner, what, here)
    return out
