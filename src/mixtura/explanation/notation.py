"""The symbols of one explanation: what components, columns, rows and parameters are called in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mixtura.explanation.numbers import added, in_product, listed, number, subscript, vector
from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture
from mixtura.validation import Array

MANY = 4
"""More components than this are not written out one by one in a formula."""

FORMS = {2: "full", 1: "diagonal", 0: "spherical"}
"""Forms of a covariance, by the dimensions of one factor."""


@dataclass(frozen=True, slots=True)
class Notation:
    """How one explanation writes things.

    Attributes
    ----------
    gaussians : what the components are called: `Gaussian 1`, …, or their names
    columns : what the columns are called
    form : "full", "diagonal" or "spherical"; one dimension is spherical
    shared : whether all components share one covariance
    weighted : whether rows have weights
    n_samples : rows
    index : M-steps done before the one that is explained: it leads from θ with this index to the next
    noise : whether there is noise: the term k = 0, with N₀ = 1/V
    """

    gaussians: tuple[str, ...]
    columns: tuple[str, ...]
    form: str
    shared: bool
    weighted: bool
    n_samples: int
    index: int = 0
    noise: bool = False

    @classmethod
    def of(cls, mixture: Mixture[Gaussian], n_samples: int, weighted: bool, index: int = 0) -> Notation:
        """The notation for a mixture and a number of rows."""
        constraint = mixture.components.constraint
        return cls(
            mixture.names or tuple(f"Gaussian {k + 1}" for k in range(mixture.n_components)),
            tuple(mixture.column_name(j) for j in range(mixture.n_features)),
            FORMS[constraint.form.ndim],
            constraint.shared,
            weighted,
            n_samples,
            index,
            mixture.noise is not None,
        )

    @property
    def n_components(self) -> int:
        return len(self.gaussians)

    @property
    def owners(self) -> tuple[str, ...]:
        """Whom a row can belong to: the components and, last, the noise."""
        return (*self.gaussians, "noise") if self.noise else self.gaussians

    @property
    def indices(self) -> list[str]:
        """The index of each owner in symbols: ₁, ₂, …, and ₀ for the noise."""
        return [*(subscript(k + 1) for k in range(self.n_components)), *(["₀"] if self.noise else [])]

    @property
    def alone(self) -> bool:
        """Whether every row belongs to the one component that there is."""
        return len(self.owners) == 1

    @property
    def flat(self) -> bool:
        """Whether there is one column."""
        return len(self.columns) == 1

    @property
    def many(self) -> bool:
        """Whether there are too many components to write each one out."""
        return self.n_components > MANY

    @property
    def numbered(self) -> bool:
        """Whether the components are called by their numbers."""
        return self.gaussians[0] == "Gaussian 1"

    # Symbols; k counts from 0 and is written from 1

    @property
    def before(self) -> str:
        """θ₀: the mixture before the M-step."""
        return f"θ{subscript(self.index)}"

    @property
    def after(self) -> str:
        """θ₁: the mixture after it."""
        return f"θ{subscript(self.index + 1)}"

    def covariance(self, index: str) -> str:
        """σ₁², C₁, diag(σ₁²) or σ₁² I; without an index where it is shared."""
        index = "" if self.shared else index
        if self.flat:
            return f"σ{index}²"
        return {"full": f"C{index}", "diagonal": f"diag(σ{index}²)", "spherical": f"σ{index}² I"}[self.form]

    def normal(self, index: str, x: str = "x") -> str:
        """N(x | μ₁, σ₁²)."""
        return f"N({x} | μ{index}, {self.covariance(index)})"

    def gamma(self, k: int, i: int) -> str:
        """γ₁₀, with a comma where the two numbers would run together."""
        comma = "," if self.n_samples > 10 or self.n_components > 9 else ""
        return f"γ{self.indices[k]}{comma}{subscript(i)}"

    @property
    def share(self) -> str:
        """What a row counts for component k: its responsibility, times its weight where it has one."""
        return "wᵢ γₖᵢ" if self.weighted else "γₖᵢ"

    @property
    def total(self) -> str:
        """What the effective numbers of rows add up to, in words."""
        return "the sum of the row weights" if self.weighted else "the number of rows"

    def over_components(self, symbol: str, total: str = "Σₖ") -> str:
        """π₁ N₁ + π₂ N₂ for the pattern `π{k} N{k}`; Σₖ πₖ Nₖ where there are many."""
        if self.many:
            return f"{total} {symbol.format(k='ₖ')}"
        return added([symbol.format(k=index) for index in self.indices])

    # Words

    def point(self, x: Array) -> str:
        """A row's values: a number, or (1, 2) for up to three columns, or the first two and dots."""
        if self.flat:
            return number(x[0])
        return vector(list(x)) if len(x) <= 3 else f"({number(x[0])}, {number(x[1])}, …)"

    def names_of(self, components: Sequence[int]) -> str:
        """`Gaussian 1 and Gaussian 2`."""
        return listed([self.owners[k] for k in components])

    def short_names(self, components: Sequence[int]) -> str:
        """`2` for Gaussian 2, `1 = 2` where they are alike; names are written as they are."""
        return " = ".join(str(k + 1) if self.numbered and k < self.n_components else self.owners[k] for k in components)


def difference(x: float, mean: float) -> str:
    """(4 − 5.13173), or (4 + 1.2) for a negative mean."""
    sign, size = ("+", -mean) if mean < 0 else ("−", mean)
    return f"({number(x)} {sign} {number(size)})"


def product(*factors: float) -> str:
    """2·0.5·(−1)"""
    return "·".join([number(factors[0]), *(in_product(number(f)) for f in factors[1:])])
