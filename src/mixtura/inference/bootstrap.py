"""The bootstrap: what the parameters would have been, had the rows fallen a little differently."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mixtura.errors import CollapseError, ParameterError
from mixtura.inference.assignment import assignment_interval
from mixtura.inference.parameters import Interval, Parameters, normal_interval, parameter_table
from mixtura.inference.refit import Draw, Rows, refit
from mixtura.inference.rows import drawn_like, in_memory, mixture_and_rows, weights_of
from mixtura.mixture import Mixture
from mixtura.report.document import Document
from mixtura.report.inference import errors_document
from mixtura.report.text import document_text
from mixtura.result import Fit
from mixtura.tables import Table
from mixtura.threads import thread_count
from mixtura.validation import Array, as_count, as_level

KINDS = ("nonparametric", "weighted", "parametric")


@dataclass(frozen=True, repr=False)
class Bootstrap:
    """The parameters of many refits.

    Attributes
    ----------
    mixture : the estimates, in data units
    kind : "nonparametric", "weighted" or "parametric"
    replicates : (n_sound, …), data units; components in the order of `mixture`
    n_failed : refits that ended degenerate and are left out
    seed : of the resamples
    """

    mixture: Mixture[Any]
    kind: str
    replicates: Parameters = field(repr=False)
    n_failed: int
    seed: int

    @property
    def n_resamples(self) -> int:
        """Resamples drawn, the failed ones counted."""
        return len(self.replicates.weights) + self.n_failed

    @property
    def standard_errors(self) -> Parameters:
        """Standard deviations of the replicates, data units."""
        return self.replicates.map(lambda a: a.std(axis=0, ddof=1))

    @property
    def bias(self) -> Parameters:
        """Mean of the replicates minus the estimate."""
        return self.replicates.map(lambda a, b: a.mean(axis=0) - b, Parameters.of(self.mixture))

    def interval(self, level: float = 0.95, method: str = "percentile") -> Interval:
        """Percentiles of the replicates, or with method="normal" estimate ± normal quantile · standard error."""
        if method == "normal":
            return normal_interval(Parameters.of(self.mixture), self.standard_errors, level)
        if method != "percentile":
            raise ParameterError(f"method is {method!r}; expected 'percentile' or 'normal'.")
        tail = (1 - as_level(level)) / 2
        lower = self.replicates.map(lambda a: np.quantile(a, tail, axis=0))
        return Interval(lower, self.replicates.map(lambda a: np.quantile(a, 1 - tail, axis=0)), level)

    def assignment_interval(self, X: Any, level: float = 0.95) -> tuple[Array, Array]:
        """(n_samples, n_components) each: percentiles of p(k | x) over the replicates, how sure the assignments are."""
        return assignment_interval(self.mixture, self.replicates, X, as_level(level))

    @property
    def table(self) -> Table:
        """One row a parameter: estimate, standard error, bias and 95 % percentile interval."""
        ends = self.interval()
        return parameter_table(
            self.mixture,
            estimate=Parameters.of(self.mixture),
            standard_error=self.standard_errors,
            bias=self.bias,
            lower=ends.lower,
            upper=ends.upper,
        )

    @property
    def document(self) -> Document:
        """The table as a report."""
        failed = f", {self.n_failed} of them degenerate and left out" if self.n_failed else ""
        title = f"{self.kind.capitalize()} bootstrap: {self.n_resamples} resamples{failed}; 95% percentile intervals"
        return errors_document(title, self.table)

    def __repr__(self) -> str:
        return document_text(self.document)


def bootstrap(
    fit: Fit | Mixture[Any],
    X: Any,
    kind: str = "nonparametric",
    n_resamples: int = 999,
    seed: int = 0,
    *,
    sample_weight: Any = None,
    n_threads: int | None = None,
) -> Bootstrap:
    """How the parameters vary over resamples of the rows: standard errors, bias and intervals.

    Every resample is fitted by EM from the mixture given, and its components are matched to that mixture's.

    Parameters
    ----------
    fit : what `fit` found, or a mixture
    X : (n_samples, n_features), the rows it was fitted to; NaN is a missing cell, and every resampled row keeps its own
    kind : "nonparametric" draws rows with replacement; "weighted" gives each row a random weight, n times a uniform
        Dirichlet vector, so that no component loses its rows; "parametric" draws new rows from the mixture,
        with gaps where rows have them, as if cells were missing completely at random
    n_resamples : at least 2
    seed : equal seeds give equal bits
    sample_weight : (n_samples,), optional; weight 2 counts a row twice
    n_threads : None is the machine's cores. Results do not depend on it.

    Returns
    -------
    Bootstrap

    Raises
    ------
    ParameterError
        For an unknown kind, or fewer than two resamples.
    CollapseError
        Where fewer than two refits are sound.

    Notes
    -----
    Efron (1979); Newton & Raftery (1994) and O'Hagan, Murphy, Scrucca & Gormley (2019) for the weighted likelihood.
    Refits look for the optimum that the mixture is at, not for others: the spread is that of this optimum.

    Examples
    --------
    >>> import mixtura as mx
    >>> both = mx.Mixture([1.0], mx.Gaussian([[0.0]], [1.0]))
    >>> found = mx.bootstrap(both, [-1.0, 1.0] * 50, kind="weighted", seed=1)
    >>> float(found.standard_errors.means[0, 0].round(2))  # σ / √n
    0.1
    """
    if kind not in KINDS:
        raise ParameterError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}.")
    mixture, rows = mixture_and_rows(fit, X, sample_weight)
    source = in_memory(rows)
    n, seed = as_count(n_resamples, "n_resamples", 2), as_count(seed, "seed", 0)
    found = refit(source, mixture, _draw(kind, source, mixture, seed), n, thread_count(n_threads))
    sound = found.sound
    if sound.sum() < 2:
        raise CollapseError(
            f"{n - int(sound.sum())} of {n} refits ended with a collapsed or empty component; the mixture has too many "
            "components, or too free covariances, for so few rows."
        )
    return Bootstrap(mixture, kind, found.parameters.map(lambda a: a[sound]), int(n - sound.sum()), seed)


def generator_of(seed: int, b: int) -> np.random.Generator:
    """The generator of resample b: the same whichever thread draws it, and however many there are."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(b,)))


def _draw(kind: str, source: Rows, mixture: Mixture[Any], seed: int) -> Draw:
    weights, total = weights_of(source), source.total_weight

    def draw(b: int) -> tuple[Array | None, Array | None]:
        rng = generator_of(seed, b)
        if kind == "parametric":
            return drawn_like(source, mixture, rng), None
        if kind == "weighted":
            drawn = rng.standard_gamma(weights)
            return None, drawn * (total / drawn.sum())
        return None, rng.multinomial(max(1, round(total)), weights / total).astype(np.float64)

    return draw
