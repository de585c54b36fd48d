"""The engine for rows of other array libraries: NumPy's reference, written against the array API standard.

The rows stay on their device. Sums are kept there too and come back once a pass, as float64.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.errors import ParameterError
from mixtura.families.base import Family, Statistics
from mixtura.families.gaussian import LOG_2PI, Gaussian, GaussianMoments
from mixtura.linalg import solve_lower
from mixtura.noise import LABEL as NOISE
from mixtura.sources.base import Coordinates
from mixtura.sources.device import DeviceChunk, DeviceSource, device, host, namespace

if TYPE_CHECKING:
    from mixtura.mixture import Mixture

BLOCK_ROWS = 1 << 16
"""Rows taken at a time: enough to keep a GPU busy, few enough for (rows, n_components) arrays of any size."""


class _Whitening:
    """L_k⁻¹(u − μ_k) of Gaussian components, on the device of the rows."""

    def __init__(self, xp: Any, place: Any, components: Gaussian) -> None:
        self.xp, self.form, self.shared = xp, components.constraint.form, components.constraint.shared
        factors = components.factors
        if self.form.ndim == 2:
            inverse = np.stack([solve_lower(factor, np.eye(len(factor))) for factor in factors])
        else:
            inverse = 1 / factors.reshape(len(factors), -1)
        self.means = xp.asarray(components.means.copy(), device=place)
        self.inverse = xp.asarray(inverse, device=place)
        self.log_norm = -0.5 * components.n_features * LOG_2PI - components.log_dets
        self.n_components = components.n_components

    def rows(self, u: Any, k: int) -> Any:
        """(m, D)"""
        inverse = self.inverse[0 if self.shared else k, ...]
        off = u - self.means[k, :]
        return off @ self.xp.matrix_transpose(inverse) if self.form.ndim == 2 else off * inverse

    def log_prob(self, u: Any) -> Any:
        """(m, n_components): log p(u | k), nats"""
        xp = self.xp
        squares = [xp.sum(self.rows(u, k) ** 2, axis=1) for k in range(self.n_components)]
        return xp.stack([norm - 0.5 * s for norm, s in zip(self.log_norm.tolist(), squares, strict=True)], axis=1)

    def sums(self, u: Any, resp: Any) -> list[Any]:
        """First moments (K, D), squares (K,), and second moments where the form has some."""
        xp, first, squares, second = self.xp, [], [], []
        for k in range(self.n_components):
            z, r = self.rows(u, k), resp[:, k]
            first.append(r @ z)
            squares.append(r @ xp.sum(z**2, axis=1))
            if self.form.ndim:
                second.append(xp.matrix_transpose(z) @ (z * r[:, None]) if self.form.ndim == 2 else r @ z**2)
        return [xp.stack(part) for part in (first, squares, second) if part]


def accumulate(
    source: DeviceSource, coordinates: Coordinates, mixtures: Sequence[Mixture[Any]], origins: Sequence[Family]
) -> list[Statistics[Any]]:
    """Statistics of all rows under each mixture, moments about the components `origins`; see `reference.accumulate`."""
    xp, place = namespace(source.X), device(source.X)
    densities = [_Density(xp, place, mixture) for mixture in mixtures]
    whitenings = [
        density.whitening if origin is mixture.components else _Whitening(xp, place, _gaussian(origin))
        for density, mixture, origin in zip(densities, mixtures, origins, strict=True)
    ]
    totals: list[list[Any]] = [[] for _ in mixtures]
    for chunk in source.device_chunks():
        for piece in _pieces(chunk):
            u = _inward(xp, place, chunk.rows[piece, :], coordinates)
            w = None if chunk.weights is None else chunk.weights[piece]
            for i, (density, whitening) in enumerate(zip(densities, whitenings, strict=True)):
                parts = density.sums(u, w, whitening)
                totals[i] = [a + b for a, b in zip(totals[i], parts, strict=True)] if totals[i] else parts
    return [
        _statistics([host(t) for t in total], mixture, _gaussian(origin))
        for total, mixture, origin in zip(totals, mixtures, origins, strict=True)
    ]


def evaluate(source: DeviceSource, mixture: Mixture[Any], coordinates: Coordinates, what: str) -> Any:
    """`component_log_prob`, `log_prob` or `responsibilities` of all rows of a mixture in inner coordinates, on the
    device of the rows; "labels" and the sum of the other responsibilities for `what="labels"`."""
    xp, place = namespace(source.X), device(source.X)
    density = _Density(xp, place, mixture)
    parts = []
    for chunk in source.device_chunks():
        for piece in _pieces(chunk):
            u = _inward(xp, place, chunk.rows[piece, :], coordinates)
            parts.append(density.answer(u, what))
    if what == "labels":
        return tuple(xp.concat([part[i] for part in parts]) for i in range(2))
    return xp.concat(parts)


class _Density:
    """A mixture in inner coordinates, on the device of the rows."""

    def __init__(self, xp: Any, place: Any, mixture: Mixture[Any]) -> None:
        self.xp, self.place, self.mixture = xp, place, mixture
        self.whitening = _Whitening(xp, place, _gaussian(mixture.components))
        noise = mixture.noise
        log_weights = mixture.log_weights if noise is None else np.append(mixture.log_weights, noise.log_weight)
        self.log_weights = xp.asarray(np.maximum(log_weights, np.finfo(float).min), device=place)

    def log_prob(self, u: Any) -> Any:
        """(m, n_components), and a last column for noise where there is noise."""
        found, noise, xp = self.whitening.log_prob(u), self.mixture.noise, self.xp
        if noise is None:
            return found
        flat = xp.full((u.shape[0], 1), -noise.log_volume, dtype=xp.float64, device=self.place)
        return xp.concat([found, flat], axis=1)

    def e_step(self, u: Any) -> tuple[Any, Any, Any]:
        """log p(u), log max_k p(k | u) and p(k | u), as `reference.log_sum_exp`."""
        xp = self.xp
        joint = self.log_prob(u) + self.log_weights
        largest = xp.max(joint, axis=1)
        resp = xp.exp(joint - largest[:, None])
        total = xp.sum(resp, axis=1)
        log_total = xp.log(total)
        return largest + log_total, -log_total, resp / total[:, None]

    def sums(self, u: Any, w: Any, whitening: _Whitening) -> list[Any]:
        """Log-likelihood, Σ log max r, counts (noise last), then the moments."""
        xp = self.xp
        log_prob, log_max, resp = self.e_step(u)
        if w is not None:
            log_prob, log_max, resp = log_prob * w, log_max * w, resp * w[:, None]
        known = resp[:, : whitening.n_components]
        return [xp.sum(log_prob), xp.sum(log_max), xp.sum(resp, axis=0), *whitening.sums(u, known)]

    def answer(self, u: Any, what: str) -> Any:
        xp = self.xp
        if what == "component_log_prob":
            return self.log_prob(u)
        log_prob, _, resp = self.e_step(u)
        if what != "labels":
            return log_prob if what == "log_prob" else resp
        labels = xp.argmax(resp, axis=1)
        place = xp.arange(resp.shape[1], device=self.place)
        others = xp.where(place[None, :] == labels[:, None], xp.zeros_like(resp), resp)
        found = xp.where(labels < self.mixture.n_components, labels, xp.full_like(labels, NOISE))
        return found, xp.sum(others, axis=1)


def _pieces(chunk: DeviceChunk) -> Iterator[slice]:
    n = int(chunk.rows.shape[0])
    for first in range(0, n, BLOCK_ROWS):
        yield slice(first, min(first + BLOCK_ROWS, n))


def _inward(xp: Any, place: Any, rows: Any, coordinates: Coordinates) -> Any:
    centre = xp.asarray(coordinates.centre.copy(), device=place)
    return (xp.astype(rows, xp.float64) - centre) / coordinates.scale


def _statistics(sums: list[Any], mixture: Mixture[Any], origin: Gaussian) -> Statistics[GaussianMoments]:
    log_likelihood, log_max_resp, counts, first, squares, *second = sums
    k = mixture.n_components
    scatter = second[0] if second else None
    if scatter is not None and origin.constraint.shared:
        scatter = scatter.sum(axis=0, keepdims=True)
    moments = GaussianMoments(first, squares, scatter)
    noise = float(counts[k:].sum())
    return Statistics(float(log_likelihood), float(log_max_resp), np.array(counts[:k]), moments, origin, noise)


def _gaussian(components: Family) -> Gaussian:
    if not isinstance(components, Gaussian):
        raise ParameterError("rows of other array libraries are evaluated for Gaussian components; pass a NumPy array.")
    return components
