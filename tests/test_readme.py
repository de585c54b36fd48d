"""What README says runs."""

from __future__ import annotations

import doctest
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from mixtura.cli import main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_ten_lines_print_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert tried >= 6
    assert failed == 0


def test_every_file_that_is_linked_exists() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", README)
    assert len(links) >= 8
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_its_two_commands_are_targets_of_make() -> None:
    for target in ("demo", "test"):
        assert f"make {target}" in README
        done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["fit", "predict", "explain", "show", "sample", "compare"])
def test_every_command_it_names_explains_itself(command: str) -> None:
    assert f"mixtura {command}" in README
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output
