"""Factor analysers: published numbers, brute force, laws of EM, wide data, and the number of factors by BIC."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize

import mixtura as mx
from mixtura import _core
from mixtura.algorithms.free_parameters import FreeParameters
from mixtura.errors import ParameterError, ShapeError, StructureError
from mixtura.families.factor_analysis import along_principal_axes, best_loadings, climbed, improve, turned_towards
from mixtura.linalg import lower_from_square_roots

# Covariances of six ability tests, 112 persons (Smith & Stanley 1983; R's data set `ability.cov`): general, picture,
# blocks, maze, reading, vocab.
ABILITY = """24.641 5.991 33.520 6.023 20.755 29.701 5.991 6.700 18.137 1.782 4.936 7.204 33.520 18.137 149.831 19.424
31.430 50.753 6.023 1.782 19.424 12.711 4.757 9.075 20.755 4.936 31.430 4.757 52.604 66.762 29.701 7.204 50.753 9.075
66.762 135.292"""


def correlations() -> np.ndarray:
    S = np.array(ABILITY.split(), dtype=float).reshape(6, 6)
    spread = np.sqrt(S.diagonal())
    return S / np.outer(spread, spread)


def objective(S: np.ndarray, loadings: np.ndarray, uniquenesses: np.ndarray) -> float:
    covariance = loadings @ loadings.T + np.diag(uniquenesses)
    return float(np.linalg.slogdet(covariance)[1] + np.trace(np.linalg.solve(covariance, S)))


def groups(n: int, d: int, q: int, k: int, apart: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a mixture of factor analysers, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    centres = rng.normal(size=(k, d)) * apart / np.sqrt(d)
    loadings, own = rng.normal(size=(k, d, q)), rng.uniform(0.4, 1.0, size=(k, d))
    factors = rng.normal(size=(n, q))
    X = centres[labels] + np.einsum("ndq,nq->nd", loadings[labels], factors) + own[labels] * rng.normal(size=(n, d))
    return X, labels


@pytest.mark.parametrize(
    ("q", "uniquenesses", "statistic"),
    [
        (1, [0.535, 0.853, 0.748, 0.910, 0.232, 0.280], 75.18),
        (2, [0.455, 0.589, 0.218, 0.769, 0.052, 0.334], 6.11),
    ],
)
def test_one_component_gives_the_published_factor_analysis(q, uniquenesses, statistic):
    """R's `factanal(covmat = ability.cov)`, its help page: uniquenesses, and the χ² statistic for q."""
    R = correlations()
    loadings, found = climbed(np.linalg.cholesky(R)[None], np.ones((1, 6)), q, np.full(6, 1e-8), rounds=300)
    np.testing.assert_allclose(found[0], uniquenesses, atol=6e-4)
    lack = objective(R, loadings[0], found[0]) - np.linalg.slogdet(R)[1] - 6
    assert (112 - 1 - (2 * 6 + 5) / 6 - 2 * q / 3) * lack == pytest.approx(statistic, abs=0.006)


def test_fit_agrees_with_a_general_optimiser(rows):
    """Iris, one component, one factor: SciPy's BFGS on the free parameters finds the same maximum."""
    X = rows("iris")
    found = mx.fit(X, 1, "FA1")
    S = np.cov(X.T, bias=True)

    def negative(theta: np.ndarray) -> float:
        value = objective(S, theta[:4, None], np.exp(theta[4:]))
        return 0.5 * len(X) * (value + 4 * np.log(2 * np.pi))

    best = minimize(negative, np.concatenate([np.sqrt(S.diagonal()) * [1, -0.4, 1, 1], np.log(0.3 * S.diagonal())]))
    assert found.log_likelihood >= -best.fun - 1e-6
    assert found.log_likelihood == pytest.approx(-best.fun, abs=1e-3)


def test_each_step_of_the_m_step_lowers_its_objective():
    rng = np.random.default_rng(3)
    root = rng.normal(size=(9, 40)) * rng.uniform(0.1, 10, size=(9, 1))
    S = root @ root.T
    floor, uniquenesses, before = np.full(9, 1e-9), S.diagonal()[None].copy(), np.inf
    for _ in range(40):
        loadings = best_loadings(root[None], uniquenesses, 3)
        middle = objective(S, loadings[0], uniquenesses[0])
        _, uniquenesses = climbed(root[None], uniquenesses, 3, floor, rounds=1)
        after = objective(S, loadings[0], uniquenesses[0])
        assert before + 1e-11 >= middle >= after - 1e-11
        before = after


