"""What the page shows of the rows: a sample, typical and doubtful ones, and how uncertain they are. One reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura.mixture import Mixture
from mixtura.sources import Source
from mixtura.sources.strata import source_of
from mixtura.sweep import evaluate
from mixtura.sweep.blocks import blocks
from mixtura.validation import Array, Labels

PIECE_ROWS = 1 << 16
"""Rows that are looked at together: memory stays flat however many there are."""

SHOWN = 1500
"""Rows that a picture shows at most, evenly spaced through the data."""

TYPICAL, DOUBTFUL = 3, 10
"""Rows named for each component, and rows named as least sure."""

WORTH_NAMING = 0.01
"""An uncertainty below is none worth a line."""

BINS = 20
"""Of the uncertainties, from 0 to 1."""

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Row:
    """One row that the page names.

    Attributes
    ----------
    number : from 0, in the order of the data
    values : (n_features,), data units
    resp : (n_components,), its responsibilities, with noise one more
    """

    number: int
    values: Array
    resp: Array


@dataclass(frozen=True, slots=True)
class Looked:
    """What one reading of the rows left.

    Attributes
    ----------
    shown : (m, n_features), a sample of rows, missing cells NaN, with labels (m,), −1 for noise, and row numbers (m,)
    typical : for each component the complete rows of largest log-density there, among those it is likeliest for
    doubtful : the least sure rows, the least sure first
    uncertainty : (BINS,), how many rows are how uncertain, in equal bins from 0 to 1
    histograms : for each column edges and counts of all rows
    """

    shown: Array
    labels: Labels
    numbers: Indices
    typical: list[list[Row]]
    doubtful: list[Row]
    uncertainty: Array
    histograms: list[tuple[Array, Array]]


def look(source: Source, mixture: Mixture[Any]) -> Looked:
    """Read the rows once."""
    k, d, n = mixture.n_components, mixture.n_features, source.n_samples
    lowest, highest = source.ranges
    edges = [np.linspace(lowest[j], highest[j], _bins(n) + 1) for j in range(d)]
    counts, uncertainty = np.zeros((d, _bins(n))), np.zeros(BINS)
    best: list[list[tuple[float, Row]]] = [[] for _ in range(k)]
    doubtful: list[tuple[float, Row]] = []
    wanted = np.unique(np.linspace(0, n - 1, min(n, SHOWN)).astype(np.intp))
    shown = []
    for chunk in source.chunks_with_gaps():
        for piece in blocks(chunk, PIECE_ROWS):
            rows = np.asarray(piece.rows, dtype=np.float64)
            here, missing = source_of(rows), np.isnan(rows)
            density = evaluate(here, mixture, "component_log_prob")[:, :k]
            resp = evaluate(here, mixture, "responsibilities")
            labels = resp.argmax(axis=1)
            rest = 1 - resp.max(axis=1)
            uncertainty += np.histogram(rest, BINS, (0, 1), weights=piece.weights)[0]
            for j in range(d):
                there = ~np.isnan(rows[:, j])
                weights = None if piece.weights is None else piece.weights[there]
                counts[j] += np.histogram(rows[there, j], edges[j], weights=weights)[0]
            for c in range(k):
                mine = np.flatnonzero((labels == c) & ~missing.any(axis=1))
                _keep(best[c], TYPICAL, density[:, c], mine, rows, resp, piece.start)
            _keep(doubtful, DOUBTFUL, rest, np.flatnonzero(~missing.all(axis=1)), rows, resp, piece.start)
            some = wanted[(wanted >= piece.start) & (wanted < piece.start + len(rows))]
            some = some[~missing[some - piece.start].all(axis=1)]
            shown.append((some, rows[some - piece.start], labels[some - piece.start]))
    numbers, values, labels = (np.concatenate(part) for part in zip(*shown, strict=True))
    return Looked(
        values,
        np.where(labels < k, labels, -1),
        numbers,
        [[row for _, row in rows] for rows in best],
        [row for value, row in doubtful if value > WORTH_NAMING],
        uncertainty,
        list(zip(edges, counts, strict=True)),
    )


def _bins(n: int) -> int:
    return int(np.clip(2 * n ** (1 / 3), 8, 60))


def _keep(
    kept: list[tuple[float, Row]], most: int, score: Array, among: Indices, rows: Array, resp: Array, start: int
) -> None:
    """The rows of largest score so far, largest first, the earlier of equals."""
    top = among[np.argsort(-score[among], kind="stable")[:most]]
    kept += [(float(score[i]), Row(start + int(i), rows[i].copy(), resp[i].copy())) for i in top]
    kept.sort(key=lambda pair: (-pair[0], pair[1].number))
    del kept[most:]
