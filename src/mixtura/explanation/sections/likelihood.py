"""The log-likelihood at the start."""

from __future__ import annotations

from mixtura.explanation.document import Formula, Section, Table
from mixtura.explanation.facts import Explanation
from mixtura.explanation.notation import MANY, Notation
from mixtura.explanation.numbers import added, added_of, aligned, exp_number, nats, number, tenth
from mixtura.explanation.tabulating import left_out, row_columns, table, telling_rows
from mixtura.explanation.words import notation_of


def likelihood(facts: Explanation) -> Section:
    """ℓ(θ₀), row by row and in sum."""
    notation = notation_of(facts)
    value = facts.log_likelihoods[0]
    return Section(
        "log_likelihood",
        "The log-likelihood at the start",
        f"What is the log-likelihood of the data under {notation.before}?",
        f"ℓ({notation.before}) = {nats(value)}, rounded to a tenth {tenth(value)}.",
        (_symbols(notation), _one_row(facts, notation), _rows(facts, notation), _sum(facts, notation)),
    )


def _symbols(notation: Notation) -> Formula:
    w = "wᵢ " if notation.weighted else ""
    inner = notation.normal("₁", "xᵢ") if notation.alone else f"Σₖ πₖ {notation.normal('ₖ', 'xᵢ')}"
    if notation.noise:
        inner = f"({inner} + π₀/V)"
    return Formula.chain(f"ℓ({notation.before})", f"Σᵢ {w}log p(xᵢ; {notation.before})", f"Σᵢ {w}log {inner}")


def _one_row(facts: Explanation, notation: Notation) -> Formula:
    theta, start = facts.theta0, facts.start
    terms = [
        f"{number(weight)}·{exp_number(start.component_log_prob[0, k])}" for k, weight in enumerate(theta.proportions)
    ]
    return Formula.chain(
        f"p({notation.point(facts.rows[0])}; {notation.before})",
        notation.over_components("π{k} N{k}(x₀)"),
        added(terms, MANY),
        exp_number(start.log_prob[0]),
    )


def _rows(facts: Explanation, notation: Notation) -> Table:
    start = facts.start
    shown = telling_rows(-start.log_prob)
    header, cells = row_columns(notation, facts.rows, shown)
    if facts.sample_weight is not None:
        header.append("wᵢ")
        cells.append(aligned(facts.sample_weight[shown]))
    if 1 < len(notation.owners) <= 4 - len(notation.columns):
        for k, index in enumerate(notation.indices):
            header.append(f"N{index}(xᵢ)")
            cells.append([exp_number(v) for v in start.component_log_prob[shown, k]])
    header += [f"p(xᵢ; {notation.before})", f"log p(xᵢ; {notation.before})"]
    cells += [[exp_number(v) for v in start.log_prob[shown]], [nats(v) for v in start.log_prob[shown]]]
    what = "w log p" if notation.weighted else "log p"
    footer = [f"Σ {what}", *[""] * (len(header) - 2), nats(facts.log_likelihoods[0])]
    return table(header, cells, left_out(shown, len(facts.rows), "least likely"), footer)


def _sum(facts: Explanation, notation: Notation) -> Formula:
    values = facts.start.log_prob
    weights = facts.sample_weight

    def term(i: int) -> str:
        return number(values[i]) if weights is None else f"{number(weights[i])}·({number(values[i])})"

    return Formula(f"ℓ({notation.before})", (("=", added_of(len(values), term)), ("=", nats(facts.log_likelihoods[0]))))
