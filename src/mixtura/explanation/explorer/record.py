"""What the page shows, ready for JSON: rows, mixtures, and the explanation's words and formulas of each step.

title, n_features, columns, gaussians, shared_volume, equal_weights, separator (of the two indices of γ)
rows (n_samples, n_features), sample_weight (n_samples,) or null
log_likelihoods, lower_bounds      of every mixture and every M-step, total nats; `nats` has them as texts
mixtures                           {t: weights, means, covariances (n_components, D, D), tables}, of the shown ones
steps                              one an iteration shown: t (it leads from θ_t to θ_{t+1}), words and formulas
parameters                         what the picture of the bound can vary: label, kind, component, column
run                                names and columns of the run's table
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.errors import ParameterError
from mixtura.explanation.document import Formula, Table
from mixtura.explanation.explain import one_step
from mixtura.explanation.facts import Explanation
from mixtura.explanation.notation import Notation
from mixtura.explanation.numbers import nats, subscript
from mixtura.explanation.run import run_table
from mixtura.explanation.sections.bound import bound
from mixtura.explanation.sections.e_step import given_to
from mixtura.explanation.sections.growing import growth_words, variances
from mixtura.explanation.sections.moving import means
from mixtura.explanation.sections.put_in import mean_numbers, variance_numbers, weight_numbers
from mixtura.explanation.tabulating import parameter_tables
from mixtura.explanation.words import notation_of, trouble_words
from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture
from mixtura.report.records import plain

MAX_ROWS = 10_000
"""More rows than this are too many circles for a browser to move at once."""

MAX_STEPS = 200
"""A longer run shows its first iterations, as many as half of this, and evenly spaced ones of the rest."""


def explorer_record(facts: Explanation) -> dict[str, Any]:
    """Everything that the page shows."""
    _check(facts)
    notation = notation_of(facts)
    theta = facts.theta0
    steps = shown_steps(facts.n_iter)
    mixtures = sorted({t + ahead for t in steps for ahead in (0, 1)})
    record = {
        "title": facts.title,
        "preamble": facts.preamble,
        "n_features": theta.n_features,
        "columns": notation.columns,
        "gaussians": notation.owners,
        "noisy": notation.noise,
        "shared_volume": theta.structure.startswith("E"),
        "separator": "," if "," in notation.gamma(0, 0) else "",
        "rows": facts.rows,
        "sample_weight": facts.sample_weight,
        "log_likelihoods": facts.log_likelihoods,
        "lower_bounds": [it.lower_bound for it in facts.iterations],
        "nats": [nats(value) for value in facts.log_likelihoods],
        "mixtures": {t: _mixture(facts.mixtures[t], notation) for t in mixtures},
        "steps": [_step(one_step(facts, t)) for t in steps],
        "parameters": _parameters(facts, notation),
        "end": f"The rows are now given like this: {given_to(facts.end, notation)}.",
        "troubles": trouble_words(facts),
        "run": dict(run_table(facts)),
    }
    return {key: plain(value) for key, value in record.items()}


def shown_steps(n_iter: int) -> list[int]:
    """Numbers t of the iterations θ_t → θ_{t+1} that the page shows: all of them where they are not too many."""
    if n_iter <= MAX_STEPS:
        return list(range(n_iter))
    half = MAX_STEPS // 2
    rest = np.linspace(half, n_iter - 1, half).round().astype(int)
    return [*range(half), *sorted(set(rest.tolist()))]


def _check(facts: Explanation) -> None:
    n, d = facts.rows.shape
    if d > 2:
        theta = facts.theta0
        pair = [theta.column_name(j) for j in range(2)] if theta.columns else [0, 1]
        raise ParameterError(
            f"the explorer draws one or two columns and this run has {d}; explain two of them, from "
            f"theta0.marginal({pair!r}) and the rows of those columns."
        )
    if n > MAX_ROWS:
        raise ParameterError(
            f"the explorer shows at most {MAX_ROWS} rows and this run has {n}; explain a sample of them."
        )


def _mixture(mixture: Mixture[Gaussian], notation: Notation) -> dict[str, Any]:
    tables = [table for table in parameter_tables(notation, mixture) if isinstance(table, Table)]
    return {
        "weights": mixture.proportions,
        "noise_log_density": None if mixture.noise is None else -mixture.noise.log_volume,
        "means": mixture.components.means,
        "covariances": mixture.components.covariance_matrices,
        "tables": [{"caption": t.caption, "header": t.header, "rows": t.rows, "texts": t.texts} for t in tables],
    }


def _step(facts: Explanation) -> dict[str, Any]:
    """One iteration: what the E-step says, and how the M-step answers."""
    notation = notation_of(facts)
    moved = means(facts)
    put_in = [mean_numbers, variance_numbers, *([] if notation.alone else [weight_numbers])]
    certificate = bound(facts)
    return {
        "t": facts.index,
        "before": notation.before,
        "after": notation.after,
        "given": given_to(facts.start, notation),
        "bound": nats(facts.bound_after),
        "formulas": [
            [block.left, *(part for side in block.steps for part in side)]
            for numbers in put_in
            for block in numbers(facts, notation)
            if isinstance(block, Formula)
        ],
        "words": [
            [moved.title, moved.answer],
            [variances(facts).title, growth_words(facts, notation)],
            [certificate.question, certificate.answer],
        ],
        "troubles": trouble_words(facts),
    }


def _parameters(facts: Explanation, notation: Notation) -> dict[str, Any]:
    """What can be varied, and which of it the picture begins with: the mean that travels furthest."""
    shared = facts.theta0.structure.startswith("E")
    free = not notation.alone and not facts.theta0.equal_weights
    options = [
        option
        for k in range(notation.n_components)
        for option in (
            *(_mean(notation, k, j) for j in range(len(notation.columns))),
            *([] if shared else [_volume(notation, k)]),
            *([_weight(notation, k)] if free else []),
        )
    ]
    if shared:
        options.append(_volume(notation, None))
    move = facts.first_move
    furthest = (move.furthest_in_spreads() or (0,))[0]
    wanted = _mean(notation, furthest, int(np.argmax(np.abs(move.shift[furthest]))))
    return {"options": options, "start": options.index(wanted)}


def _mean(notation: Notation, k: int, j: int) -> dict[str, Any]:
    place = "" if notation.flat else f" in {notation.columns[j]}"
    return _option("mean", f"μ{subscript(k + 1)}", f"the mean of {notation.gaussians[k]}{place}", k, j)


def _weight(notation: Notation, k: int) -> dict[str, Any]:
    return _option("weight", f"π{subscript(k + 1)}", f"the weight of {notation.gaussians[k]}", k)


def _volume(notation: Notation, k: int | None) -> dict[str, Any]:
    index, owner = ("", "that all share") if k is None else (subscript(k + 1), f"of {notation.gaussians[k]}")
    symbol, what = (f"σ{index}²", "variance") if notation.flat else (f"|C{index}|^½", "volume")
    return _option("volume", symbol, f"the {what} {owner}", k or 0)


def _option(kind: str, symbol: str, words: str, component: int, column: int = 0) -> dict[str, Any]:
    return {
        "label": f"{symbol}, {words}",
        "symbol": symbol,
        "kind": kind,
        "component": component,
        "column": column,
    }
