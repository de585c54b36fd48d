"""The same documents for a terminal, with rich: emphasis and rules, colours where the terminal has them."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mixtura.report.document import Document, Grid


def document_for_terminal(document: Document) -> RenderableType:
    """A document as something that rich prints."""
    parts: list[RenderableType] = [Text(document.headline, style="bold green")]
    for section in document.sections:
        if section.title:
            parts += [Text(), Text(section.title, style="bold")]
        parts += [_grid(item) if isinstance(item, Grid) else _sentence(item) for item in section.body]
    return Group(*parts)


def _sentence(text: str) -> RenderableType:
    return Padding(Text(text), (0, 0, 0, 2))


def _grid(grid: Grid) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="cyan", show_edge=False, pad_edge=False)
    for i, name in enumerate(grid.header):
        table.add_column(Text(name), justify="left" if i < grid.left else "right", no_wrap=True)
    for i, row in enumerate(grid.rows):
        table.add_row(*map(Text, row), style="bold" if i in grid.marked else None)
    return Padding(table, (0, 0, 0, 2))
