"""The same documents as HTML for notebooks: tables with captions and headers, every text escaped, nothing loaded."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from mixtura.mixture import Mixture
from mixtura.report.components import mixture_document
from mixtura.report.document import Document, Grid, Section
from mixtura.report.fitted import fit_document

if TYPE_CHECKING:
    from mixtura.result import Fit


def mixture_html(mixture: Mixture[Any]) -> str:
    """A mixture as an HTML fragment."""
    return document_html(mixture_document(mixture))


def fit_html(fit: Fit) -> str:
    """A fit as an HTML fragment."""
    return document_html(fit_document(fit))


def document_html(document: Document) -> str:
    """A document as one `<article>`: a bold sentence, then a titled section each."""
    sections = "".join(map(_section, document.sections))
    return f'<article class="mixtura"><p><strong>{escape(document.headline)}</strong></p>{sections}</article>'


def _section(section: Section) -> str:
    title = f"<h4>{escape(section.title)}</h4>" if section.title else ""
    body = "".join(grid_html(item) if isinstance(item, Grid) else f"<p>{escape(item)}</p>" for item in section.body)
    return f"<section>{title}{body}</section>"


def grid_html(grid: Grid) -> str:
    """A table as HTML."""
    head = "".join(f'<th scope="col"{_align(grid, i)}>{escape(name)}</th>' for i, name in enumerate(grid.header))
    rows = "".join(_row(grid, i) for i in range(len(grid.rows)))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(grid: Grid, i: int) -> str:
    cells = []
    for j, cell in enumerate(grid.rows[i]):
        text = escape(cell)
        text = f"<strong>{text}</strong>" if i in grid.marked else text
        tag = 'th scope="row"' if j == 0 and grid.left else "td"
        cells.append(f"<{tag}{_align(grid, j)}>{text}</{tag[:2]}>")
    return f"<tr>{''.join(cells)}</tr>"


def _align(grid: Grid, column: int) -> str:
    return ' style="text-align:left"' if column < grid.left else ' style="text-align:right"'
