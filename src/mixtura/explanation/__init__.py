"""EM explained from its own numbers: `explain` gives a worked solution for any small mixture."""

from mixtura.explanation.document import Block, Formula, Paragraph, Section, Table
from mixtura.explanation.explain import explain
from mixtura.explanation.facts import Explanation

__all__ = ["Block", "Explanation", "Formula", "Paragraph", "Section", "Table", "explain"]
