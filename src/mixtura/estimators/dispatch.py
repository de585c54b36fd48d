"""scikit-learn's array API dispatch: rows of another library in, answers and fitted arrays of that library out.

The work between is done in main memory by the compiled core, whatever the library; `mixtura.fit` stays on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from sklearn import config_context, get_config

from mixtura.sources.device import host, is_other_array, like

F = TypeVar("F", bound=Callable[..., Any])


def in_main_memory(value: Any) -> Any:
    """An array of another library as NumPy's; anything else as it is."""
    return host(value) if is_other_array(value) else value


def moved(value: Any, there: Any) -> Any:
    """NumPy arrays, also in a tuple, as arrays of the library and device of `there`; anything else as it is."""
    if isinstance(value, tuple):
        return tuple(moved(part, there) for part in value)
    return like(there, value) if isinstance(value, np.ndarray) else value


def by_dispatch(method: F) -> F:
    """Let a method that takes rows first, or none, see NumPy arrays only, where dispatch is switched on."""

    @wraps(method)
    def call(self: Any, *args: Any, **options: Any) -> Any:
        given = (*args[:1], options.get("X"), getattr(self, "means_", None))
        rows = next((array for array in given if is_other_array(array)), None)
        if rows is None or not get_config()["array_api_dispatch"]:
            return method(self, *args, **options)
        hosted = {name: in_main_memory(value) for name, value in options.items()}
        with config_context(array_api_dispatch=False), _attributes_in_main_memory(self, rows):
            result = method(self, *map(in_main_memory, args), **hosted)
        return result if result is self else moved(result, rows)

    return call  # type: ignore[return-value]


@contextmanager
def _attributes_in_main_memory(estimator: Any, there: Any) -> Iterator[None]:
    """NumPy's attributes for a while; fitted arrays that are new then go where the rows lie."""
    before = dict(vars(estimator))
    replaced = {name: host(value) for name, value in before.items() if is_other_array(value)}
    vars(estimator).update(replaced)
    try:
        yield
    finally:
        for name, value in vars(estimator).items():
            if name in replaced and value is replaced[name]:
                setattr(estimator, name, before[name])
            elif name.endswith("_") and isinstance(value, np.ndarray) and value is not before.get(name):
                setattr(estimator, name, like(there, value))
