"""Uniform noise beside the components: the same laws as without it, for every structure and both engines."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import mixtura as mx
from mixtura.algorithms.denoising import looks_like_noise
from mixtura.errors import DataError, ParameterError
from mixtura.families.covariance import STRUCTURES
from mixtura.noise import smallest_box
from mixtura.sources import as_source

# Old Faithful and 100 rows of uniform noise: the example of mclust's help page, set.seed(0), with its first guess.
TABLE = np.loadtxt(Path(__file__).parent / "data" / "faithful_noise.csv", delimiter=",", skiprows=1)
X, GUESS = TABLE[:, :2], TABLE[:, 2] == 1
IN_PLANE = [name for name in STRUCTURES if name not in ("E", "V")]


def brute_force(theta: mx.Mixture, rows: np.ndarray) -> np.ndarray:
    """π_k p(x | k), and π₀ / V in the last column."""
    c = theta.components
    parts = [
        w * multivariate_normal(m, s).pdf(rows)
        for w, m, s in zip(theta.weights, c.means, c.covariance_matrices, strict=True)
    ]
    return np.column_stack([*parts, np.full(len(rows), theta.noise.weight / theta.noise.volume)])


def start(structure: str) -> mx.Mixture:
    rng = np.random.default_rng(1)
    theta = mx.Mixture.from_responsibilities(X, rng.dirichlet(np.ones(3), len(X)), structure)
    return theta.with_noise(mx.Noise(0.3, math.log(190.0)))


def test_mclust_example_is_reached() -> None:
    """published.md: VVE,2 + noise, log-likelihood −1746.03310, 12 parameters, volume 191.88694, sizes 104/180/88."""
    fit = mx.fit(X, 2, "VVE", noise=GUESS)
    assert fit.mixture.noise is not None
    assert fit.mixture.noise.volume == pytest.approx(191.88694, abs=1e-5)
    assert fit.mixture.n_parameters == 12
    assert -1746.03310 <= fit.log_likelihood < -1745.9
    assert fit.certainty.noise == 104
    assert fit.certainty.sizes.tolist() == [180, 88]
    assert "Noise: 35.9%" in fit.summary()


def test_default_finds_the_noise_without_a_guess() -> None:
    given, found = mx.fit(X, 2, "VVE", noise=GUESS), mx.fit(X, 2, "VVE", noise=True)
    assert found.log_likelihood == pytest.approx(given.log_likelihood, abs=1e-6)


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_answers_are_those_of_the_density(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXTURA_ENGINE", engine)
    theta = start("VVV")
    joint = brute_force(theta, X)
    resp = joint / joint.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(theta.log_prob(X), np.log(joint.sum(axis=1)), rtol=1e-12)
    np.testing.assert_allclose(theta.responsibilities(X), resp, rtol=1e-10, atol=1e-300)
    np.testing.assert_allclose(theta.component_log_prob(X)[:, -1], -theta.noise.log_volume, rtol=1e-15)
    labels = resp.argmax(axis=1)
    np.testing.assert_array_equal(theta.predict(X), np.where(labels == 3, -1, labels))
    np.testing.assert_allclose(theta.uncertainty(X), 1 - resp.max(axis=1), atol=1e-12)
    assert theta.lower_bound(X, resp) == pytest.approx(theta.log_likelihood(X), rel=1e-12)


@pytest.mark.parametrize("structure", IN_PLANE)
def test_certificate_holds_and_engines_agree(structure: str) -> None:
    theta = start(structure)
    steps = list(mx.em(theta, X, max_iter=12, engine="native"))
    twins = list(mx.em(theta, X, max_iter=12, engine="reference"))
    for step, following in pairwise(steps):
        assert step.log_likelihood <= step.lower_bound + 1e-9 <= following.log_likelihood + 2e-9
    for step, twin in zip(steps, twins, strict=True):
        assert step.log_likelihood == pytest.approx(twin.log_likelihood, rel=1e-9)
        assert step.after.noise.weight == pytest.approx(twin.after.noise.weight, rel=1e-7)
    assert steps[-1].after.weights.sum() + steps[-1].after.noise.weight == pytest.approx(1, abs=1e-14)


def test_one_step_is_the_closed_form() -> None:
    theta = start("VVV")
    joint = brute_force(theta, X)
    resp = joint / joint.sum(axis=1, keepdims=True)
    after = next(mx.em(theta, X)).after
    assert after.noise.weight == pytest.approx(resp[:, -1].mean(), rel=1e-12)
    np.testing.assert_allclose(after.weights, resp[:, :-1].mean(axis=0), rtol=1e-11)
    np.testing.assert_allclose(
        after.components.means, (resp[:, :-1].T @ X) / resp[:, :-1].sum(axis=0)[:, None], rtol=1e-11
    )


@pytest.mark.parametrize("structure", ["VVV", "EEE", "VVI", "EII", "VVE", "VEV"])
@pytest.mark.parametrize("equal", [False, True])
def test_compiled_climb_ends_at_a_fixed_point_of_the_reference(structure: str, equal: bool) -> None:
    fit = mx.fit(X, 2, structure, noise=GUESS, n_starts=3, equal_weights=equal)
    first, second = mx.em(fit.mixture, X, max_iter=2, engine="reference")
    assert first.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-8)
    assert 0 <= second.log_likelihood - first.log_likelihood + 1e-9 < 1e-5
    assert first.after.noise.weight == pytest.approx(fit.mixture.noise.weight, abs=1e-4)
    if equal:
        assert fit.mixture.weights[0] == fit.mixture.weights[1]


def test_search_counts_two_parameters_and_shows_the_share() -> None:
    plain, noisy = mx.fit(X, [1, 2], "EEE"), mx.fit(X, [1, 2], "EEE", noise=True)
    assert noisy.log_likelihood > plain.log_likelihood
    assert noisy.bic < plain.bic
    counts = {c.label: c.n_parameters for c in plain.candidates}
    assert all(c.n_parameters == counts[c.label] + 2 for c in noisy.candidates)
    assert list(noisy.table["noise"]) == [c.mixture.noise.weight for c in noisy.candidates]


def test_units_of_the_columns_do_not_matter() -> None:
    scale = np.array([1e6, 1e-6])
    one, other = mx.fit(X, 2, "VVV", noise=True), mx.fit(X * scale, 2, "VVV", noise=True)
    np.testing.assert_array_equal(one.mixture.predict(X), other.mixture.predict(X * scale))
    assert one.mixture.noise.log_volume == pytest.approx(other.mixture.noise.log_volume - np.log(scale).sum(), abs=1e-9)


def test_weight_two_is_the_row_twice() -> None:
    w = np.where(np.arange(len(X)) % 3 == 0, 2.0, 1.0)
    twice = np.repeat(X, w.astype(int), axis=0)
    theta = start("EEE")
    a, b = list(mx.em(theta, X, w, max_iter=4))[-1], list(mx.em(theta, twice, max_iter=4))[-1]
    assert a.log_likelihood == pytest.approx(b.log_likelihood, rel=1e-12)
    assert a.after.noise.weight == pytest.approx(b.after.noise.weight, rel=1e-10)


def test_same_bits_on_any_number_of_threads_and_for_single_precision() -> None:
    rng = np.random.default_rng(5)
    rows = np.concatenate([rng.normal(size=(30_000, 3)), rng.uniform(-9, 9, (8000, 3))])
    theta = mx.Mixture(
        [0.5, 0.3], mx.Gaussian(rng.normal(size=(2, 3)), np.stack([np.eye(3)] * 2)), noise=mx.Noise(0.2, 8.0)
    )
    after = [next(mx.em(theta, rows, n_threads=n)).after for n in (1, 2, 3)]
    assert after[0] == after[1] == after[2]
    single = next(mx.em(theta, rows.astype(np.float32))).after
    assert single.noise.weight == pytest.approx(after[0].noise.weight, rel=1e-5)


def test_many_rows_are_sampled_for_starts() -> None:
    rng = np.random.default_rng(6)
    groups = [rng.normal(m, 0.5, (6000, 2)) for m in (0, 4)]
    rows = np.concatenate([*groups, rng.uniform(-10, 14, (3000, 2))])
    fit = mx.fit(rows, 2, "VII", noise=True)
    # Uniform rows fall among the groups too: 3000 of 15000 are noise, whatever their labels.
    assert fit.mixture.noise.weight == pytest.approx(0.2, abs=0.01)
    np.testing.assert_allclose(np.sort(fit.mixture.components.means[:, 0]), [0, 4], atol=0.05)


def test_given_volume_labels_and_mixture() -> None:
    volume = mx.Noise(0.2, math.log(500.0))
    assert mx.fit(X, 2, "EEE", noise=volume).mixture.noise.volume == pytest.approx(500.0)
    found = mx.fit(X, 2, "VVE", noise=GUESS)
    again = mx.fit(X, start=found.mixture)
    assert again.mixture.noise is not None
    assert again.log_likelihood == pytest.approx(found.log_likelihood, abs=1e-6)


def test_saved_and_loaded_to_the_last_bit(tmp_path: Path) -> None:
    theta = mx.fit(X, 2, "VVE", noise=True).mixture
    theta.save(tmp_path / "m.json")
    assert mx.load(tmp_path / "m.json") == theta


def test_box_is_the_smaller_of_two() -> None:
    """A thin diagonal band fills little of the box along the columns."""
    rng = np.random.default_rng(7)
    rows = rng.uniform(-1, 1, (4000, 2)) @ np.array([[10.0, 10.0], [-0.1, 0.1]])
    assert smallest_box(as_source(rows)).log_volume == pytest.approx(math.log(4 * 2 * 1.0), abs=0.02)


def test_rows_of_one_density_hold_no_noise() -> None:
    rng = np.random.default_rng(8)
    turns = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    assert not looks_like_noise(np.column_stack([np.cos(turns), np.sin(turns)])).any()
    found = looks_like_noise(np.concatenate([rng.normal(size=(900, 2)), rng.uniform(-30, 30, (100, 2))]))
    assert found[900:].mean() > 0.9
    assert found[:900].mean() < 0.05


def test_bad_requests_are_named() -> None:
    theta = start("VVV")
    with pytest.raises(ParameterError, match=r"expected True, \(372,\) flags"):
        mx.fit(X, 2, "EEE", noise="yes")
    with pytest.raises(DataError, match="flags every row"):
        mx.fit(X, 2, "EEE", noise=np.ones(len(X), dtype=bool))
    with pytest.raises(ParameterError, match="share from 0 to below 1"):
        mx.Noise(1.0, 0.0)
    with pytest.raises(ParameterError, match=r"must sum to 0\.9"):
        mx.Mixture([1.0], mx.Gaussian([0.0], [1.0]), noise=mx.Noise(0.1, 1.0))
    for question in (lambda: theta.sample(3), lambda: theta.marginal([0]), lambda: mx.entropy(theta)):
        with pytest.raises(ParameterError, match="needs to know where the noise lies"):
            question()
