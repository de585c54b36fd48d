"""Which engine evaluates a block: the compiled one where it serves, NumPy's reference for everything else."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from mixtura.errors import ParameterError
from mixtura.families.base import Family
from mixtura.sweep import native

ENGINES = ("native", "reference")


def resolve_engine(engine: str | None) -> str | None:
    """The engine asked for, else MIXTURA_ENGINE, else None: the fastest that serves."""
    asked = engine or os.environ.get("MIXTURA_ENGINE") or None
    if asked is not None and asked not in ENGINES:
        raise ParameterError(f"engine is {asked!r}; expected 'native', 'reference' or None.")
    return asked


def use_native(engine: str | None, components: Iterable[Family], dtype: np.dtype[Any]) -> bool:
    """Whether the compiled engine takes these components over rows of this kind."""
    serves = all(native.serves(c, dtype) for c in components)
    if engine == "native" and not serves:
        raise ParameterError("engine='native' does not know this family or kind of number; use engine=None.")
    return serves and engine != "reference"
