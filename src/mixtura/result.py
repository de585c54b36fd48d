"""`Fit`: what a search found, and what can be asked of it."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mixtura.algorithms.climb import Climb
from mixtura.algorithms.degeneracy import heywood_of, suspicion_of
from mixtura.algorithms.iteration import outward
from mixtura.certainty import Certainty, certainty_of
from mixtura.errors import CollapseError, ConvergenceWarning, DegenerateWarning, ParameterError
from mixtura.mixture import Mixture
from mixtura.selection import Candidate, StartReport, candidate_table, ranking
from mixtura.sources import Source, as_source, by_columns
from mixtura.sources.gaps import Gaps
from mixtura.sources.strata import StratifiedSource
from mixtura.sweep import Sweep
from mixtura.tables import Table

if TYPE_CHECKING:
    from mixtura.inference.bootstrap import Bootstrap
    from mixtura.inference.standard_errors import StandardErrors


@dataclass(frozen=True)
class Fit:
    """What `fit` found.

    Attributes
    ----------
    mixture : in data units; components by falling weight, ties by first mean (with a given start: in its order)
    log_likelihood : of `mixture`, total nats
    converged : whether the estimated remaining gain fell below tol
    n_iter : EM iterations of the winning climb
    remaining_gain : Aitken's estimate of what is still to come, total nats
    trace : one row an iteration: log_likelihood, lower_bound, next log_likelihood, remaining_gain
    warnings : what to be careful about, in words
    table : one row a candidate, in the order of the search
    starts : how many starts were tried and how many agreed on the optimum
    criterion : that decided, such as "bic": smaller is better
    certainty : sizes of the groups and how sure the assignment is
    source : where the rows are, for `report`: not copied, and left out where a fit is pickled
    n_samples, total_weight : rows, and the sum of their weights; rows that know nothing have none
    missing : how much was missing and where; None where nothing was
    labelled : rows of whose component something was known (`y`)
    """

    mixture: Mixture[Any]
    log_likelihood: float
    converged: bool
    n_iter: int
    remaining_gain: float
    trace: Table = field(repr=False)
    warnings: list[str]
    table: Table = field(repr=False)
    starts: StartReport
    criterion: str
    certainty: Certainty
    n_samples: int
    total_weight: float
    candidates: tuple[Candidate, ...] = field(repr=False)
    chosen: Candidate = field(repr=False)
    source: Source | None = field(default=None, repr=False, compare=False)
    missing: Gaps | None = None
    labelled: int = 0

    @property
    def bic(self) -> float:
        """p log n − 2 L; smaller is better."""
        return self.chosen.bic

    @property
    def icl(self) -> float:
        """BIC − 2 Σ w log max_k p(k | x); smaller is better."""
        return self.chosen.icl

    @property
    def aic(self) -> float:
        """2 p − 2 L; smaller is better."""
        return self.chosen.aic

    @property
    def cv(self) -> float:
        """−2 times the cross-validated log-likelihood, where the criterion is "cv"; else NaN."""
        return self.chosen.cv

    @property
    def runner_up(self) -> Candidate | None:
        """The second best sound candidate of the search, if there was one."""
        others = [c for c in ranking(self.candidates, self.criterion) if c is not self.chosen]
        return others[0] if others else None

    @property
    def lead(self) -> float:
        """By how much the criterion is smaller than the runner-up's; infinite without one."""
        other = self.runner_up
        return math.inf if other is None else getattr(other, self.criterion) - getattr(self.chosen, self.criterion)

    def summary(self) -> str:
        """What a person wants to know, as plain text."""
        from mixtura.report.text import fit_text

        return fit_text(self)

    def standard_errors(self, X: Any, method: str = "sandwich", **options: Any) -> StandardErrors:
        """Standard errors of the parameters from the rows it was fitted to: see `mixtura.standard_errors`."""
        from mixtura.inference.standard_errors import standard_errors

        return standard_errors(self, X, method, **options)

    def bootstrap(self, X: Any, kind: str = "nonparametric", n_resamples: int = 999, **options: Any) -> Bootstrap:
        """The parameters over resamples of the rows it was fitted to: see `mixtura.bootstrap`."""
        from mixtura.inference.bootstrap import bootstrap

        return bootstrap(self, X, kind, n_resamples, **options)

    def report(self, path: str | os.PathLike[str], X: Any = None) -> None:
        """Write a report for people: one HTML page that opens anywhere, without a network.

        The answer in a sentence, a card for each component, the picture, how sure it is, why so many, how EM got there.
        The rows are read once more; `X` is needed only for a fit that was pickled. Needs `pip install mixtura[report]`.

        Parameters
        ----------
        path : of the file, written whole or not at all
        X : the rows it was fitted to, where the fit does not know them any more
        """
        from mixtura.report.page import write_report

        source = self.source if X is None else by_columns(as_source(X), self.mixture.columns)
        if source is None:
            raise ParameterError("this fit does not know its rows any more; give them: fit.report(path, X).")
        write_report(self, source, path)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "source": None}

    def plot(self, ax: Any = None, kind: str = "mixture", **options: Any) -> Any:
        """Draw a picture with matplotlib and return its axes.

        Parameters
        ----------
        ax : matplotlib axes, new ones where not given (for "pairs" a figure)
        kind : "mixture" (one or two columns), "classification", "uncertainty", "contours", "pairs", "directions",
            "criteria", "trace", "quantiles" or "responsibilities": the functions of `mixtura.plotting`
        options : of that function, such as columns=["a", "b"], or X= the rows
        """
        from mixtura import plotting

        if kind == "mixture":
            return plotting.plot_mixture(self.mixture, ax, **options)
        draw = getattr(plotting, f"plot_{kind}", None)
        if draw is None:
            known = ", ".join(name.removeprefix("plot_") for name in plotting.__all__)
            raise ParameterError(f"kind is {kind!r}; expected one of {known}.")
        return draw(self, ax, **options)

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        from mixtura.report.notebook import fit_html

        return fit_html(self)


