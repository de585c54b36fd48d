"""When to stop: where the estimated distance to the limit of the log-likelihood is small (Aitken)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

ROUNDING, SINGLE_ROUNDING = 8 * float(np.finfo(np.float64).eps), float(np.finfo(np.float32).eps) / 4
"""Relative rounding of a log-likelihood over float64 and over float32 rows, where densities have seven digits."""

CONFIRMATIONS, FEW_CONFIRMATIONS = 3, 2
"""How many times running the estimate must lie below the tolerance; fewer where a reading is dear and the start was
climbed to on a large sample, so that the rate is settled."""


class Aitken:
    """Aitken's estimate of the gain that is still to come (Böhning et al. 1994).

    With the gains D₁, D₂ of two steps running and the rate a = D₂/D₁, EM's linear convergence makes
    the remaining gain D₂ a / (1 − a). A small single step says little: on a plateau steps are small and a is near 1.

    Parameters
    ----------
    tol : nats per unit of row weight; converged where the estimate lies below tol · Σw three times running
    total_weight : Σw
    dtype : of the rows: a gain within the rounding of the log-likelihood is none
    confirmations : how many times running
    """

    def __init__(
        self,
        tol: float,
        total_weight: float,
        dtype: npt.DTypeLike = np.float64,
        confirmations: int = CONFIRMATIONS,
    ) -> None:
        self.threshold = tol * total_weight
        self.remaining = math.inf
        self.rounding = SINGLE_ROUNDING if np.dtype(dtype) == np.float32 else ROUNDING
        self.confirmations = confirmations
        self._last: float | None = None
        self._gain: float | None = None
        self._confirmed = 0

    def restart(self) -> None:
        """Forget the gains so far: the next log-likelihood was not reached by one EM step."""
        self._last = self._gain = None
        self._confirmed = 0

    def converged(self, log_likelihood: float) -> bool:
        """Take the next log-likelihood (total nats) and say whether to stop."""
        if self._last is not None:
            gain = log_likelihood - self._last
            self.remaining = remaining_gain(self._gain, gain, log_likelihood, self.rounding)
            self._confirmed = self._confirmed + 1 if self.remaining <= self.threshold else 0
            self._gain = gain
        self._last = log_likelihood
        return self._confirmed >= self.confirmations


def remaining_gain(before: float | None, gain: float, log_likelihood: float, rounding: float = ROUNDING) -> float:
    """The estimate, total nats: 0 where the gain is rounding, infinite where gains do not shrink yet."""
    if abs(gain) <= rounding * abs(log_likelihood):
        return 0.0
    if before is None or not 0 < gain < before:
        return math.inf
    rate = gain / before
    return gain * rate / (1 - rate)