def test_rotations_of_factors_change_no_density():
    rng = np.random.default_rng(5)
    loadings, own = rng.normal(size=(2, 7, 3)), rng.uniform(0.5, 2, size=(2, 7))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    for other in (turned_towards(loadings @ turn, loadings, own), along_principal_axes(loadings, own)):
        np.testing.assert_allclose(other @ np.swapaxes(other, 1, 2), loadings @ np.swapaxes(loadings, 1, 2), atol=1e-12)
    np.testing.assert_allclose(turned_towards(loadings @ turn, loadings, own), loadings, atol=1e-12)
    axes = along_principal_axes(loadings, own)
    strength = np.einsum("kif,kig->kfg", axes / own[:, :, None], axes)
    diagonal = np.einsum("kff->kf", strength)
    np.testing.assert_allclose(strength - diagonal[:, :, None] * np.eye(3), 0, atol=1e-11)
    assert np.all(np.diff(diagonal) <= 0)


def test_certificate_holds_in_every_iteration(engine):
    X, labels = groups(150, 8, 2, 2, 2.0, 4)
    theta = mx.Mixture.from_responsibilities(X, np.eye(2)[np.roll(labels, 30)], "FA2")
    values = [(it.log_likelihood, it.lower_bound) for it in mx.em(theta, X, max_iter=40, engine=engine)]
    for (low, bound), (high, _) in pairwise(values):
        assert low - 1e-9 <= bound <= high + 1e-9
    assert values[-1][0] > values[0][0] + 1


def test_engines_agree():
    X, _ = groups(120, 6, 2, 2, 4.0, 6)
    one, other = (mx.fit(X, 2, "FA2", n_starts=2, engine=engine) for engine in ("native", "reference"))
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-6)


def test_density_is_that_of_its_covariances():
    rng = np.random.default_rng(8)
    parts = rng.normal(size=(2, 5)), rng.normal(size=(2, 5, 2)), rng.uniform(0.1, 1, size=(2, 5))
    theta = mx.Mixture([0.4, 0.6], mx.FactorAnalyzers(*parts))
    covariances = parts[1] @ np.swapaxes(parts[1], 1, 2) + parts[2][:, :, None] * np.eye(5)
    plain = mx.Mixture([0.4, 0.6], mx.Gaussian(parts[0], covariances))
    X = rng.normal(size=(20, 5))
    np.testing.assert_allclose(theta.log_prob(X), plain.log_prob(X), rtol=1e-12)
    np.testing.assert_allclose(
        theta.marginal([3, 1]).log_prob(X[:, [3, 1]]), plain.marginal([3, 1]).log_prob(X[:, [3, 1]])
    )
    given = {0: 0.3, 4: -0.2}
    np.testing.assert_allclose(theta.condition(given).mean, plain.condition(given).mean, rtol=1e-10)
    assert theta.n_parameters == 1 + 2 * 5 + 2 * (5 * 2 - 1 + 5)
    many, _ = theta.take([0, 1]).sample(40_000, 1)
    np.testing.assert_allclose(np.cov(many.T), theta.covariance, atol=0.15)


def test_labels_do_not_depend_on_units():
    X, _ = groups(160, 7, 1, 2, 3.0, 9)
    units = 10.0 ** np.array([6, -6, 0, 3, -2, 1, -5])
    here, there = (mx.fit(rows, 2, "FA1", n_starts=4, improve=False) for rows in (X, X * units))
    assert mx.adjusted_rand(here.mixture.predict(X), there.mixture.predict(X * units)) == 1
    shift = len(X) * np.log(units).sum()
    assert there.log_likelihood + shift == pytest.approx(here.log_likelihood, abs=1e-6)


def test_more_factors_never_fit_worse_and_ledermanns_number_fits_as_well_as_full_covariances():
    """One factor of three columns has as many parameters as their covariance matrix; VVI, FA1, FA2, … are nested."""
    X, _ = groups(200, 3, 1, 2, 6.0, 2)
    assert mx.fit(X, 2, "FA1").log_likelihood == pytest.approx(mx.fit(X, 2, "VVV").log_likelihood, abs=1e-5)
    Y, _ = groups(200, 7, 2, 2, 6.0, 2)
    found = mx.fit(Y, 2, "VVI,FA1,FA2,FA3,VVV", improve=False)
    assert np.all(np.diff(found.table["log_likelihood"]) > 0)


