"""The mixture density and its parameters."""

from __future__ import annotations

from mixtura.explanation.document import Formula, Section
from mixtura.explanation.facts import Explanation
from mixtura.explanation.notation import Notation
from mixtura.explanation.numbers import added, listed, number, subscript, vector
from mixtura.explanation.tabulating import parameter_tables
from mixtura.explanation.words import count_of, notation_of

WRITTEN_COLUMNS = 2
"""With more columns than this the starting values stand in the table alone, not in the formula too."""


def density(facts: Explanation) -> Section:
    """What p(x; θ) is."""
    notation = notation_of(facts)
    return Section(
        "density",
        "The mixture",
        "What is the density, and which parameters does it have?",
        _answer(facts, notation),
        (
            Formula.chain("p(x; θ)", *_density(notation)),
            _normal(notation),
            *parameter_tables(notation, facts.theta0, "EM starts from θ₀:"),
            *_with_numbers(facts, notation),
        ),
    )


def _answer(facts: Explanation, notation: Notation) -> str:
    if notation.noise:
        return _with_noise(facts, notation)
    n_free = facts.theta0.n_parameters
    if notation.n_components == 1:
        what = listed(_symbols(notation)[1:]) if notation.flat else _counts(facts, notation)
        return f"One Gaussian: {count_of(n_free, 'parameter')} ({what}), all free; its proportion π₁ is always 1."
    if notation.many or not notation.flat:
        what, total = _counts(facts, notation), "the proportions sum to 1"
    else:
        what = listed(_symbols(notation))
        total = f"{added([f'π{subscript(k + 1)}' for k in range(notation.n_components)])} = 1"
    return f"A mixture with {count_of(n_free + 1, 'parameter')}: {what}. {n_free} of them are free, because {total}."


def _with_noise(facts: Explanation, notation: Notation) -> str:
    """The same where rows may belong to none."""
    n_free, (what, proportions) = facts.theta0.n_parameters, (_counts(facts, notation), notation.n_components + 1)
    return (
        f"{count_of(notation.n_components, 'Gaussian')} and noise, which is the term k = 0: it has the same density, "
        f"N₀(x) = 1/V, everywhere. There are {proportions} proportions, {what}, and the volume V, which EM leaves as "
        f"it is. {n_free} are free, because the proportions sum to 1."
    )


def _symbols(notation: Notation) -> list[str]:
    index = [subscript(k + 1) for k in range(notation.n_components)]
    variances = ["σ²"] if notation.shared else [f"σ{i}²" for i in index]
    return [*(f"π{i}" for i in index), *(f"μ{i}" for i in index), *variances]


def _counts(facts: Explanation, notation: Notation) -> str:
    k, d = notation.n_components, len(notation.columns)
    n_covariance = facts.theta0.components.constraint.covariance_parameters(k, d)
    proportions = [] if k == 1 or notation.noise else [f"{k} proportions πₖ"]
    means = f"{count_of(k * d, 'number')} in the means μₖ"
    return listed([*proportions, means, f"{n_covariance} in the {'variance' if notation.flat else 'covariance'}s"])


def _density(notation: Notation) -> list[str]:
    if notation.noise:
        return [f"Σₖ πₖ {notation.normal('ₖ')} + π₀/V"]
    if notation.n_components == 1:
        return [notation.normal("₁")]
    general = f"Σₖ πₖ {notation.normal('ₖ')}"
    if notation.many:
        return [general]
    return [general, notation.over_components("π{k} N(x | μ{k}, COV)".replace("COV", notation.covariance("{k}")))]


def _normal(notation: Notation) -> Formula:
    if notation.flat:
        return Formula.chain("N(x | μ, σ²)", "exp(−(x − μ)² / (2σ²)) / √(2π σ²)")
    return {
        "full": Formula.chain("N(x | μ, C)", "exp(−½ (x − μ)ᵀ C⁻¹ (x − μ)) / √((2π)ᴰ |C|)"),
        "diagonal": Formula.chain(
            "N(x | μ, diag(σ²))", "product over the columns j of exp(−(xⱼ − μⱼ)² / (2σⱼ²)) / √(2π σⱼ²)"
        ),
        "spherical": Formula.chain("N(x | μ, σ² I)", "exp(−‖x − μ‖² / (2σ²)) / √((2π σ²)ᴰ)"),
    }[notation.form]


def _with_numbers(facts: Explanation, notation: Notation) -> list[Formula]:
    if notation.many or len(notation.columns) > WRITTEN_COLUMNS:
        return []
    theta = facts.theta0
    means = theta.components.means
    terms = []
    for k in range(notation.n_components):
        centre = number(means[k, 0]) if notation.flat else vector(means[k].tolist())
        weight = f"{number(theta.weights[k])} " if not notation.alone else ""
        terms.append(f"{weight}N(x | {centre}, {_covariance(facts, notation, k)})")
    if theta.noise is not None:
        terms.append(f"{number(theta.noise.weight)} / {number(theta.noise.volume)}")
    return [Formula.chain("p(x; θ₀)", added(terms))]


def _covariance(facts: Explanation, notation: Notation, k: int) -> str:
    matrix = facts.theta0.components.covariance_matrices[k]
    if notation.flat:
        return number(matrix[0, 0])
    if notation.form == "full":
        return f"[{'; '.join(' '.join(number(v) for v in row) for row in matrix)}]"
    if notation.form == "diagonal":
        return f"diag{vector(matrix.diagonal().tolist())}"
    return f"{number(matrix[0, 0])} I"
