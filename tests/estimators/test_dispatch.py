"""Arrays of other libraries in scikit-learn's classes: in a process where SciPy's own support is switched on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
pytest.importorskip("array_api_strict")
ROOT = Path(__file__).parents[2]

CODE = """
import array_api_strict as xp, numpy as np, sklearn, mixtura as mx
rng = np.random.default_rng(0)
X = np.concatenate([rng.normal(size=(60, 2)), rng.normal(size=(40, 2)) + 5])
there = xp.asarray(X)
is_other = lambda array: type(array).__module__.startswith("array_api_strict")
for make in (mx.GaussianMixture, mx.BayesianGaussianMixture):
    for init in ("kmeans", "random_from_data"):
        here = make(n_components=2, init_params=init, random_state=0).fit(X)
        with sklearn.config_context(array_api_dispatch=True):
            other = make(n_components=2, init_params=init, random_state=0)
            labels = other.fit_predict(there, sample_weight=xp.ones(100))
            assert other.fit(there) is other
            resp, drawn = other.predict_proba(there), other.sample(5)
            assert all(map(is_other, (labels, resp, *drawn, other.means_, other.covariances_, other.weights_)))
            foreign = here.predict(there)  # fitted to NumPy's arrays, and left as it is
            assert is_other(foreign) and isinstance(here.means_, np.ndarray)
            assert isinstance(other.score(there), float)
        np.testing.assert_allclose(np.asarray(other.means_), here.means_, rtol=1e-12)
        np.testing.assert_allclose(np.asarray(resp), here.predict_proba(X), atol=1e-12)
        np.testing.assert_array_equal(np.asarray(labels), here.predict(X))
        assert isinstance(here.predict(X), np.ndarray)
with sklearn.config_context(array_api_dispatch=True):
    own = mx.GaussianMixture(2, means_init=xp.asarray([[0.0, 0.0], [5.0, 5.0]]), covariance_type="VEV").fit(there)
    assert is_other(own.means_init) and is_other(own.uncertainty(there)) and isinstance(own.icl(there), float)
assert own.mixture_.n_components == 2 and "VEV" in own.summary()
mx.GaussianMixture(2, preset="mixtura").fit(there)
print("as it should be")
"""


def run(*words: object) -> str:
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *map(str, words)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def test_scikit_learns_own_tests_of_its_dispatch_pass() -> None:
    tests = "tests/compat/test_gaussian_mixture.py"
    printed = run("-m", "pytest", "-q", "-p", "no:cacheprovider", tests, "-k", "array_api_compliance")
    passed = re.search(r"(\d+) passed", printed)
    assert passed is not None, printed
    assert int(passed[1]) >= 32  # NumPy and array-api-strict; torch where it is there


def test_answers_and_fitted_arrays_are_of_the_rows_library() -> None:
    assert run("-c", CODE).endswith("as it should be\n")
