"""The command line run in this process, and data to run it on."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import mixtura as mx
from mixtura.cli import main

FAITHFUL = Path(__file__).parents[2] / "examples" / "old_faithful.csv"

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """`run("fit", path, …)`: the result has exit_code, stdout and stderr."""

    def invoke(*words: object) -> Result:
        return CliRunner().invoke(main, [str(word) for word in words])

    return invoke


@pytest.fixture
def refused(run: Run) -> Callable[..., str]:
    """The one line on standard error of a command that must end with code 2 and say nothing else."""

    def invoke(*words: object) -> str:
        result = run(*words)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        lines = result.stderr.splitlines()
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("Error: ")
        return lines[0]

    return invoke


@pytest.fixture(scope="session")
def three() -> mx.Mixture:
    return mx.fit(FAITHFUL, n_components=3, structure="EEE").mixture


@pytest.fixture
def model(three: mx.Mixture, tmp_path: Path) -> Path:
    """A model file of three groups of eruptions."""
    three.save(tmp_path / "three.json")
    return tmp_path / "three.json"


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str], Path]:
    """A CSV file with the given text."""

    def write(text: str, name: str = "rows.csv") -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write
