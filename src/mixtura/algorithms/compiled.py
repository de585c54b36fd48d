"""Whole climbs in the compiled core: what makes many starts on a few thousand rows cost milliseconds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mixtura import _core
from mixtura.algorithms.acceleration import accelerated_em
from mixtura.algorithms.climb import Climb, Rules, climb_all
from mixtura.algorithms.degeneracy import fewest_rows, suspects
from mixtura.algorithms.ends import Ends
from mixtura.algorithms.iteration import inner_floor
from mixtura.algorithms.stack import Stack
from mixtura.families.covariance import STRUCTURES as ALL
from mixtura.families.covariance import Structure
from mixtura.sources import ArraySource
from mixtura.sweep import Sweep

STRUCTURES = {name: {"E": "EII", "V": "VII"}.get(name, name) for name in ALL}
"""The structures, under the core's names."""

CONVERGED, STOPPED, COLLAPSED, EMPTIED, VIOLATED = range(5)

TINY = np.finfo(float).tiny

JOURNALED_ROWS = 50_000
"""A fit with a checkpoint climbs step by step where rows are more, so that each reading can be written down."""

RESULTS = (
    *("log_weights", "means", "factors", "log_likelihood", "log_max_resp", "remaining", "n_iter", "n_kept", "status"),
    *("noise", "trace"),
)
"""Of a climb, in the order of the core; the trace is ours."""

TRACE_ROWS = 1000
"""Iterations that are written down; a climb that keeps more has no trace."""


def serves(sweep: Sweep, structure: Structure) -> bool:
    """Whether the core can run whole climbs: a simple structure, over an array."""
    if sweep.regularization is not None or (sweep.journal is not None and sweep.source.n_samples > JOURNALED_ROWS):
        return False
    return sweep.engine != "reference" and isinstance(sweep.source, ArraySource) and structure.name in STRUCTURES


def climb_compiled(sweep: Sweep, starts: Stack, tol: float, max_iter: int) -> tuple[Ends, Stack]:
    """`climb_all` with SQUAREM, giving up where a component collapses: the ends, and the mixtures there."""
    source, structure = sweep.source, starts.structure
    assert isinstance(source, ArraySource)
    noisy = starts.noise is not None
    if sweep.journal is None:
        found = _climb(sweep, starts, tol, max_iter)
    else:
        asked = (structure.name, starts.equal_weights, starts.log_volume, tol, max_iter)
        arrays = (starts.weights, starts.means, starts.factors, starts.noise)
        key = sweep.key("climb", *asked, *arrays)
        found = sweep.journal.remember(key, lambda: _climb(sweep, starts, tol, max_iter))
    log_weights, means, factors, log_likelihood = (found[name] for name in RESULTS[:4])
    log_max_resp, remaining, n_iter, n_kept, status, noise, trace = (found[name] for name in RESULTS[4:])
    weights, noise = np.exp(log_weights), np.exp(noise)
    total = weights.sum(axis=1, keepdims=True) + (noise[:, None] if noisy else 0)
    weights /= total
    factors = factors[:, None] if structure.shared else factors
    share = noise / total[:, 0] if noisy else None
    stack = replace(starts, weights=weights, means=means, factors=factors, noise=share)
    shift = source.coordinates.log_jacobian * source.total_weight
    counts = weights * source.total_weight
    # A component shrank a thousandfold in one step and T/N − δδᵀ cancelled: the sweep sees that and looks again about
    # the new means. Where the certificate fails there too, it is a bug, and raised as one.
    again = np.flatnonzero(status == VIOLATED).tolist()
    mended = climb_all(sweep, [starts[i] for i in again], Rules(tol, max_iter), accelerated_em) if again else []

    def climb(i: int) -> Climb:
        if status[i] == VIOLATED:
            return replace(mended[again.index(i)])
        everyone = tuple(range(weights.shape[1]))
        kept = trace[i, : n_kept[i]] if n_kept[i] <= TRACE_ROWS else trace[i, :0]
        return Climb(
            stack[i],
            float(log_likelihood[i]) + shift,
            float(log_max_resp[i]),
            int(n_iter[i]),
            float(remaining[i]),
            bool(status[i] == CONVERGED),
            everyone if status[i] == COLLAPSED else (),
            everyone if status[i] == EMPTIED else (),
            int(n_iter[i]) if status[i] >= COLLAPSED else None,
            counts[i].copy(),
            [(row[0] + shift, row[1] + shift, row[2]) for row in kept.tolist()],
        )

    few = counts.min(axis=1) <= fewest_rows(structure, weights.shape[1], source.n_features)
    troubled = (status >= COLLAPSED) | few | ~np.isfinite(log_likelihood)
    suspect = suspects(stack, counts, np.flatnonzero(~troubled).tolist())
    ends = Ends(log_likelihood + shift, n_iter, status == CONVERGED, troubled, suspect, weights, climb)
    if again:
        ends = ends.replaced(again, Ends.of(mended))
    return ends, stack


def _climb(sweep: Sweep, starts: Stack, tol: float, max_iter: int) -> dict[str, Any]:
    """`_core.climb`, its results by name."""
    source, structure = sweep.source, starts.structure
    assert isinstance(source, ArraySource)
    trace = np.empty((len(starts), min(TRACE_ROWS, max_iter + 1), 3))
    with np.errstate(divide="ignore"):
        log_weights = np.log(starts.weights)
    results = _core.climb(
        source.X,
        source.sample_weight,
        source.coordinates.centre,
        np.full(source.n_features, 1 / source.coordinates.scale),
        STRUCTURES[structure.name],
        log_weights,
        starts.means,
        starts.factors[:, 0] if structure.shared else starts.factors,
        inner_floor(source),
        tol,
        max_iter,
        sweep.n_threads,
        trace=trace,
        equal_weights=starts.equal_weights,
        noise_log_weights=np.log(np.maximum(starts.noise, TINY)) if starts.noise is not None else None,
        noise_log_density=-starts.log_volume,
    )
    n_kept = results[RESULTS.index("n_kept")]
    written = int(np.minimum(n_kept, trace.shape[1]).max(initial=0))
    return dict(zip(RESULTS, (*results, trace[:, :written]), strict=True))
