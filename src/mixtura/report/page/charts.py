"""The page's pictures as Vega-Lite specifications, made with Altair; each says in words what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.clusters.directions import discriminant_directions
from mixtura.errors import MixturaError
from mixtura.mixture import Mixture
from mixtura.plotting.canvas import COLOURS
from mixtura.report.document import plural
from mixtura.report.page.rows import BINS, Looked
from mixtura.validation import Array

if TYPE_CHECKING:
    from mixtura.result import Fit

MOST_PAIRED = 4
"""Columns of the scatter matrix; where there are more, those that tell the components apart best."""

CURVE, CIRCLE = 200, 73
"""Points of a density curve and of an ellipse."""

FEW, MOST_DRAWN = 20, 0.8
"""Of more candidates the chart of criteria shows this share: the largest values would press the others together."""

INSIDE = (0.5, 0.8, 0.95)
"""Shares of the rows that lie inside the contours of the density."""

GRID = 120

LEVELS = (1.0, 2.0)
"""Standard deviations of the ellipses."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture.

    Attributes
    ----------
    name : its id on the page
    title, words : what it shows, and the same in a sentence for who cannot see it
    spec : Vega-Lite
    """

    name: str
    title: str
    words: str
    spec: dict[str, Any]


def pictures(fit: Fit, looked: Looked) -> list[Chart]:
    """The rows and the components: a density, a plane, or the most telling plane and pairs of columns."""
    mixture = fit.mixture
    if mixture.n_features == 1:
        return [_density(mixture, looked)]
    if mixture.n_features == 2:
        names = [mixture.column_name(j) for j in range(2)]
        return [_plane(mixture, looked.shown, looked, "plane", names, "Rows and components")]
    found = []
    if mixture.n_components > 1:
        try:
            directions = discriminant_directions(mixture.with_noise(None))
        except MixturaError:
            directions = None
        if directions is not None and len(directions.eigenvalues) > 1:
            projected = directions.projected.marginal([0, 1])
            rows = np.asarray(directions.project(mixture.impute(looked.shown)))[:, :2]
            title = "The plane in which the components differ most"
            found.append(_plane(projected, rows, looked, "directions", ["direction 1", "direction 2"], title))
    return [*found, _pairs(mixture, looked)]


def _labels(mixture: Mixture[Any], labels: Any) -> list[str]:
    return ["noise" if k < 0 else mixture.component_name(int(k)) for k in labels]


def _colour(mixture: Mixture[Any], title: str = "component") -> Any:
    import altair as alt

    names = [mixture.component_name(k) for k in range(mixture.n_components)]
    colours = [COLOURS[k % len(COLOURS)] for k in range(len(names))]
    return alt.Color(
        "component:N",
        title=title,
        scale=alt.Scale(domain=[*names, "noise"], range=[*colours, "#888888"]),
        legend=alt.Legend(values=names if mixture.noise is None else [*names, "noise"]),
    )


def _data(values: list[dict[str, Any]]) -> Any:
    import altair as alt

    return alt.InlineData(values=values)


def _density(mixture: Mixture[Any], looked: Looked) -> Chart:
    """Of one column: a histogram of all rows, the density and its components."""
    import altair as alt

    edges, counts = looked.histograms[0]
    heights = counts / (counts.sum() * np.diff(edges))
    name = mixture.column_name(0)
    bars = (
        alt.Chart(_data([{"a": a, "b": b, "y": y} for a, b, y in zip(edges[:-1], edges[1:], heights, strict=True)]))
        .mark_bar(color="#bbbbbb", opacity=0.6)
        .encode(x=alt.X("a:Q", title=name, bin="binned"), x2="b:Q", y=alt.Y("y:Q", title="density"))
    )
    x = np.linspace(edges[0], edges[-1], CURVE)
    parts = mixture.weights * np.exp(mixture.component_log_prob(x)[:, : mixture.n_components])
    curves = [
        {"x": float(u), "y": float(parts[i, k]), "component": mixture.component_name(k)}
        for k in range(mixture.n_components)
        for i, u in enumerate(x)
    ]
    whole = [{"x": float(u), "y": float(v)} for u, v in zip(x, np.exp(mixture.log_prob(x)), strict=True)]
    lines = (
        alt.Chart(_data(curves))
        .mark_line()
        .encode(x="x:Q", y="y:Q", color=_colour(mixture), tooltip=["component:N", "x:Q", "y:Q"])
    )
    total = alt.Chart(_data(whole)).mark_line(strokeDash=[5, 3], color="#888888").encode(x="x:Q", y="y:Q")
    modes = ", ".join(f"{m:.4g}" for m in mixture.components.component_means[:, 0])
    words = f"A histogram of {name} with the density of the mixture; the components are centred at {modes}."
    return Chart("density", "The rows and the density", words, _finished((bars + lines + total), 380))


def _plane(mixture: Mixture[Any], rows: Array, looked: Looked, name: str, axes: list[str], title: str) -> Chart:
    """Points in the colours of their components, and ellipses at one and two standard deviations."""
    import altair as alt

    labels = _labels(mixture, looked.labels)
    points = [
        {"x": float(x), "y": float(y), "component": c, "row": int(i)}
        for (x, y), c, i in zip(rows, labels, looked.numbers, strict=True)
        if not (np.isnan(x) or np.isnan(y))
    ]
    scale = alt.Scale(zero=False)
    dots = (
        alt.Chart(_data(points))
        .mark_point(filled=True, size=22, opacity=0.55)
        .encode(
            x=alt.X("x:Q", title=axes[0], scale=scale),
            y=alt.Y("y:Q", title=axes[1], scale=scale),
            color=_colour(mixture),
            shape=alt.Shape("component:N", legend=None),
            tooltip=["row:Q", "component:N", "x:Q", "y:Q"],
        )
    )
    paths = (
        alt.Chart(_data(_ellipses(mixture)))
        .mark_line(strokeWidth=1.6)
        .encode(
            x="x:Q",
            y="y:Q",
            order="order:Q",
            detail="path:N",
            color=_colour(mixture),
            strokeDash=alt.StrokeDash("level:N", legend=None),
        )
    )
    contours = (
        alt.Chart(_data(_contours(mixture, rows)))
        .mark_line(strokeWidth=0.8, color="#888888")
        .encode(x="x:Q", y="y:Q", order="order:Q", detail="path:N")
    )
    words = (
        f"{len(points)} rows over {axes[0]} and {axes[1]}, coloured by component, with ellipses at one and two "
        f"standard deviations around {mixture.n_components} means, and contours of the density around "
        "half, 80 % and 95 % of the rows."
    )
    gaps = int(np.isnan(looked.shown).any(axis=1).sum())
    if gaps and rows.shape[1] == looked.shown.shape[1]:
        words += f" {plural(gaps, 'row')} with a missing cell cannot be drawn."
    elif gaps:
        words += f" Missing cells of {plural(gaps, 'row')} are filled with what the others let expect."
    return Chart(name, title, words, _finished(contours + dots + paths, 460))


def _contours(mixture: Mixture[Any], rows: Array) -> list[dict[str, Any]]:
    """Lines of equal density around shares of the rows."""
    import contourpy

    rows = rows[~np.isnan(rows).any(axis=1)]
    low, high = rows.min(axis=0), rows.max(axis=0)
    margin = 0.08 * (high - low)
    x, y = (np.linspace(low[j] - margin[j], high[j] + margin[j], GRID) for j in range(2))
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    generator = contourpy.contour_generator(x, y, mixture.log_prob(grid).reshape(GRID, GRID))
    levels = np.quantile(mixture.log_prob(rows), [1 - share for share in INSIDE])
    lines = [(i, line) for i, level in enumerate(levels) for line in generator.lines(float(level))]
    return [
        {"x": float(u), "y": float(v), "order": k, "path": f"{i} {n}"}
        for n, (i, line) in enumerate(lines)
        for k, (u, v) in enumerate(np.asarray(line))
    ]


def _ellipses(mixture: Mixture[Any]) -> list[dict[str, Any]]:
    angles = np.linspace(0, 2 * np.pi, CIRCLE)
    circle = np.stack([np.cos(angles), np.sin(angles)])
    found = []
    for k in range(mixture.n_components):
        mean = mixture.components.component_means[k]
        factor = np.linalg.cholesky(mixture.components.component_covariances[k])
        for level in LEVELS:
            for i, (x, y) in enumerate((mean[:, None] + level * factor @ circle).T):
                found.append(
                    {
                        "x": float(x),
                        "y": float(y),
                        "order": i,
                        "path": f"{k} {level}",
                        "component": mixture.component_name(k),
                        "level": str(level),
                    }
                )
    return found


def telling_columns(mixture: Mixture[Any], most: int = MOST_PAIRED) -> list[int]:
    """The columns whose means differ most between components, in the order of the data."""
    means = mixture.components.component_means
    between = mixture.weights @ (means - mixture.mean) ** 2 / np.diagonal(mixture.covariance)
    return sorted(np.argsort(-between, kind="stable")[:most].tolist())


def _pairs(mixture: Mixture[Any], looked: Looked) -> Chart:
    """A scatter matrix of the most telling columns."""
    import altair as alt

    columns = telling_columns(mixture)
    names = [mixture.column_name(j) for j in columns]
    rows = looked.shown[:, columns]
    some = slice(None, None, max(1, len(rows) // 700))
    labels = _labels(mixture, looked.labels)
    records = [
        {**{f"c{j}": None if np.isnan(v) else float(v) for j, v in enumerate(row)}, "component": c}
        for row, c in zip(rows[some], labels[some], strict=True)
    ]
    grid = []
    for i in range(len(names) - 1, 0, -1):
        line = [
            alt.Chart()
            .mark_point(filled=True, size=10, opacity=0.5)
            .encode(
                x=alt.X(f"c{j}:Q", title=names[j] if i == len(names) - 1 else None, scale=alt.Scale(zero=False)),
                y=alt.Y(f"c{i}:Q", title=names[i] if j == 0 else None, scale=alt.Scale(zero=False)),
                color=_colour(mixture),
                shape=alt.Shape("component:N", legend=None),
            )
            .properties(width=190, height=150)
            for j in range(i)
        ]
        grid.append(alt.hconcat(*line))
    picture = alt.vconcat(*grid[::-1], data=_data(records))
    left = mixture.n_features - len(columns)
    chosen = (
        f" the {len(columns)} columns that differ most between components; {left} others are not drawn"
        if left
        else " all columns"
    )
    words = f"A scatter matrix of {len(records)} rows over{chosen}."
    return Chart("pairs", "Pairs of columns", words, picture.to_dict())


def uncertainty(fit: Fit, looked: Looked) -> Chart:
    """How many rows are how uncertain."""
    import altair as alt

    edges = np.linspace(0, 1, BINS + 1)
    bars = [
        {"a": a, "b": b, "rows": r} for a, b, r in zip(edges[:-1], edges[1:], looked.uncertainty.tolist(), strict=True)
    ]
    chart = (
        alt.Chart(_data(bars))
        .mark_bar(color=COLOURS[0])
        .encode(
            x=alt.X("a:Q", title="uncertainty, 1 − largest probability", bin="binned"),
            x2="b:Q",
            y=alt.Y("rows:Q", title="rows"),
            tooltip=["a:Q", "b:Q", "rows:Q"],
        )
    )
    sure = looked.uncertainty[: BINS // 10].sum() / looked.uncertainty.sum()
    words = f"A histogram of the rows' uncertainty: {100 * sure:.1f} % of the rows lie below 0.1."
    return Chart("uncertainty", "How uncertain the rows are", words, _finished(chart, 220))


def criteria(fit: Fit) -> Chart | None:
    """The criterion over the number of components, a line a structure; None where one candidate was tried."""
    import altair as alt

    sound = [c for c in fit.candidates if not c.trouble]
    if len(sound) < 2:
        return None
    values = [
        {
            "components": c.n_components,
            "structure": c.structure,
            "value": float(getattr(c, fit.criterion)),
            "chosen": c is fit.chosen,
        }
        for c in sound
    ]
    name = fit.criterion.upper()
    every = np.array([value["value"] for value in values])
    lowest, highest = float(every.min()), float(np.quantile(every, MOST_DRAWN if len(every) > FEW else 1.0))
    margin = 0.05 * (highest - lowest) or 1.0
    lowest, highest = lowest - margin, highest + margin
    above = int((every > highest).sum())
    base = alt.Chart(_data(values)).encode(
        x=alt.X("components:O", title="components", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("value:Q", title=f"{name}, smaller is better", scale=alt.Scale(domain=[lowest, highest])),
        tooltip=["structure:N", "components:O", "value:Q"],
    )
    colour = alt.Color("structure:N", title="structure", scale=alt.Scale(scheme="tableau20"))
    lines = base.mark_line(point={"clip": True}, opacity=0.8, clip=True).encode(color=colour)
    best = base.transform_filter("datum.chosen").mark_point(size=200, color="#D55E00", strokeWidth=2.5)
    smallest = getattr(fit.chosen, fit.criterion)
    words = f"{name} of {len(sound)} candidates; the smallest, {fit.chosen.label}, is {smallest:.2f}."
    words += f" {above} much larger ones are not drawn." if above else ""
    return Chart("criteria", f"{name} of all candidates", words, _finished(lines + best, 320))


def ascent(fit: Fit) -> Chart | None:
    """Log-likelihood and bound of each iteration; None where the climb kept no trace."""
    import altair as alt

    n = len(fit.trace["iteration"])
    if not n:
        return None
    values = [
        {"iteration": t, "nats": v, "what": what}
        for what, column in (("log-likelihood", "log_likelihood"), ("lower bound after the M-step", "lower_bound"))
        for t, v in zip(fit.trace["iteration"], fit.trace[column], strict=True)
    ]
    chart = (
        alt.Chart(_data(values))
        .mark_line(point=n <= 60)
        .encode(
            x=alt.X("iteration:Q", title="iteration"),
            y=alt.Y("nats:Q", title="nats", scale=alt.Scale(zero=False)),
            color=alt.Color(
                "what:N",
                title=None,
                scale=alt.Scale(range=[COLOURS[0], COLOURS[1]]),
                legend=alt.Legend(orient="bottom", labelLimit=400),
            ),
            strokeDash=alt.StrokeDash("what:N", title=None),
            tooltip=["iteration:Q", "what:N", "nats:Q"],
        )
    )
    first, last = fit.trace["log_likelihood"][0], fit.trace["next_log_likelihood"][-1]
    words = (
        f"The log-likelihood rises from {first:.4f} to {last:.4f} in {n} iterations; the bound lies between each two."
    )
    return Chart("ascent", "The log-likelihood, iteration by iteration", words, _finished(chart, 260))


def _finished(chart: Any, height: int) -> dict[str, Any]:
    spec: dict[str, Any] = chart.properties(width="container", height=height).to_dict()
    return spec
