"""The numbers of an explanation with all their digits, ready for JSON.

Components, rows and columns are in their own order, counted from 0; where components are singled out they are named.

    title, answers               the words: {key of a section: its answer}
    n_samples, n_features, n_components, structure, components, columns; noise where there is any, which is then last in
                                 weights, counts and responsibilities
    parameters                   {numbers: how many there are, free: how many of them are free}
    theta0                       {weights, means (n_components, n_features), covariances (compact)}
    start                        {log_likelihood, rounded, log_prob, component_log_prob, responsibilities,
                                  uncertainty, counts, labels, given_to (lists of names: more than one is a tie)}
    first_step                   the parameters after one M-step, and {shift, relative_shift, shift_in_deviations,
                                  moved_left_most (by column), moved_left_most_relatively, moved_furthest,
                                  moved_furthest_in_deviations, size_before, size_after, size_ratio, deviation_ratio,
                                  grew_most}; size is |C|^(1/D), the variance in one dimension
    bound                        {before, after, added, next_log_likelihood, gap, divergence (by row),
                                  total_divergence}
    path                         one dict an M-step: {iteration, log_likelihood (before it), lower_bound (after it),
                                  next_log_likelihood, remaining_gain (estimated after it; null is unknown), collapsed,
                                  emptied} and the parameters after it
    end                          the parameters, and {log_likelihood, n_iter, converged, remaining_gain, counts,
                                  responsibilities, labels, given_to, size, largest_size, travelled_furthest, troubles}
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mixtura.explanation.comparing import largest
from mixtura.explanation.facts import EStep, Explanation
from mixtura.explanation.movement import sizes
from mixtura.explanation.numbers import tenth
from mixtura.explanation.words import notation_of
from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture


def record_of(facts: Explanation) -> dict[str, Any]:
    """The whole explanation in plain lists and numbers."""
    theta = facts.theta0
    notation = notation_of(facts)
    return {
        "title": facts.title,
        "answers": {section.key: section.answer for section in facts.sections},
        "n_samples": len(facts.rows),
        "n_features": theta.n_features,
        "n_components": theta.n_components,
        "structure": theta.structure,
        "components": list(notation.gaussians),
        **({} if theta.noise is None else {"noise": theta.noise.to_dict()}),
        "columns": list(notation.columns),
        "parameters": {"numbers": theta.n_parameters + (not notation.alone), "free": theta.n_parameters},
        "theta0": _parameters(theta),
        "start": _start(facts, notation.owners),
        "first_step": _first_step(facts, notation.gaussians),
        "bound": _bound(facts),
        "path": _path(facts),
        "end": _end(facts, notation.owners),
    }


def _parameters(mixture: Mixture[Gaussian]) -> dict[str, Any]:
    components = mixture.components
    return {
        "weights": mixture.proportions.tolist(),
        "means": components.means.tolist(),
        "covariances": components.covariances.tolist(),
    }


def _given(step: EStep, names: Sequence[str]) -> dict[str, Any]:
    return {
        "responsibilities": step.responsibilities.tolist(),
        "uncertainty": step.uncertainty.tolist(),
        "counts": step.counts.tolist(),
        "labels": step.labels.tolist(),
        "given_to": [_named(winners, names) for winners in step.winners],
    }


def _start(facts: Explanation, names: Sequence[str]) -> dict[str, Any]:
    value = facts.log_likelihoods[0]
    return {
        "log_likelihood": value,
        "rounded": float(tenth(value).replace("−", "-")),
        "log_prob": facts.start.log_prob.tolist(),
        "component_log_prob": facts.start.component_log_prob.tolist(),
        **_given(facts.start, names),
    }


def _first_step(facts: Explanation, names: Sequence[str]) -> dict[str, Any]:
    move = facts.first_move
    columns = range(facts.theta0.n_features)
    return {
        **_parameters(facts.mixtures[1]),
        "shift": move.shift.tolist(),
        "relative_shift": [[_finite(v) for v in row] for row in move.relative_shift.tolist()],
        "shift_in_deviations": move.distance.tolist(),
        "moved_left_most": [_named(move.left_most(j), names) for j in columns],
        "moved_left_most_relatively": [_named(move.left_most_relatively(j), names) for j in columns],
        "moved_furthest": _named(move.furthest(), names),
        "moved_furthest_in_deviations": _named(move.furthest_in_spreads(), names),
        "size_before": sizes(move.before).tolist(),
        "size_after": sizes(move.after).tolist(),
        "size_ratio": move.size_ratio.tolist(),
        "deviation_ratio": move.spread_ratio.tolist(),
        "grew_most": _named(move.grew_most(), names),
    }


def _bound(facts: Explanation) -> dict[str, Any]:
    return {
        "before": facts.bound_before,
        "after": facts.bound_after,
        "added": facts.bound_after - facts.bound_before,
        "next_log_likelihood": facts.log_likelihoods[1],
        "gap": facts.log_likelihoods[1] - facts.bound_after,
        "divergence": facts.divergence.tolist(),
        "total_divergence": float(facts.row_weights @ facts.divergence),
    }


def _path(facts: Explanation) -> list[dict[str, Any]]:
    return [
        {
            "iteration": it.index,
            "log_likelihood": it.log_likelihood,
            "lower_bound": it.lower_bound,
            "next_log_likelihood": facts.log_likelihoods[t + 1],
            "remaining_gain": _finite(facts.remaining_gains[t + 1]),
            "collapsed": list(it.collapsed),
            "emptied": list(it.emptied),
            **_parameters(facts.mixtures[t + 1]),
        }
        for t, it in enumerate(facts.iterations)
    ]


def _end(facts: Explanation, names: Sequence[str]) -> dict[str, Any]:
    size = sizes(facts.mixture)
    return {
        **_parameters(facts.mixture),
        "log_likelihood": facts.log_likelihood,
        "n_iter": facts.n_iter,
        "converged": facts.converged,
        "remaining_gain": _finite(facts.remaining_gains[-1]),
        **_given(facts.end, names),
        "size": size.tolist(),
        "largest_size": _named(largest(size), names),
        "travelled_furthest": _named(facts.whole_move.furthest(), names),
        "troubles": [{"component": names[k], "what": what, "iteration": index} for k, what, index in facts.troubles],
    }


def _named(components: Sequence[int], names: Sequence[str]) -> list[str]:
    return [names[k] for k in components]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
