"""A number known by sampling: its value and its standard error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.mixture import Mixture
from mixtura.validation import Array, as_count


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its standard error, both in the same unit; the error is zero where the value is exact."""

    value: float
    standard_error: float


def expectation(mixture: Mixture[Any], function: Callable[[Array], Array], n_draws: int, seed: int) -> Estimate:
    """E[f(x)] for x from a mixture, by sampling each component in proportion to its weight.

    Σ_k π_k mean_k, noise one more of them, with variance Σ_k π_k² s_k² / n_k: never larger than that of draws from the
    mixture at random (Cochran 1977, chapter 5).

    Parameters
    ----------
    mixture : whose components can be sampled; noise is drawn from its box
    function : of rows (n, n_features), giving (n,)
    n_draws : about how many rows are drawn; every component gets two at least
    seed : equal seeds give equal bits
    """
    rng = np.random.default_rng(as_count(seed, "seed", 0))
    n_draws = as_count(n_draws, "n_draws", 2)
    value, variance = 0.0, 0.0
    for k, weight in enumerate(mixture.weights.tolist()):
        if weight > 0:
            labels = np.full(max(2, round(n_draws * weight)), k)
            values = function(mixture.components.sample(labels, rng))
            value += weight * float(values.mean())
            variance += weight**2 * float(values.var(ddof=1)) / len(values)
    if mixture.noise is not None and mixture.noise.weight > 0:
        weight, box = mixture.noise.weight, mixture.noise.known_box("sampling")
        values = function(box.sample(max(2, round(n_draws * weight)), rng))
        value += weight * float(values.mean())
        variance += weight**2 * float(values.var(ddof=1)) / len(values)
    return Estimate(value, variance**0.5)
