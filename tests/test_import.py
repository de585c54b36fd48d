"""`import mixtura` is light: it loads NumPy and nothing heavier; the rest comes when it is touched."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mixtura as mx

HEAVY = ("scipy", "pyarrow", "narwhals", "rich", "click", "pandas", "polars", "matplotlib", "sklearn", "onnx", "dask")


def loaded_by(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after running code."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_mixtura_loads_nothing_heavy():
    assert not loaded_by("import mixtura") & set(HEAVY)


def test_touching_public_names_loads_nothing_heavy():
    assert not loaded_by("from mixtura import *") & set(HEAVY)


def test_describing_and_evaluating_a_mixture_needs_numpy_alone():
    code = """
import mixtura as mx
theta = mx.Mixture([0.5, 0.5], mx.Gaussian([[0, 0], [3, 3]], [[[1, 0.5], [0.5, 1]]] * 2))
X = theta.sample(50, 0)[0]
theta.log_prob(X), theta.predict(X), theta.bic(X), theta.marginal([0])
next(mx.em(theta, X))
"""
    assert not loaded_by(code) & set(HEAVY)


def test_estimators_say_what_to_install():
    code = "import sys; sys.modules['sklearn'] = None; import mixtura; mixtura.BayesianGaussianMixture"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError: mixtura's estimators need scikit-learn 1.9 or newer: pip install" in found.stderr


def test_estimators_load_what_scikit_learn_loads_and_no_more():
    theirs = loaded_by("import sklearn.mixture")
    assert loaded_by("from mixtura import GaussianMixture") - theirs == {"mixtura"}


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'Gausian'"):
        _ = mx.Gausian


def test_every_public_name_is_there_and_documented():
    for name in mx.__all__:
        assert getattr(mx, name).__doc__
    assert mx.__version__.count(".") >= 2
