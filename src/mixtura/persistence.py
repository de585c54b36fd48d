"""Model files: versioned JSON text, exact to the last bit, never pickle.

    {"format": "mixtura-model", "version": 1, "mixtura": "0.1.0", "family": "gaussian", "weights": […],
     "components": {…}, "names": […] or null, "columns": […] or null, "checksum": "sha256:…"}

Python writes the shortest decimal text that reads back as the same float, so no digit is lost. The checksum is that of
all other entries; whoever edits a file by hand leaves it out, and the numbers are then checked like any others.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mixtura import __version__
from mixtura.atomic import whole_file
from mixtura.errors import MixturaError, ModelFileError, SourceError
from mixtura.families.base import Family
from mixtura.families.factor_analyzers import FactorAnalyzers
from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture
from mixtura.noise import Noise
from mixtura.validation import frozen

FORMAT, VERSION = "mixtura-model", 1

FAMILIES: dict[str, type[Family]] = {family.name: family for family in (Gaussian, FactorAnalyzers)}
"""Families that a model file can hold, by name: a new family adds itself here."""

KEYS = ("family", "weights", "components", "names", "columns")


def save_mixture(mixture: Mixture[Any], path: str | os.PathLike[str]) -> None:
    """Write a mixture to a JSON file, whole or not at all.

    Raises
    ------
    SourceError
        Where the file cannot be written.
    """
    text = json.dumps(mixture_record(mixture), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8")


def load(path: str | os.PathLike[str]) -> Mixture[Any]:
    """Read a mixture that `Mixture.save` wrote; `load(path) == mixture`, to the last bit.

    Raises
    ------
    SourceError
        Where there is no such file, or it cannot be opened.
    ModelFileError
        Where the file is truncated, altered, of a newer version, or no model file at all.

    Examples
    --------
    >>> import tempfile, mixtura as mx
    >>> theta = mx.Mixture([0.3, 0.7], mx.Gaussian([0.1, 0.2], [1, 4]))
    >>> path = tempfile.mkdtemp() + "/model.json"
    >>> theta.save(path)
    >>> mx.load(path) == theta
    True
    """
    where = repr(os.fspath(path))
    return mixture_of_record(_read(Path(path), where), where)


def mixture_record(mixture: Mixture[Any]) -> dict[str, Any]:
    """A mixture as plain lists, texts and numbers: what a model file holds."""
    record: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "mixtura": __version__,
        "family": mixture.components.name,
        "weights": mixture.weights.tolist(),
        "components": mixture.components.to_dict(),
        "names": list(mixture.names) if mixture.names else None,
        "columns": list(mixture.columns) if mixture.columns else None,
    }
    if mixture.equal_weights:
        record["equal_weights"] = True
    if mixture.fixed is not None:
        record["fixed"] = mixture.fixed.to_dict()
    if mixture.noise is not None:
        record["noise"] = mixture.noise.to_dict()
    return record | {"checksum": checksum(record)}


def mixture_of_record(record: Any, where: str = "the record") -> Mixture[Any]:
    """The inverse of `mixture_record`; errors begin with `where`."""
    _check_head(record, where)
    family = FAMILIES.get(record["family"])
    if family is None:
        raise ModelFileError(
            f"{where} holds the family {record['family']!r}; this mixtura ({__version__}) knows {', '.join(FAMILIES)}."
        )
    try:
        components = family.from_dict(record["components"])
        equal = record.get("equal_weights", False)
        noise = Noise.from_dict(record["noise"]) if "noise" in record else None
        checked = Mixture(record["weights"], components, record["names"], record["columns"], equal, noise)
        checked = checked.with_fixed(record.get("fixed"))
    except KeyError as error:
        raise ModelFileError(f"{where} lacks the entry {error.args[0]!r} of its components.") from None
    except (MixturaError, TypeError, ValueError) as error:
        raise ModelFileError(f"{where} holds no mixture: {error}") from None
    if "checksum" not in record:
        return checked
    weights = frozen(np.array(record["weights"], dtype=np.float64))
    return Mixture.trusted(weights, components, like=checked)


def checksum(record: Mapping[str, Any]) -> str:
    """SHA-256 of every entry but the checksum itself, in a layout of its own, so that white space does not matter."""
    rest = {key: value for key, value in record.items() if key != "checksum"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _read(path: Path, where: str) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        if not text.lstrip().startswith("{"):
            what = "holds something else" if text.strip() else "is empty"
            raise ModelFileError(f"{where} is not a mixtura model file: it {what}; expected JSON text mixtura wrote.")
        return json.loads(text)
    except FileNotFoundError:
        raise SourceError(f"there is no file {where}; check the path.") from None
    except IsADirectoryError:
        raise SourceError(f"{where} is a folder; name one model file.") from None
    except OSError as error:
        raise SourceError(f"{where} cannot be read: {error.strerror or error}.") from None
    except json.JSONDecodeError as error:
        raise ModelFileError(
            f"{where} is not a whole model file: line {error.lineno}, column {error.colno}: {error.msg}. "
            "It may have been cut off; save the model again."
        ) from None
    except (UnicodeDecodeError, RecursionError):
        raise ModelFileError(f"{where} is not a mixtura model file; expected JSON text that mixtura wrote.") from None


def _check_head(record: Any, where: str) -> None:
    """Refuse what is no model file, is of a newer version, lacks an entry or was altered."""
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ModelFileError(f'{where} is not a mixtura model file; expected "format": "{FORMAT}".')
    version = record.get("version")
    if not isinstance(version, int) or version < 1:
        raise ModelFileError(f"{where} has the version {version!r}; expected a whole number from 1 to {VERSION}.")
    if version > VERSION:
        raise ModelFileError(
            f"{where} was written by version {version} of the format (mixtura {record.get('mixtura', 'unknown')}); "
            f"this is mixtura {__version__}, which reads up to version {VERSION}. Update mixtura."
        )
    missing = [key for key in KEYS if key not in record]
    if missing:
        raise ModelFileError(f"{where} lacks the entry {', '.join(map(repr, missing))}; save the model again.")
    if "checksum" in record and record["checksum"] != checksum(record):
        raise ModelFileError(
            f"{where} was altered after it was written: its checksum does not fit. Save the model again; if you "
            'changed it on purpose, take out its "checksum" entry.'
        )
