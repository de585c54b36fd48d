"""The run as a table: one row a mixture."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.explanation.facts import Explanation
from mixtura.explanation.words import notation_of
from mixtura.tables import Table


def run_table(facts: Explanation) -> Table:
    """θ₀, θ₁, …, one row each, with every digit.

    Columns: iteration; log_likelihood of that mixture and lower_bound, the bound that its M-step reached (total nats,
    none for θ₀); remaining_gain, Aitken's estimate (nats); then weights, means and covariances by component.
    """
    notation = notation_of(facts)
    stack = facts.mixtures
    columns: dict[str, Any] = {
        "iteration": np.arange(len(stack)),
        "log_likelihood": np.array(facts.log_likelihoods),
        "lower_bound": np.array([np.nan, *(it.lower_bound for it in facts.iterations)]),
        "remaining_gain": np.array([np.nan if not np.isfinite(g) else g for g in facts.remaining_gains]),
    }
    weights = np.stack([theta.proportions for theta in stack])
    means = np.stack([theta.components.means for theta in stack])
    covariances = np.stack([theta.components.covariance_matrices for theta in stack])
    for k, name in enumerate(notation.gaussians):
        columns[f"weight of {name}"] = weights[:, k]
        for i, column in enumerate(notation.columns):
            columns[f"mean of {name} in {column}"] = means[:, k, i]
        for i, column in enumerate(notation.columns):
            columns[f"variance of {name} in {column}"] = covariances[:, k, i, i]
            for j in range(i):
                columns[f"covariance of {name} in {notation.columns[j]} and {column}"] = covariances[:, k, j, i]
    if notation.noise:
        columns["weight of noise"] = weights[:, -1]
    return Table(columns)
