"""How sure an assignment of rows to components is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.mixture import Mixture
from mixtura.sources import Source
from mixtura.sweep.evaluate import labels_in_pieces
from mixtura.validation import Array

DOUBTFUL = 0.1
"""A row is doubtful where its uncertainty lies above this."""


@dataclass(frozen=True, slots=True)
class Certainty:
    """How sure the assignment of rows to components is.

    Attributes
    ----------
    sizes : (n_components,), rows assigned to each
    noise : rows assigned to none
    mean_uncertainty : the mean of 1 − max_k p(k | x): the expected share of wrong assignments under the model
    doubtful : how many rows have an uncertainty above `DOUBTFUL`
    """

    sizes: Array
    mean_uncertainty: float
    doubtful: int
    noise: float = 0.0


def certainty_of(
    source: Source, mixture: Mixture[Any], n_threads: int | None = None, engine: str | None = None
) -> Certainty:
    """Hard sizes and uncertainties of the rows of a source; no (n_samples, n_components) array is held."""
    parts = source.map(_counted, mixture, n_threads, engine)
    sizes: Array = np.sum([part[0] for part in parts], axis=0)
    uncertain, doubtful = sum(part[1] for part in parts), sum(part[2] for part in parts)
    return Certainty(sizes[1:], uncertain / source.total_weight, doubtful, float(sizes[0]))


def _counted(
    source: Source, mixture: Mixture[Any], n_threads: int | None, engine: str | None
) -> tuple[Array, float, int]:
    """Hard sizes, noise first; the sum of uncertainties; and how many rows are doubtful."""
    sizes, uncertain, doubtful = np.zeros(mixture.n_components + 1), 0.0, 0
    for piece, labels, rest in labels_in_pieces(source, mixture, n_threads, engine):
        sizes += np.bincount(labels + 1, piece.weights, minlength=len(sizes))
        if piece.weights is None:
            uncertain += float(rest.sum())
            doubtful += int(np.count_nonzero(rest > DOUBTFUL))
        else:
            uncertain += float(piece.weights @ rest)
            doubtful += int(np.count_nonzero((rest > DOUBTFUL) & (piece.weights > 0)))
    return sizes, uncertain, doubtful
