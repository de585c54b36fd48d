"""Which variance grows more in the first M-step; in several columns, which volume and which standard deviations."""

from __future__ import annotations

import numpy as np

from mixtura.explanation.document import Block, Paragraph, Section
from mixtura.explanation.facts import Explanation
from mixtura.explanation.movement import sizes
from mixtura.explanation.notation import Notation
from mixtura.explanation.numbers import aligned, number
from mixtura.explanation.tabulating import change_table
from mixtura.explanation.words import notation_of
from mixtura.validation import Array


def variances(facts: Explanation) -> Section:
    """The ratios of the variances."""
    notation = notation_of(facts)
    move = facts.first_move
    what = "variance" if notation.flat else "volume"
    owners = ["all share it"] if notation.shared else list(notation.gaussians)
    m = len(owners)
    symbol = "σ²" if notation.flat else "|C|^(1/D)"
    cells = [aligned(sizes(move.before)[:m]), aligned(sizes(move.after)[:m]), _times(move.size_ratio[:m])]
    blocks: list[Block] = [change_table(notation, (f"{symbol} before", f"{symbol} after", "ratio"), cells, owners)]
    if not notation.flat:
        blocks += _by_column(facts, notation, owners)
    return Section(
        "variances",
        f"Which {what} grows more",
        f"In the first M-step, which Gaussian's {what} increases more, relatively?",
        growth_words(facts, notation),
        tuple(blocks),
    )


def growth_words(facts: Explanation, notation: Notation) -> str:
    """Which grows most relatively, and what the others do."""
    move, what = facts.first_move, "variance" if notation.flat else "volume"
    if notation.shared and notation.n_components > 1:
        return f"None more than another: all share one {what}, which {_change(facts, 0)}."
    winners = move.grew_most()
    order = np.argsort(-move.size_ratio, kind="stable").tolist()
    rest = [f"that of {notation.gaussians[k]} {_change(facts, k)}" for k in order if k not in winners[:1]]
    if not winners:
        first = f"None: no {what} grows"
        rest = [f"the {what} of {notation.gaussians[k]} {_change(facts, k)}" for k in order]
    elif len(winners) > 1:
        first = f"{notation.names_of(winners)} alike: the {what} of {notation.gaussians[winners[0]]} " + _change(
            facts, winners[0]
        )
    else:
        only = ", the only one" if notation.n_components == 1 else ""
        first = f"{notation.gaussians[winners[0]]}{only}: its {what} {_change(facts, winners[0])}"
    return "; ".join([first, *rest]) + "."


def _change(facts: Explanation, k: int) -> str:
    move = facts.first_move
    before, after, ratio = sizes(move.before)[k], sizes(move.after)[k], move.size_ratio[k]
    if ratio == 1:
        return f"stays {number(before)}"
    verb = "grows" if ratio > 1 else "shrinks"
    return f"{verb} from {number(before)} to {number(after)}, ×{number(ratio, 4)}"


def _times(ratios: Array) -> list[str]:
    return [f"×{text}" for text in aligned(ratios)]


def _by_column(facts: Explanation, notation: Notation, owners: list[str]) -> list[Block]:
    ratios = facts.first_move.spread_ratio[: len(owners)]
    cells = [_times(ratios[:, j]) for j in range(len(notation.columns))]
    return [
        Paragraph(
            "|C|^(1/D), with D the number of columns, is the geometric mean of the variances along the axes of the "
            "ellipsoid: one number for its volume, in the units of a variance. Each column's standard deviation "
            "changes by these factors:"
        ),
        change_table(notation, [f"σ of {name}" for name in notation.columns], cells, owners),
    ]
