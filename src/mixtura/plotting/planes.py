"""Pictures over two columns: components and contours, classification, uncertainty, pairs, discriminant directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mixtura.errors import ParameterError
from mixtura.marginals import column_numbers
from mixtura.mixture import Mixture
from mixtura.plotting.canvas import (
    axes,
    colour,
    marker,
    mixture_of,
    pyplot,
    some_rows,
    source_of,
    two_columns,
)
from mixtura.result import Fit
from mixtura.validation import Array, Labels

GRID = 150
"""Points of a contour's grid along each column."""

INSIDE = (0.95, 0.8, 0.5)
"""Shares of draws from the mixture that lie inside the contours."""

DRAWS = 20_000

LARGEST_DOT = 90.0
"""Area, points², of a row that is as uncertain as can be."""

Columns = Sequence[int | str] | None


def plot_contours(result: Fit | Mixture[Any], ax: Any = None, *, columns: Columns = None, X: Any = None) -> Any:
    """Contours of the density over two columns: around half, 80 % and 95 % of the probability.

    Parameters
    ----------
    result : a `Fit` or a `Mixture`
    ax : matplotlib axes, new ones where not given
    columns : two, by number or name; the first two where not given
    X : rows to draw too, optional

    Returns
    -------
    The axes.

    Examples
    --------
    >>> import mixtura as mx
    >>> from mixtura.plotting import plot_contours
    >>> ax = plot_contours(mx.Mixture([1.0], mx.Gaussian([[0, 0]], [[1, 2]])))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x0', 'x1')
    """
    mixture, ax = mixture_of(result), axes(ax)
    index = two_columns(mixture, columns)
    if X is not None:
        plot_classification(result, ax, columns=columns, X=X, ellipses=False)
    plane = mixture.with_noise(None).marginal(index)
    spreads = np.sqrt(np.einsum("kjj->kj", plane.components.component_covariances))
    low = (plane.components.component_means - 3.5 * spreads).min(axis=0)
    high = (plane.components.component_means + 3.5 * spreads).max(axis=0)
    x, y = (np.linspace(low[j], high[j], GRID) for j in range(2))
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    log_prob = plane.log_prob(grid).reshape(GRID, GRID)
    draws = plane.log_prob(plane.sample(DRAWS, 0)[0])
    levels = np.quantile(draws, [1 - share for share in INSIDE])
    lines = ax.contour(x, y, log_prob, levels=levels, colors="0.35", linestyles="-", linewidths=(0.8, 1.1, 1.4))
    names = dict(zip(lines.levels, (f"{100 * share:.0f} %" for share in INSIDE), strict=True))
    ax.clabel(lines, fmt=names, fontsize=8)
    return _named(ax, mixture, index)


def plot_classification(
    result: Fit | Mixture[Any], ax: Any = None, *, columns: Columns = None, X: Any = None, ellipses: bool = True
) -> Any:
    """Rows by component, in colours and shapes, with ellipses at one standard deviation.

    Parameters
    ----------
    result, ax, columns : as for `plot_contours`
    X : rows, where the result is no fit that knows them; at most 2000 are drawn
    ellipses : whether the components are drawn too
    """
    mixture, ax = mixture_of(result), axes(ax)
    index = two_columns(mixture, columns)
    rows = some_rows(source_of(result, X))
    _points(ax, rows[:, index], mixture.predict(rows), mixture)
    if ellipses:
        _ellipses(ax, mixture.with_noise(None).marginal(index))
    ax.legend(title="component", fontsize=8)
    return _named(ax, mixture, index)


def plot_uncertainty(result: Fit | Mixture[Any], ax: Any = None, *, columns: Columns = None, X: Any = None) -> Any:
    """Rows as dots that grow and darken with their uncertainty, 1 − max_k p(k | x); parameters as before."""
    mixture, ax = mixture_of(result), axes(ax)
    index = two_columns(mixture, columns)
    rows = some_rows(source_of(result, X))
    uncertainty = mixture.uncertainty(rows)
    order = np.argsort(uncertainty, kind="stable")
    share = uncertainty[order] / (1 - 1 / max(mixture.n_components, 2))
    dots = ax.scatter(
        *rows[order][:, index].T,
        s=6 + LARGEST_DOT * share,
        c=uncertainty[order],
        cmap="viridis_r",
        vmin=0,
        linewidths=0,
    )
    ax.figure.colorbar(dots, ax=ax, label="uncertainty")
    return _named(ax, mixture, index)


