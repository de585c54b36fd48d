"""Data on which other software is silently wrong (Unix time, integers, offsets, …): here right, or it is said."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import mixtura as mx
from mixtura.errors import DataError, DegenerateWarning

RNG = np.random.default_rng(0)
LABELS = RNG.integers(3, size=600)
CENTRES = np.array([[0.0, 0.0], [7.0, 1.0], [2.0, 8.0]])
PLAIN = CENTRES[LABELS] + RNG.normal(size=(600, 2))

SETS = {
    "plain": PLAIN,
    "offset of 1e8": PLAIN + 1e8,
    "scale of 1e-12": PLAIN * 1e-12,
    "scale of 1e200": PLAIN * 1e200,
    "scale of 1e-200": PLAIN * 1e-200,
    "Unix time": np.column_stack([PLAIN[:, 0], 1.7e9 + PLAIN[:, 1]]),
    "integers": np.round(PLAIN * 100).astype(np.int64),
    "half precision": PLAIN.astype(np.float16),
    "single precision with an offset": (PLAIN + 4096).astype(np.float32),
    "groups 1e7 spreads apart": np.array([[0, 0], [1e7, 0], [0, 1e7]])[LABELS] + RNG.normal(size=(600, 2)),
}
UNITS_APART = PLAIN * [1e-9, 1e9]


def disagreement(found: np.ndarray, truth: np.ndarray) -> float:
    """The share of rows outside the commonest true label of their group."""
    return 1 - sum(np.bincount(truth[found == k]).max() for k in np.unique(found)) / len(truth)


@pytest.mark.parametrize("structure", ["VVV", "EEE", "VVI", "EEI", "VII", "EII"])
@pytest.mark.parametrize("name", SETS)
def test_three_plain_groups_are_found_whatever_the_numbers_look_like(name: str, structure: str) -> None:
    fit = mx.fit(SETS[name], n_components=3, structure=structure)
    assert fit.converged
    assert not fit.warnings
    assert fit.mixture.n_components == len(np.unique(fit.mixture.predict(SETS[name])))
    assert disagreement(fit.mixture.predict(SETS[name]), LABELS) <= 0.01


@pytest.mark.parametrize("structure", ["VVV", "EEE", "VVI", "EEI"])
def test_columns_of_very_different_units_do_not_matter_where_the_structure_allows_it(structure: str) -> None:
    assert disagreement(mx.fit(UNITS_APART, 3, structure).mixture.predict(UNITS_APART), LABELS) <= 0.01


@pytest.mark.parametrize("structure", ["VVV", "VVI", "VII"])
def test_a_far_outlier_is_shared_by_a_sound_component_or_said_to_have_collapsed(structure: str) -> None:
    X = np.vstack([PLAIN[:-1], [[1e6, 1e6]]])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = mx.fit(X, n_components=3, structure=structure)
    alone = np.flatnonzero(np.bincount(fit.mixture.predict(X), minlength=3) == 1)
    assert bool(len(alone)) == bool(caught)
    for warning in caught:
        assert issubclass(warning.category, DegenerateWarning)
        assert f"component {alone[0]}" in str(warning.message)
        assert "(rows 599)" in str(warning.message)


def test_collinear_columns_are_named_and_diagonal_structures_still_serve() -> None:
    X = np.column_stack([PLAIN, PLAIN.sum(axis=1)])
    with pytest.raises(DataError, match=r"column 2 = 1·column 0 \+ 1·column 1"):
        mx.fit(X, n_components=2, structure="EEE")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mx.fit(X, n_components=3, structure="VVI").converged


@pytest.mark.parametrize("structure", ["VVV", "VVI"])
def test_fewer_rows_than_columns_is_said_to_collapse(structure: str) -> None:
    with pytest.warns(DegenerateWarning):
        mx.fit(RNG.normal(size=(5, 10)), n_components=2, structure=structure)


def test_a_point_mass_beside_a_gaussian_is_no_reason_to_fail() -> None:
    X = np.vstack([np.zeros((100, 2)), PLAIN])
    fit = mx.fit(X, n_components=3, structure="EEE")
    assert fit.converged
    assert np.isfinite(fit.log_likelihood)


def test_rows_repeated_many_times_give_the_fit_of_rows_with_weights() -> None:
    few = PLAIN[:40]
    many = mx.fit(np.repeat(few, 30, axis=0), n_components=2, structure="EEE")
    weighted = mx.fit(few, n_components=2, structure="EEE", sample_weight=np.full(40, 30.0))
    assert many.log_likelihood == pytest.approx(weighted.log_likelihood, rel=1e-9)
    assert many.bic == pytest.approx(weighted.bic, rel=1e-9)
