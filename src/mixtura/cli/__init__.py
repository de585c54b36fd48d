"""The command `mixtura`. One file a command; each loads what it needs when it runs, so that --help is quick."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import warnings
from typing import Any

import click

from mixtura import __version__
from mixtura.errors import MixturaError, MixturaWarning

COMMANDS = ("fit", "explain", "predict", "impute", "sample", "show", "compare", "merge", "export", "errors", "test")
"""`mixtura NAME` is `command` in `mixtura.cli.NAME`: a new command is a file and an entry here."""

OK, UNEXPECTED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

EPILOG = """Exit codes: 0 done; 2 bad input or options, said in one line; 130 interrupted (Ctrl-C);
1 anything unexpected.

Reports go to standard output, warnings and progress to standard error. In a pipe the output is plain text."""


class Commands(click.Group):
    """The group of commands, loaded by name, and the one place where errors become exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"mixtura.cli.{cmd_name}").command
        return command

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command and exit with its code."""
        kwargs["standalone_mode"] = False
        with warnings.catch_warnings():
            _plain_warnings()
            sys.exit(_guarded(super().main, *args, **kwargs))


@click.group(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, "--version", message="mixtura %(version)s")
def main() -> None:
    """Find groups in rows of numbers: Gaussian mixtures fitted by EM, exact and explained."""


def _guarded(run: Any, *args: Any, **kwargs: Any) -> int:
    """What a command's end means as an exit code; bad input is one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without Greek letters still gets its numbers
    try:
        code = run(*args, **kwargs)
        sys.stdout.flush()
        return code if isinstance(code, int) else OK
    except click.ClickException as error:
        hint = f" (see {error.ctx.command_path} --help)" if isinstance(error, click.UsageError) and error.ctx else ""
        click.echo(f"Error: {error.format_message()}{hint}", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        click.echo(str(error) or str(error.__cause__ or "") or "Interrupted.", err=True)
        return INTERRUPTED
    except MixturaError as error:
        click.echo(f"Error: {error}", err=True)
        return BAD_INPUT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: say no more
        return UNEXPECTED
    except Exception:
        traceback.print_exc()
        click.echo(f"Error: unexpected, please report it with the lines above (mixtura {__version__}).", err=True)
        return UNEXPECTED


def _plain_warnings() -> None:
    """mixtura's warnings as one line each on standard error, equal ones once; others as Python shows them."""
    show, said = warnings.showwarning, set[str]()

    def plain(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
        if not issubclass(category, MixturaWarning):
            show(message, category, *rest, **more)
        elif str(message) not in said:
            said.add(str(message))
            click.echo(f"Warning: {message}", err=True)

    warnings.showwarning = plain
    warnings.simplefilter("always", MixturaWarning)
