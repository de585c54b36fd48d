"""An explanation as plain text: aligned formulas and tables, paragraphs filled to the width."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence

from mixtura.explanation.document import Block, Formula, Paragraph, Section, Table
from mixtura.explanation.facts import Explanation

INDENT = "    "
SMALLEST_WIDTH = 40
ONE_LINE = 60
"""A chain of relations no longer than this stands in one line."""


def plain_text(facts: Explanation, width: int) -> str:
    """Title, preamble and sections; lines no longer than `width` where words allow it."""
    width = max(width, SMALLEST_WIDTH)
    lines = [*textwrap.wrap(facts.title, width), "═" * min(len(facts.title), width), ""]
    lines += textwrap.wrap(facts.preamble, width)
    for number, section in enumerate(facts.sections, 1):
        lines += ["", "", *section_lines(section, number, width)]
    return "\n".join(line.rstrip() for line in lines)


def section_lines(section: Section, number: int, width: int) -> list[str]:
    """A heading, the question, the answer, and how it comes about."""
    heading = f"{number}. {section.title}"
    lines = [heading, "─" * min(len(heading), width)]
    lines += _filled(f"Question: {section.question}", width)
    lines += _filled(f"Answer:   {section.answer}", width)
    for block in section.blocks:
        lines += ["", *block_lines(block, width)]
    return lines


def block_lines(block: Block, width: int) -> list[str]:
    """One block."""
    if isinstance(block, Paragraph):
        return textwrap.wrap(block.text, width, break_long_words=False)
    if isinstance(block, Formula):
        return formula_lines(block, width)
    return table_lines(block, width)


def formula_lines(formula: Formula, width: int) -> list[str]:
    """Relations under one another; a long right-hand side goes on below itself."""
    line = " ".join([formula.left, *(part for step in formula.steps for part in step)])
    if columns_of(line) <= ONE_LINE:
        return [INDENT + line]
    lines = []
    lead = INDENT + formula.left
    margin = " " * columns_of(lead)
    for place, (relation, right) in enumerate(formula.steps):
        head = f"{lead if place == 0 else margin} {relation} "
        pieces = broken_at_signs(right, max(width - columns_of(head), 30))
        lines.append(head + pieces[0])
        lines += [" " * columns_of(head) + "  " + piece for piece in pieces[1:]]
    return lines


def broken_at_signs(text: str, width: int) -> list[str]:
    """A long sum in lines that begin with a plus sign; what cannot be broken there is broken at a space."""
    lines = [""]
    for place, term in enumerate(text.split(" + ")):
        piece = term if place == 0 else f"+ {term}"
        if place and columns_of(lines[-1]) + 1 + columns_of(piece) > width:
            lines.append(piece)
        else:
            lines[-1] = f"{lines[-1]} {piece}".strip()
    return [part for line in lines for part in textwrap.wrap(line, max(width, 1), break_long_words=False)] or [""]


def table_lines(table: Table, width: int) -> list[str]:
    """Caption, header, rule, rows; a table that is too wide is cut into parts that repeat its first column."""
    everything = [table.header, *table.rows, *([table.footer] if table.footer else [])]
    widths = [max(columns_of(row[c]) for row in everything) for c in range(len(table.header))]
    lines = textwrap.wrap(table.caption, width)
    for part, columns in enumerate(_parts(widths, width - len(INDENT))):
        lines += [""] if part else []
        lines += _part_lines(table, columns, widths)
    return lines


def _part_lines(table: Table, columns: Sequence[int], widths: Sequence[int]) -> list[str]:
    rule = INDENT + "─" * (sum(widths[c] for c in columns) + 2 * (len(columns) - 1))

    def line(row: Sequence[str]) -> str:
        return INDENT + "  ".join(padded(row[c], widths[c], c in table.texts) for c in columns)

    lines = [line(table.header), rule, *map(line, table.rows)]
    return [*lines, rule, line(table.footer)] if table.footer else lines


def _parts(widths: Sequence[int], room: int) -> list[list[int]]:
    parts, used = [[0]], widths[0]
    for c in range(1, len(widths)):
        if used + 2 + widths[c] > room and len(parts[-1]) > 1:
            parts.append([0])
            used = widths[0]
        parts[-1].append(c)
        used += 2 + widths[c]
    return parts


def _filled(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=" " * 10, break_long_words=False)


def columns_of(text: str) -> int:
    """How many columns of a terminal a text takes: combining marks take none, wide characters two."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def padded(text: str, width: int, left: bool) -> str:
    """A cell: words to the left, numbers to the right."""
    space = " " * (width - columns_of(text))
    return text + space if left else space + text
