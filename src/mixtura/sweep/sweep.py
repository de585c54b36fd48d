"""`Sweep`: a source bound to an engine. Called with mixtures, it reads the rows once and returns their statistics."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.engines import resolve_engine
from mixtura.errors import ParameterError
from mixtura.families.base import Family, Statistics
from mixtura.families.covariance import STRUCTURES
from mixtura.families.gaussian import Gaussian
from mixtura.families.prior import Prior
from mixtura.families.ratio import Ratio
from mixtura.regularization import Regularization, covariance_of
from mixtura.sources.base import Coordinates, Source
from mixtura.sources.device import DeviceSource
from mixtura.sources.strata import StratifiedSource
from mixtura.sweep import incomplete, native, reference, standard
from mixtura.sweep.engines import use_native
from mixtura.sweep.totals import Totals, complete, safe, wants_scatter
from mixtura.threads import thread_count
from mixtura.validation import Array

if TYPE_CHECKING:
    from mixtura.journal import Journal
    from mixtura.mixture import Mixture

NOTICEABLE_JUMP = 1e-6
"""|δ|² above which a component's second moment is looked at for cancellation: nearer the limit nothing can cancel."""

MOST_SHIFT = 4.0
"""Second moment of all rows over their variance: below, two bits at most are lost by the shift to the mean."""

DIGITS_AT_RISK = 4096.0
"""Second moment over its centred part above which a pass about the new centres is made: 12 bits."""

FLAT_COLUMN, MOST_STEPS, ENOUGH = 1e-6, 100, 1e-4
"""Of the one Gaussian that stands for rows with gaps: its smallest spread beside those of the columns, its iterations,
and the gain, in nats a row, at which they end. Starts and priors look at it; no result does."""


