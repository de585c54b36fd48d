"""Which rows look like noise, before anything is fitted: nearest-neighbour cleaning (Byers & Raftery 1998).

In a Poisson process of rate λ the distance D to the k-th neighbour has λ α D^d ~ Gamma(k), α the volume of the unit
ball. Rows of groups and rows of noise are two processes of different rates; EM over the D^d alone tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura.errors import DataError, ParameterError
from mixtura.imputation import completed
from mixtura.noise import Box, Noise, smallest_box
from mixtura.sources import ArraySource, Source
from mixtura.sources.strata import StratifiedSource
from mixtura.sweep import Sweep
from mixtura.validation import Array, Flags


@dataclass(frozen=True, slots=True)
class Background:
    """Noise that a fit is to allow for.

    Attributes
    ----------
    noise : data units, with the weight that EM starts from
    groups : rows that do not look like noise: starts are made of them
    """

    noise: Noise
    groups: ArraySource


def background_of(noise: Any, source: Source) -> Background | None:
    """What `noise` asks for: True, flags (n_samples,) of rows, or a `Noise` whose volume stays; None for none."""
    if noise is None or noise is False:
        return None
    box: Box | None = None
    if isinstance(source, StratifiedSource):
        if source.known is not None:
            source.known.check_noise()
        if source.has_gaps:  # rows are looked at filled, and the box lies along the columns: so do its parts then
            box = Box.between(*source.ranges)
            noise = np.asarray(noise)[source.counted] if np.shape(noise) == (source.n_samples,) else noise
        source = completed(Sweep(source)) if source.has_gaps else source.whole()
    elif source.has_gaps:
        if not isinstance(noise, (bool, Noise)):
            raise ParameterError("where rows with gaps are read block by block noise is True or a Noise, not flags.")
        box, source = Box.between(*source.ranges), completed(Sweep(source.rough()))
    rows, weights, flags = _looked_at(noise, source)
    if flags is None:
        flags = looks_like_noise(rows)
    if flags.all():
        raise DataError("noise flags every row; expected rows that belong to groups too.")
    if isinstance(noise, Noise):
        found = noise
    else:
        share = float(flags.mean() if weights is None else weights[flags].sum() / weights.sum())
        found = Noise.within(min(max(share, LEAST_SHARE), MOST_SHARE), box or smallest_box(source))
    groups = ArraySource(rows[~flags], None if weights is None else weights[~flags], source.columns)
    return Background(found, groups)


def _looked_at(noise: Any, source: Source) -> tuple[npt.NDArray[Any], Array | None, Flags | None]:
    """Rows that starts are made of, their weights, and the flags that were given for them."""
    if isinstance(noise, (bool, Noise)):
        some = source.sample(MOST_ROWS, np.random.default_rng(0))
        chunks = list(some.chunks())
        weights = [c.weights for c in chunks if c.weights is not None]
        return np.concatenate([c.rows for c in chunks]), np.concatenate(weights) if weights else None, None
    flags = np.asarray(noise)
    if flags.dtype != np.bool_ or flags.shape != (source.n_samples,):
        raise ParameterError(
            f"noise is {noise!r}; expected True, ({source.n_samples},) flags of the rows that look like noise, or a "
            "mixtura.Noise."
        )
    if not isinstance(source, ArraySource):
        raise ParameterError("flags of noise need rows in memory; noise=True finds them itself.")
    return source.X, source.sample_weight, flags


LEAST_SHARE, MOST_SHARE = 0.01, 0.9
"""Of the rows, that EM starts from as the weight of the noise."""

NEIGHBOUR = 12
"""The neighbour whose distance is looked at: near enough for small groups, far enough to be no accident."""

MOST_ROWS = 20_000
"""Neighbours are looked for among as many rows, evenly spaced, where there are more."""

ITERATIONS = 100


def looks_like_noise(rows: npt.NDArray[np.floating]) -> Flags:
    """(n_samples,): rows whose neighbours are as far as those of noise; none where all distances are alike."""
    from scipy.spatial import KDTree

    n, d = rows.shape
    k = min(NEIGHBOUR, n - 1)
    if k < 1:
        return np.zeros(n, dtype=bool)
    standardised = _standardised(rows)
    some = standardised[:: max(1, n // MOST_ROWS)]
    distance: Array = np.asarray(KDTree(some).query(standardised, k=[k + 1])[0])[:, 0]
    return _far(np.maximum(distance, np.finfo(float).tiny), k, d)


def _far(distance: Array, k: int, d: int) -> Flags:
    """EM for two Gamma(k) laws of D^d, of rates a > b: which rows belong to the smaller rate."""
    with np.errstate(under="ignore"):
        power = np.exp(d * (np.log(distance) - np.log(distance).max()))
    far = power > np.median(power) * 2
    if not far.any() or far.all():
        return np.zeros(len(power), dtype=bool)
    r = far.astype(float)
    for _ in range(ITERATIONS):
        share = np.clip(r.mean(), 1e-12, 1 - 1e-12)
        dense, sparse = k * (1 - r).sum() / ((1 - r) @ power), k * r.sum() / (r @ power)
        odds = np.log(share / (1 - share)) + k * np.log(sparse / dense) - (sparse - dense) * power
        before, r = r, 1 / (1 + np.exp(-np.clip(odds, -700, 700)))
        if not 0 < r.sum() < len(r) or np.abs(r - before).max() < 1e-6:
            break
    found: Flags = r > 0.5
    return found if sparse < dense and 0 < found.sum() < len(found) else np.zeros(len(power), dtype=bool)


def _standardised(rows: npt.NDArray[np.floating]) -> Array:
    """Columns in units of their own spread: distances do not depend on the columns' units."""
    x = np.asarray(rows, dtype=np.float64)
    spread = x.std(axis=0)
    standardised: Array = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return standardised
