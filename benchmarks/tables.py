"""Tables that read well in a terminal and in Markdown alike."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class Table:
    """A title, headers, rows of text and a note below."""

    title: str
    headers: list[str]
    note: str = ""
    rows: list[list[str]] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        """Append a row."""
        self.rows.append([str(cell) for cell in cells])

    def __str__(self) -> str:
        """Markdown, padded so that columns line up."""
        lines = [self.headers, *self.rows]
        widths = [max(len(line[j]) for line in lines) for j in range(len(self.headers))]
        body = ["| " + " | ".join(_padded(line, widths)) + " |" for line in lines]
        rule = "|" + "|".join("-" * (w + 1) + ("-" if j == 0 else ":") for j, w in enumerate(widths)) + "|"
        parts = [f"## {self.title}", "", body[0], rule, *body[1:]]
        return "\n".join([*parts, "", self.note] if self.note else parts) + "\n"


def _padded(cells: list[str], widths: list[int]) -> list[str]:
    return [c.ljust(w) if j == 0 else c.rjust(w) for j, (c, w) in enumerate(zip(cells, widths, strict=True))]


def milliseconds(seconds: float) -> str:
    """Three digits."""
    return "noise" if math.isnan(seconds) else f"{1e3 * seconds:.3g}" if seconds < 10 else f"{1e3 * seconds:.0f}"


def times(ratio: float) -> str:
    """A ratio, such as `12x`."""
    if math.isnan(ratio):
        return "-"
    return f"{ratio:.0f}x" if ratio >= 20 else f"{ratio:.1f}x" if ratio >= 10 else f"{ratio:.2f}x"