def test_bic_finds_the_number_of_factors_and_of_groups():
    X, labels = groups(240, 12, 2, 2, 5.0, 11)
    found = mx.fit(X, [1, 2], "FA", n_starts=2, improve=False)
    assert found.mixture.structure == "FA2"
    assert found.mixture.n_components == 2
    assert mx.adjusted_rand(labels, found.mixture.predict(X)) > 0.98
    assert found.table["structure"][:6].tolist() == [f"FA{q}" for q in range(1, 7)]


def test_fewer_rows_than_columns():
    X, labels = groups(50, 80, 1, 2, 12.0, 12)
    found = mx.fit(X, 2, "FA1", n_starts=3)
    assert found.converged
    assert not found.chosen.trouble
    assert mx.adjusted_rand(labels, found.mixture.predict(X)) == 1
    assert found.mixture.components.loadings.shape == (2, 80, 1)


def test_a_column_that_the_factors_explain_is_named():
    """Too many factors: one column has nothing of its own left, which is said; the likelihood stays bounded."""
    rng = np.random.default_rng(0)
    loadings = rng.normal(size=(12, 3))
    X = rng.normal(size=(400, 3)) @ loadings.T + rng.normal(size=(400, 12)) * rng.uniform(0.3, 1.5, 12)
    found = mx.fit(X, 1, "FA4", columns=[f"c{j}" for j in range(12)])
    assert found.converged
    assert not found.chosen.trouble
    assert any("Heywood" in note and "'c1'" in note for note in found.warnings)


def test_a_component_on_a_line_has_collapsed():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 4))
    X[40:] = X[40:41] + np.outer(np.arange(20), [1.0, 0.5, -0.25, 2.0])
    with pytest.warns(mx.errors.DegenerateWarning, match="collapsed"):
        found = mx.fit(X, 2, "FA1", start=np.repeat([0, 1], [40, 20]))
    assert "collapsed" in found.chosen.trouble


@pytest.mark.parametrize(("n", "k", "structure"), [(5, 1, "FA6"), (4, 2, "FA3")])
def test_fewer_rows_than_factors_have_collapsed(n, k, structure):
    with pytest.warns(mx.errors.DegenerateWarning, match="collapsed"):
        found = mx.fit(np.random.default_rng(0).normal(size=(n, 20)), k, structure)
    assert np.isfinite(found.log_likelihood)


def test_it_learns_from_a_stream_and_is_pickled():
    X, _ = groups(4000, 6, 1, 2, 5.0, 14)
    start = mx.fit(X[:300], 2, "FA1", n_starts=2).mixture
    *_, last = mx.online_em(start, X)
    assert last.mixture.structure == "FA1"
    assert last.mixture.log_likelihood(X) > start.log_likelihood(X)
    assert pickle.loads(pickle.dumps(last.mixture)) == last.mixture


@pytest.mark.parametrize("regularization", ["penalty", "map"])
def test_a_prior_serves(regularization):
    X, labels = groups(100, 6, 1, 2, 6.0, 13)
    found = mx.fit(X, 2, "FA1", regularization=regularization, n_starts=3)
    assert found.converged
    assert found.log_likelihood <= mx.fit(X, 2, "FA1", n_starts=3).log_likelihood
    assert mx.adjusted_rand(labels, found.mixture.predict(X)) > 0.9


def test_file_keeps_every_bit(tmp_path):
    rng = np.random.default_rng(2)
    parts = rng.normal(size=(2, 5)), rng.normal(size=(2, 5, 2)), rng.uniform(0.1, 1, size=(2, 5))
    theta = mx.Mixture([0.4, 0.6], mx.FactorAnalyzers(*parts))
    theta.save(tmp_path / "m.json")
    read = mx.load(tmp_path / "m.json")
    assert read == theta
    assert np.array_equal(read.components.loadings, parts[1])
    assert np.array_equal(read.components.uniquenesses, parts[2])
    assert repr(read.components) == "FactorAnalyzers(n_components=2, n_features=5, structure='FA2')"


