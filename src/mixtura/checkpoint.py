"""Fits that survive: `fit(…, checkpoint=…)` keeps a journal of its readings; `resume` goes on to the same bits."""

from __future__ import annotations

import json
import os
import signal
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura import __version__, _core
from mixtura.errors import CheckpointError, Interrupted, ParameterError
from mixtura.journal import Journal, key_of, read_journal
from mixtura.mixture import Mixture
from mixtura.persistence import mixture_of_record, mixture_record
from mixtura.sources import ArraySource, Chunk, Source
from mixtura.sources.strata import StratifiedSource
from mixtura.sources.stream import StreamSource
from mixtura.sweep import Sweep

if TYPE_CHECKING:
    from mixtura.result import Fit

FORMAT, VERSION = "mixtura-checkpoint", 1

NO_MATTER = ("checkpoint", "progress", "callback", "n_threads", "on_degenerate", "memory_limit")
"""Arguments of `fit` that no bit of the answer depends on."""

AGAIN = "give it again"


def resume(path: str | os.PathLike[str], X: Any = None, **options: Any) -> Fit:
    """Go on with a fit that was cut off, to the same bits that it would have ended with.

    Its readings of the rows are in the checkpoint; what lies between them is computed anew, in a moment.

    Parameters
    ----------
    path : of the checkpoint that `fit(…, checkpoint=path)` wrote
    X : the same rows; not needed where they were given by a path
    options : arguments of `fit` that a file cannot hold (arrays of labels or weights, Arrow expressions) once more, and
        those that change no bit: progress, callback, n_threads, on_degenerate, memory_limit

    Returns
    -------
    Fit

    Raises
    ------
    CheckpointError
        Where the checkpoint is of other rows, of another version of mixtura, or damaged.
    ParameterError
        Where something has to be given again.

    Examples
    --------
    >>> import tempfile
    >>> import mixtura as mx
    >>> path = tempfile.mkdtemp() + "/run.mixtura"
    >>> first = mx.fit("examples/iris.csv", 3, "VVV", checkpoint=path)
    >>> mx.resume(path).mixture == first.mixture
    True
    """
    from mixtura.fitting import fit

    head, _ = read_journal(path)
    _check_version(head, path)
    given: dict[str, Any] = {}
    for name, value in head["options"].items():
        if name in options and name not in NO_MATTER and (name == "X" or not _is_again(value)):
            raise ParameterError(f"{name} is that of the checkpoint; leave it out, or start another fit.")
        if _is_again(value):
            if name == "X":
                continue
            if name not in options:
                raise ParameterError(f"a file cannot hold {name}={value[AGAIN]}, which the fit was given; {AGAIN}.")
        else:
            given[name] = _value_of(value)
    if X is None and "X" not in given:
        raise ParameterError("the rows of this fit were not given by a path; give them again: resume(path, X).")
    if X is not None:
        given["X"] = X
    return fit(**given, **options, checkpoint=path)


@contextmanager
def journaled(sweep: Sweep, path: str | os.PathLike[str], arguments: Mapping[str, Any]) -> Iterator[None]:
    """Give a sweep the journal at a path, old or new; where the fit is interrupted, it is kept and that is said."""
    sweep.journal = journal = open_journal(path, _head(sweep, arguments))
    try:
        with _terminations_as_interrupts():
            yield
    except KeyboardInterrupt:
        journal.save()
        raise Interrupted(
            f"Interrupted; {len(journal.entries)} results are kept. Continue with "
            f"mixtura.resume({os.fspath(path)!r}) or mixtura fit --resume {os.fspath(path)}"
        ) from None
    journal.save()


