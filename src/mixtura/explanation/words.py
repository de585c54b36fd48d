"""Words for what the numbers say: the title, how to read it, and what went wrong."""

from __future__ import annotations

from mixtura.explanation.facts import Explanation
from mixtura.explanation.notation import Notation
from mixtura.explanation.numbers import listed, number, subscript


def notation_of(facts: Explanation) -> Notation:
    """The notation of an explanation."""
    return Notation.of(facts.theta0, len(facts.rows), facts.sample_weight is not None, facts.index)


def count_of(n: float, one: str, many: str | None = None) -> str:
    """`1 row`, `5 rows`, `2.5 rows`."""
    return f"{number(n)} {one if n == 1 else many or one + 's'}"


def title_of(facts: Explanation) -> str:
    """What is explained, in a line."""
    n, d, k = len(facts.rows), facts.theta0.n_features, facts.theta0.n_components
    of_what = count_of(k, "Gaussian") + ("" if facts.theta0.noise is None else " and noise")
    shape = count_of(n, "row") if d == 1 else f"{count_of(n, 'row')} of {d} columns"
    return f"EM step by step: a mixture of {of_what} for {shape}"


def preamble_of(facts: Explanation) -> str:
    """How to read the rest."""
    notation = notation_of(facts)
    n = len(facts.rows)
    numbered = "is called Gaussian 1" if notation.n_components == 1 else f"are called {_called(notation)} here"
    if facts.theta0.names:
        pairs = [f"k = {k + 1} is {name}" for k, name in enumerate(facts.theta0.names)]
        numbered = f"have names: {listed(pairs)}"
    what = "The component" if notation.n_components == 1 else "The components"
    if facts.theta0.names and notation.n_components == 1:
        numbered = f"is called {facts.theta0.names[0]}"
    where = "x₀" if n == 1 else f"x₀ to x{subscript(n - 1)}"
    constraint = facts.theta0.components.constraint
    texts = [
        f"{what} {numbered}; mixtura's labels count them from 0. Rows are counted from 0, {where}. "
        "log is the natural logarithm, so log-likelihoods are in nats. π with an index is a mixing proportion, "
        "π without one is the circle's, 3.14159.",
        f"Covariance structure: {constraint.name}, {constraint.description}." if notation.n_components > 1 else "",
        "Σ is always a sum; a covariance matrix is written C." if notation.form == "full" else "",
        "Row i counts wᵢ times, its sample weight." if notation.weighted else "",
        "The noise is k = 0." if notation.noise else "",
    ]
    return " ".join(text for text in texts if text)


def _called(notation: Notation) -> str:
    return "Gaussian 1, Gaussian 2, …" if notation.many else listed(notation.gaussians)


def trouble_words(facts: Explanation) -> list[str]:
    """What went wrong, component by component; empty where nothing did."""
    notation = notation_of(facts)
    texts = []
    for k, what, index in facts.troubles:
        name = notation.gaussians[k]
        if what == "emptied":
            texts.append(
                f"No row belonged to {name} any more in M-step {index}: its weight became 0, and its mean and variance "
                "stayed where they were and mean nothing."
            )
        else:
            texts.append(
                f"{name} collapsed in M-step {index}: its spread shrank to the resolution of the data and was held "
                "there. The likelihood has no upper limit in that direction, so its value means nothing. Fewer "
                "components or a shared covariance would be sound."
            )
    return texts


def trouble_in_short(facts: Explanation) -> str:
    """`Gaussian 2 collapsed in M-step 4`, for each component that did not stay sound."""
    names = notation_of(facts).gaussians
    verbs = {"collapsed": "collapsed", "emptied": "lost all its rows"}
    return listed([f"{names[k]} {verbs[what]} in M-step {index}" for k, what, index in facts.troubles])


def thin_words(facts: Explanation) -> str:
    """A caution about components that rest on too few rows; empty where there are none."""
    notation = notation_of(facts)
    collapsed = {k for k, _, _ in facts.troubles}
    few = [k for k in facts.too_small if k not in collapsed]
    if not few:
        return ""
    each = listed([f"{notation.gaussians[k]} ({number(facts.end.counts[k], 4)})" for k in few])
    return (
        f"A caution: so few rows belong to {each} in the end that a variance of its own rests on next to nothing. "
        "With real data, take more rows or let the components share one variance."
    )
