"""The E-step: its formula, the responsibilities, and which Gaussian each row is given to."""

from __future__ import annotations

import numpy as np

from mixtura.explanation.document import Block, Formula, Paragraph, Section, Table
from mixtura.explanation.facts import EStep, Explanation
from mixtura.explanation.notation import MANY, Notation
from mixtura.explanation.numbers import added, aligned, exp_number, listed, number, probability, subscript
from mixtura.explanation.tabulating import left_out, row_columns, table, telling_rows
from mixtura.explanation.words import count_of, notation_of

SHOWN_IN_WORDS = 24
"""Of more rows than this only the number that each Gaussian gets is said."""

SHOWN_IN_NAMES = 10
"""The same where components have names."""


def e_step(facts: Explanation) -> Section:
    """Bayes' rule, and the table of responsibilities."""
    notation = notation_of(facts)
    return Section(
        "e_step",
        "The E-step",
        "What is p(y = k | x; θ), the probability that Gaussian k made x?",
        f"p(y = k | x; θ) = {_rule(notation)}, by Bayes' rule, where Nₖ = {notation.normal('ₖ')}"
        f"{', and N₀ = 1/V for the noise' if notation.noise else ''}.",
        (
            Formula.chain("γₖᵢ", f"p(y = k | xᵢ; {notation.before})", "πₖ Nₖ(xᵢ) / Σⱼ πⱼ Nⱼ(xᵢ)"),
            *_one_row(facts, notation),
            _responsibilities(facts, notation),
            Paragraph(_counts(facts, notation)),
        ),
    )


def _rule(notation: Notation) -> str:
    if notation.alone:
        return "π₁ N₁ / (π₁ N₁) = 1"
    below = "Σⱼ πⱼ Nⱼ" if notation.many else f"({notation.over_components('π{k} N{k}')})"
    return f"πₖ Nₖ / {below}"


def _one_row(facts: Explanation, notation: Notation) -> list[Block]:
    start = facts.start
    i = start.least_certain
    which = "the row that is least certain" if start.uncertainty[i] > 0 else "the first row"
    return [
        Paragraph(f"With the numbers put in, for {which}, x{subscript(i)} = {notation.point(facts.rows[i])}:"),
        row_formula(facts, notation, i),
    ]


def row_formula(facts: Explanation, notation: Notation, i: int) -> Formula:
    """Bayes' rule for row i and the component that it is given to, with the numbers put in."""
    start, theta = facts.start, facts.theta0
    k = start.winners[i][0]
    terms = [
        f"{number(weight)}·{exp_number(start.component_log_prob[i, j])}" for j, weight in enumerate(theta.proportions)
    ]
    return Formula.chain(
        notation.gamma(k, i), f"{terms[k]} / ({added(terms, MANY)})", number(start.responsibilities[i, k])
    )


def _responsibilities(facts: Explanation, notation: Notation) -> Table:
    start = facts.start
    shown = telling_rows(start.uncertainty)
    header, cells = row_columns(notation, facts.rows, shown)
    for k, index in enumerate(notation.indices):
        header.append(f"γ{index}ᵢ")
        cells.append([number(v) for v in start.responsibilities[shown, k]])
    lead = len(header) - len(notation.indices)
    what = "Σ wγ" if notation.weighted else "Σ γ"
    footer = [what, *[""] * (lead - 1), *aligned(start.counts)]
    return table(header, cells, left_out(shown, len(facts.rows), "least certain"), footer)


def _counts(facts: Explanation, notation: Notation) -> str:
    if notation.alone:
        return "There is only one Gaussian, so every row belongs to it with probability 1."
    w = "wᵢ " if notation.weighted else ""
    holder = "each Gaussian, and the noise (k = 0)," if notation.noise else "each Gaussian"
    return (
        f"Each row's responsibilities sum to 1. The last line, nₖ = Σᵢ {w}γₖᵢ, is how many rows {holder} "
        f"effectively holds; together they are n = {number(facts.total_weight)}, {notation.total}."
    )


def assignment(facts: Explanation) -> Section:
    """The most probable component of each row, and how sure that is."""
    notation = notation_of(facts)
    return Section(
        "assignment",
        "Which Gaussian each row is given to",
        "Towards which Gaussian does each row lean in the first E-step?",
        _answer(facts.start, notation),
        (*_certainty(facts, notation),),
    )


def _answer(step: EStep, notation: Notation) -> str:
    if notation.n_components == 1:
        return f"All to {notation.gaussians[0]}, the only one."
    return f"{'In the order of the rows: ' if row_by_row(step, notation) else ''}{given_to(step, notation)}."


def row_by_row(step: EStep, notation: Notation) -> bool:
    """Whether each row's component is said: where rows are few, and names short."""
    return len(step.responsibilities) <= (SHOWN_IN_WORDS if notation.numbered else SHOWN_IN_NAMES)


def given_to(step: EStep, notation: Notation) -> str:
    """`2, 2, 2, 1, 1`, or how many rows each component gets where they are many."""
    if row_by_row(step, notation):
        tie = " (an equals sign marks a tie)" if any(len(w) > 1 for w in step.winners) else ""
        return f"{', '.join(notation.short_names(w) for w in step.winners)}{tie}"
    firsts = np.bincount(step.labels, minlength=len(notation.owners)).tolist()
    return listed([f"{count_of(n, 'row')} to {g}" for n, g in zip(firsts, notation.owners, strict=True)])


def _certainty(facts: Explanation, notation: Notation) -> list[Block]:
    start = facts.start
    if notation.alone:
        return []
    shown = telling_rows(start.uncertainty)
    header, cells = row_columns(notation, facts.rows, shown)
    header += ["given to", "with probability"]
    best = start.responsibilities.max(axis=1)
    cells.append([" = ".join(notation.owners[k] for k in start.winners[i]) for i in shown])
    cells.append([probability(best[i], start.uncertainty[i]) for i in shown])
    caption = left_out(shown, len(facts.rows), "least certain")
    return [table(header, cells, caption), Paragraph(_least_and_most(start, notation))]


def _least_and_most(start: EStep, notation: Notation) -> str:
    low, high = start.least_certain, int(np.argmin(start.uncertainty))
    if start.uncertainty[low] == start.uncertainty[high]:
        return "Every row is given to its Gaussian with the same certainty."
    ties = sum(len(w) > 1 for w in start.winners)
    tied = f" In {count_of(ties, 'row')} there is a tie; mixtura's labels take the first of equals." if ties else ""
    least, most = (probability(1 - start.uncertainty[i], start.uncertainty[i]) for i in (low, high))
    return (
        f"Row {low} is the least certain, with {least}; row {high} the most, with {most}. No row is cut off from a "
        f"Gaussian: it counts for each by its responsibility.{tied}"
    )
