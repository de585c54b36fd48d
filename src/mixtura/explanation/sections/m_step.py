"""The M-step: its three formulas, why they maximise the bound, and the numbers put in."""

from __future__ import annotations

from mixtura.explanation.document import Block, Formula, Paragraph, Section
from mixtura.explanation.facts import Explanation
from mixtura.explanation.notation import Notation
from mixtura.explanation.sections.put_in import mean_numbers, variance_numbers, weight_numbers
from mixtura.explanation.sections.variance_formulas import VarianceFormula, variance_formula
from mixtura.explanation.tabulating import parameter_tables
from mixtura.explanation.words import notation_of


def m_step(facts: Explanation) -> Section:
    """μ̂, σ̂² and π̂."""
    notation = notation_of(facts)
    variance = variance_formula(facts.theta0.structure, notation)
    g = notation.share
    weight = "π̂₁ = 1" if notation.alone else f"π̂ₖ = Σᵢ {g} / n"
    result = parameter_tables(notation, facts.mixtures[1], "After the first M-step, θ₁ is:")
    return Section(
        "m_step",
        "The M-step",
        "With the responsibilities held fixed, which θ maximises the lower bound?",
        f"Mean, variance and weight are averages weighted by the responsibilities. μ̂ₖ = Σᵢ {g} xᵢ / Σᵢ {g}; "
        f"{variance.symbol} = {variance.right}; {weight}.",
        (
            *_objective(notation),
            *_mean(facts, notation),
            *_variance(facts, notation, variance),
            *_weight(facts, notation),
            *result,
        ),
    )


def _objective(notation: Notation) -> list[Block]:
    g = notation.share
    return [
        Formula.chain("F(θ)", f"Σᵢ Σₖ {g} [log πₖ + log {notation.normal('ₖ', 'xᵢ')} − log γₖᵢ]"),
        Paragraph(
            "This is Jensen's bound at the E-step's γ. Its last term does not contain θ, and weights, means and "
            "variances can be found one after the other by setting derivatives to zero."
            + (
                " For the noise, k = 0, log N₀ = −log V is constant: of it only the weight π₀ is found."
                if notation.noise
                else ""
            )
        ),
    ]


def _mean(facts: Explanation, notation: Notation) -> list[Block]:
    g = notation.share
    slope = f"Σᵢ {g} (xᵢ − μₖ) / {'σ²' if notation.shared else 'σₖ²'}"
    if notation.form != "spherical":
        slope = f"{notation.covariance('ₖ')}⁻¹ Σᵢ {g} (xᵢ − μₖ)"
    return [
        Paragraph(
            "The mean. F is a downward parabola in μₖ, so the zero of its slope is the maximum; the variance cancels:"
        ),
        Formula("∂F/∂μₖ", (("=", f"{slope} = 0"),)),
        Formula("μ̂ₖ", (("=", f"Σᵢ {g} xᵢ / Σᵢ {g}"),)),
        *_two_points(notation, "μ̂ₖ", "(γₖ₁ x₁ + γₖ₂ x₂) / (γₖ₁ + γₖ₂)"),
        *mean_numbers(facts, notation),
    ]


def _variance(facts: Explanation, notation: Notation, variance: VarianceFormula) -> list[Block]:
    two = "(γₖ₁ (x₁ − μ̂ₖ)² + γₖ₂ (x₂ − μ̂ₖ)²) / (γₖ₁ + γₖ₂)"
    special = _two_points(notation, "σ̂ₖ²", two) if notation.flat and not notation.shared else []
    derivation = [Formula.chain(variance.derivative_left, f"{variance.derivative} = 0")] if variance.derivative else []
    return [
        Paragraph(f"The variance. {variance.words}"),
        *derivation,
        Formula.chain(variance.symbol, variance.right),
        *special,
        *variance_numbers(facts, notation),
    ]


def _weight(facts: Explanation, notation: Notation) -> list[Block]:
    g = notation.share
    if notation.alone:
        return [Paragraph("The weight. With one component the constraint leaves only π̂₁ = 1.")]
    whole = "n = Σᵢ wᵢ" if notation.weighted else "n"
    return [
        Paragraph(
            f"The weight. With nₖ = Σᵢ {g}, the weights occur in Σₖ nₖ log πₖ alone, but they must sum to 1. "
            "A Lagrange multiplier λ keeps the constraint:"
        ),
        Formula("Λ", (("=", "Σₖ nₖ log πₖ + λ (1 − Σₖ πₖ)"),)),
        Formula("∂Λ/∂πₖ", (("=", "nₖ/πₖ − λ = 0, so πₖ = nₖ/λ"),)),
        Paragraph(
            f"Summed over k this says 1 = Σₖ nₖ / λ. A row's responsibilities sum to 1, so Σₖ nₖ = {whole} and λ = n. "
            "The logarithm is concave, so this is the maximum, and no weight is negative:"
        ),
        Formula.chain("π̂ₖ", "nₖ / n", f"Σᵢ {g} / n"),
        *_two_points(notation, "π̂ₖ", "(γₖ₁ + γₖ₂) / 2"),
        *weight_numbers(facts, notation),
        *_emptied(facts, notation),
    ]


def _two_points(notation: Notation, left: str, right: str) -> list[Block]:
    """The special case of two points, which courses ask for; with row weights it would need more symbols."""
    if notation.weighted:
        return []
    return [Formula.chain(f"for two points x₁, x₂: {left}", right)]


def _emptied(facts: Explanation, notation: Notation) -> list[Block]:
    first = facts.iterations[0]
    blocks: list[Block] = []
    if first.emptied:
        blocks.append(
            Paragraph(
                f"No row belongs to {notation.names_of(first.emptied)}: its sums are empty, so its mean and variance "
                "stay where they were."
            )
        )
    if first.collapsed:
        blocks.append(
            Paragraph(
                f"{notation.names_of(first.collapsed)}: the formula asks for a variance below what the data resolve, "
                "so the smallest one that they resolve is kept instead. The likelihood has no upper limit there."
            )
        )
    return blocks
