"""The M-step's covariance formula of each structure, and the derivative that gives it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mixtura.explanation.notation import Notation
from mixtura.families.covariance import STRUCTURES


@dataclass(frozen=True, slots=True)
class VarianceFormula:
    """One structure's M-step of the covariance.

    Attributes
    ----------
    symbol : the left-hand side
    right : the right-hand side
    derivative_left, derivative : the derivative of the bound that is zero there; empty where there is no short one
    words : what it is, in a sentence or two
    """

    symbol: str
    right: str
    derivative_left: str
    derivative: str
    words: str


OWN = "It is found at the new mean μ̂ₖ. F rises before the zero of the derivative and falls after it:"
POOLED = "All components share it, so the derivative sums over them all, at their new means:"


def variance_formula(structure: str, notation: Notation) -> VarianceFormula:
    """The formula in symbols. g is γₖᵢ, or wᵢ γₖᵢ where rows have weights."""
    g = notation.share
    if structure not in BUILDERS:
        description = STRUCTURES[structure].description if structure in STRUCTURES else structure
        return VarianceFormula(
            "Ĉₖ",
            f"the covariances of structure {structure} that maximise F, given the scatter matrices "
            f"Wₖ = Σᵢ {g} (xᵢ − μ̂ₖ)(xᵢ − μ̂ₖ)ᵀ",
            "",
            "",
            f"The structure {structure} ({description}) ties parts of the covariances together; F is maximised under "
            "that constraint:",
        )
    found = BUILDERS[structure](g)
    if not notation.noise:
        return found
    right = found.right.replace("/ n", "/ (n − n₀)").replace("(D n)", "(D (n − n₀))")
    return replace(found, right=right)


def _v(g: str) -> VarianceFormula:
    return VarianceFormula(
        "σ̂ₖ²",
        f"Σᵢ {g} (xᵢ − μ̂ₖ)² / Σᵢ {g}",
        "∂F/∂σₖ²",
        f"Σᵢ {g} [−1/(2σₖ²) + (xᵢ − μ̂ₖ)²/(2σₖ⁴)]",
        OWN,
    )


def _e(g: str) -> VarianceFormula:
    return VarianceFormula(
        "σ̂²",
        f"Σₖ Σᵢ {g} (xᵢ − μ̂ₖ)² / n",
        "∂F/∂σ²",
        f"Σₖ Σᵢ {g} [−1/(2σ²) + (xᵢ − μ̂ₖ)²/(2σ⁴)]",
        POOLED,
    )


def _vii(g: str) -> VarianceFormula:
    return VarianceFormula(
        "σ̂ₖ²",
        f"Σᵢ {g} ‖xᵢ − μ̂ₖ‖² / (D Σᵢ {g})",
        "∂F/∂σₖ²",
        f"Σᵢ {g} [−D/(2σₖ²) + ‖xᵢ − μ̂ₖ‖²/(2σₖ⁴)]",
        f"Each component is round: one variance, averaged over the D columns. {OWN}",
    )


def _eii(g: str) -> VarianceFormula:
    return VarianceFormula(
        "σ̂²",
        f"Σₖ Σᵢ {g} ‖xᵢ − μ̂ₖ‖² / (D n)",
        "∂F/∂σ²",
        f"Σₖ Σᵢ {g} [−D/(2σ²) + ‖xᵢ − μ̂ₖ‖²/(2σ⁴)]",
        f"Every component is round: one variance, averaged over the D columns. {POOLED}",
    )


def _vvi(g: str) -> VarianceFormula:
    return VarianceFormula(
        "σ̂ₖⱼ²",
        f"Σᵢ {g} (xᵢⱼ − μ̂ₖⱼ)² / Σᵢ {g}",
        "∂F/∂σₖⱼ²",
        f"Σᵢ {g} [−1/(2σₖⱼ²) + (xᵢⱼ − μ̂ₖⱼ)²/(2σₖⱼ⁴)]",
        f"Each column j has its own. {OWN}",
    )


def _eei(g: str) -> VarianceFormula:
    return VarianceFormula(
        "σ̂ⱼ²",
        f"Σₖ Σᵢ {g} (xᵢⱼ − μ̂ₖⱼ)² / n",
        "∂F/∂σⱼ²",
        f"Σₖ Σᵢ {g} [−1/(2σⱼ²) + (xᵢⱼ − μ̂ₖⱼ)²/(2σⱼ⁴)]",
        f"Each column j has its own. {POOLED}",
    )


def _vvv(g: str) -> VarianceFormula:
    return VarianceFormula(
        "Ĉₖ",
        f"Σᵢ {g} (xᵢ − μ̂ₖ)(xᵢ − μ̂ₖ)ᵀ / Σᵢ {g}",
        "∂F/∂Cₖ⁻¹",
        f"½ Σᵢ {g} [Cₖ − (xᵢ − μ̂ₖ)(xᵢ − μ̂ₖ)ᵀ]",
        "It is a matrix, found at the new mean μ̂ₖ. F is concave in the inverse of Cₖ, so the zero of the derivative "
        "is the maximum:",
    )


def _eee(g: str) -> VarianceFormula:
    return VarianceFormula(
        "Ĉ",
        f"Σₖ Σᵢ {g} (xᵢ − μ̂ₖ)(xᵢ − μ̂ₖ)ᵀ / n",
        "∂F/∂C⁻¹",
        f"½ Σₖ Σᵢ {g} [C − (xᵢ − μ̂ₖ)(xᵢ − μ̂ₖ)ᵀ]",
        f"It is a matrix, and F is concave in its inverse. {POOLED}",
    )


BUILDERS = {"V": _v, "E": _e, "VII": _vii, "EII": _eii, "VVI": _vvi, "EEI": _eei, "VVV": _vvv, "EEE": _eee}
