"""Files written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mixtura.errors import MixturaError, SourceError


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to, in the folder of `path`; it takes the place of `path` when the block ends well.

    If the block raises, the old file is as it was and nothing else is left behind. A pipe or a device is written to
    as it is, for nothing can take its place.

    Raises
    ------
    SourceError
        Where the file cannot be written; it names the file and the reason.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "answer.txt"
    >>> with whole_file(target) as draft:
    ...     _ = draft.write_text("42")
    >>> target.read_text()
    '42'
    """
    given = Path(path)
    try:
        if given.is_dir():
            raise SourceError(f"{str(given)!r} is a folder; name a file to write.")
        if given.exists() and not given.is_file():
            yield given
            return
        target = Path(os.path.realpath(given))
        draft = _new_beside(target)
        try:
            yield draft
            _settle(draft, target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        if isinstance(error, MixturaError):
            raise
        raise SourceError(f"{str(given)!r} cannot be written: {error.strerror or error}.") from error


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise a `SourceError` now where `whole_file` could not write later; nothing stays on the disk."""
    given = Path(path)
    folder = Path(os.path.realpath(given)).parent
    if not folder.is_dir():
        raise SourceError(f"{str(given)!r} cannot be written: there is no folder {str(given.parent)!r}.")
    if given.is_dir() or not given.exists() or given.is_file():
        try:
            with whole_file(given):
                raise _OnlyATrialError
        except _OnlyATrialError:
            pass


class _OnlyATrialError(Exception):
    """Ends a trial before anything takes the place of the old file."""


def _new_beside(target: Path) -> Path:
    """An empty file in the same folder, with the old file's permissions or the usual ones of a new file."""
    draft = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.part")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    if target.exists():
        os.chmod(draft, target.stat().st_mode & 0o7777)
    return draft


def _settle(draft: Path, target: Path) -> None:
    """Send the draft to the disk, then let it take the place of the target in one step."""
    _sync(draft, os.O_RDWR)
    os.replace(draft, target)
    if hasattr(os, "O_DIRECTORY"):
        _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
