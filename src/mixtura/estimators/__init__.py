"""scikit-learn's face of mixtures: thin classes over the core. Needs `pip install mixtura[sklearn]`."""

from __future__ import annotations

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError("mixtura's estimators need scikit-learn 1.9 or newer: pip install 'mixtura[sklearn]'") from error

__all__: list[str] = []
