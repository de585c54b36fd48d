"""Which mean moves left more in the first M-step; in several columns, which moves furthest."""

from __future__ import annotations

import numpy as np

from mixtura.explanation.document import Block, Paragraph, Section
from mixtura.explanation.facts import Explanation
from mixtura.explanation.movement import Movement
from mixtura.explanation.notation import Notation
from mixtura.explanation.numbers import aligned, number
from mixtura.explanation.tabulating import change_table, shares
from mixtura.explanation.words import notation_of

COLUMNS_IN_WORDS = 4
"""With more columns than this the words of each column are left to the table."""


def means(facts: Explanation) -> Section:
    """The shifts of the means."""
    notation = notation_of(facts)
    return _flat(facts, notation) if notation.flat else _in_columns(facts, notation)


def _flat(facts: Explanation, notation: Notation) -> Section:
    move = facts.first_move
    cells = [
        aligned(move.before.components.means[:, 0]),
        aligned(move.after.components.means[:, 0]),
        aligned(move.shift[:, 0]),
        shares(move.relative_shift[:, 0]),
        aligned(np.copysign(move.distance, move.shift[:, 0])),
    ]
    table = change_table(notation, ("μ before", "μ after", "shift", "share of |μ|", "in own σ"), cells)
    return Section(
        "means",
        "Which mean moves left more",
        "In the first M-step, which Gaussian shifts to the left more, absolutely and relatively?",
        _left_words(move, notation),
        (table, Paragraph(_relative_words(move, notation))),
    )


def _left_words(move: Movement, notation: Notation) -> str:
    winners = move.left_most()
    moves = "; ".join(_one_move(move, notation, k) for k in _by_shift(move))
    moves = f"T{moves[1:]}"
    if not winners:
        return f"None: no mean moves left. {moves}."
    if notation.n_components == 1:
        return f"{notation.gaussians[0]}, the only one, moves left. {moves}."
    if len(winners) > 1:
        return f"{notation.names_of(winners)} move left equally far. {moves}."
    agree = winners == move.left_most_relatively() == move.left_most_in_spreads()
    how = "absolutely and relatively" if agree else "absolutely"
    return f"{notation.gaussians[winners[0]]}, {how}. {moves}."


def _by_shift(move: Movement) -> list[int]:
    order: list[int] = np.argsort(move.shift[:, 0], kind="stable").tolist()
    return order


def _one_move(move: Movement, notation: Notation, k: int) -> str:
    before, after = move.before.components.means[k, 0], move.after.components.means[k, 0]
    shift = move.shift[k, 0]
    if shift == 0:
        return f"the mean of {notation.gaussians[k]} stays at {number(before)}"
    side = "left" if shift < 0 else "right"
    return f"the mean of {notation.gaussians[k]} goes from {number(before)} to {number(after)}, {side} by " + number(
        abs(shift)
    )


def _relative_words(move: Movement, notation: Notation) -> str:
    """Relative to |μ| and to σ: both are said, for the exercise does not say which it means."""
    if not move.left_most():
        return "With no shift to the left there is none to compare relatively."
    share, spread = move.left_most_relatively(), move.left_most_in_spreads()
    if notation.n_components == 1:
        which = ""
    elif share == spread:
        which = (
            f"Relatively {_most(spread, notation)}, both as a share of where the mean stood and in the Gaussian's own "
            "standard deviations at the start. "
        )
    else:
        which = f"In the Gaussian's own standard deviations at the start, {_most(spread, notation)}. "
        which += f"As a share of where the mean stood, {_most(share, notation)}. " if share else ""
    return f"{which}The share of |μ| depends on where the zero of the scale lies; the shift in own σ does not."


def _most(winners: tuple[int, ...], notation: Notation) -> str:
    verb = "move left equally far" if len(winners) > 1 else "moves left most"
    return f"{notation.names_of(winners)} {verb}"


def _in_columns(facts: Explanation, notation: Notation) -> Section:
    move = facts.first_move
    header: list[str] = []
    cells = []
    for j, name in enumerate(notation.columns):
        header.append(f"shift in {name}")
        cells.append(aligned(move.shift[:, j]))
    header += ["length", "in own standard deviations"]
    cells += [aligned(np.linalg.norm(move.shift, axis=1)), aligned(move.distance)]
    blocks: list[Block] = [change_table(notation, header, cells)]
    if len(notation.columns) <= COLUMNS_IN_WORDS:
        blocks.append(Paragraph(" ".join(_column_words(move, notation, j) for j in range(len(notation.columns)))))
    blocks.append(
        Paragraph(
            "The last column is the length of the shift measured by the Gaussian's own covariance at the start, "
            "√(dᵀ C⁻¹ d) for a shift d: it does not depend on the units of the columns."
        )
    )
    return Section(
        "means",
        "Which mean moves more",
        "In the first M-step, which Gaussian's mean moves furthest, and which moves left most in each column?",
        _distance_words(move, notation),
        tuple(blocks),
    )


def _distance_words(move: Movement, notation: Notation) -> str:
    far, relative = move.furthest(), move.furthest_in_spreads()
    if not far:
        return "None: no mean moves."
    length = np.linalg.norm(move.shift, axis=1)
    if notation.n_components == 1:
        return (
            f"{notation.gaussians[0]}, the only one, moves by {number(length[0])}, "
            f"{number(move.distance[0])} of its own standard deviations."
        )
    first = f"{notation.names_of(far)}, {'each ' if len(far) > 1 else ''}by {number(length[far[0]])} in data units"
    sigma = f"{number(move.distance[relative[0]])} of its own standard deviations"
    if far == relative:
        return f"{first} and {sigma}: furthest in both senses."
    return f"{first}; relative to its own spread it is {notation.names_of(relative)}, by {sigma}."


def _column_words(move: Movement, notation: Notation, j: int) -> str:
    winners = move.left_most(j)
    name = notation.columns[j]
    if not winners:
        return f"In {name} no mean moves left, to smaller values."
    by = number(abs(move.shift[winners[0], j]))
    if len(winners) > 1:
        return f"In {name}, {notation.names_of(winners)} move left equally far, by {by}."
    others = [k for k in range(notation.n_components) if move.shift[k, j] < 0 and k not in winners]
    alone = "" if others or notation.n_components == 1 else ", the only one that does"
    most = "most, " if others else ""
    return f"In {name}, {notation.gaussians[winners[0]]} moves left {most}by {by}{alone}."