def test_what_makes_no_sense_is_refused():
    one, two = np.zeros((1, 5)), np.zeros((1, 2))
    with pytest.raises(StructureError, match=r"FA3.*5 columns.*FA1 to FA2"):
        mx.FactorAnalyzers(one, np.ones((1, 5, 3)), np.ones((1, 5)))
    with pytest.raises(StructureError, match=r"FA1.*2 columns.*VVV"):
        mx.FactorAnalyzers(two, np.ones((1, 2, 1)), np.ones((1, 2)))
    with pytest.raises(ShapeError, match="loadings"):
        mx.FactorAnalyzers(one, np.ones((5, 2)), np.ones((1, 5)))
    with pytest.raises(ShapeError, match="uniquenesses"):
        mx.FactorAnalyzers(one, np.ones((1, 5, 2)), np.ones(5))
    with pytest.raises(ParameterError, match=r"uniquenesses\[0, 1\] is 0"):
        mx.FactorAnalyzers(one, np.ones((1, 5, 2)), [[1, 0, 1, 1, 1]])
    with pytest.raises(StructureError, match="FactorAnalyzers"):
        mx.Gaussian(one, [np.eye(5)], structure="FA1")
    X, _ = groups(60, 5, 1, 2, 8.0, 1)
    found = mx.fit(X, 2, "FA1", n_starts=2)
    with pytest.raises(ParameterError, match="FA1"):
        mx.explain(found.mixture, X)
    with pytest.raises(StructureError, match="FA1"):
        mx.fit_many([X, X], 2, "FA1")
    with pytest.raises(StructureError, match="ratio"):
        mx.fit(X, 2, "FA1", regularization="ratio")


def test_compiled_m_step_is_the_one_in_numpy():
    """Both climb the same objective: no step rises, and the core ends where exact eigenvectors do."""
    rng = np.random.default_rng(7)
    roots = rng.normal(size=(2, 12, 40)) * rng.uniform(0.1, 10, size=(2, 12, 1)) / np.sqrt(40)
    roots[:, :, :3] += 2 * rng.normal(size=(2, 12, 3))
    S, floor = roots @ np.swapaxes(roots, 1, 2), np.full(12, 1e-9)
    start = climbed(roots, np.einsum("kii->ki", S), 3, floor)
    loadings, own = start
    for _ in range(200):
        better = improve(roots, loadings, own, floor)
        for k in range(2):
            assert objective(S[k], better[0][k], better[1][k]) <= objective(S[k], loadings[k], own[k]) + 1e-11
        loadings, own = better
    _, exact = climbed(roots, start[1], 3, floor, rounds=400)
    np.testing.assert_allclose(own, exact, rtol=1e-5)


def test_graded_components_and_missing_factors_are_left_to_numpy():
    rng = np.random.default_rng(9)
    roots, floor = rng.normal(size=(3, 8, 8)), np.full(8, 1e-12)
    loadings, own = climbed(roots, np.ones((3, 8)), 2, floor)
    own[1, 4] = 1e-14
    loadings[2, :, 1] = 0
    _, _, served = _core.factor_step(roots, loadings, own, floor, 2)
    assert served.tolist() == [True, False, False]
    np.testing.assert_array_equal(improve(roots, loadings, own, floor)[1][1:], climbed(roots, own, 2, floor)[1][1:])


def test_factor_of_loadings_and_uniquenesses():
    rng = np.random.default_rng(4)
    loadings, own = rng.normal(size=(2, 9, 4)), 10.0 ** rng.uniform(-12, 3, size=(2, 9))
    L = _core.factor_sum(loadings, own)
    expected = np.concatenate([loadings, np.sqrt(own)[:, :, None] * np.eye(9)], axis=2)
    np.testing.assert_allclose(L, lower_from_square_roots(expected), rtol=1e-7, atol=1e-13)
    assert np.all(np.triu(L, 1) == 0)


def test_one_component_agrees_with_scikit_learn():
    """Log-likelihood, and ΛΛᵀ, which no rotation changes, of `FactorAnalysis` (another algorithm) at its tightest."""
    decomposition = pytest.importorskip("sklearn.decomposition")
    X, _ = groups(300, 9, 2, 1, 0.0, 3)
    peer = decomposition.FactorAnalysis(2, tol=1e-12, max_iter=20_000, svd_method="lapack").fit(X)
    found = mx.fit(X, 1, "FA2", tol=1e-12)
    assert found.log_likelihood == pytest.approx(peer.score(X) * len(X), abs=1e-5)
    loadings = found.mixture.components.loadings[0]
    np.testing.assert_allclose(loadings @ loadings.T, peer.components_.T @ peer.components_, atol=2e-4)
    np.testing.assert_allclose(found.mixture.components.uniquenesses[0], peer.noise_variance_, rtol=2e-4)


def test_an_extrapolation_that_leaves_all_rows_to_the_noise_is_none():
    theta = mx.Mixture([0.3, 0.6], mx.Gaussian(np.eye(2), [np.eye(2)] * 2), noise=mx.Noise(0.1, 2.0))
    free = FreeParameters(np.ones(2), np.full(2, 1e-9))
    phi = free.pack(theta)
    assert phi is not None
    assert free.unpack(phi, theta).noise.weight == pytest.approx(0.1, rel=1e-14)
    phi[-1] += 60
    assert free.unpack(phi, theta) is None
