"""Large searches over many rows: a first look at few rows, and a second one at contenders."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura import search


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(8)
    means = 1.6 * rng.normal(size=(6, 3))
    factors = np.tril(0.4 * rng.normal(size=(6, 3, 3))) + np.eye(3)
    return np.concatenate([means[k] + rng.normal(size=(1200, 3)) @ factors[k].T for k in range(6)])


def test_the_first_look_changes_no_choice_and_contenders_lose_nothing(rows, monkeypatch):
    sizes = []
    sample = search.Search._sample

    def noted(self, n_components):
        found = sample(self, n_components)
        sizes.append(found[0].source.n_samples)
        return found

    monkeypatch.setattr(search.Search, "_sample", noted)
    quick = mx.fit(rows, range(3, 8), ["VVV", "EEE", "VVI"])
    assert {1500, 5000} <= set(sizes)
    monkeypatch.setattr(search, "FIRST_ROWS", search.SAMPLE_ROWS)
    thorough = mx.fit(rows, range(3, 8), ["VVV", "EEE", "VVI"])
    assert (quick.mixture.structure, quick.mixture.n_components) == (
        thorough.mixture.structure,
        thorough.mixture.n_components,
    )
    assert quick.bic <= thorough.bic + 0.1
    few = mx.fit(rows, [5, 6], "VVV")  # no large search: starts on the large sample alone
    assert few.starts.n_rows == 5000


def test_rows_with_gaps_and_labels_are_chosen_for_as_without_a_first_look(monkeypatch):
    rng = np.random.default_rng(2)
    X = np.concatenate(
        [rng.normal(size=(80, 2)), rng.normal(size=(60, 2)) * [2, 0.5] + 4, rng.normal(size=(40, 2)) - 5]
    )
    X[rng.random(X.shape) < 0.08] = np.nan
    y = np.where(np.arange(180) % 9 == 0, np.repeat([0, 1, 2], [80, 60, 40]), -1)
    for known in (None, y):
        quick = mx.fit(X, range(2, 5), ["EEE", "VVI", "VVV"], y=known)
        with monkeypatch.context() as patch:
            patch.setattr(search, "FEW_CANDIDATES", 99)
            thorough = mx.fit(X, range(2, 5), ["EEE", "VVI", "VVV"], y=known)
        assert quick.mixture.structure == thorough.mixture.structure
        assert quick.bic == pytest.approx(thorough.bic, abs=1e-4)
