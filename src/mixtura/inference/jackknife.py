"""The jackknife: the parameters with each row left out in turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mixtura.errors import CollapseError, DataError
from mixtura.inference.parameters import Interval, Parameters, normal_interval, parameter_table
from mixtura.inference.refit import refit
from mixtura.inference.rows import in_memory, mixture_and_rows, weights_of
from mixtura.mixture import Mixture
from mixtura.report.document import Document
from mixtura.report.inference import errors_document
from mixtura.report.text import document_text
from mixtura.result import Fit
from mixtura.tables import Table
from mixtura.threads import thread_count
from mixtura.validation import Array


@dataclass(frozen=True, repr=False)
class Jackknife:
    """The parameters of the refits without one row.

    Attributes
    ----------
    mixture : the estimates, in data units
    replicates : (n_rows, …), data units; the rows of weight zero have none
    multiplicity : (n_rows,), how often each row counts
    """

    mixture: Mixture[Any]
    replicates: Parameters = field(repr=False)
    multiplicity: Array = field(repr=False)

    @property
    def standard_errors(self) -> Parameters:
        """√((n − 1) / n · Σ (θ₍ᵢ₎ − mean)²), data units."""
        n = self.multiplicity.sum()

        def spread(a: Array) -> Array:
            squares = np.tensordot(self.multiplicity, (a - self._mean(a)) ** 2, 1)
            error: Array = np.sqrt((n - 1) / n * squares)
            return error

        return self.replicates.map(spread)

    @property
    def bias(self) -> Parameters:
        """(n − 1) (mean of θ₍ᵢ₎ − estimate)."""
        n = self.multiplicity.sum()
        return self.replicates.map(lambda a, b: (n - 1) * (self._mean(a) - b), Parameters.of(self.mixture))

    def interval(self, level: float = 0.95) -> Interval:
        """Estimate ± normal quantile · standard error."""
        return normal_interval(Parameters.of(self.mixture), self.standard_errors, level)

    @property
    def table(self) -> Table:
        """One row a parameter: estimate, standard error, bias and 95 % normal interval."""
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
        return errors_document(f"Jackknife over {len(self.multiplicity)} rows; 95% normal intervals", self.table)

    def __repr__(self) -> str:
        return document_text(self.document)

    def _mean(self, a: Array) -> Array:
        mean: Array = np.average(a, axis=0, weights=self.multiplicity)
        return mean


def jackknife(fit: Fit | Mixture[Any], X: Any, *, sample_weight: Any = None, n_threads: int | None = None) -> Jackknife:
    """Standard errors and bias from leaving out one row at a time.

    var θ = (n − 1)/n Σ_i (θ₍ᵢ₎ − mean)²

    Parameters
    ----------
    fit : what `fit` found, or a mixture
    X : (n_samples, n_features), the rows it was fitted to; NaN is a missing cell
    sample_weight : (n_samples,), whole numbers, optional; weight 2 counts a row twice
    n_threads : None is the machine's cores. Results do not depend on it.

    Returns
    -------
    Jackknife

    Raises
    ------
    DataError
        For row weights that are no whole numbers: nothing could be left out once.
    CollapseError
        Where a refit ended degenerate.

    Notes
    -----
    Tukey (1958); n_samples refits, each from the mixture given. The replicates also show which rows the fit hangs on.

    Examples
    --------
    >>> import mixtura as mx
    >>> both = mx.Mixture([1.0], mx.Gaussian([[2.0]], [0.5]))
    >>> mx.jackknife(both, [1.0, 2.0, 2.0, 3.0]).standard_errors.means.round(4)  # s / √n
    array([[0.4082]])
    """
    mixture, rows = mixture_and_rows(fit, X, sample_weight)
    source = in_memory(rows)
    weights = weights_of(source)
    if np.any(weights != np.round(weights)):
        row = int(np.argmax(weights != np.round(weights)))
        raise DataError(
            f"sample_weight[{row}] is {weights[row]}; the jackknife leaves out a row once and needs whole numbers. "
            "bootstrap(kind='weighted') takes any weights."
        )
    counted = np.flatnonzero(weights)

    def without(i: int) -> tuple[Array | None, Array | None]:
        left = weights.copy()
        left[counted[i]] -= 1
        return None, left

    found = refit(source, mixture, without, len(counted), thread_count(n_threads))
    if not found.sound.all():
        row = int(counted[np.argmin(found.sound)])
        raise CollapseError(
            f"without row {row} a component collapses or empties: {int((~found.sound).sum())} rows hold one up alone. "
            "Ask for fewer components, or see bootstrap(kind='weighted')."
        )
    return Jackknife(mixture, found.parameters, weights[counted])