class Sweep:
    """The E-step over one source, for any number of mixtures at a time.

    Mixtures are in the inner coordinates of the source; log-likelihoods come back in data units.

    Parameters
    ----------
    source : Source
    n_threads : int, optional. Threads of the compiled engine; the result does not depend on them.
    engine : "native", "reference", "standard" or None for the fastest that serves. MIXTURA_ENGINE sets the default.
    regularization : optional. Statistics then carry its pseudo-data, and log-likelihood means that of rows and prior.
    coordinates : inner coordinates that mixtures are in, where those of the source itself are not the ones
    """

    def __init__(
        self,
        source: Source,
        n_threads: int | None = None,
        engine: str | None = None,
        regularization: Regularization | None = None,
        coordinates: Coordinates | None = None,
    ) -> None:
        self.source = source
        self._coordinates = coordinates
        self.regularization = regularization
        self.engine = resolve_engine(engine)
        self.n_threads = thread_count(n_threads)
        self.journal: Journal | None = None
        self._priors: dict[tuple[str, int], Prior | Ratio] = {}

    def __call__(self, mixtures: Sequence[Mixture[Any]]) -> list[Statistics[Any]]:
        """One reading of the rows: the statistics of each mixture, ready for the M-step."""
        scatter = [self._accumulates_scatter(m) for m in mixtures]
        statistics = self._pass(mixtures, [m.components for m in mixtures], scatter)
        for i, (mixture, found) in enumerate(zip(mixtures, statistics, strict=True)):
            if isinstance(found.origin, Gaussian):
                if found.moments.scatter is None and wants_scatter(found.origin):
                    found = complete(found, self.totals)
                statistics[i] = self._recentred(mixture, found)
            if self.regularization is not None:
                prior = self.prior(mixture)
                objective = found.log_likelihood + prior.log_density(mixture.components)
                statistics[i] = replace(statistics[i], log_likelihood=objective, prior=prior)
        return statistics

    def like(self, source: Source) -> Sweep:
        """The same over other rows."""
        other = Sweep(source, self.n_threads, self.engine, self.regularization)
        other.journal = self.journal
        return other

    def prior(self, mixture: Mixture[Any]) -> Prior | Ratio:
        """The pseudo-data, or the constraint, for mixtures of that structure and number of components."""
        assert self.regularization is not None
        key = mixture.structure, mixture.n_components
        if key not in self._priors:
            totals = self.totals
            covariance = covariance_of(totals.scatter, totals.weight)
            constraint = mixture.components.constraint
            self._priors[key] = self.regularization.prior(
                totals.weight, totals.mean, covariance, mixture.n_components, constraint
            )
        return self._priors[key]

    def admit(self, mixture: Mixture[Any]) -> Mixture[Any]:
        """The mixture itself, or the nearest one that keeps the constraint, where there is one."""
        prior = None if self.regularization is None else self.prior(mixture)
        if not isinstance(prior, Ratio):
            return mixture
        if mixture.fixed is not None and mixture.fixed.covariances:
            raise ParameterError(
                "regularization='ratio' may have to move any covariance, so none can be fixed; take 'penalty' or 'map'."
            )
        return mixture.trusted(mixture.weights, prior.admit(mixture.components, mixture.weights), like=mixture)

    def log_prior(self, mixture: Mixture[Any]) -> float:
        """Of a mixture in inner coordinates; 0 without regularization."""
        return 0.0 if self.regularization is None else self.prior(mixture).log_density(mixture.components)

    def one(self, mixture: Mixture[Any]) -> Statistics[Any]:
        """The statistics of one mixture."""
        return self([mixture])[0]

    def log_likelihood_of(self, mixture: Mixture[Any]) -> Statistics[Any]:
        """Statistics without second moments: all that criteria need, and no more work than that."""
        return self._pass([mixture], [mixture.components], [False])[0]

    @cached_property
    def spread(self) -> Array:
        """(D,): standard deviation of each column, in inner coordinates; roughly, where rows are dear to read."""
        rough = self.source.rough()
        if rough is self.source:
            return self.totals.spread
        return Sweep(rough, self.n_threads, self.engine, coordinates=self.source.coordinates).totals.spread

    @cached_property
    def totals(self) -> Totals:
        """Weight, mean and scatter of all rows, in inner coordinates.

        One pass, about the centre of the inner coordinates, and a second one about the mean where that would cancel.
        """
        from mixtura.mixture import Mixture

        if isinstance(self.source, StratifiedSource):
            if self.source.known is not None:
                return self.like(replace(self.source, known=None)).totals
            return self._totals_of_incomplete() if self.source.has_gaps else self.like(self.source.whole()).totals
        if self.source.has_gaps:
            return self._totals_of_sample()
        d = self.source.n_features
        structure = STRUCTURES["VVV"] if d > 1 else STRUCTURES["V"]
        probe = Mixture.trusted(np.ones(1), Gaussian.standard(np.zeros((1, d)), np.ones(d), structure))
        about_zero = self._pass([probe], [probe.components], [True])[0]
        weight = float(about_zero.counts[0])
        mean = about_zero.moments.sums[0] / weight
        moments = about_zero.moments
        second = moments.squares[:, None] if moments.scatter is None else moments.scatter[0]
        centred = second - weight * np.outer(mean, mean)
        if np.all(np.diag(second) <= MOST_SHIFT * np.diag(centred)):
            return Totals(weight, mean, centred)
        moved = Gaussian.standard(mean[None, :], np.ones(d), structure)
        about_mean = self._pass([Mixture.trusted(np.ones(1), moved)], [moved], [True])[0].moments
        scatter = about_mean.squares[:, None] if about_mean.scatter is None else about_mean.scatter[0]
        return Totals(weight, mean, scatter)

    def _totals_of_sample(self) -> Totals:
        """The same of rows with gaps that are dear to read: roughly."""
        sample, there = self.source.rough(), self._coordinates or self.source.coordinates
        here, found = sample.coordinates, self.like(sample).totals
        mean = (here.centre - there.centre + here.scale * found.mean) / there.scale
        share = self.source.total_weight / found.weight
        return Totals(self.source.total_weight, mean, found.scatter * (share * (here.scale / there.scale) ** 2))

    def _totals_of_incomplete(self) -> Totals:
        """The same where cells are missing: of one Gaussian at its maximum likelihood, found by EM."""
        from mixtura.mixture import Mixture

        source, d = self.source, self.source.n_features
        assert isinstance(source, StratifiedSource)
        structure = STRUCTURES["VVV"] if d > 1 else STRUCTURES["V"]
        mean, spread = source.column_moments
        floor = np.maximum(source.resolution / source.coordinates.scale, FLAT_COLUMN * spread)
        components: Any = Gaussian.standard(mean[None, :], np.maximum(spread, floor), structure)
        last = -np.inf
        for _ in range(MOST_STEPS):
            found = self._pass([Mixture.trusted(np.ones(1), components)], [components], [True])[0]
            components = found.m_step(floor).components
            if found.log_likelihood - last < ENOUGH * source.total_weight:
                break
            last = found.log_likelihood
        covariance = components.covariance_matrices[0]
        return Totals(source.total_weight, components.means[0], source.total_weight * covariance)

    def _accumulates_scatter(self, mixture: Mixture[Any]) -> bool:
        """Whether the pass itself must sum second moments: not where the totals give them."""
        components = mixture.components
        if not isinstance(components, Gaussian):
            return True
        if not wants_scatter(components):
            return False
        if self.source.has_gaps:  # these depend on responsibilities
            return True
        alone = mixture.noise is None  # the totals hold the noise's rows too
        return not (alone and components.constraint.shared and safe(components, self.totals))

    def _pass(
        self, mixtures: Sequence[Mixture[Any]], origins: Sequence[Family], scatter: Sequence[bool]
    ) -> list[Statistics[Any]]:
        """Statistics as the rows give them; those that a journal holds are taken from there."""
        if self.journal is None:
            return self._read(mixtures, origins, scatter)
        from mixtura.journal import decode_parts, encode_parts

        asked = list(zip(mixtures, origins, scatter, strict=True))
        keys = [self._key(*what) for what in asked]
        known = [self.journal.recall(key) for key in keys]
        unknown = [i for i, parts in enumerate(known) if parts is None]
        if unknown:
            some = [asked[i] for i in unknown]
            read = self._read([m for m, _, _ in some], [o for _, o, _ in some], [s for _, _, s in some])
            for i, found in zip(unknown, read, strict=True):
                known[i] = encode_parts(found, leave_out=("origin", "prior"))
            self.journal.add({keys[i]: known[i] or {} for i in unknown})
        return [decode_parts(parts or {}, origin=origin) for parts, origin in zip(known, origins, strict=True)]

    def key(self, *asked: Any) -> str:
        """A name for a question about these rows, for the journal."""
        from mixtura.journal import key_of

        source, coordinates = self.source, self._coordinates or self.source.coordinates
        inner = coordinates.centre, coordinates.scale
        return key_of(self.engine, *self._rows_tag, source.n_samples, source.total_weight, *inner, *asked)

    @cached_property
    def _rows_tag(self) -> tuple[Any, ...]:
        """What tells these rows apart from others of one fit: samples, and rows whose gaps were filled."""
        rows = getattr(self.source, "X", None)
        checksum = 0 if rows is None else zlib.crc32(np.ascontiguousarray(rows).data)
        return type(self.source).__name__, checksum

    def _key(self, mixture: Mixture[Any], origin: Family, scatter: bool) -> str:
        about = () if origin is mixture.components else _parameters(origin)
        parameters = _parameters(mixture.components)
        return self.key(
            "pass", mixture.structure, mixture.weights, mixture.noise, scatter, *parameters, "about", *about
        )

    def _read(
        self, mixtures: Sequence[Mixture[Any]], origins: Sequence[Family], scatter: Sequence[bool]
    ) -> list[Statistics[Any]]:
        coordinates = self._coordinates or self.source.coordinates
        if self.source.is_partial:
            found = (
                incomplete.accumulate(part, coordinates, mixtures, origins, scatter, self.n_threads, self.engine)
                for _, part in self.source.parts()
            )
            return reduce(lambda one, other: [a + b for a, b in zip(one, other, strict=True)], found)
        parts = self.source.map(_accumulated, coordinates, mixtures, origins, scatter, self.engine, self.n_threads)
        totals = reduce(lambda one, other: [a + b for a, b in zip(one, other, strict=True)], parts)
        shift = coordinates.log_jacobian
        return [
            replace(s, log_likelihood=s.log_likelihood + shift * s.total_weight, origin=origin)
            for s, origin in zip(totals, origins, strict=True)
        ]

    def _recentred(self, mixture: Mixture[Any], found: Statistics[Any]) -> Statistics[Any]:
        """A second pass about the new means where a component moved or shrank so much that T/N − δδᵀ would cancel."""
        n = np.maximum(found.counts, np.finfo(float).tiny)
        delta: Array = found.moments.sums / n[:, None]
        if not np.any((delta**2).sum(axis=1) > NOTICEABLE_JUMP):
            return found
        origin = mixture.components
        if origin.digits_at_risk(found.moments, found.counts) <= DIGITS_AT_RISK:
            return found
        moved = origin.at(origin.means + origin.constraint.form.unwhiten(origin.factors, delta))
        return self._pass([mixture], [moved], [wants_scatter(origin)])[0]


def _accumulated(
    source: Source,
    coordinates: Coordinates,
    mixtures: Sequence[Mixture[Any]],
    origins: Sequence[Family],
    scatter: Sequence[bool],
    engine: str | None,
    n_threads: int,
) -> list[Statistics[Any]]:
    """Statistics of the rows of a source under each mixture: chunks are added in their order."""
    if isinstance(source, DeviceSource):
        return standard.accumulate(source, coordinates, mixtures, origins)
    totals: list[Statistics[Any]] | None = None
    for chunk in source.chunks():
        if use_native(engine, (m.components for m in mixtures), chunk.rows.dtype):
            part = native.accumulate(chunk, coordinates, mixtures, origins, scatter, n_threads)
        else:
            part = reference.accumulate(chunk, coordinates, mixtures, origins)
        totals = part if totals is None else [a + b for a, b in zip(totals, part, strict=True)]
    assert totals is not None, "a source has at least one chunk"
    return totals


def _parameters(components: Family) -> tuple[Any, ...]:
    """What tells components apart."""
    if isinstance(components, Gaussian):
        return components.means, components.factors
    return (repr(components.to_dict()),)
