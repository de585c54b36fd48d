"""The reference engine: plain NumPy, any family. It is the specification that every other engine is tested against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.families.base import Family, Statistics
from mixtura.noise import LABEL as NOISE
from mixtura.sources.base import Chunk, Coordinates
from mixtura.sweep.blocks import blocks
from mixtura.validation import Array, Labels

if TYPE_CHECKING:
    from mixtura.mixture import Mixture


def log_sum_exp(joint: Array) -> tuple[Array, Array, Array]:
    """Max-shifted log-sum-exp over the components (Blanchard, Higham & Higham 2021).

    Parameters
    ----------
    joint : (n_samples, n_components), log π_k p(x | k), nats; −inf is a component that can't be

    Returns
    -------
    log_prob : (n_samples,), log p(x)
    log_max : (n_samples,), log max_k p(k | x), at most 0
    resp : (n_samples, n_components), p(k | x)
    """
    largest = joint.max(axis=1)
    shift = np.where(np.isfinite(largest), largest, 0.0)
    resp = np.exp(joint - shift[:, None])
    total = resp.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_total = np.log(total)
        resp /= total[:, None]
    return shift + log_total, -log_total, resp


def component_log_prob(mixture: Mixture[Any], rows: Array) -> Array:
    """(n_samples, n_components) log p(x | k), nats, and a last column for noise where there is noise."""
    found = mixture.components.component_log_prob(rows)
    return (
        found if mixture.noise is None else np.pad(found, ((0, 0), (0, 1)), constant_values=-mixture.noise.log_volume)
    )


def log_weights(mixture: Mixture[Any]) -> Array:
    """(n_components,) log π_k, nats, and that of noise where there is noise."""
    return mixture.log_weights if mixture.noise is None else np.append(mixture.log_weights, mixture.noise.log_weight)


def accumulate(
    chunk: Chunk,
    coordinates: Coordinates,
    mixtures: Sequence[Mixture[Any]],
    origins: Sequence[Family],
) -> list[Statistics[Any]]:
    """Statistics of a chunk under each mixture, moments about the components `origins`, summed block by block."""
    totals: list[Statistics[Any] | None] = [None] * len(mixtures)
    for block in blocks(chunk):
        rows = coordinates.rows_inward(block.rows)
        weights = np.ones(len(rows)) if block.weights is None else block.weights
        for i, (mixture, origin) in enumerate(zip(mixtures, origins, strict=True)):
            log_prob, log_max, resp = log_sum_exp(component_log_prob(mixture, rows) + log_weights(mixture))
            resp *= weights[:, None]
            noise, resp = resp[:, mixture.n_components :].sum(), resp[:, : mixture.n_components]
            part = Statistics(
                float(weights @ log_prob),
                float(weights @ log_max),
                resp.sum(axis=0),
                origin.moments(rows, resp),
                origin,
                float(noise),
            )
            before = totals[i]
            totals[i] = part if before is None else before + part
    return [total for total in totals if total is not None]


def evaluate(chunk: Chunk, coordinates: Coordinates, mixture: Mixture[Any], what: str, out: Array) -> None:
    """Write `component_log_prob`, `log_prob` or `responsibilities` of a chunk into `out`, in inner coordinates."""
    for block in blocks(chunk):
        rows = coordinates.rows_inward(block.rows)
        here = slice(block.start - chunk.start, block.start - chunk.start + len(rows))
        component = component_log_prob(mixture, rows)
        if what == "component_log_prob":
            out[here] = component
            continue
        log_prob, _, resp = log_sum_exp(component + log_weights(mixture))
        out[here] = log_prob if what == "log_prob" else resp


def label(chunk: Chunk, coordinates: Coordinates, mixture: Mixture[Any], labels: Labels, rest: Array) -> None:
    """Write each row's component of largest responsibility, and the sum of its other responsibilities."""
    for block in blocks(chunk):
        resp = np.empty((len(block.rows), mixture.n_components + (mixture.noise is not None)))
        evaluate(block, coordinates, mixture, "responsibilities", resp)
        here = slice(block.start - chunk.start, block.start - chunk.start + len(resp))
        found, rest[here] = largest(resp)
        labels[here] = np.where(found < mixture.n_components, found, NOISE)


def largest(resp: Array) -> tuple[Labels, Array]:
    """The column of each row's largest responsibility, and the sum of the others; `resp` is used up."""
    found = resp.argmax(axis=1)
    np.put_along_axis(resp, found[:, None], 0.0, axis=1)
    return found, resp.sum(axis=1)
