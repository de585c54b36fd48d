"""Per-row answers of a mixture in data units: log-densities and responsibilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.sources.base import Chunk, Coordinates, Source
from mixtura.sweep import native, reference
from mixtura.sweep.blocks import blocks, thread_count
from mixtura.sweep.engines import resolve_engine, use_native
from mixtura.validation import Array, Labels

if TYPE_CHECKING:
    from mixtura.mixture import Mixture


PIECE_ROWS = 65536
"""Rows whose responsibilities are held together where one number a row is wanted of them."""


def evaluate(
    source: Source, mixture: Mixture[Any], what: str, n_threads: int | None = None, engine: str | None = None
) -> Array:
    """`component_log_prob` or `responsibilities` (n_samples, n_components), or `log_prob` (n_samples,).

    A row's answer depends on that row alone: float64 rows are taken as they are (but for a power of two), float32 ones
    about a float32 value in the middle of the mixture, so that x − μ keeps its digits in single precision.
    """
    n, k = source.n_samples, mixture.n_components
    out = np.empty(n if what == "log_prob" else (n, k))
    for chunk in source.chunks():
        here = out[chunk.start : chunk.start + len(chunk.rows)]
        _evaluate_chunk(chunk, mixture, what, here, n_threads, engine)
    return out


def responsibilities_in_pieces(source: Source, mixture: Mixture[Any]) -> Iterator[tuple[Chunk, Array]]:
    """Rows and their responsibilities, a piece at a time: memory stays flat however many rows there are."""
    for chunk in source.chunks():
        for piece in blocks(chunk, PIECE_ROWS):
            resp = np.empty((len(piece.rows), mixture.n_components))
            _evaluate_chunk(piece, mixture, "responsibilities", resp)
            yield piece, resp


def labels_of(source: Source, mixture: Mixture[Any]) -> Labels:
    """(n_samples,): the component of largest responsibility, the first of equals."""
    labels = np.empty(source.n_samples, dtype=np.int64)
    for piece, resp in responsibilities_in_pieces(source, mixture):
        labels[piece.start : piece.start + len(resp)] = resp.argmax(axis=1)
    return labels


def uncertainty_of(source: Source, mixture: Mixture[Any]) -> Array:
    """(n_samples,): 1 − max_k p(k | x)."""
    uncertainty = np.empty(source.n_samples)
    for piece, resp in responsibilities_in_pieces(source, mixture):
        uncertainty[piece.start : piece.start + len(resp)] = rest_of_largest(resp)[1]
    return uncertainty


def rest_of_largest(resp: Array) -> tuple[Labels, Array]:
    """Each row's label, and the sum of its other responsibilities: 1 − max without its rounding. `resp` is changed."""
    labels = resp.argmax(axis=1)
    np.put_along_axis(resp, labels[:, None], 0.0, axis=1)
    return labels, resp.sum(axis=1)


def _evaluate_chunk(
    chunk: Chunk,
    mixture: Mixture[Any],
    what: str,
    out: Array,
    n_threads: int | None = None,
    engine: str | None = None,
) -> None:
    single = chunk.rows.dtype == np.float32
    centre = mixture.mean.astype(np.float32).astype(np.float64) if single else np.zeros(mixture.n_features)
    coordinates = Coordinates(centre, mixture.components.scale)
    inner = type(mixture).trusted(mixture.weights, coordinates.inward(mixture.components))
    if use_native(resolve_engine(engine), [mixture.components], chunk.rows.dtype):
        native.evaluate(chunk, coordinates, inner, what, out, thread_count(n_threads))
    else:
        reference.evaluate(chunk, coordinates, inner, what, out)
    if what != "responsibilities":
        out += coordinates.log_jacobian
