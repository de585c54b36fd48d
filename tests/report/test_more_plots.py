"""Pictures of fits: the artists hold the numbers of the fit, and nothing is drawn that is not there."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_hex

import mixtura as mx
from mixtura import plotting
from mixtura.errors import ParameterError
from mixtura.plotting.canvas import COLOURS, MARKERS

matplotlib.use("Agg")
RNG = np.random.default_rng(2)
X = np.concatenate([RNG.normal(0, 1, (90, 3)), RNG.normal(4, 0.6, (60, 3)), RNG.normal((0, 6, 1), 1.0, (50, 3))])


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def fit():
    return mx.fit(X, [1, 2, 3, 4], ["EEE", "VVV"], columns=["a", "b", "c"])


def drawn(ax) -> np.ndarray:
    """All dots of an axes."""
    return np.concatenate([dots.get_offsets() for dots in ax.collections if len(dots.get_offsets())])


def test_classification_shows_each_row_once_in_its_component(fit) -> None:
    ax = plotting.plot_classification(fit, columns=["c", "a"])
    labels = fit.mixture.predict(X)
    for k, dots in enumerate(ax.collections[:3]):
        np.testing.assert_array_equal(dots.get_offsets(), X[labels == k][:, [2, 0]])
        assert to_hex(dots.get_facecolor()[0]) == COLOURS[k].lower()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("c", "a")
    assert len(set(MARKERS)) == len(set(COLOURS)) == 8


def test_uncertainty_grows_the_dots(fit) -> None:
    ax = plotting.plot_uncertainty(fit)
    dots = ax.collections[0]
    sizes, values = dots.get_sizes(), dots.get_array()
    assert (np.diff(sizes) >= 0).all()
    np.testing.assert_allclose(np.sort(values), np.sort(fit.mixture.uncertainty(X)))


def test_contours_enclose_their_share(fit) -> None:
    ax = plotting.plot_contours(fit, X=X)
    plane = fit.mixture.marginal([0, 1])
    rows = plane.sample(20_000, 5)[0]
    levels = next(c for c in ax.collections if hasattr(c, "levels")).levels
    inside = [(plane.log_prob(rows) > level).mean() for level in levels]
    np.testing.assert_allclose(inside, [0.95, 0.8, 0.5], atol=0.02)


def test_criteria_are_those_of_the_candidates(fit) -> None:
    ax = plotting.plot_criteria(fit)
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    for structure in ("EEE", "VVV"):
        assert list(lines[structure]) == [c.bic for c in fit.candidates if c.structure == structure]
    assert lines[f"chosen: {fit.chosen.label}"][0] == fit.bic
    with pytest.raises(ParameterError, match="criterion is 'best'"):
        plotting.plot_criteria(fit, criterion="best")


def test_trace_falls_and_the_bound_lies_between(fit) -> None:
    ax = plotting.plot_trace(fit)
    likelihood, bound = (line.get_ydata() for line in ax.lines)
    assert (bound[:-1] <= likelihood[:-1] + 1e-9).all() or np.isnan(bound).any()
    assert ax.get_yscale() == "log"


def test_pairs_are_every_pair(fit) -> None:
    grid = plotting.plot_pairs(fit)
    assert grid.shape == (3, 3)
    np.testing.assert_array_equal(np.sort(drawn(grid[2, 0])[:, 0]), np.sort(X[:, 0]))
    assert [ax.get_xlabel() for ax in grid[2]] == ["a", "b", "c"]
    assert plotting.plot_pairs(fit, columns=["a", "c"]).shape == (2, 2)


def test_quantiles_lie_on_the_line_where_the_model_holds() -> None:
    theta = mx.Mixture([0.4, 0.6], mx.Gaussian([0.0, 5.0], [1.0, 2.0]))
    ax = plotting.plot_quantiles(theta, X=theta.sample(20_000, 0)[0])
    ours, theirs = ax.lines[1].get_data()
    # Kolmogorov's bound for 20,000 rows at 1 %: 1.63 / √n, in probability on either axis.
    assert np.abs(mx.cdf(theta, theirs) - mx.cdf(theta, ours)).max() < 1.63 / np.sqrt(20_000)
    with pytest.raises(ParameterError, match="need one column"):
        plotting.plot_quantiles(mx.Mixture([1.0], mx.Gaussian([[0, 0]], [[1, 1]])), X=np.zeros((3, 2)))


def test_responsibilities_are_sorted(fit) -> None:
    image = plotting.plot_responsibilities(fit).images[0].get_array()
    assert image.shape == (200, fit.mixture.n_components)
    np.testing.assert_allclose(image.sum(axis=1), 1)
    assert (np.diff(image.argmax(axis=1)) >= 0).all()


def test_directions_separate_the_components(fit) -> None:
    ax = plotting.plot_directions(fit)
    assert ax.get_xlabel().startswith("direction 1 (")
    assert len(drawn(ax)) == 200


def test_noise_is_grey_and_every_kind_is_reached_from_the_fit() -> None:
    rows = np.concatenate([X, RNG.uniform(-8, 12, (40, 3))])
    noisy = mx.fit(rows, 3, "EEE", noise=True)
    for kind in (
        "classification",
        "uncertainty",
        "contours",
        "pairs",
        "directions",
        "criteria",
        "trace",
        "responsibilities",
    ):
        noisy.plot(kind=kind)
    ax = noisy.plot(kind="classification")
    assert to_hex(ax.collections[0].get_facecolor()[0]) == "#999999"
    with pytest.raises(ParameterError, match="kind is 'pie'"):
        noisy.plot(kind="pie")
    with pytest.raises(ParameterError, match="give them"):
        plotting.plot_classification(noisy.mixture)


def test_rows_with_gaps_are_drawn_where_they_are_known() -> None:
    holed = X.copy()
    holed[::4, 1] = np.nan
    fit = mx.fit(holed, 3, "VVV")
    labels = fit.mixture.predict(holed)
    ax = plotting.plot_classification(fit, columns=[0, 2])
    assert len(drawn(ax)) == len(X)
    ax = plotting.plot_classification(fit, columns=[0, 1])
    assert np.isfinite(np.ma.filled(drawn(ax), np.nan)).all(axis=1).sum() == 150
    ax = plotting.plot_directions(fit)
    assert len(drawn(ax)) == len(X)
    image = plotting.plot_responsibilities(fit).images[0].get_array()
    np.testing.assert_array_equal(np.bincount(np.asarray(image).argmax(axis=1)), np.bincount(labels))
    one = mx.fit(holed[:, 1], 2, "V")
    points = plotting.plot_quantiles(one).lines[1].get_xydata()
    assert len(points) == 150
    bars = plotting.plot_mixture(one.mixture, X=holed[:, 1]).patches
    assert sum(bar.get_height() * bar.get_width() for bar in bars) == pytest.approx(1)
    with pytest.raises(ParameterError, match="two columns and the mixture has one"):
        plotting.plot_uncertainty(one)
