"""Priors of mixing proportions and what variational Bayes needs of them: a finite Dirichlet, a Dirichlet process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mixtura.validation import Array


class Concentration(Protocol):
    """A prior of the proportions. `parameters` are those of its posterior, conjugate to counts."""

    def parameters(self, counts: Array) -> Array:
        """Of the posterior, given expected counts (n_components,)."""
        ...

    def expected_log_weights(self, parameters: Array) -> Array:
        """(n_components,): E[log π_k], nats."""
        ...

    def expected_weights(self, parameters: Array) -> Array:
        """(n_components,): E[π_k], divided by their sum."""
        ...

    def log_evidence(self, parameters: Array) -> float:
        """log of the posterior's normaliser over the prior's: what the proportions give to the bound, nats."""
        ...


@dataclass(frozen=True, slots=True)
class Dirichlet:
    """π ~ Dirichlet(α, …, α); the posterior's parameters are α + N_k, (n_components,).

    Parameters
    ----------
    concentration : α of each component; below 1 it favours few large components

    Notes
    -----
    Attias (2000); Bishop (2006), section 10.2.
    """

    concentration: float

    def parameters(self, counts: Array) -> Array:
        return self.concentration + counts

    def expected_log_weights(self, parameters: Array) -> Array:
        from scipy.special import digamma

        expected: Array = digamma(parameters) - digamma(parameters.sum())
        return expected

    def expected_weights(self, parameters: Array) -> Array:
        weights: Array = parameters / parameters.sum()
        return weights

    def log_evidence(self, parameters: Array) -> float:
        from scipy.special import gammaln

        def log_normaliser(alpha: Array) -> float:
            return float(gammaln(alpha).sum() - gammaln(alpha.sum()))

        return log_normaliser(parameters) - log_normaliser(np.full(len(parameters), self.concentration))


@dataclass(frozen=True, slots=True)
class StickBreaking:
    """A Dirichlet process: π_k = v_k Π_{j<k} (1 − v_j) with v_k ~ Beta(1, γ).

    The posterior of v_k is Beta(1 + N_k, γ + Σ_{j>k} N_j), parameters (2, n_components). No row belongs to components
    beyond the last, so that the bound is one for the infinite mixture.

    Parameters
    ----------
    concentration : γ; the larger, the more components

    Notes
    -----
    Blei & Jordan (2006), Bayesian Analysis 1.
    """

    concentration: float

    def parameters(self, counts: Array) -> Array:
        later = np.append(np.cumsum(counts[:0:-1])[::-1], 0.0)
        return np.stack([1.0 + counts, self.concentration + later])

    def expected_log_weights(self, parameters: Array) -> Array:
        from scipy.special import digamma

        taken, left = digamma(parameters) - digamma(parameters.sum(axis=0))
        expected: Array = taken + np.append(0.0, np.cumsum(left[:-1]))
        return expected

    def expected_weights(self, parameters: Array) -> Array:
        taken, left = parameters / parameters.sum(axis=0)
        weights = taken * np.append(1.0, np.cumprod(left[:-1]))
        proportions: Array = weights / weights.sum()
        return proportions

    def log_evidence(self, parameters: Array) -> float:
        from scipy.special import betaln

        return float(np.sum(betaln(*parameters) - betaln(1.0, self.concentration)))
