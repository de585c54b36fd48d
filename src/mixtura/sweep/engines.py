"""Which engine evaluates rows in main memory: the compiled one where it serves, NumPy's reference for all else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from mixtura.errors import ParameterError
from mixtura.families.base import Family
from mixtura.sweep import native


def use_native(engine: str | None, components: Iterable[Family], dtype: np.dtype[Any]) -> bool:
    """Whether the compiled engine takes these components over rows of this kind."""
    serves = all(native.serves(c, dtype) for c in components)
    if engine == "native" and not serves:
        raise ParameterError("engine='native' does not know this family or kind of number; use engine=None.")
    return serves and engine != "reference"
