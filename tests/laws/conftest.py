"""The conformance table: every structure and engine goes through every law of this folder.

Structures come from the library's own table, so a new one is tested as soon as it is listed there.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from mixtura.families.covariance import STRUCTURES

_spec = importlib.util.spec_from_file_location("law_problems", Path(__file__).with_name("problems.py"))
sys.modules["law_problems"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sys.modules["law_problems"])


@pytest.fixture(scope="session", params=list(STRUCTURES))
def structure(request) -> str:
    """Each covariance structure."""
    return request.param
