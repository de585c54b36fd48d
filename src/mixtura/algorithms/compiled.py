"""Whole climbs in the compiled core: what makes many starts on a few thousand rows cost milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mixtura import _core
from mixtura.algorithms.acceleration import accelerated_em
from mixtura.algorithms.climb import Climb, Rules, climb_all
from mixtura.algorithms.iteration import inner_floor
from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture
from mixtura.sources import ArraySource
from mixtura.sweep import Sweep
from mixtura.validation import frozen

STRUCTURES = {"E": "EII", "V": "VII"} | {name: name for name in ("EII", "VII", "EEI", "VVI", "EEE", "VVV")}
"""Structures whose M-step the core knows, under its names."""

CONVERGED, STOPPED, COLLAPSED, EMPTIED, VIOLATED = range(5)

TRACE_ROWS = 1000
"""Iterations that are written down; a climb that keeps more has no trace."""


def serves(sweep: Sweep, starts: Sequence[Mixture[Any]]) -> bool:
    """Whether the core can run these climbs: Gaussians of one shape and a simple structure, over an array."""
    return (
        sweep.engine != "reference"
        and isinstance(sweep.source, ArraySource)
        and bool(starts)
        and all(isinstance(s.components, Gaussian) and s.structure in STRUCTURES for s in starts)
    )


def climb_compiled(sweep: Sweep, starts: Sequence[Mixture[Gaussian]], tol: float, max_iter: int) -> list[Climb]:
    """`climb_all` with SQUAREM, giving up where a component collapses; all starts have one structure and size."""
    source = sweep.source
    assert isinstance(source, ArraySource)
    d, shared = source.n_features, starts[0].components.constraint.shared
    factors = np.stack([s.components.factors[0] if shared else s.components.factors for s in starts])
    trace = np.empty((len(starts), TRACE_ROWS, 3))
    log_weights, means, factors, log_likelihood, log_max_resp, remaining, n_iter, n_kept, status = _core.climb(
        source.X,
        source.sample_weight,
        source.coordinates.centre,
        np.full(d, 1 / source.coordinates.scale),
        STRUCTURES[starts[0].structure],
        np.stack([s.log_weights for s in starts]),
        np.stack([s.components.means for s in starts]),
        np.ascontiguousarray(factors),
        inner_floor(source),
        tol,
        max_iter,
        sweep.n_threads,
        trace=trace,
    )
    shift = source.coordinates.log_jacobian * source.total_weight
    everyone = tuple(range(starts[0].n_components))
    climbs = []
    for i, start in enumerate(starts):
        if status[i] == VIOLATED:
            # A component shrank a thousandfold in one step and T/N − δδᵀ cancelled: the sweep sees that and looks again
            # about the new means. Where the certificate fails there too, it is a bug, and raised as one.
            climbs += climb_all(sweep, [start], Rules(tol, max_iter), accelerated_em)
            continue
        components = Gaussian.from_factors(
            frozen(means[i].copy()),
            frozen(factors[i][None].copy() if shared else factors[i].copy()),
            start.components.constraint,
        )
        weights = np.exp(log_weights[i])
        climbs.append(
            Climb(
                Mixture.trusted(frozen(weights / weights.sum()), components, like=start),
                float(log_likelihood[i]) + shift,
                float(log_max_resp[i]),
                int(n_iter[i]),
                float(remaining[i]),
                bool(status[i] == CONVERGED),
                everyone if status[i] == COLLAPSED else (),
                everyone if status[i] == EMPTIED else (),
                int(n_iter[i]) if status[i] >= COLLAPSED else None,
                weights * source.total_weight,
                [(row[0] + shift, row[1] + shift, row[2]) for row in trace[i, : n_kept[i]].tolist()]
                if n_kept[i] <= TRACE_ROWS
                else [],
            )
        )
    return climbs
