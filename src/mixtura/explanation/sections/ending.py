"""The end: where EM arrives, which variance is the larger one there, and what kind of optimum it is."""

from __future__ import annotations

import numpy as np

from mixtura.explanation.comparing import ALIKE, largest
from mixtura.explanation.document import Block, Paragraph, Section
from mixtura.explanation.facts import Explanation
from mixtura.explanation.movement import sizes
from mixtura.explanation.notation import Notation
from mixtura.explanation.numbers import listed, nats, number, subscript
from mixtura.explanation.sections.e_step import given_to
from mixtura.explanation.tabulating import parameter_tables
from mixtura.explanation.words import count_of, notation_of, thin_words, trouble_in_short


def ending(facts: Explanation) -> Section:
    """The final mixture."""
    notation = notation_of(facts)
    what = "variance" if notation.flat else "volume"
    largest_one = "larger one" if notation.n_components == 2 else "largest"
    when = "After convergence" if facts.converged else f"After {count_of(facts.n_iter, 'M-step')}"
    return Section(
        "end",
        "The end" if facts.converged else f"Where EM stands after {count_of(facts.n_iter, 'M-step')}",
        f"{when}, what are the parameters, and which {what} is the {largest_one}?",
        _largest_words(facts, notation, what),
        tuple(_blocks(facts, notation)),
    )


def _largest_words(facts: Explanation, notation: Notation, what: str) -> str:
    values = sizes(facts.mixture)
    alive = _alive(facts)
    if notation.n_components == 1:
        return f"There is one {what}, {number(values[0])}."
    if notation.shared:
        return f"All Gaussians share one {what}, {number(values[0])}."
    winners = largest(values, alive)
    rest = sorted((k for k in alive if k not in winners), key=lambda k: -values[k])
    others = listed([f"{number(values[k])} ({notation.gaussians[k]})" for k in rest]) if rest else ""
    top = number(values[winners[0]])
    if not rest and len(winners) > 1:
        return f"None: {notation.names_of(winners)} have the same {what}, {top}."
    if not rest:
        return f"{notation.gaussians[winners[0]]} alone holds rows; its {what} is {top}."
    if len(winners) > 1:
        return f"{notation.names_of(winners)} share the largest {what}, {top}, against {others}."
    symbol = f"σ{subscript(winners[0] + 1)}² = " if notation.flat else ""
    return f"The {what} of {notation.gaussians[winners[0]]}: {symbol}{top}, against {others}."


def _alive(facts: Explanation) -> list[int]:
    emptied = {k for k, what, _ in facts.troubles if what == "emptied"}
    return [k for k in range(facts.theta0.n_components) if k not in emptied]


def _blocks(facts: Explanation, notation: Notation) -> list[Block]:
    many = not notation.alone
    texts = [
        f"The log-likelihood is {nats(facts.log_likelihood)}; at the start it was {nats(facts.log_likelihoods[0])}.",
        _travel_words(facts, notation),
        f"The rows are now given like this: {given_to(facts.end, notation)}." if many else "",
    ]
    blocks: list[Block] = [
        *parameter_tables(notation, facts.mixture),
        Paragraph(" ".join(text for text in texts if text)),
        Paragraph(_optimum_words(facts)),
    ]
    thin = thin_words(facts)
    return [*blocks, Paragraph(thin)] if thin else blocks


def _travel_words(facts: Explanation, notation: Notation) -> str:
    move = facts.whole_move
    winners = move.furthest()
    far = np.linalg.norm(move.shift, axis=1)
    before, after = move.before.components.means, move.after.components.means
    if not winners:
        return "No mean has moved."
    if len(winners) > 1:
        return f"{notation.names_of(winners)} have travelled equally far, by {number(far[winners[0]])}."
    order = np.argsort(-far, kind="stable").tolist()
    routes = [
        f"from {notation.point(before[k])} to {notation.point(after[k])}"
        if far[k]
        else f"stays at {notation.point(before[k])}"
        for k in order
    ]
    if notation.n_components == 1:
        return f"The mean went {routes[0]}."
    text = f"{notation.gaussians[order[0]]} has travelled furthest, {routes[0]}"
    if notation.many:
        return f"{text}."
    rest = [f"{notation.gaussians[k]} {route}" for k, route in zip(order[1:], routes[1:], strict=True)]
    return f"{text}; {listed(rest)}."


def _optimum_words(facts: Explanation) -> str:
    if facts.troubles:
        return (
            f"This end is not sound: {trouble_in_short(facts)}, so the log-likelihood here says nothing (see the path)."
        )
    if notation_of(facts).alone:
        return "With one Gaussian EM needs a single M-step: this is the maximum of the likelihood in closed form."
    twins = _twins(facts)
    if twins:
        return (
            f"{notation_of(facts).names_of(twins)} coincide here. EM treats equal components equally, so they never "
            "part. Such a point is no maximum; start them apart."
        )
    if not facts.converged:
        return "EM has not converged here; more M-steps would go on raising the log-likelihood."
    return (
        "This is a local optimum, the one that EM from θ₀ reaches. The likelihood of a mixture has several, and "
        "another start may end in another one; mixtura.fit tries many starts and keeps the best."
    )


def _twins(facts: Explanation) -> tuple[int, ...]:
    """The first two components that are the same, to rounding; none where all differ."""
    components = facts.mixture.components
    apart = components.means[:, None, :] - components.means[None]
    near = np.abs(apart) <= ALIKE * np.sqrt(np.diagonal(components.covariance_matrices, axis1=1, axis2=2))[:, None, :]
    spread = np.abs(components.covariance_matrices[:, None] - components.covariance_matrices[None])
    same = near.all(axis=2) & (spread <= ALIKE * np.abs(components.covariance_matrices[:, None])).all(axis=(2, 3))
    pairs = np.argwhere(np.triu(same, 1))
    return tuple(pairs[0].tolist()) if len(pairs) else ()
