"""The command as a process of its own: exit codes, pipes, terminals, quick help."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mixtura
from mixtura.cli import COMMANDS

FAITHFUL = str(Path(__file__).parents[2] / "examples" / "old_faithful.csv")


def mixtura_command(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mixtura", *words],
        capture_output=True,
        encoding=options.pop("encoding", "utf-8"),
        timeout=120,
        check=False,
        **options,
    )


def test_the_version_is_the_package_s():
    assert mixtura_command("--version").stdout == f"mixtura {mixtura.__version__}\n"


def test_help_names_every_command_and_the_exit_codes():
    text = mixtura_command("--help").stdout
    assert all(f"\n  {command} " in text for command in COMMANDS)
    assert all(word in text for word in ("Exit codes", "130", "standard error"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    done = mixtura_command(command, "--help")
    assert done.returncode == 0
    assert "--help" in done.stdout


def test_help_loads_nothing_heavy():
    code = (
        "import sys, mixtura.cli as c\n"
        "for w in ([], *[[n] for n in c.COMMANDS]):\n"
        "    try: c.main([*w, '--help'])\n"
        "    except SystemExit: pass\n"
        "print(sorted({'rich', 'pyarrow', 'scipy', 'narwhals', 'matplotlib'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_pipe_gets_plain_text_and_no_progress():
    done = mixtura_command("fit", FAITHFUL, "-k", "3", env=os.environ | {"FORCE_COLOR": "1", "TERM": "xterm-256color"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("3 groups: EEE")
    assert "\x1b" not in done.stdout
    assert not set(done.stdout) & set("─│━┃┏╸")


def test_bad_input_is_code_2_and_one_line():
    done = mixtura_command("fit", "nosuch.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: there is no file 'nosuch.csv'; check the path.\n"


def test_a_closed_pipe_ends_quietly(model):
    command = f"'{sys.executable}' -m mixtura sample '{model}' -n 100000 | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120, check=True)
    assert (done.stdout, done.stderr) == ("eruptions,waiting\n", "")


def test_a_terminal_without_greek_letters_still_gets_its_numbers(tmp_path):
    theta = mixtura.Mixture([1.0], mixtura.Gaussian([4.0], [1.0]), columns=["β"])
    theta.save(tmp_path / "m.json")
    done = mixtura_command(
        "show", str(tmp_path / "m.json"), env=os.environ | {"PYTHONIOENCODING": "latin-1:strict"}, encoding="latin-1"
    )
    assert done.returncode == 0
    assert re.search(r"\?\n +0 +100\.0% +4\.00 \xb1 1\.00", done.stdout)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_a_terminal_gets_progress_and_emphasis():
    main, terminal = os.openpty()
    command = [sys.executable, "-m", "mixtura", "fit", FAITHFUL, "-k", "1:3"]
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment) as process:
        os.close(terminal)
        seen = b""
        try:
            while part := os.read(main, 65536):
                seen += part
        except OSError:  # the other end is closed
            pass
        finally:
            os.close(main)
    text = seen.decode()
    assert process.returncode == 0
    assert "\x1b[1;32m3 groups" in text
    assert "/42" in text
    assert "best EEE,3, BIC 2314.30" in text


def test_one_json_document_and_nothing_else():
    done = mixtura_command("fit", FAITHFUL, "-k", "3", "--structure", "EEE", "--json")
    assert json.loads(done.stdout)["structure"] == "EEE"