def result_of(
    sweep: Sweep,
    candidates: list[Candidate],
    chosen: Candidate,
    criterion: str,
    complete: bool,
    names: Sequence[str] | None,
    on_degenerate: str,
    left_out: Sequence[tuple[str, int, str]] = (),
) -> Fit:
    """The fit of the chosen candidate, in data units, with its warnings; they are raised as Python warnings too."""
    source = sweep.source
    mixture = outward(chosen.mixture, source.coordinates)
    mixture = mixture.with_names(names, source.columns or mixture.columns)
    if chosen.trouble and on_degenerate == "raise":
        raise CollapseError(f"no start of any candidate is sound: {chosen.trouble}")
    notes = _warn(candidates, chosen, complete)
    for why in dict.fromkeys(reason for *_, reason in left_out):
        which = [(name, k) for name, k, reason in left_out if reason == why]
        listed = " ".join(dict.fromkeys(name for name, _ in which))
        notes.append(f"{len(which)} candidates were not fitted ({listed}): {why}.")
    suspicion = "" if chosen.trouble else suspicion_of(source, chosen.climb)
    heywood = heywood_of(source, chosen.climb)
    notes += [note for note in (suspicion, heywood) if note]
    missing = source.gaps if source.has_gaps else None
    if missing is not None and missing.never_together:
        notes.append(_apart(source, missing))
    climb = chosen.climb
    return Fit(
        mixture,
        chosen.log_likelihood,
        climb.converged,
        climb.n_iter,
        climb.remaining,
        trace_table(climb),
        notes,
        candidate_table(candidates, left_out),
        chosen.starts,
        criterion,
        certainty_of(source, mixture, sweep.n_threads, sweep.engine),
        source.n_samples,
        source.total_weight,
        tuple(candidates),
        chosen,
        source,
        missing,
        _labelled(source),
    )


def _warn(candidates: list[Candidate], chosen: Candidate, complete: bool) -> list[str]:
    """Say what to be careful about: as Python warnings, and as a list for the report."""
    notes = []
    if chosen.trouble:
        notes.append(chosen.trouble)
        warnings.warn(chosen.trouble, DegenerateWarning, stacklevel=4)
    if not chosen.climb.converged and not chosen.trouble:
        text = (
            f"EM stopped after {chosen.climb.n_iter} iterations (max_iter) with an estimated "
            f"{chosen.climb.remaining:.3g} nats still to gain; raise max_iter, or tol if that is near enough."
        )
        notes.append(text)
        warnings.warn(text, ConvergenceWarning, stacklevel=4)
    if not complete:
        notes.append(f"the search was interrupted after {len(candidates)} candidates; the best of these is shown.")
    degenerate = [c.label for c in candidates if c.trouble and c is not chosen]
    if degenerate:
        notes.append(f"left out because every start ended degenerate: {' '.join(degenerate)} (see the table).")
    return notes


def _labelled(source: Source) -> int:
    known = source.known if isinstance(source, StratifiedSource) else None
    return 0 if known is None else int(known.informs.sum())


def _apart(source: Source, missing: Gaps, at_most: int = 3) -> str:
    """Which columns no row knows both of."""
    pairs = [f"{source.column_name(i)} and {source.column_name(j)}" for i, j in missing.never_together[:at_most]]
    more = len(missing.never_together) - len(pairs)
    text = "; ".join(pairs) + (f"; and {more} more pairs" if more else "")
    return f"never observed together: {text}. The data say nothing of their covariance within a group."


def trace_table(climb: Climb) -> Table:
    """One row an iteration: the certificate's three numbers in order, and what was still to come."""
    before = [row[0] for row in climb.trace]
    return Table(
        {
            "iteration": list(range(1, len(before) + 1)),
            "log_likelihood": before,
            "lower_bound": [row[1] for row in climb.trace],
            "next_log_likelihood": [*before[1:], climb.log_likelihood][: len(before)],
            "remaining_gain": [row[2] for row in climb.trace],
        }
    )
