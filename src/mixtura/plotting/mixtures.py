"""A mixture of one or two columns as a picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.errors import ParameterError
from mixtura.mixture import Mixture
from mixtura.noise import LABEL
from mixtura.plotting.canvas import COLOURS, POINTS, axes, colour
from mixtura.sources import as_source
from mixtura.validation import Array


def plot_mixture(mixture: Mixture[Any], ax: Any = None, X: Any = None) -> Any:
    """Draw a mixture: the density and its components over one column, or 1- and 2-sd ellipses over two.

    Parameters
    ----------
    mixture : of one or two columns
    ax : matplotlib axes to draw on; new ones where not given
    X : rows (n_samples, n_features) to draw too, optional: a histogram, or points in the colours of their components

    Returns
    -------
    The axes.

    Raises
    ------
    ParameterError
        For more than two columns, or where matplotlib is not installed.
    """
    if mixture.n_features > 2:
        names = [mixture.column_name(j) for j in range(2)] if mixture.columns else [0, 1]
        raise ParameterError(
            f"the mixture has {mixture.n_features} columns and a picture has two; draw a marginal, for instance "
            f"plot_mixture(mixture.marginal({names!r}))."
        )
    ax = axes(ax)
    rows = None if X is None else _rows(mixture, X)
    (_density if mixture.n_features == 1 else _ellipses)(mixture, ax, rows)
    return ax


def _rows(mixture: Mixture[Any], X: Any) -> Array:
    source = as_source(X)
    rows: Array = np.concatenate([np.asarray(chunk.rows, dtype=np.float64) for chunk in source.chunks_with_gaps()])
    if rows.shape[1] != mixture.n_features:
        raise ParameterError(f"X has {rows.shape[1]} columns but the mixture has {mixture.n_features}.")
    return rows


def _density(mixture: Mixture[Any], ax: Any, rows: Array | None) -> None:
    """p(x), and π_k p(x | k) below it, over the means ± 4 standard deviations and the box of the noise."""
    means = mixture.components.component_means[:, 0]
    spreads = np.sqrt(mixture.components.component_covariances[:, 0, 0])
    box = None if mixture.noise is None else mixture.noise.box
    low, high = (means, means) if box is None else box.ends
    x = np.linspace(min(low.min(), (means - 4 * spreads).min()), max(high.max(), (means + 4 * spreads).max()), POINTS)
    if rows is not None:
        ax.hist(rows[~np.isnan(rows[:, 0]), 0], bins="auto", density=True, color="0.85", label="rows")
    parts = mixture.weights * np.exp(mixture.component_log_prob(x)[:, : mixture.n_components])
    for k in range(mixture.n_components):
        ax.plot(x, parts[:, k], color=COLOURS[k % len(COLOURS)], label=mixture.component_name(k))
    if mixture.noise is not None:
        height = mixture.noise.weight / mixture.noise.volume
        ax.plot(x, np.full(len(x), height), color=colour(LABEL), label="noise")
    ax.plot(x, np.exp(mixture.log_prob(x)), color="0.2", linestyle="--", label="mixture")
    ax.set_xlabel(mixture.column_name(0))
    ax.set_ylabel("density")
    ax.legend()


def _ellipses(mixture: Mixture[Any], ax: Any, rows: Array | None) -> None:
    """The points at 1 and 2 standard deviations from each mean, in every direction."""
    angles = np.linspace(0, 2 * np.pi, 181)
    circle = np.stack([np.cos(angles), np.sin(angles)])
    if rows is not None:
        _points(mixture, ax, rows)
    for k in range(mixture.n_components):
        mean, colour = mixture.components.component_means[k], COLOURS[k % len(COLOURS)]
        factor = np.linalg.cholesky(mixture.components.component_covariances[k])
        for sd in (1, 2):
            x, y = mean[:, None] + sd * factor @ circle
            ax.plot(x, y, color=colour, linewidth=3 - sd, label=mixture.component_name(k) if sd == 1 else None)
        ax.plot(*mean, marker="+", color=colour, markersize=9)
    ax.set_xlabel(mixture.column_name(0))
    ax.set_ylabel(mixture.column_name(1))
    ax.legend()


def _points(mixture: Mixture[Any], ax: Any, rows: Array) -> None:
    """At most `POINTS` rows, evenly spaced through the data."""
    shown = rows[np.linspace(0, len(rows) - 1, min(len(rows), POINTS)).astype(np.intp)]
    colours = [colour(k) for k in mixture.predict(shown).tolist()]
    ax.scatter(shown[:, 0], shown[:, 1], s=8, c=colours, alpha=0.5, linewidths=0)
