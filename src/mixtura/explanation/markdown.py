"""An explanation as Markdown: headings, formulas as preformatted text, pipe tables."""

from __future__ import annotations

from mixtura.explanation.document import Block, Formula, Paragraph, Table
from mixtura.explanation.facts import Explanation
from mixtura.explanation.plain import formula_lines


def markdown(facts: Explanation) -> str:
    """The whole document."""
    parts = [f"# {facts.title}", _escaped(facts.preamble)]
    for number, section in enumerate(facts.sections, 1):
        parts += [
            f"## {number}. {section.title}",
            f"*{_escaped(section.question)}*",
            f"**{_escaped(section.answer)}**",
            *map(_block, section.blocks),
        ]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return _escaped(block.text)
    if isinstance(block, Formula):
        return "```text\n" + "\n".join(line[4:] for line in formula_lines(block, 100)) + "\n```"
    return _table(block)


def _table(table: Table) -> str:
    rows = [table.header, *table.rows, *([table.footer] if table.footer else [])]
    lines = ["| " + " | ".join(map(_escaped, row)) + " |" for row in rows]
    rule = "|" + "|".join(":--" if c in table.texts else "--:" for c in range(len(table.header))) + "|"
    caption = [_escaped(table.caption), ""] if table.caption else []
    return "\n".join([*caption, lines[0], rule, *lines[1:]])


def _escaped(text: str) -> str:
    for sign in ("\\", "|", "*", "_", "`", "<"):
        text = text.replace(sign, f"\\{sign}")
    return text
