"""The path to convergence: the iterations, where it stopped and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mixtura.explanation.document import Block, Paragraph, Section, Table
from mixtura.explanation.facts import Explanation
from mixtura.explanation.movement import sizes
from mixtura.explanation.notation import Notation
from mixtura.explanation.numbers import aligned, nats, number, subscript
from mixtura.explanation.tabulating import table
from mixtura.explanation.words import count_of, notation_of, trouble_words

SHOWN_STEPS = 16
"""A path shows no more rows than this: its beginning, its end, and some between."""

FIRST, LAST = 7, 4

SHOWN_MEANS = 12
"""With more means than this those of every iteration are left out of the text."""

ROUNDING = 1e-14
"""Log-likelihoods are the same to rounding where they differ by less than this share."""


def path(facts: Explanation) -> Section:
    """All iterations, long paths thinned."""
    notation = notation_of(facts)
    shown = thinned(facts.n_iter + 1)
    return Section(
        "path",
        "The path to convergence" if facts.asked is None else f"The first {count_of(facts.n_iter, 'M-step')}",
        "How does EM go on from there, and where does it stop?",
        _stop_words(facts),
        (*_tables(facts, notation, shown), Paragraph(_reading(facts)), *map(Paragraph, trouble_words(facts))),
    )


def thinned(n: int) -> list[int]:
    """All of 0 … n − 1 where they are few; else the first, the last, and evenly spaced ones between."""
    if n <= SHOWN_STEPS:
        return list(range(n))
    between = np.linspace(FIRST - 1, n - LAST, SHOWN_STEPS - FIRST - LAST + 2)[1:-1]
    return sorted({*range(FIRST), *np.round(between).astype(int).tolist(), *range(n - LAST, n)})


def _stop_words(facts: Explanation) -> str:
    steps, level = count_of(facts.n_iter, "M-step"), nats(facts.log_likelihood)
    gain = facts.remaining_gains[-1]
    left = f"an estimated {number(gain, 3)} nats are still to come" if np.isfinite(gain) else "it is not near its limit"
    if facts.asked is not None:
        how = "the path has converged by then" if facts.converged else left
        return f"After {steps}, as many as were asked for, ℓ = {level}; {how}."
    if facts.converged:
        return (
            f"It converges in {steps}, at ℓ = {level}: the estimated gain still to come, {number(gain, 3)} nats, lay "
            f"below {number(facts.tol * facts.total_weight, 3)} three times running."
        )
    return f"It was stopped after {steps} (max_iter), before it converged, at ℓ = {level}; {left}."


def _tables(facts: Explanation, notation: Notation, shown: Sequence[int]) -> list[Block]:
    omitted = facts.n_iter + 1 - len(shown)
    caption = f"{count_of(omitted, 'iteration')} between are left out." if omitted else ""
    steps = [str(t) for t in shown]
    bounds = ["", *(nats(it.lower_bound) for it in facts.iterations)]
    header = ["t", "bound F(θₜ, γ)", "ℓ(θₜ)"]
    cells = [steps, [bounds[t] for t in shown], [nats(facts.log_likelihoods[t]) for t in shown]]
    weights = np.stack([facts.mixtures[t].proportions for t in shown])
    if not notation.alone:
        header += [f"π{index}" for index in notation.indices]
        cells += [aligned(column, 5) for column in weights.T]
    if notation.flat:
        _append(header, cells, *_means(facts, notation, shown))
        _append(header, cells, *_sizes(facts, notation, shown))
        return [table(header, cells, caption)]
    second = _positions(facts, notation, shown, steps)
    return [table(header, cells, caption), *second]


def _positions(facts: Explanation, notation: Notation, shown: Sequence[int], steps: list[str]) -> list[Table]:
    """Means and volumes of several columns, in tables of their own."""
    tables = []
    if notation.n_components * len(notation.columns) <= SHOWN_MEANS:
        names, columns = _means(facts, notation, shown)
        tables.append(table(["t", *names], [steps, *columns], "The means:"))
    names, columns = _sizes(facts, notation, shown)
    return [*tables, table(["t", *names], [steps, *columns], "The volumes, |C|^(1/D):")]


def _append(header: list[str], cells: list[list[str]], names: list[str], columns: list[list[str]]) -> None:
    header.extend(names)
    cells.extend(columns)


def _means(facts: Explanation, notation: Notation, shown: Sequence[int]) -> tuple[list[str], list[list[str]]]:
    stack = np.stack([facts.mixtures[t].components.means for t in shown])
    names, columns = [], []
    for k in range(notation.n_components):
        for j, column in enumerate(notation.columns):
            names.append(f"μ{subscript(k + 1)}" + ("" if notation.flat else f" {column}"))
            columns.append(aligned(stack[:, k, j], 5))
    return names, columns


def _sizes(facts: Explanation, notation: Notation, shown: Sequence[int]) -> tuple[list[str], list[list[str]]]:
    stack = np.stack([sizes(facts.mixtures[t]) for t in shown])
    symbol = "σ{}²" if notation.flat else "|C{}|^(1/D)"
    if notation.shared:
        return [symbol.format("")], [aligned(stack[:, 0], 5)]
    return (
        [symbol.format(subscript(k + 1)) for k in range(notation.n_components)],
        [aligned(stack[:, k], 5) for k in range(notation.n_components)],
    )


def _reading(facts: Explanation) -> str:
    rises = np.diff(facts.log_likelihoods)
    largest = int(np.argmax(rises)) + 1
    text = (
        "Row t is the mixture after t M-steps. In each row the bound lies between the log-likelihood of the row above "
        "and that of its own, so ℓ never falls."
    )
    if facts.troubles:
        text = "Row t is the mixture after t M-steps."
    done = _settled(facts)
    if facts.converged and done < facts.n_iter:
        text += f" After M-step {done} ℓ no longer rises beyond rounding; the later ones confirm that."
    if facts.n_iter > 1 and rises[largest - 1] > 0:
        text += f" The largest rise, {number(rises[largest - 1], 4)}, is that of M-step {largest}."
    return text


def _settled(facts: Explanation) -> int:
    """The first t from which on the log-likelihood is the final one, to rounding."""
    values = np.array(facts.log_likelihoods)
    apart = np.flatnonzero(np.abs(values - values[-1]) > ROUNDING * np.abs(values[-1]))
    return int(apart[-1]) + 1 if len(apart) else 0
