"""Plain text: for `print`, pipes and files. No colours, no drawn boxes."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from mixtura.mixture import Mixture
from mixtura.report.components import mixture_document
from mixtura.report.document import Document, Grid
from mixtura.report.fitted import fit_document

if TYPE_CHECKING:
    from mixtura.result import Fit

WIDTH = 100


def mixture_text(mixture: Mixture[Any]) -> str:
    """A readable repr: one line, then a table of shares, means and standard deviations by column."""
    return document_text(mixture_document(mixture))


def fit_text(fit: Fit) -> str:
    """What a person wants to know of a fit."""
    return document_text(fit_document(fit))


def document_text(document: Document, width: int = WIDTH) -> str:
    """A document as plain text, sentences wrapped at `width`."""
    lines = [document.headline]
    for section in document.sections:
        if section.title:
            lines += ["", section.title]
        for item in section.body:
            lines += grid_lines(item) if isinstance(item, Grid) else _wrapped(item, width)
    return "\n".join(lines)


def grid_lines(grid: Grid, indent: str = "  ") -> list[str]:
    """A table as aligned lines."""
    lines = []
    for row in (grid.header, *grid.rows):
        cells = [
            cell.ljust(width) if i < grid.left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, grid.widths, strict=True))
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
