"""The reference engine: plain NumPy, any family. It is the specification that every other engine is tested against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.families.base import Family, Statistics
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
            joint = mixture.components.component_log_prob(rows) + mixture.log_weights
            log_prob, log_max, resp = log_sum_exp(joint)
            resp *= weights[:, None]
            part = Statistics(
                float(weights @ log_prob),
                float(weights @ log_max),
                resp.sum(axis=0),
                origin.moments(rows, resp),
                origin,
            )
            before = totals[i]
            totals[i] = part if before is None else before + part
    return [total for total in totals if total is not None]


def evaluate(chunk: Chunk, coordinates: Coordinates, mixture: Mixture[Any], what: str, out: Array) -> None:
    """Write `component_log_prob`, `log_prob` or `responsibilities` of a chunk into `out`, in inner coordinates."""
    for block in blocks(chunk):
        rows = coordinates.rows_inward(block.rows)
        here = slice(block.start - chunk.start, block.start - chunk.start + len(rows))
        component = mixture.components.component_log_prob(rows)
        if what == "component_log_prob":
            out[here] = component
            continue
        log_prob, _, resp = log_sum_exp(component + mixture.log_weights)
        out[here] = log_prob if what == "log_prob" else resp


def label(chunk: Chunk, coordinates: Coordinates, mixture: Mixture[Any], labels: Labels, rest: Array) -> None:
    """Write each row's component of largest responsibility, and the sum of its other responsibilities."""
    for block in blocks(chunk):
        resp = np.empty((len(block.rows), mixture.n_components))
        evaluate(block, coordinates, mixture, "responsibilities", resp)
        here = slice(block.start - chunk.start, block.start - chunk.start + len(resp))
        labels[here] = resp.argmax(axis=1)
        np.put_along_axis(resp, labels[here, None], 0.0, axis=1)
        rest[here] = resp.sum(axis=1)
