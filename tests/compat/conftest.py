"""Makes `runner.py` importable beside the tests, as `compat_runner`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

_spec = importlib.util.spec_from_file_location("compat_runner", Path(__file__).with_name("runner.py"))
sys.modules["compat_runner"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sys.modules["compat_runner"])


@pytest.fixture(params=[np.float64, np.float32], ids=["float64", "float32"])
def global_dtype(request: pytest.FixtureRequest) -> type:
    """scikit-learn's fixture of the same name: both kinds of numbers."""
    return request.param


@pytest.fixture
def global_random_seed() -> int:
    """scikit-learn's fixture of the same name."""
    return 42
