"""What the documentation says runs: every Python block of docs/ is a doctest, and names only what exists."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

import mixtura as mx
from mixtura.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
MADE = ("generated", "reference", "_extensions")
"""Folders that the build of the site writes; see docs/conf.py."""
GUIDES = sorted(path for path in DOCS.rglob("*.md") if not {*MADE} & {*path.relative_to(DOCS).parts})


def blocks_of(text: str) -> list[tuple[str, str]]:
    """The language and the text of every fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(DOCS)))
def test_every_block_prints_what_it_says(guide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testfile(str(guide), module_relative=False)
    assert failed == 0
    blocks = [text for language, text in blocks_of(guide.read_text(encoding="utf-8")) if language == "python"]
    assert all(">>>" in text for text in blocks)
    assert tried >= len(blocks)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(DOCS)))
def test_every_name_and_file_it_mentions_exists(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    assert [name for name in set(re.findall(r"\bmx\.(\w+)", text)) if not hasattr(mx, name)] == []
    for link in re.findall(r"\]\((?!http)([^)#]+)", text):
        made = any(f"/{folder}/" in f"/{link}" for folder in MADE)
        assert made or (guide.parent / link).exists(), link
    shell = "\n".join(block for language, block in blocks_of(text) if language in ("", "sh"))
    assert set(re.findall(r"^mixtura (\w+)", shell, flags=re.MULTILINE)) <= set(COMMANDS)
