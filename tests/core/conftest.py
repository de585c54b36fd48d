"""The NumPy twin as a fixture-free module, and each instruction set that this machine has."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from mixtura import _core

_spec = importlib.util.spec_from_file_location("core_twin", Path(__file__).with_name("twin.py"))
sys.modules["core_twin"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sys.modules["core_twin"])


@pytest.fixture(params=_core.instruction_sets())
def engine(request, monkeypatch):
    monkeypatch.setenv("MIXTURA_INSTRUCTION_SET", request.param)
    assert _core.instruction_set() == request.param
    return request.param