def plot_pairs(result: Fit | Mixture[Any], figure: Any = None, *, columns: Columns = None, X: Any = None) -> Any:
    """Every pair of columns, rows by component, and each column's density on the diagonal.

    Parameters
    ----------
    result, X : as for `plot_classification`
    figure : matplotlib figure, a new one where not given
    columns : which, at least two; all where not given, up to six

    Returns
    -------
    (d, d) axes.
    """
    from mixtura.plotting.mixtures import plot_mixture

    mixture = mixture_of(result)
    index = column_numbers(mixture, list(range(min(mixture.n_features, 6))) if columns is None else columns)
    if len(index) < 2:
        raise ParameterError("pairs need two columns at least.")
    rows, d = some_rows(source_of(result, X)), len(index)
    labels = mixture.predict(rows)
    figure = pyplot().figure(figsize=(2.2 * d, 2.2 * d), layout="constrained") if figure is None else figure
    grid = figure.subplots(d, d, squeeze=False)
    for i, a in enumerate(index):
        for j, b in enumerate(index):
            ax = grid[i, j]
            if i == j:
                plot_mixture(mixture.with_noise(None).marginal([a]), ax)
                ax.get_legend().remove()
                ax.set_ylabel("")
                ax.set_yticks([])
            else:
                _points(ax, rows[:, [b, a]], labels, mixture, size=5)
            ax.set_xlabel(mixture.column_name(b) if i == d - 1 else "")
            ax.set_ylabel(mixture.column_name(a) if j == 0 else "")
    return grid


def plot_directions(result: Fit | Mixture[Any], ax: Any = None, *, X: Any = None) -> Any:
    """Rows and components in the plane where the components differ most (Scrucca 2010; mclust's MclustDR).

    Missing cells are filled with what the others let expect.

    Parameters
    ----------
    result, ax, X : as for `plot_classification`
    """
    from mixtura.clusters.directions import discriminant_directions

    mixture, ax = mixture_of(result), axes(ax)
    directions = discriminant_directions(mixture.with_noise(None))
    if len(directions.eigenvalues) < 2:
        raise ParameterError("the components differ along one direction only; draw its density instead.")
    rows = some_rows(source_of(result, X))
    _points(ax, np.asarray(directions.project(mixture.impute(rows)))[:, :2], mixture.predict(rows), mixture)
    _ellipses(ax, directions.projected.marginal([0, 1]))
    shares = directions.eigenvalues / directions.eigenvalues.sum()
    ax.set_xlabel(f"direction 1 ({100 * shares[0]:.0f} %)")
    ax.set_ylabel(f"direction 2 ({100 * shares[1]:.0f} %)")
    ax.legend(title="component", fontsize=8)
    return ax


def _points(ax: Any, points: Array, labels: Labels, mixture: Mixture[Any], size: float = 14) -> None:
    for k in sorted(set(labels.tolist())):
        mine = labels == k
        name = "noise" if k < 0 else mixture.component_name(k)
        ax.scatter(*points[mine].T, s=size, c=colour(k), marker=marker(k), alpha=0.6, linewidths=0, label=name)


def _ellipses(ax: Any, plane: Mixture[Any]) -> None:
    angles = np.linspace(0, 2 * np.pi, 181)
    circle = np.stack([np.cos(angles), np.sin(angles)])
    for k in range(plane.n_components):
        factor = np.linalg.cholesky(plane.components.component_covariances[k])
        mean = plane.components.component_means[k]
        ax.plot(*(mean[:, None] + factor @ circle), color=colour(k), linewidth=1.6)
        ax.plot(*mean, marker="+", color=colour(k), markersize=9)


def _named(ax: Any, mixture: Mixture[Any], index: list[int]) -> Any:
    ax.set_xlabel(mixture.column_name(index[0]))
    ax.set_ylabel(mixture.column_name(index[1]))
    return ax
