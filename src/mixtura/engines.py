"""The engines by name: "native" is compiled, "reference" is NumPy, "standard" any library of the array API standard."""

from __future__ import annotations

import os

from mixtura.errors import ParameterError

ENGINES = ("native", "reference", "standard")


def resolve_engine(engine: str | None) -> str | None:
    """The engine asked for, else MIXTURA_ENGINE, else None: the fastest that serves."""
    asked = engine or os.environ.get("MIXTURA_ENGINE") or None
    if asked is not None and asked not in ENGINES:
        raise ParameterError(f"engine is {asked!r}; expected 'native', 'reference', 'standard' or None.")
    return asked
