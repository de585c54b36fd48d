"""The reference: a page for each kind of public name, from `mixtura`'s own table, so that no name is forgotten."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import mixtura

GROUPS = {
    "Mixtures": ("mixture", "noise", "families"),
    "Rows": ("sources",),
    "EM and fitting": ("algorithms", "fitting", "result", "many", "regularization"),
    "How sure": ("inference",),
    "A mixture as a density": ("densities",),
    "From components to clusters": ("clusters",),
    "Look, explain, keep": ("explanation", "plotting", "report", "persistence", "interchange", "onnx_export"),
    "scikit-learn's face": ("estimators",),
}
"""Title of a page, and the parts of the package whose names it lists."""

REST = "More"


def write_pages(app: Sphinx) -> None:
    """docs/reference/*.rst, written only where they changed so that Sphinx reads no page twice."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    pages: dict[str, list[str]] = {title: [] for title in (*GROUPS, REST)}
    for name, module in sorted(mixtura._WHERE.items(), key=lambda item: item[0].lower()):
        pages[_group(module)].append(name)
    pages = {title: names for title, names in pages.items() if names}
    written = {"index.rst": _index(list(pages)), "command_line.rst": _command_line()}
    for title, names in pages.items():
        written[f"{_file(title)}.rst"] = "\n".join([_heading(title), *map(_entry, names)])
    for old in folder.glob("*.rst"):
        if old.name not in written:
            old.unlink()
    for file, text in written.items():
        path = folder / file
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _group(module: str) -> str:
    part = module.split(".")[1]
    return next((title for title, parts in GROUPS.items() if part in parts), REST)


def _file(title: str) -> str:
    return re.sub(r"[^a-z]+", "_", title.lower())


def _heading(title: str) -> str:
    return f"{title}\n{'=' * len(title)}\n"


def _entry(name: str) -> str:
    value = getattr(mixtura, name)
    if inspect.isclass(value):
        return f".. autoclass:: mixtura.{name}\n   :members:\n   :inherited-members: object\n"
    return f".. auto{'function' if callable(value) else 'data'}:: mixtura.{name}\n"


def _index(titles: list[str]) -> str:
    files = "\n".join(f"   {_file(title)}" for title in titles)
    return f"{_heading('Reference')}\n.. toctree::\n\n{files}\n   command_line\n"


def _command_line() -> str:
    """What each command says of itself."""
    from click.testing import CliRunner

    from mixtura.cli import COMMANDS, main

    parts = [_heading("Command line")]
    for command in ("", *COMMANDS):
        words = [command, "--help"] if command else ["--help"]
        text = CliRunner().invoke(main, words, prog_name="mixtura", terminal_width=100).output
        title = f"mixtura {command}".strip()
        body = "\n".join(f"   {line}".rstrip() for line in text.splitlines())
        parts.append(f"{title}\n{'-' * len(title)}\n\n.. code-block:: text\n\n{body}\n")
    return "\n".join(parts)


TYPE = re.compile(r"[\w.\[\]]+( or [\w.\[\]]+)*(, (optional|default.*))?")
"""What stands after `name :` is a type where it looks like this; else it is a description."""


def as_markup(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Docstrings as this project writes them, for Sphinx.

    |Σ| and k* are formulas, not markup, except in examples; what follows `name :` may be a description of many lines.
    """
    written: list[str] = []
    example = False
    for line in lines:
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if example:
            written.append(line)
            continue
        parts = re.split(r"(`[^`]*`)", line)
        line = "".join(part if n % 2 else re.sub(r"([|*])", r"\\\1", part) for n, part in enumerate(parts))
        described = re.fullmatch(r"(\w[\w, ]*) : (.+)", line)
        if described and not TYPE.fullmatch(described[2]):
            written += [described[1], f"    {described[2]}"]
        else:
            written.append(line)
    lines[:] = written


def skip_foreign(app: Sphinx, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """What a class inherits from another library is told there."""
    module = getattr(value, "__module__", None) or getattr(getattr(value, "fget", None), "__module__", "") or ""
    return True if module.split(".")[0] in ("sklearn", "builtins") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx's entry point."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", as_markup, priority=100)
    app.connect("autodoc-skip-member", skip_foreign)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
