"""Pictures of a fit: criteria of all candidates, the climb with its bound, quantiles, responsibilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.errors import ParameterError
from mixtura.mixture import Mixture
from mixtura.plotting.canvas import COLOURS, MARKERS, axes, mixture_of, some_rows, source_of
from mixtura.result import Fit

DRAWN_QUANTILES = 500

FEW, MOST_DRAWN = 20, 0.8
"""Of more candidates the picture shows this share: the largest values would press the others together."""


def plot_criteria(fit: Fit, ax: Any = None, *, criterion: str | None = None) -> Any:
    """A criterion over the number of components, a line for each structure, the chosen candidate ringed.

    Parameters
    ----------
    fit : with several candidates
    ax : matplotlib axes, new ones where not given
    criterion : the one that decided, where not given; smaller is better

    Returns
    -------
    The axes.
    """
    name = criterion or fit.criterion
    sound = [c for c in fit.candidates if not c.trouble]
    if not sound or not hasattr(sound[0], name):
        raise ParameterError(f"criterion is {name!r}; expected one of a sound candidate, such as 'bic'.")
    ax = axes(ax)
    for i, structure in enumerate(dict.fromkeys(c.structure for c in sound)):
        mine = [c for c in sound if c.structure == structure]
        style = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[(i + i // 8) % len(MARKERS)], "markersize": 4}
        line = ("-", "--")[i // len(COLOURS) % 2]
        ax.plot([c.n_components for c in mine], [getattr(c, name) for c in mine], line, label=structure, **style)
    best = (fit.chosen.n_components, getattr(fit.chosen, name))
    ax.plot(*best, "o", markersize=13, fillstyle="none", color="black", label=f"chosen: {fit.chosen.label}")
    values = np.array([getattr(c, name) for c in sound])
    low, high = float(values.min()), float(np.quantile(values, MOST_DRAWN))
    if len(sound) > FEW and high > low:
        ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    ax.set_xticks(sorted({c.n_components for c in sound}))
    ax.set_xlabel("components")
    ax.set_ylabel(f"{name.upper()} (smaller is better)")
    ax.legend(fontsize=7, ncols=2)
    return ax


def plot_trace(fit: Fit, ax: Any = None) -> Any:
    """What is still to be gained at each iteration, nats, and what the bound is sure of: both fall towards zero.

    The distance of log-likelihood and lower bound from the largest log-likelihood, on a logarithmic axis: the bound
    after an iteration's M-step lies between that iteration's log-likelihood and the next.
    """
    ax = axes(ax)
    before, bound = np.array(fit.trace["log_likelihood"]), np.array(fit.trace["lower_bound"])
    if not len(before):
        raise ParameterError("this fit kept no trace; fit with a start, or read mixtura.em.")
    top = max(before.max(), fit.trace["next_log_likelihood"][-1])
    steps = fit.trace["iteration"]
    for values, label, style in ((before, "log-likelihood", "-o"), (bound, "lower bound after the M-step", "--s")):
        gap = top - values
        ax.plot(steps, np.where(gap > 0, gap, np.nan), style, markersize=3, label=label, color=COLOURS[style == "--s"])
    ax.set_yscale("log")
    ax.set_xlabel("iteration")
    ax.set_ylabel(f"nats below {top:.4f}")
    ax.legend(fontsize=8)
    return ax


def plot_quantiles(result: Fit | Mixture[Any], ax: Any = None, *, X: Any = None) -> Any:
    """Q–Q: quantiles of the rows beside those of the mixture, for one column; on the line where the model holds."""
    from mixtura.densities.probability import quantile

    mixture, ax = mixture_of(result), axes(ax)
    if mixture.n_features != 1:
        raise ParameterError(f"quantiles need one column; the mixture has {mixture.n_features}: take .marginal([j]).")
    rows = some_rows(source_of(result, X), 1 << 20)[:, 0]
    rows = np.sort(rows[~np.isnan(rows)])
    p = (np.arange(min(len(rows), DRAWN_QUANTILES)) + 0.5) / min(len(rows), DRAWN_QUANTILES)
    theirs, ours = np.quantile(rows, p, method="hazen"), np.asarray(quantile(mixture, p))
    ends = [min(theirs[0], ours[0]), max(theirs[-1], ours[-1])]
    ax.plot(ends, ends, color="0.6", linewidth=1)
    ax.plot(ours, theirs, ".", color=COLOURS[0], markersize=4)
    ax.set_xlabel(f"quantiles of the mixture, {mixture.column_name(0)}")
    ax.set_ylabel("quantiles of the rows")
    return ax


def plot_responsibilities(result: Fit | Mixture[Any], ax: Any = None, *, X: Any = None) -> Any:
    """A heat map of responsibilities: rows sorted by component and certainty, components across."""
    mixture, ax = mixture_of(result), axes(ax)
    resp = mixture.responsibilities(some_rows(source_of(result, X)))
    order = np.lexsort((-resp.max(axis=1), resp.argmax(axis=1)))
    image = ax.imshow(resp[order], aspect="auto", interpolation="nearest", cmap="viridis", vmin=0, vmax=1)
    names = [mixture.component_name(k) for k in range(mixture.n_components)] + ["noise"] * (mixture.noise is not None)
    ax.set_xticks(range(len(names)), names)
    ax.set_xlabel("component")
    ax.set_ylabel("rows, sorted")
    ax.figure.colorbar(image, ax=ax, label="responsibility")
    return ax
