"""An explanation as HTML for notebooks: plain elements, no scripts, no style sheet needed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from mixtura.explanation.document import Block, Formula, Paragraph, Table
from mixtura.explanation.facts import Explanation
from mixtura.explanation.plain import formula_lines


def html(facts: Explanation) -> str:
    """One `article` with a `section` a question."""
    parts = [f'<article class="mixtura-explanation"><h2>{escape(facts.title)}</h2><p>{escape(facts.preamble)}</p>']
    for number, section in enumerate(facts.sections, 1):
        parts += [
            f'<section data-key="{escape(section.key)}"><h3>{number}. {escape(section.title)}</h3>',
            f"<p><em>{escape(section.question)}</em></p><p><strong>{escape(section.answer)}</strong></p>",
            *map(_block, section.blocks),
            "</section>",
        ]
    return "\n".join([*parts, "</article>"])


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return f"<p>{escape(block.text)}</p>"
    if isinstance(block, Formula):
        lines = "\n".join(escape(line[4:]) for line in formula_lines(block, 100))
        return f'<pre class="formula">{lines}</pre>'
    return _table(block)


def _table(table: Table) -> str:
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    body = "".join(_row(row, "td", table.texts) for row in table.rows)
    footer = f"<tfoot>{_row(table.footer, 'td', table.texts)}</tfoot>" if table.footer else ""
    return (
        f"<table>{caption}<thead>{_row(table.header, 'th', table.texts)}</thead><tbody>{body}</tbody>{footer}</table>"
    )


def _row(cells: Sequence[str], tag: str, texts: Sequence[int]) -> str:
    aligned = [
        f'<{tag} style="text-align:{"left" if c in texts else "right"}">{escape(cell)}</{tag}>'
        for c, cell in enumerate(cells)
    ]
    return f"<tr>{''.join(aligned)}</tr>"
