"""What an explanation is made of: sections of paragraphs, formulas and tables, apart from how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True, slots=True)
class Formula:
    """left = right = right = …, one relation a line.

    Attributes
    ----------
    left : what the chain begins with
    steps : (relation, right-hand side) pairs, in order; the relation is "=", "≥", …
    """

    left: str
    steps: tuple[tuple[str, str], ...]

    @classmethod
    def chain(cls, left: str, *rights: str) -> Formula:
        """left = right₁ = right₂ = …"""
        return cls(left, tuple(("=", right) for right in rights))


@dataclass(frozen=True, slots=True)
class Table:
    """A table of finished cells.

    Attributes
    ----------
    header : one text a column
    rows : one tuple of cells a row
    caption : what it shows; empty where the text before says it
    texts : numbers of the columns that hold words (aligned left); all others hold numbers
    footer : a last row, set apart; empty where there is none
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    texts: tuple[int, ...] = ()
    footer: tuple[str, ...] = ()


Block = Paragraph | Formula | Table


@dataclass(frozen=True, slots=True)
class Section:
    """One question and its answer.

    Attributes
    ----------
    key : a short name that does not change, such as "e_step"
    title : a heading
    question : what is asked, in a sentence
    answer : the answer in a sentence or two; the blocks show how it comes about
    blocks : paragraphs, formulas and tables, in order
    """

    key: str
    title: str
    question: str
    answer: str
    blocks: tuple[Block, ...]

    def to_dict(self) -> dict[str, Any]:
        """The section as plain texts and lists, each block with its `kind`."""
        return {
            "key": self.key,
            "title": self.title,
            "question": self.question,
            "answer": self.answer,
            "blocks": [_block_to_dict(block) for block in self.blocks],
        }


def _block_to_dict(block: Block) -> dict[str, Any]:
    if isinstance(block, Paragraph):
        return {"kind": "paragraph", "text": block.text}
    if isinstance(block, Formula):
        return {"kind": "formula", "left": block.left, "steps": [list(step) for step in block.steps]}
    return {
        "kind": "table",
        "caption": block.caption,
        "header": list(block.header),
        "rows": [list(row) for row in block.rows],
        "footer": list(block.footer),
    }
