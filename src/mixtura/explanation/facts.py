"""`Explanation`: what EM did from one start, as facts, from which words and tables are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.algorithms.degeneracy import too_small
from mixtura.algorithms.iteration import Iteration
from mixtura.explanation.comparing import ALIKE, largest
from mixtura.explanation.document import Section
from mixtura.explanation.movement import Movement
from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture
from mixtura.validation import Array, Labels

if TYPE_CHECKING:
    from mixtura.explanation.explorer import Explorer
    from mixtura.tables import Table


@dataclass(frozen=True, eq=False)
class EStep:
    """An E-step with nothing left out.

    Attributes
    ----------
    component_log_prob : (n_samples, n_components), log p(x | k), nats
    log_prob : (n_samples,), log p(x), nats
    responsibilities : (n_samples, n_components), γ; where there is noise it has one more column, here and above
    uncertainty : (n_samples,), 1 − max_k γ
    counts : (n_components,), Σ w γ; with noise one more
    """

    component_log_prob: Array = field(repr=False)
    log_prob: Array = field(repr=False)
    responsibilities: Array = field(repr=False)
    uncertainty: Array = field(repr=False)
    counts: Array

    @classmethod
    def of(cls, mixture: Mixture[Gaussian], rows: Array, weights: Array) -> EStep:
        """The E-step of a mixture at some rows, with row weights (n_samples,)."""
        resp = mixture.responsibilities(rows)
        return cls(
            mixture.component_log_prob(rows),
            mixture.log_prob(rows),
            resp,
            mixture.uncertainty(rows),
            weights @ resp,
        )

    @cached_property
    def winners(self) -> tuple[tuple[int, ...], ...]:
        """For each row the components of largest responsibility: more than one where they are alike."""
        return tuple(largest(row) for row in self.responsibilities)

    @cached_property
    def labels(self) -> Labels:
        """(n_samples,): the first of the winners."""
        top = self.responsibilities.max(axis=1, keepdims=True)
        labels: Labels = np.argmax(top - self.responsibilities <= ALIKE * top, axis=1)
        return labels

    @property
    def least_certain(self) -> int:
        """The row whose assignment is least sure; the first of equals."""
        return int(np.argmax(self.uncertainty))


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """EM from one start, explained: a value that `explain` makes.

    `print(explanation)` gives a worked solution; `sections` is the same in parts, for any other way of showing it;
    `to_dict()` holds the numbers with all their digits.

    Attributes
    ----------
    theta0 : where EM started
    rows : (n_samples, n_features), data units
    sample_weight : (n_samples,), or None where every row counts once
    iterations : one `Iteration` an M-step, with `before`, `after`, `log_likelihood` and `lower_bound`
    mixture : where EM ended
    log_likelihood : of `mixture`, total nats
    remaining_gains : Aitken's estimate of the gain still to come, total nats, at the start, after 1, 2, … M-steps
    converged : whether that estimate fell below `tol` per row
    tol : nats per unit of row weight
    asked : the number of M-steps that was asked for, or None
    start, first, end : the E-steps at `theta0`, after one M-step, and at `mixture`
    bound_before, bound_after : Jensen's bound at the start's responsibilities, of `theta0` and after the first M-step
    divergence : (n_samples,), KL of the start's responsibilities from those after one M-step, nats
    index : M-steps done before `theta0`; 0 unless a later step is explained by itself
    """

    theta0: Mixture[Gaussian]
    rows: Array
    sample_weight: Array | None
    iterations: tuple[Iteration, ...]
    mixture: Mixture[Gaussian]
    log_likelihood: float
    remaining_gains: tuple[float, ...]
    converged: bool
    tol: float
    asked: int | None
    start: EStep
    first: EStep
    end: EStep
    bound_before: float
    bound_after: float
    divergence: Array
    index: int = 0

    @property
    def n_iter(self) -> int:
        """M-steps done."""
        return len(self.iterations)

    @property
    def row_weights(self) -> Array:
        """(n_samples,): the sample weights, or ones."""
        return np.ones(len(self.rows)) if self.sample_weight is None else self.sample_weight

    @property
    def total_weight(self) -> float:
        """Σ w: the number of rows where they have no weights."""
        return float(self.row_weights.sum())

    @property
    def log_likelihoods(self) -> tuple[float, ...]:
        """At the start and after 1, 2, … M-steps, total nats."""
        return (*(it.log_likelihood for it in self.iterations), self.log_likelihood)

    @cached_property
    def mixtures(self) -> tuple[Mixture[Gaussian], ...]:
        """θ₀, θ₁, …: the start and the mixture after each M-step."""
        return (self.theta0, *(it.after for it in self.iterations))

    @cached_property
    def first_move(self) -> Movement:
        """The first M-step."""
        return Movement(self.theta0, self.mixtures[1], self._scale)

    @cached_property
    def whole_move(self) -> Movement:
        """From the start to the end."""
        return Movement(self.theta0, self.mixture, self._scale)

    @cached_property
    def troubles(self) -> tuple[tuple[int, str, int], ...]:
        """(component, "collapsed" or "emptied", first iteration), in the order in which it happened."""
        seen: dict[tuple[int, str], int] = {}
        for it in self.iterations:
            for what, components in (("emptied", it.emptied), ("collapsed", it.collapsed)):
                for k in components:
                    seen.setdefault((k, what), it.index)
        return tuple((k, what, index) for (k, what), index in seen.items())

    @cached_property
    def too_small(self) -> tuple[int, ...]:
        """Components that hold too few rows in the end for a covariance of their own."""
        return too_small(self.mixture, self.end.counts[: self.mixture.n_components])

    @property
    def _scale(self) -> float:
        return float(max(np.abs(self.rows).max(), np.abs(self.theta0.components.means).max()))

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The questions, each with its answer and how it comes about."""
        from mixtura.explanation.sections import sections_of

        return sections_of(self)

    @property
    def title(self) -> str:
        """What is explained, in a line."""
        from mixtura.explanation.words import title_of

        return title_of(self)

    @property
    def preamble(self) -> str:
        """How to read the rest: how components and rows are counted."""
        from mixtura.explanation.words import preamble_of

        return preamble_of(self)

    def text(self, width: int = 100) -> str:
        """The worked solution as plain text, at most `width` characters wide."""
        from mixtura.explanation.plain import plain_text

        return plain_text(self, width)

    def to_markdown(self) -> str:
        """The worked solution as Markdown."""
        from mixtura.explanation.markdown import markdown

        return markdown(self)

    def to_dict(self) -> dict[str, Any]:
        """Every number with all its digits, ready for JSON; the keys are described in `mixtura.explanation.record`."""
        from mixtura.explanation.record import record_of

        return record_of(self)

    def table(self) -> Table:
        """The run as a table: one row a mixture, θ₀ first, with log-likelihood, bound and parameters."""
        from mixtura.explanation.run import run_table

        return run_table(self)

    def explorer(self, path: str | Path | None = None) -> Explorer:
        """The run as a page to step through, for one or two columns; written to `path` where one is given."""
        from mixtura.explanation.explorer import explorer

        return explorer(self, path)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Explanation: {self.title}; print it to read it>"

    def _repr_html_(self) -> str:
        from mixtura.explanation.html import html

        return html(self)
