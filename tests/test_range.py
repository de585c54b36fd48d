"""Units of columns: within sixty powers of ten they change nothing, beyond them an error names the column."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura.errors import DataError

rng = np.random.default_rng(0)
Z = np.r_[rng.normal(size=(60, 3)), rng.normal(size=(60, 3)) + 6]
LABELS = np.repeat([0, 1], 60)


@pytest.mark.parametrize("structure", ["VVV", "VVI", "EEE", "VEE", "FA1"])
@pytest.mark.parametrize("unit", [1e58, 1e-58])
def test_a_column_in_an_extreme_unit_changes_the_log_likelihood_by_its_logarithm(structure: str, unit: float) -> None:
    here, there = (mx.fit(X, 2, structure, n_starts=4, improve=False) for X in (Z, Z * [unit, 1, 1]))
    assert there.log_likelihood + len(Z) * np.log(unit) == pytest.approx(here.log_likelihood, abs=1e-6)


@pytest.mark.parametrize("structure", ["EVE", "VVE"])
def test_common_axes_bear_extreme_units(structure: str) -> None:
    """Axes of a common orientation lie along columns where units differ much: the same optimum for all such units."""
    one, other = (mx.fit(Z * [unit, 1, 1], 2, structure, n_starts=4, improve=False) for unit in (1e12, 1e58))
    assert other.log_likelihood + len(Z) * np.log(1e46) == pytest.approx(one.log_likelihood, abs=1e-6)


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ([1e100, 1e-100, 1e-100], r"column 0 spans 1.*e\+101 and column [12] only .*e-(99|100).*unit of its own size"),
        ([1, 1e-300, 1e-300], r"column 0 spans .* and column [12] only .*e-(299|300)"),
        ([1e160, 1, 1], r"column 0 spans .*e\+161 and column [12] only"),
        ([1e-310, 1e-310, 1e-310], r"column \d differ by .*e-309 at most.*Multiply all columns"),
    ],
)
@pytest.mark.parametrize("structure", ["VVV", "VVI", "VII"])
def test_columns_of_units_that_float64_does_not_hold_together_are_named(
    structure: str, units: list[float], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        mx.fit(Z * units, 2, structure)


def test_rows_that_lie_too_far_off_are_refused_with_their_column() -> None:
    X = Z.copy()
    X[0, 1] = 1e300
    with pytest.raises(DataError, match=r"column 1 spans 1e\+300.*rows that are wrong"):
        mx.fit(X, 2, "VVI")
    X[:2, 1] = 1e308, -1.7e308
    with pytest.raises(DataError, match=r"column 1 spans -1.7e\+308 to 1e\+308, more than float64 can subtract"):
        mx.fit(X, 2, "VVI")


def test_variances_that_float64_does_not_hold_are_an_error_of_factor_analysers_alone() -> None:
    assert mx.adjusted_rand(mx.fit(Z * 1e290, 2, "VVV", n_starts=2).mixture.predict(Z * 1e290), LABELS) == 1
    with pytest.raises(DataError, match="variances of each column"):
        mx.fit(Z * 1e290, 2, "FA1", n_starts=2)
