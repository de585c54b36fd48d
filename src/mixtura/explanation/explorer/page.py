"""The page: one HTML file with its style, its script and its numbers inside."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from string import Template

from mixtura.explanation.explorer.record import explorer_record
from mixtura.explanation.facts import Explanation
from mixtura.explanation.html import html

SCRIPTS = ("numbers.js", "mixture.js", "formula.js", "drawing.js", "picture.js", "bound.js", "table.js", "explorer.js")
"""In the order in which they need each other; together they are one script."""


def page(facts: Explanation) -> str:
    """The whole page."""
    numbers = json.dumps(explorer_record(facts), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return Template(_part("page.html")).substitute(
        title=escape(facts.title),
        preamble=escape(facts.preamble),
        style=_part("explorer.css"),
        script="\n".join(map(_part, SCRIPTS)),
        record=numbers.replace("<", "\\u003c"),
        solution=html(facts),
    )


def _part(name: str) -> str:
    return (files("mixtura.explanation.explorer") / "assets" / name).read_text(encoding="utf-8")
