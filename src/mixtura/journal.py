"""A journal of what was expensive: results of readings of the rows, by what was asked.

EM between two readings is deterministic, so a fit that finds the results of its readings in a journal repeats itself,
bit by bit, without reading a row, to the point where it was cut off. Nothing else of its state has to be saved.

The file is a ZIP archive, written whole or not at all: `head.json`, and one entry a result, with check sums.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import io
import json
import os
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mixtura.atomic import whole_file
from mixtura.errors import CheckpointError, CheckpointWarning, SourceError

HEAD = "head.json"

SHARE = 20
"""The file is written again after so many times the seconds that writing it took: at most a twentieth of the time."""

RETRY = 60.0
"""Seconds after which a file that could not be written is tried again."""

Arrays = dict[str, Any]


class Journal:
    """Results by what was asked, in memory and in a file.

    Parameters
    ----------
    path : of the file
    head : what the fit is: plain lists, texts and numbers
    entries : results that are known already
    """

    def __init__(self, path: str | os.PathLike[str], head: Mapping[str, Any], entries: dict[str, bytes] | None = None):
        self.path, self.head = Path(path), dict(head)
        self.entries: dict[str, bytes] = {} if entries is None else entries
        self._due = 0.0
        self._saved = len(self.entries) if entries is not None else -1

    def recall(self, key: str) -> Arrays | None:
        """The result, where it is known."""
        entry = self.entries.get(key)
        return None if entry is None else decode(entry)

    def add(self, results: Mapping[str, Arrays]) -> None:
        """Write results down; the file follows as soon as it may. Where there is no room for it, that is said, once."""
        self.entries |= {key: encode(result) for key, result in results.items()}
        if time.monotonic() < self._due:
            return
        try:
            self.save()
        except SourceError as error:
            text = f"{error} The fit goes on; the checkpoint is as old as it was."
            warnings.warn(text, CheckpointWarning, stacklevel=2)
            self._due = time.monotonic() + RETRY

    def remember(self, key: str, compute: Callable[[], Arrays]) -> Arrays:
        """The result that is known, or what `compute` says, written down."""
        found = self.recall(key)
        if found is None:
            found = compute()
            self.add({key: found})
        return found

    def save(self) -> None:
        """Write the file, whole or not at all.

        Raises
        ------
        SourceError
            Where there is no room for it; the old file is as it was.
        """
        if self._saved == len(self.entries):
            return
        began = time.monotonic()
        with whole_file(self.path) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(HEAD, json.dumps(self.head, indent=1, sort_keys=True))
            for key, entry in self.entries.items():
                archive.writestr(key, entry)
        self._saved = len(self.entries)
        ended = time.monotonic()
        self._due = ended + SHARE * (ended - began)


def read_journal(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Head and entries of a file.

    Raises
    ------
    SourceError
        Where there is no such file.
    CheckpointError
        Where it is no checkpoint, or not as it was written.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise SourceError(f"the checkpoint {os.fspath(path)!r} cannot be read: {error.strerror or error}.") from None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        head = json.loads(entries.pop(HEAD))
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError) as error:
        raise CheckpointError(
            f"{os.fspath(path)!r} is no checkpoint that mixtura wrote, or was cut off ({error}); start the fit again."
        ) from None
    return head, entries


def key_of(*values: Any) -> str:
    """A name for what was asked: equal for equal numbers, texts and arrays."""
    digest = hashlib.sha256()
    for value in values:
        if isinstance(value, np.ndarray):
            digest.update(f"{value.dtype.str}{value.shape}".encode())
            digest.update(np.ascontiguousarray(value).data)
        else:
            digest.update(repr(value).encode())
        digest.update(b";")
    return digest.hexdigest()


def encode(result: Arrays) -> bytes:
    """Arrays, numbers and None by name as bytes: a line that says what follows, then the numbers."""
    layout: dict[str, Any] = {}
    parts = []
    for name, value in result.items():
        if value is None or isinstance(value, str):
            layout[name] = value
            continue
        array = np.ascontiguousarray(value)
        layout[name] = [array.dtype.str, list(np.shape(value))]
        parts.append(array.tobytes())
    return json.dumps(layout).encode() + b"\n" + b"".join(parts)


def decode(entry: bytes) -> Arrays:
    """The inverse of `encode`; numbers come back as arrays without dimensions."""
    head, _, rest = entry.partition(b"\n")
    result: Arrays = {}
    for name, kind in json.loads(head).items():
        if not isinstance(kind, list):
            result[name] = kind
            continue
        dtype, shape = np.dtype(kind[0]), tuple(kind[1])
        size = dtype.itemsize * int(np.prod(shape))
        result[name] = np.frombuffer(rest[:size], dtype).reshape(shape).copy()
        rest = rest[size:]
    return result


def encode_parts(value: Any, leave_out: tuple[str, ...] = ()) -> Arrays:
    """The fields of a dataclass of arrays, numbers and such dataclasses, by dotted names."""
    result: Arrays = {"": f"{type(value).__module__}:{type(value).__qualname__}"}
    for field in dataclasses.fields(value):
        if field.name in leave_out:
            continue
        part = getattr(value, field.name)
        if dataclasses.is_dataclass(part):
            result |= {f"{field.name}.{name}": inner for name, inner in encode_parts(part).items()}
        else:
            result[field.name] = part
    return result


def decode_parts(parts: Arrays, **given: Any) -> Any:
    """The inverse of `encode_parts`, with the fields that were left out."""
    module, _, name = parts[""].partition(":")
    if not module.startswith("mixtura."):
        raise CheckpointError(f"the checkpoint holds a {parts['']!r}, which is none of mixtura's; start the fit again.")
    cls = getattr(importlib.import_module(module), name)
    values = dict(given)
    for field in dataclasses.fields(cls):
        inner = {key[len(field.name) + 1 :]: part for key, part in parts.items() if key.startswith(f"{field.name}.")}
        if inner:
            values[field.name] = decode_parts(inner)
        elif field.name in parts:
            part = parts[field.name]
            values[field.name] = part if part is None or np.ndim(part) else np.asarray(part).item()
    return cls(**values)
