"""The page: text, cards and charts in one HTML file that needs nothing else."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from typing import TYPE_CHECKING

from mixtura.atomic import whole_file
from mixtura.errors import MixturaError
from mixtura.report.document import Grid
from mixtura.report.fitted import fit_document
from mixtura.report.notebook import grid_html
from mixtura.report.numbers import percent
from mixtura.report.page.cards import cards, cell_text, sizes_text
from mixtura.report.page.rows import Looked, look
from mixtura.report.records import plain
from mixtura.sources import Source

if TYPE_CHECKING:
    from mixtura.result import Fit

MOST_VALUES = 6
"""Columns of the table of doubtful rows."""


def write_report(fit: Fit, source: Source, path: str | os.PathLike[str]) -> None:
    """Write the page to a file, whole or not at all."""
    text = report_page(fit, source)
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8")


def report_page(fit: Fit, source: Source) -> str:
    """The whole page as a text."""
    try:
        import altair  # noqa: F401
        import contourpy  # noqa: F401
        import jinja2
        import vl_convert
    except ImportError as error:
        raise MixturaError(f"the report needs {error.name}: pip install 'mixtura[report]'") from None
    from mixtura.report.page import charts

    looked = look(source, fit.mixture)
    document = fit_document(fit)
    sections = {section.title: [_html(item) for item in section.body] for section in document.sections}
    groups, why, sure, ended, numbers, *careful = list(sections.items())
    drawn = charts.pictures(fit, looked)
    others = {
        "uncertainty": charts.uncertainty(fit, looked),
        "criteria": charts.criteria(fit),
        "ascent": charts.ascent(fit),
    }
    every = [*drawn, *(chart for chart in others.values() if chart is not None)]
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_part("report.html.j2")).render(
        title=document.headline,
        size=sizes_text(fit),
        cards=cards(fit, looked),
        groups=groups,
        why=why,
        sure=sure,
        ended=ended,
        numbers=numbers,
        careful=careful[0] if careful else None,
        doubtful=grid_html(_doubtful(fit, looked)) if looked.doubtful else "",
        table=grid_html(_candidates(fit)),
        noise=fit.mixture.noise,
        style=_part("report.css"),
        script=_part("report.js"),
        bundle=vl_convert.javascript_bundle().replace("</script", "<\\/script"),  # type: ignore[call-arg]  # the stub is stricter
        specs=json.dumps(plain({c.name: c.spec | {"description": c.words} for c in every}), allow_nan=False).replace(
            "<", "\\u003c"
        ),
        pictures=drawn,
        **others,
    )


def _html(item: str | Grid) -> tuple[str, str]:
    """A sentence, or a table as HTML."""
    return ("", grid_html(item)) if isinstance(item, Grid) else (item, "")


def _doubtful(fit: Fit, looked: Looked) -> Grid:
    """The least sure rows, and what they may be."""
    mixture = fit.mixture
    names = [mixture.component_name(k) for k in range(mixture.n_components)] + ["noise"] * bool(mixture.noise)
    columns = range(min(mixture.n_features, MOST_VALUES))
    lines = []
    for row in looked.doubtful:
        first, second = (-row.resp).argsort(kind="stable")[:2] if len(names) > 1 else (0, 0)
        guess = f"{names[first]} ({percent(row.resp[first])}) or {names[second]} ({percent(row.resp[second])})"
        lines.append([str(row.number), guess, *(cell_text(row.values[j]) for j in columns)])
    return Grid.of(["row", "component", *(mixture.column_name(j) for j in columns)], lines, left=2)


def _candidates(fit: Fit) -> Grid:
    """All candidates with their criteria, for who cannot see the chart."""
    header = ("structure", "components", "log-likelihood", "parameters", "BIC", "ICL", "note")
    rows = [
        (
            c.structure,
            str(c.n_components),
            f"{c.log_likelihood:.2f}",
            str(c.n_parameters),
            f"{c.bic:.2f}",
            f"{c.icl:.2f}",
            c.trouble or ("chosen" if c is fit.chosen else ""),
        )
        for c in fit.candidates
    ]
    return Grid.of(header, rows, marked=[i for i, c in enumerate(fit.candidates) if c is fit.chosen])


def _part(name: str) -> str:
    return (files("mixtura.report.page") / "assets" / name).read_text(encoding="utf-8")
