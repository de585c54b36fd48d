"""The E-step where not the same is known of all rows: exact, on what is known, for every covariance structure.

A row that knows the columns o has log p(x_o | k) from N(μ_o, Σ_oo), and the expected statistics of its missing part
(Ghahramani & Jordan 1994). With the known columns first, P L = L̃ Qᵀ by one QR factorisation:
L̃ = [G 0; R S] has G Gᵀ = Σ_oo, z̃_o = G⁻¹(x_o − μ_o) is all that is known, and z = Q z̃. In those coordinates the missing
part has mean 0 and covariance I, so that a rotation brings all statistics back: Σ is never formed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.errors import ParameterError
from mixtura.families.base import Family, Statistics
from mixtura.families.covariance import resolve_structure
from mixtura.families.gaussian import LOG_2PI, Gaussian, GaussianMoments
from mixtura.linalg import diagonals
from mixtura.noise import LABEL as NOISE
from mixtura.noise import Noise
from mixtura.sources.base import Coordinates
from mixtura.sources.strata import Batch, Numbers, StratifiedSource, Stratum
from mixtura.sweep import native, reference
from mixtura.sweep.engines import use_native
from mixtura.validation import Array, Flags, Labels

if TYPE_CHECKING:
    from mixtura.mixture import Mixture

MARGINALS = {"full": ("VVV", "EEE"), "diag": ("VVI", "EEI"), "spherical": ("VII", "EII")}
"""The structure of some columns: the form and the sharing stay."""


def gaussian(source: StratifiedSource, mixture: Mixture[Any]) -> Gaussian:
    """The components, where their marginals are known here; a reason to refuse them otherwise."""
    components = mixture.components
    if not isinstance(components, Gaussian) or components.constraint.form.name not in MARGINALS:
        raise ParameterError(
            f"rows with missing cells need Gaussian components of one of mclust's structures, not {components.name} "
            f"of structure {components.structure}; leave these rows out or fill them."
        )
    if mixture.noise is not None and source.has_gaps:
        box = mixture.noise.known_box("the density of rows with missing cells")
        if not box.is_along_columns:
            raise ParameterError(
                "rows with missing cells need noise in a box along the columns, and this one is turned: fewer columns "
                "of it are not uniform. Take mixtura.Noise.between(weight, lowest, highest), leave these rows out, or "
                "the noise: .with_noise(None)."
            )
    return components


def noise_log_prob(noise: Noise, batch: Batch) -> Array:
    """(m,): log-density of the noise at the known cells, nats: one over the volume of the box in their columns."""
    if noise.box is None or batch.seen.all():
        return np.full(len(batch.rows), -noise.log_volume)
    low, high = noise.box.ends
    of_pattern: Array = batch.seen.astype(np.float64) @ np.log(high - low)
    return -of_pattern[batch.pattern]


def known_first(factors: Array, seen: Flags) -> tuple[Array, Array]:
    """L̃ and Q, (P, m, D, D) each, for factors (m, D, D) and patterns (P, D): P L = L̃ Qᵀ, the known columns first."""
    order = np.argsort(~seen, axis=1, kind="stable")
    roots = np.moveaxis(factors[:, order, :], 0, 1)
    rotation, upper = np.linalg.qr(np.swapaxes(roots, -2, -1))
    signs = np.where(diagonals(upper) < 0, -1.0, 1.0)[..., None, :]
    return np.swapaxes(upper, -2, -1) * signs, rotation * signs


@dataclass(frozen=True, slots=True)
class Look:
    """A batch of rows under the components of a mixture.

    Attributes
    ----------
    log_prob : (m, K), log p(x_o | k), nats
    z : (m, K, D), E[z | x_o, k]
    hidden : Cov[z | x_o, k] as roots (P, m, D, D), or its diagonal (P, D) for forms without correlation
    """

    log_prob: Array
    z: Array
    hidden: Array


def look(components: Gaussian, batch: Batch, coordinates: Coordinates) -> Look:
    """The E-step of a batch, but for the weights of the components."""
    rows, seen = coordinates.rows_inward(batch.rows), batch.seen[batch.pattern]
    log_norm = -0.5 * LOG_2PI * seen.sum(axis=1)[:, None]
    off = np.where(seen[:, None, :], rows[:, None, :] - components.means, 0.0)
    if components.constraint.form.ndim < 2:
        spread = components.factors.reshape(len(components.factors), -1)
        spread = np.broadcast_to(spread, (components.n_components, components.n_features))
        z = off / spread
        log_norm = log_norm - np.where(seen[:, None, :], np.log(spread), 0.0).sum(axis=2)
        return Look(log_norm - 0.5 * (z**2).sum(axis=2), z, (~batch.seen).astype(np.float64))
    lower, rotation = known_first(components.factors, batch.seen)
    n_seen = batch.seen.sum(axis=1)
    known = np.arange(components.n_features) < n_seen[:, None]
    logs = np.where(known[:, None, :], np.log(diagonals(lower)), 0.0).sum(axis=2)[batch.pattern]
    order = np.argsort(~seen, axis=1, kind="stable")
    first = np.take_along_axis(off, order[:, None, :], axis=2)
    own = lower[batch.pattern]
    solved = np.zeros_like(first)
    for i in range(int(n_seen.max(initial=0))):
        done = np.einsum("nkj,nkj->nk", own[:, :, i, :i], solved[..., :i]) if i else 0.0
        solved[..., i] = (first[..., i] - done) / own[:, :, i, i] * known[batch.pattern, None, i]
    z = (rotation[batch.pattern] @ solved[..., None])[..., 0]
    hidden = rotation * ~known[:, None, None, :]
    return Look(log_norm - logs - 0.5 * (solved**2).sum(axis=2), z, hidden)


def moments(components: Gaussian, seen: Look, batch: Batch, resp: Array, steps: Array, scatter: bool) -> Any:
    """Expected moments of a batch about means that lie `steps` (K, D), whitened, from those of the components."""
    form, shared = components.constraint.form, components.constraint.shared
    z = seen.z - steps
    by_pattern = np.add.reduceat(resp, batch.starts, axis=0)  # (P, K)
    hidden = by_pattern.T @ (~batch.seen).sum(axis=1).astype(np.float64)
    sums = np.einsum("nk,nkd->kd", resp, z)
    squares = np.einsum("nk,nkd,nkd->k", resp, z, z) + hidden
    if not scatter or form.ndim == 0:
        return GaussianMoments(sums, squares, None)
    if form.ndim == 1:
        second = np.einsum("nk,nkd->kd", resp, z**2) + by_pattern.T @ seen.hidden
        return GaussianMoments(sums, squares, second.sum(axis=0, keepdims=True) if shared else second)
    scaled = np.moveaxis(z * np.sqrt(resp)[..., None], 0, 2)  # (K, D, m)
    second = scaled @ np.swapaxes(scaled, 1, 2)
    pooled = by_pattern.sum(axis=1, keepdims=True) if shared else by_pattern
    roots = np.moveaxis(seen.hidden * np.sqrt(pooled)[..., None, None], 0, 2)  # (m, D, P, D)
    roots = roots.reshape(*roots.shape[:2], -1)
    second = (second.sum(axis=0, keepdims=True) if shared else second) + roots @ np.swapaxes(roots, 1, 2)
    return GaussianMoments(sums, squares, second)


def steps_between(mixture: Gaussian, origin: Gaussian) -> Array:
    """(K, D): L_k⁻¹(μ'_k − μ_k) from the components of the E-step to those that the moments are about."""
    if origin is mixture:
        return np.zeros_like(mixture.means)
    return mixture.constraint.form.whiten_each(mixture.factors, origin.means - mixture.means)


def marginal(components: Gaussian, observed: Numbers, lower: Array | None) -> Gaussian:
    """The components of some columns, from L̃ (m, D, D) where they are correlated."""
    form, factors = components.constraint.form, components.factors
    if lower is not None:
        factors = np.ascontiguousarray(lower[:, : len(observed), : len(observed)])
    elif form.ndim == 1:
        factors = np.ascontiguousarray(factors[:, observed])
    structure = resolve_structure(MARGINALS[form.name][components.constraint.shared], len(observed))
    if len(observed) == 1:
        factors = factors.reshape(len(factors))
    return Gaussian.from_factors(np.ascontiguousarray(components.means[:, observed]), factors, structure)


def completed(
    components: Gaussian,
    part: GaussianMoments,
    counts: Array,
    observed: Numbers,
    rotation: Array | None,
    steps: Array,
    scatter: bool,
) -> GaussianMoments:
    """Moments of all columns from those of the known ones; `steps` as in `steps_between`."""
    form, shared, d = components.constraint.form, components.constraint.shared, components.n_features
    rest = d - len(observed)
    order = np.concatenate([observed, np.setdiff1d(np.arange(d), observed)])
    wide = np.eye(d)[None, order].swapaxes(1, 2) if rotation is None else rotation
    away = -np.einsum("kji,kj->ki", np.broadcast_to(wide, (len(counts), d, d)), steps)[:, len(observed) :]
    sums = np.concatenate([part.sums, counts[:, None] * away], axis=1)
    sums = np.einsum("kij,kj->ki", np.broadcast_to(wide, (len(counts), d, d)), sums)
    squares = part.squares + counts * (rest + (away**2).sum(axis=1))
    if not scatter or form.ndim == 0:
        return GaussianMoments(sums, squares, None)
    n = counts.reshape(-1, *[1] * form.ndim)
    known = part.squares.reshape(n.shape) if part.scatter is None else part.scatter
    hidden = n * (form.outer(away, away) + (np.eye(rest) if form.ndim == 2 else 1.0))
    cross = part.sums[:, :, None] * away[:, None, :]
    if shared:
        known, cross, hidden = (m.sum(axis=0, keepdims=True) for m in (known, cross, hidden))
    if form.ndim == 1:
        return GaussianMoments(sums, squares, np.concatenate([known, hidden], axis=1)[:, np.argsort(order)])
    second = np.concatenate(
        [np.concatenate([known, cross], axis=2), np.concatenate([np.swapaxes(cross, 1, 2), hidden], axis=2)], axis=1
    )
    return GaussianMoments(sums, squares, wide @ second @ np.swapaxes(wide, 1, 2))


def accumulate(
    source: StratifiedSource,
    coordinates: Coordinates,
    mixtures: Sequence[Mixture[Any]],
    origins: Sequence[Family],
    scatter: Sequence[bool],
    n_threads: int,
    engine: str | None,
) -> list[Statistics[Any]]:
    """Statistics of all rows under each mixture, moments about `origins`; log-likelihoods in data units."""
    large, batches = source.strata
    found = []
    for mixture, origin, wanted in zip(mixtures, origins, scatter, strict=True):
        components = gaussian(source, mixture)
        assert isinstance(origin, Gaussian)
        steps = steps_between(components, origin)
        parts = [_of_batch(coordinates, batch, mixture, origin, steps, wanted) for batch in batches]
        parts += [
            _of_stratum(source, coordinates, stratum, mixture, origin, steps, wanted, n_threads, engine)
            for stratum in large
        ]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        found.append(total)
    return found


def _of_batch(
    coordinates: Coordinates, batch: Batch, mixture: Mixture[Any], origin: Gaussian, steps: Array, scatter: bool
) -> Statistics[Any]:
    seen = look(mixture.components, batch, coordinates)
    found = posterior(mixture, batch, seen.log_prob)
    resp = found.resp * batch.weights[:, None]
    shift = -np.log(coordinates.scale) * float(batch.weights @ batch.seen.sum(axis=1)[batch.pattern])
    k = mixture.n_components
    return Statistics(
        float(found.weight @ found.log_prob) + shift,
        float(found.weight @ found.log_max),
        resp[:, :k].sum(axis=0),
        moments(mixture.components, seen, batch, resp[:, :k], steps, scatter),
        origin,
        float(resp[:, k:].sum()),
        mixing=None if batch.unit is None else found.weight @ found.unit_resp[:, :k],
    )


@dataclass(frozen=True, slots=True)
class Posterior:
    """What a batch says of its units: rows alone, or groups of rows that belong to one component together.

    Attributes
    ----------
    log_prob, log_max : (U,), log p(x) and log max_k r of each unit, nats
    weight : (U,), how often the unit counts: the weight of a row alone, 1 for a group
    unit_resp : (U, K), with noise one more column
    resp : the same for every row
    """

    log_prob: Array
    log_max: Array
    weight: Array
    unit_resp: Array
    resp: Array


def posterior(mixture: Mixture[Any], batch: Batch, log_prob: Array) -> Posterior:
    """Bayes' rule for a batch: with its labels, its priors, and its groups.

    A group's likelihood is Σ_k π_k Π_i p(x_i | k)^w_i: one component for all its rows (Shental et al. 2004).
    """
    joint, known = log_prob, batch.known
    log_weights = reference.log_weights(mixture)
    if mixture.noise is not None:
        joint = np.column_stack([joint, noise_log_prob(mixture.noise, batch)])
    if known is not None:
        with np.errstate(divide="ignore"):
            prior = np.log(known.evidence(mixture.n_components))
        if mixture.noise is not None:
            known.check_noise()
            prior = np.column_stack([prior, np.where(known.code == 0, 0.0, -np.inf)])
        joint = joint + prior
    if batch.unit is None or known is None or known.group is None:
        log_total, log_max, resp = reference.log_sum_exp(joint + log_weights)
        return Posterior(log_total, log_max, batch.weights, resp, resp)
    linked, w = known.group >= 0, batch.weights
    power = np.where(linked, w, 1.0)[:, None] * log_prob + np.where((w > 0)[:, None], joint - log_prob, 0.0)
    together = np.zeros((int(batch.unit.max()) + 1, joint.shape[1]))
    np.add.at(together, batch.unit, power)
    log_total, log_max, resp = reference.log_sum_exp(together + log_weights)
    weight = np.zeros(len(together))
    np.maximum.at(weight, batch.unit, np.where(linked, (w > 0).astype(float), w))
    return Posterior(log_total, log_max, weight, resp, resp[batch.unit])


def allowed(source: StratifiedSource, stratum: Stratum, mixture: Mixture[Any]) -> Mixture[Any]:
    """The mixture without the components that a stratum cannot belong to; its other weights stay as they are."""
    if not stratum.code or source.known is None:
        return mixture
    mask = source.known.allowed(mixture.n_components)[stratum.code]
    return type(mixture).trusted(np.where(mask, mixture.weights, 0.0), mixture.components)


def _of_stratum(
    source: StratifiedSource,
    coordinates: Coordinates,
    stratum: Stratum,
    mixture: Mixture[Any],
    origin: Gaussian,
    steps: Array,
    scatter: bool,
    n_threads: int,
    engine: str | None,
) -> Statistics[Any]:
    here, part, rotation, some = _marginals(coordinates, stratum.observed, mixture, origin)
    here = allowed(source, stratum, here)
    if use_native(engine, [here.components], stratum.rows.dtype):
        [found] = native.accumulate(stratum.chunk, some, [here], [part], [scatter], n_threads)
    else:
        [found] = reference.accumulate(stratum.chunk, some, [here], [part])
    shift = some.log_jacobian * found.total_weight
    moments = found.moments
    if len(stratum.observed) < origin.n_features:
        moments = completed(origin, moments, found.counts, stratum.observed, rotation, steps, scatter)
    return replace(found, log_likelihood=found.log_likelihood + shift, moments=moments, origin=origin)


def _marginals(
    coordinates: Coordinates, observed: Numbers, mixture: Mixture[Any], origin: Gaussian
) -> tuple[Mixture[Any], Gaussian, Array | None, Coordinates]:
    """The mixture and the origin of some columns, the rotation back to all of them, and the columns' coordinates."""
    components = mixture.components
    if len(observed) == components.n_features:
        return mixture, origin, None, coordinates
    lower = rotation = None
    if components.constraint.form.ndim == 2:
        seen = np.isin(np.arange(components.n_features), observed)[None]
        (lower,), (rotation,) = known_first(components.factors, seen)
    of_mixture = marginal(components, observed, lower)
    of_origin = of_mixture if origin is components else marginal(origin, observed, lower)
    noise = mixture.noise and mixture.noise.of_columns(observed.tolist(), components.n_features, "a row with gaps")
    here = type(mixture).trusted(mixture.weights, of_mixture, noise=noise)
    return here, of_origin, rotation, Coordinates(coordinates.centre[observed], coordinates.scale)


def evaluate(
    source: StratifiedSource,
    coordinates: Coordinates,
    inner: Mixture[Any],
    what: str,
    out: Array,
    n_threads: int,
    engine: str | None,
) -> None:
    """Write `component_log_prob`, `log_prob` or `responsibilities` of all rows into `out`, in data units.

    A row without any known cell has log-densities of 0 and the weights as responsibilities. Labels are not looked at.
    """
    gaussian(source, inner)
    large, batches = source.strata
    for batch in batches:
        component = look(inner.components, batch, coordinates).log_prob
        if inner.noise is not None:
            component = np.column_stack([component, noise_log_prob(inner.noise, batch)])
        n_seen = batch.seen.sum(axis=1)[batch.pattern]
        log_prob, _, resp = reference.log_sum_exp(component + reference.log_weights(inner))
        shift = -np.log(coordinates.scale) * n_seen
        whole = component + shift[:, None] if what == "component_log_prob" else resp
        out[batch.numbers] = log_prob + shift if what == "log_prob" else whole
    for stratum in large:
        here, _, _, some = _marginals(coordinates, stratum.observed, inner, inner.components)
        part = np.empty((len(stratum.rows), *out.shape[1:]))
        if use_native(engine, [here.components], stratum.rows.dtype):
            native.evaluate(stratum.chunk, some, here, n_threads, {what: part})
        else:
            reference.evaluate(stratum.chunk, some, here, what, part)
        out[stratum.numbers] = part if what == "responsibilities" else part + some.log_jacobian


def label(
    source: StratifiedSource, coordinates: Coordinates, inner: Mixture[Any], n_threads: int, engine: str | None
) -> tuple[Labels, Array]:
    """Each row's component of largest responsibility, and the sum of its other responsibilities, (n_samples,) each."""
    gaussian(source, inner)
    labels, rest = np.empty(source.n_samples, dtype=np.int64), np.empty(source.n_samples)
    large, batches = source.strata
    for batch in batches:
        resp = posterior(inner, batch, look(inner.components, batch, coordinates).log_prob).resp
        found, rest[batch.numbers] = reference.largest(resp.copy())
        labels[batch.numbers] = np.where(found < inner.n_components, found, NOISE)
    for stratum in large:
        here, _, _, some = _marginals(coordinates, stratum.observed, inner, inner.components)
        here = allowed(source, stratum, here)
        found, other = np.empty(len(stratum.rows), dtype=np.int64), np.empty(len(stratum.rows))
        if use_native(engine, [here.components], stratum.rows.dtype):
            native.evaluate(stratum.chunk, some, here, n_threads, {"labels": found, "uncertainty": other})
        else:
            reference.label(stratum.chunk, some, here, found, other)
        labels[stratum.numbers], rest[stratum.numbers] = found, other
    return labels, rest
