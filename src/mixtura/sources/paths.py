"""Which files a path means: one file, a folder, or a pattern such as `data/*.parquet`."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from mixtura.errors import SourceError

TEXT = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
ARROW = (".arrow", ".feather", ".ipc", ".arrows")
NUMPY = (".npy",)
KNOWN = TEXT + PARQUET + ARROW + NUMPY

COMPRESSED = (".gz", ".bz2")


def kind_of(file: Path) -> str:
    """The ending that says what a file holds, `.csv` of `rows.csv.gz`.

    Raises
    ------
    SourceError
        For any other ending.
    """
    for ending in reversed([e.lower() for e in file.suffixes]):
        if ending in KNOWN:
            return ending
    raise SourceError(f"{str(file)!r} ends in {file.suffix!r}; expected {', '.join(KNOWN)}.")


def is_pattern(path: str | os.PathLike[str]) -> bool:
    """Whether a path stands for several files: it holds *, ? or [, and is no file of that very name."""
    return glob.has_magic(os.fspath(path)) and not Path(path).exists()


def files_of(path: str | os.PathLike[str]) -> list[Path]:
    """The files in the order of their names; in a folder, those of a known ending, its sub-folders included.

    Names that begin with `.` or `_` are left out of folders, as Arrow, Spark and Dask do.

    Raises
    ------
    SourceError
        Where there is no such file, or none in the folder or of the pattern.
    """
    given = Path(path)
    if is_pattern(path):
        found = sorted(Path(name) for name in glob.glob(os.fspath(path), recursive=True))
        found = [file for file in found if file.is_file()]
        if not found:
            raise SourceError(f"no file is named like {os.fspath(path)!r}; check the pattern.")
        return found
    if not given.exists():
        raise SourceError(f"there is no file {str(given)!r}; check the path.")
    if not given.is_dir():
        return [given]
    found = sorted(file for file in given.rglob("*") if file.is_file() and _counts(file.relative_to(given)))
    if not found:
        raise SourceError(f"the folder {str(given)!r} holds no file that ends in {', '.join(KNOWN)}.")
    return found


def _counts(inside: Path) -> bool:
    """Whether a file of a folder holds rows."""
    return not any(part.startswith((".", "_")) for part in inside.parts) and bool(
        {ending.lower() for ending in inside.suffixes} & set(KNOWN)
    )
