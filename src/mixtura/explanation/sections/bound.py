"""Jensen's bound: tight before the M-step, raised by it, and still below the next log-likelihood."""

from __future__ import annotations

from mixtura.explanation.document import Formula, Paragraph, Section, Table
from mixtura.explanation.facts import Explanation
from mixtura.explanation.notation import Notation
from mixtura.explanation.numbers import nats, number
from mixtura.explanation.words import notation_of

EQUAL = 1e-9
"""Log-likelihoods are said to be equal where they differ by less than this share of their size."""


def bound(facts: Explanation) -> Section:
    """F(θ₀, γ) = ℓ(θ₀) ≤ F(θ₁, γ) ≤ ℓ(θ₁), and what lies between."""
    notation = notation_of(facts)
    low, after, high = facts.bound_before, facts.bound_after, facts.log_likelihoods[1]
    return Section(
        "bound",
        "Jensen's bound",
        "Why does the M-step raise the log-likelihood?",
        f"It raises a lower bound that touches ℓ at {notation.before}, from {nats(low)} to {nats(after)}; the next "
        f"log-likelihood, ℓ({notation.after}) = {nats(high)}, lies {_above(high - after, high)}.",
        (*_inequality(notation), _values(facts, notation), *_gap(facts, notation)),
    )


def _above(gap: float, size: float) -> str:
    return f"{number(gap)} above that" if gap > EQUAL * abs(size) else "on it, to rounding"


def _inequality(notation: Notation) -> list[Formula | Paragraph]:
    w = "wᵢ " if notation.weighted else ""
    return [
        Paragraph("For any probabilities q(k) of a row, by Jensen's inequality, since the logarithm is concave:"),
        Formula(
            "log p(x; θ)",
            (
                ("=", "log Σₖ q(k) · πₖ Nₖ(x) / q(k)"),
                ("≥", "Σₖ q(k) log [πₖ Nₖ(x) / q(k)]"),
            ),
        ),
        Paragraph("The sum of the right-hand sides over the rows is the bound,"),
        Formula.chain("F(θ, q)", f"Σᵢ {w}Σₖ qᵢ(k) log [πₖ Nₖ(xᵢ) / qᵢ(k)]"),
        Paragraph(
            "What it lacks is the Kullback-Leibler divergence of each row's q from the responsibilities under θ: "
        ),
        Formula.chain("ℓ(θ) − F(θ, q)", f"Σᵢ {w}Σₖ qᵢ(k) log [qᵢ(k) / p(y = k | xᵢ; θ)]", f"Σᵢ {w}KLᵢ ≥ 0"),
        Paragraph(
            "It is zero where q is the E-step's γ: that is why EM takes the responsibilities for q. The bound is then "
            f"tight at {notation.before}, and any θ that raises it raises ℓ by at least as much."
        ),
    ]


def _values(facts: Explanation, notation: Notation) -> Table:
    before, after = notation.before, notation.after
    rows = (
        (f"before the M-step: log-likelihood ℓ({before})", nats(facts.log_likelihoods[0])),
        (f"before the M-step: bound F({before}, γ)", nats(facts.bound_before)),
        (f"after the M-step: bound F({after}, γ)", nats(facts.bound_after)),
        (f"after the M-step: log-likelihood ℓ({after})", nats(facts.log_likelihoods[1])),
    )
    return Table(("", "nats"), rows, texts=(0,))


def _gap(facts: Explanation, notation: Notation) -> list[Formula | Paragraph]:
    total = float(facts.row_weights @ facts.divergence)
    added = facts.bound_after - facts.bound_before
    gap = facts.log_likelihoods[1] - facts.bound_after
    w = "wᵢ " if notation.weighted else ""
    if facts.iterations[0].collapsed:
        last = (
            "A component collapsed here, so its variance was held above the maximiser and the bound is not at its top."
        )
    else:
        last = (
            f"So the M-step adds {number(added)} to the bound, and the log-likelihood rises by "
            f"{number(added + gap)} in all."
        )
    return [
        Paragraph(
            "The gap that opens after the M-step is the divergence of the old responsibilities from the new ones, "
            "summed over the rows:"
        ),
        Formula.chain(f"Σᵢ {w}KLᵢ", nats(max(total, 0.0))),
        Formula.chain(f"ℓ({notation.after}) − F({notation.after}, γ)", nats(_clean(gap, facts.log_likelihoods[1]))),
        Paragraph(last),
    ]


def _clean(gap: float, size: float) -> float:
    """Zero where the difference is only rounding."""
    return 0.0 if abs(gap) <= 1e-14 * abs(size) * 8 else gap