def open_journal(path: str | os.PathLike[str], head: Mapping[str, Any]) -> Journal:
    """The journal of the same fit where there is one, else a new one, written at once.

    Raises
    ------
    CheckpointError
        Where the file is a checkpoint of another fit, or something else.
    """
    file = Path(path)
    if not file.exists() or (file.is_file() and file.stat().st_size == 0):
        journal = Journal(path, head)
        journal.save()
        return journal
    old, entries = read_journal(path)
    _check_version(old, path)
    where = f"the checkpoint {os.fspath(path)!r}"
    if old["data"] != json.loads(json.dumps(head["data"])):
        different = [name for name, value in head["data"].items() if old["data"].get(name) != value]
        raise CheckpointError(
            f"{where} is of other rows: {', '.join(different)} differ. Give the rows that it began with, or name "
            "another file."
        )
    asked = json.loads(json.dumps(head["options"]))
    different = [name for name in asked if name != "X" and old["options"].get(name) != asked[name]]
    if different:
        raise CheckpointError(
            f"{where} is of a fit with other options: {', '.join(different)} differ. Name another file, or remove it."
        )
    return Journal(path, old, entries)


def fingerprint(source: Source) -> dict[str, Any]:
    """What tells rows apart: their number and kind, and a check sum of every value."""
    if isinstance(source, StreamSource):
        checksum = source.survey.checksum
    else:
        checksum = 0
        for chunk in _pieces(source):
            if chunk.weights is not None:
                checksum = zlib.crc32(np.ascontiguousarray(chunk.weights).data, checksum)
            checksum = zlib.crc32(np.ascontiguousarray(chunk.rows).data, checksum)
    return {
        "rows": source.n_samples,
        "columns": list(source.columns) if source.columns else source.n_features,
        "kind of number": source.dtype.name,
        "weight": source.total_weight,
        "checksum": checksum,
    }


def _pieces(source: Source) -> Iterator[Chunk]:
    """The rows in order, also where cells are missing."""
    if isinstance(source, StratifiedSource):
        return ArraySource(source.X, source.sample_weight).chunks()
    return source.chunks()


def _head(sweep: Sweep, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "mixtura": __version__,
        "instructions": _core.instruction_set(),
        "data": fingerprint(sweep.source),
        "options": {name: _record_of(value) for name, value in arguments.items() if name not in NO_MATTER},
    }


def _check_version(head: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    where = f"{os.fspath(path)!r}"
    if head.get("format") != FORMAT:
        raise CheckpointError(f"{where} is no checkpoint of mixtura; name the file that fit(checkpoint=…) wrote.")
    mine = {"version": VERSION, "mixtura": __version__, "instructions": _core.instruction_set()}
    for name, value in mine.items():
        if head.get(name) != value:
            what = {"version": "format", "mixtura": "mixtura", "instructions": "vector instructions"}[name]
            raise CheckpointError(
                f"the checkpoint {where} was written with {what} {head.get(name)!r} and this is {value!r}, so the same "
                "bits cannot be promised. Continue where it was begun, or start the fit again."
            )


def _record_of(value: Any) -> Any:
    """A value that JSON holds; for others a note that it has to be given again, with what tells it apart."""
    if isinstance(value, Mixture):
        return {"mixture": mixture_record(value)}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    plain = list(value) if isinstance(value, (tuple, range)) else value
    try:
        json.dumps(plain, allow_nan=False)
    except (TypeError, ValueError):
        pass
    else:
        return plain
    if isinstance(value, Source):
        return {AGAIN: "rows"}
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.array(repr(value))
    if array.dtype == object or array.ndim == 0:
        return {AGAIN: f"{type(value).__name__} {value!r}"}
    return {AGAIN: f"{type(value).__name__} {key_of(array)[:16]}"}


def _value_of(record: Any) -> Any:
    return mixture_of_record(record["mixture"], "the checkpoint") if isinstance(record, dict) else record


def _is_again(record: Any) -> bool:
    return isinstance(record, dict) and AGAIN in record


@contextmanager
def _terminations_as_interrupts() -> Iterator[None]:
    """SIGTERM becomes a KeyboardInterrupt: the kernel ends its block first, and what is known is written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
