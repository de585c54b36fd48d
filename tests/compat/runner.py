"""scikit-learn's own tests of a mixture class, taken from the installed package and run with mixtura's class put in."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest


def borrowed(module: str, replaced: Mapping[str, Any], private: Mapping[str, str]) -> dict[str, Callable[..., None]]:
    """The module's test functions, with names replaced; those in `private` (name: reason) are skipped.

    A fresh copy of the module is loaded, so that nothing else sees the replacement. Every name in `private` must exist.
    """
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    for name, value in replaced.items():
        assert hasattr(copy, name), name
        setattr(copy, name, value)
    tests = {name: test for name, test in vars(copy).items() if name.startswith("test_")}
    for test in tests.values():  # pytest wants a list where scikit-learn has an iterator
        for i, mark in enumerate(marks := getattr(test, "pytestmark", [])):
            if mark.name == "parametrize" and not isinstance(mark.args[1], Collection):
                marks[i] = pytest.mark.parametrize(mark.args[0], list(mark.args[1]), **mark.kwargs).mark
    assert set(private) <= set(tests)
    own = pytest.mark.filterwarnings("default")  # as scikit-learn runs them
    return {
        name: pytest.mark.skip(reason=private[name])(test) if name in private else own(test)
        for name, test in tests.items()
    }
