"""`MixtureImputer`: scikit-learn's checks, conditional means, and draws that keep the spread."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from mixtura import GaussianMixture, MixtureImputer


# The checks have fewer rows than columns.
@pytest.mark.filterwarnings("ignore::mixtura.errors.DegenerateWarning")
@parametrize_with_checks([MixtureImputer(structure="EEE", n_components=1)])
def test_scikit_learn_checks(estimator, check) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def gappy() -> tuple[np.ndarray, np.ndarray]:
    """Two groups in three columns, and the same with a fifth of the cells missing at random."""
    rng = np.random.default_rng(4)
    factor = np.array([[1.0, 0, 0], [0.8, 0.5, 0], [-0.5, 0.3, 0.6]])
    whole = np.concatenate([rng.normal(size=(400, 3)) @ factor.T, 5 + rng.normal(size=(300, 3)) @ factor])
    holes = rng.random(whole.shape) < 0.2
    holes[holes.all(axis=1)] = False
    return whole, np.where(holes, np.nan, whole)


def test_known_cells_stay_and_gaps_are_conditional_means(gappy) -> None:
    whole, rows = gappy
    imputer = MixtureImputer(n_components=2, structure="VVV").fit(rows)
    filled = imputer.transform(rows)
    known = ~np.isnan(rows)
    np.testing.assert_array_equal(filled[known], rows[known])
    np.testing.assert_allclose(filled, imputer.mixture_.impute(rows), rtol=1e-12)
    column_means = np.where(known, rows, np.nanmean(rows, axis=0))
    error, plain = (np.sqrt(np.mean((x - whole)[~known] ** 2)) for x in (filled, column_means))
    assert error < 0.4 * plain


def test_draws_keep_the_spread_and_follow_their_seed(gappy) -> None:
    whole, rows = gappy
    imputer = MixtureImputer(method="draw", n_components=2, structure="VVV", random_state=0).fit(rows)
    first, second = imputer.transform(rows), imputer.transform(rows)
    np.testing.assert_array_equal(first, second)
    missing = np.isnan(rows)
    for j in range(3):
        gap = missing[:, j]
        assert first[gap, j].std() == pytest.approx(whole[gap, j].std(), rel=0.15)


def test_it_stands_in_a_pipeline(gappy) -> None:
    pipe = make_pipeline(MixtureImputer(n_components=2, structure="VVV"), StandardScaler(), GaussianMixture(2))
    assert pipe.fit(gappy[1]).predict(gappy[1]).shape == (700,)
    named = MixtureImputer(n_components=1, structure="EEE").set_output(transform="pandas").fit(gappy[1])
    assert list(named.transform(gappy[1]).columns) == ["x0", "x1", "x2"]


def test_bad_options_are_named(gappy) -> None:
    with pytest.raises(ValueError, match="'method' parameter"):
        MixtureImputer(method="median").fit(gappy[1])
    with pytest.raises(ValueError, match="infinity"):
        MixtureImputer().fit(np.where(np.isnan(gappy[1]), np.inf, gappy[1]))
