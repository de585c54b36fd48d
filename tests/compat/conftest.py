"""Makes `runner.py` importable beside the tests, as `compat_runner`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("compat_runner", Path(__file__).with_name("runner.py"))
sys.modules["compat_runner"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sys.modules["compat_runner"])
