"""Per-row answers of a mixture in data units: log-densities and responsibilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.engines import resolve_engine
from mixtura.sources.base import Chunk, Coordinates, Source
from mixtura.sources.device import DeviceSource, host
from mixtura.sweep import incomplete, native, reference, standard
from mixtura.sweep.blocks import blocks
from mixtura.sweep.engines import use_native
from mixtura.threads import thread_count
from mixtura.validation import Array, Labels

if TYPE_CHECKING:
    from mixtura.mixture import Mixture


PIECE_ROWS = 1 << 17
"""Rows whose labels are held together where a sum over them is wanted."""


def evaluate(
    source: Source, mixture: Mixture[Any], what: str, n_threads: int | None = None, engine: str | None = None
) -> Array:
    """`component_log_prob` or `responsibilities` (n_samples, n_components), or `log_prob` (n_samples,).

    With noise the first two have one more column, the last.

    A row's answer depends on that row alone: float64 rows are taken as they are (but for a power of two), float32 ones
    about a float32 value in the middle of the mixture, so that x − μ keeps its digits in single precision.
    """
    n, k = source.n_samples, mixture.n_components + (mixture.noise is not None)
    out = np.empty(n if what == "log_prob" else (n, k))
    if source.is_partial:
        coordinates, inner = _about_the_middle(source.dtype, mixture)
        threads, engine = thread_count(n_threads), resolve_engine(engine)
        for start, part in source.parts():
            here = out[start : start + part.n_samples]
            incomplete.evaluate(part, coordinates, inner, what, here, threads, engine)
        return out
    if isinstance(source, DeviceSource):
        out[...] = host(evaluate_on_device(source, mixture, what))
        return out
    for chunk in source.chunks():
        here = out[chunk.start : chunk.start + len(chunk.rows)]
        _evaluate_chunk(chunk, mixture, what, here, n_threads, engine)
    return out


def evaluate_on_device(source: DeviceSource, mixture: Mixture[Any], what: str) -> Any:
    """The same as an array of the library of the rows, where they lie; "labels" are those and `uncertainty_of`."""
    coordinates, inner = _about_the_middle(source.dtype, mixture)
    found = standard.evaluate(source, inner, coordinates, what)
    return found if what in ("responsibilities", "labels") else found + coordinates.log_jacobian


def labels_in_pieces(
    source: Source, mixture: Mixture[Any], n_threads: int | None = None, engine: str | None = None
) -> Iterator[tuple[Chunk, Labels, Array]]:
    """Rows, the component of largest responsibility (the first of equals), and the sum of the other responsibilities.

    A piece at a time: memory stays flat however many rows there are.
    """
    if source.is_partial:
        coordinates, inner = _about_the_middle(source.dtype, mixture)
        for start, part in source.parts():
            labels, rest = incomplete.label(part, coordinates, inner, thread_count(n_threads), resolve_engine(engine))
            yield Chunk(part.X, part.weights, start), labels, rest
        return
    if isinstance(source, DeviceSource):
        labels, rest = (host(part) for part in evaluate_on_device(source, mixture, "labels"))
        yield Chunk(source.X, source.sample_weight, 0), labels, rest
        return
    for chunk in source.chunks():
        for piece in blocks(chunk, PIECE_ROWS):
            labels, rest = np.empty(len(piece.rows), dtype=np.int64), np.empty(len(piece.rows))
            _label_chunk(piece, mixture, labels, rest, n_threads, engine)
            yield piece, labels, rest


def labels_of(source: Source, mixture: Mixture[Any]) -> Labels:
    """(n_samples,): the component of largest responsibility, the first of equals; −1 for noise."""
    labels = np.empty(source.n_samples, dtype=np.int64)
    for piece, here, _ in labels_in_pieces(source, mixture):
        labels[piece.start : piece.start + len(here)] = here
    return labels


def uncertainty_of(source: Source, mixture: Mixture[Any]) -> Array:
    """(n_samples,): 1 − max_k p(k | x), without the rounding of that difference."""
    uncertainty = np.empty(source.n_samples)
    for piece, _, rest in labels_in_pieces(source, mixture):
        uncertainty[piece.start : piece.start + len(rest)] = rest
    return uncertainty


def _evaluate_chunk(
    chunk: Chunk,
    mixture: Mixture[Any],
    what: str,
    out: Array,
    n_threads: int | None = None,
    engine: str | None = None,
) -> None:
    coordinates, inner = _about_the_middle(chunk.rows.dtype, mixture)
    if use_native(resolve_engine(engine), [mixture.components], chunk.rows.dtype):
        native.evaluate(chunk, coordinates, inner, thread_count(n_threads), {what: out})
    else:
        reference.evaluate(chunk, coordinates, inner, what, out)
    if what != "responsibilities":
        out += coordinates.log_jacobian


def _label_chunk(
    chunk: Chunk, mixture: Mixture[Any], labels: Labels, rest: Array, n_threads: int | None, engine: str | None
) -> None:
    coordinates, inner = _about_the_middle(chunk.rows.dtype, mixture)
    if use_native(resolve_engine(engine), [mixture.components], chunk.rows.dtype):
        wanted = {"labels": labels, "uncertainty": rest}
        native.evaluate(chunk, coordinates, inner, thread_count(n_threads), wanted)
    else:
        reference.label(chunk, coordinates, inner, labels, rest)


def _about_the_middle(dtype: np.dtype[Any], mixture: Mixture[Any]) -> tuple[Coordinates, Mixture[Any]]:
    """Coordinates that keep the digits of x − μ for rows of a kind, and the mixture in them."""
    single = dtype == np.float32
    centre = mixture.mean.astype(np.float32).astype(np.float64) if single else np.zeros(mixture.n_features)
    coordinates = Coordinates(centre, mixture.components.scale)
    return coordinates, mixture.into(centre, coordinates.scale)
