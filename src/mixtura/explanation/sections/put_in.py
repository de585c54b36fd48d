"""The M-step's formulas with the numbers put in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mixtura.explanation.document import Block, Formula, Paragraph
from mixtura.explanation.facts import Explanation
from mixtura.explanation.notation import MANY, Notation, difference, product
from mixtura.explanation.numbers import added, added_of, in_product, number, subscript
from mixtura.explanation.sections.variance_formulas import BUILDERS
from mixtura.validation import Array


def mean_numbers(facts: Explanation, notation: Notation) -> list[Block]:
    """μ̂ of each component (of the first where there are many), in the first column."""
    after = facts.mixtures[1].components.means
    lead = [] if notation.flat else [Paragraph(f"With the numbers put in, for the column {notation.columns[0]}:")]
    hats = []
    for k in written_out(facts, notation):
        top = _sum(facts, k, lambda i: f"·{in_product(number(facts.rows[i, 0]))}")
        sides = (f"({top}) / {number(facts.start.counts[k])}", number(after[k, 0]))
        hats.append(Formula.chain(_hat("μ̂", subscript(k + 1), notation), *sides))
    return [*lead, *hats]


def weight_numbers(facts: Explanation, notation: Notation) -> list[Block]:
    """π̂ of each component."""
    total, proportions = number(facts.total_weight), facts.mixtures[1].proportions
    written = written_out(facts, notation) + ([notation.n_components] if notation.noise else [])
    return [
        Formula.chain(f"π̂{notation.indices[k]}", f"{number(facts.start.counts[k])} / {total}", number(proportions[k]))
        for k in written
    ]


def variance_numbers(facts: Explanation, notation: Notation) -> list[Block]:
    """σ̂² of each component, or of all together where it is shared; in the first column where it has several."""
    if facts.theta0.structure not in BUILDERS:
        return []
    per_column = notation.form != "spherical"
    lead: list[Block] = []
    if per_column:
        entry = "in its first row and column" if notation.form == "full" else "for the first column"
        lead.append(Paragraph(f"With the numbers put in, {entry}, {notation.columns[0]}:"))
    if notation.shared:
        return [*lead, _pooled(facts, notation)]
    return [*lead, *(_own(facts, notation, k) for k in written_out(facts, notation))]


def written_out(facts: Explanation, notation: Notation) -> list[int]:
    """The components whose numbers are put in: those with rows, the first alone where there are many."""
    sound = [k for k in range(notation.n_components) if k not in facts.iterations[0].emptied]
    sound = [k for k in sound if k not in facts.iterations[0].collapsed]
    return sound[:1] if notation.n_components > MANY else sound


def _own(facts: Explanation, notation: Notation, k: int) -> Formula:
    after = facts.mixtures[1].components
    mean = float(after.means[k, 0])
    if notation.form == "spherical" and not notation.flat:
        squares = _squares(facts, notation, k)
        top = _sum(facts, k, lambda i: f"·{number(squares[i])}")
        over = f"({len(notation.columns)}·{number(facts.start.counts[k])})"
    else:
        top = _sum(facts, k, lambda i: f"·{difference(facts.rows[i, 0], mean)}²")
        over = number(facts.start.counts[k])
    value = number(after.covariance_matrices[k, 0, 0])
    left = _hat("σ̂", subscript(k + 1), notation, "²")
    return Formula.chain(left, f"({top}) / {over}", value)


def _pooled(facts: Explanation, notation: Notation) -> Formula:
    """(W₁ + W₂) / n with Wₖ the weighted sum of squares of one component."""
    weights = facts.row_weights[:, None] * facts.start.responsibilities
    sums = [number(float(weights[:, k] @ _squares(facts, notation, k))) for k in range(notation.n_components)]
    d, n = len(notation.columns), number(float(facts.start.counts[: notation.n_components].sum()))
    over = f"({d}·{n})" if notation.form == "spherical" and d > 1 else n
    value = number(facts.mixtures[1].components.covariance_matrices[0, 0, 0])
    return Formula.chain(_hat("σ̂", "", notation, "²"), f"({added(sums)}) / {over}", value)


def _squares(facts: Explanation, notation: Notation, k: int) -> Array:
    """(n_samples,): squared distance to the new mean; in the first column alone unless the structure is round."""
    off = facts.rows - facts.mixtures[1].components.means[k]
    squares: Array = np.sum(off**2, axis=1) if notation.form == "spherical" else off[:, 0] ** 2
    return squares


def _sum(facts: Explanation, k: int, part: Callable[[int], str]) -> str:
    """Σ γ·part over the rows, with the row's weight in front where it has one."""
    gamma, weights = facts.start.responsibilities[:, k], facts.sample_weight

    def term(i: int) -> str:
        return f"{number(gamma[i]) if weights is None else product(weights[i], gamma[i])}{part(i)}"

    return added_of(len(gamma), term)


def _hat(symbol: str, index: str, notation: Notation, power: str = "") -> str:
    """μ̂₁, or its first column where there are several."""
    column = "" if notation.flat or (power and notation.form == "spherical") else f" of {notation.columns[0]}"
    if power and notation.form == "full":
        return f"Ĉ{index}[{notation.columns[0]}, {notation.columns[0]}]"
    return f"{symbol}{index}{power}{column}"
