"""`plot_mixture`: what is drawn is the mixture."""

import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest

import mixtura as mx
from mixtura.errors import ParameterError
from mixtura.plotting import plot_mixture

matplotlib.use("agg")
from matplotlib import pyplot
from scipy.integrate import trapezoid

FAITHFUL = Path(__file__).parents[2] / "examples" / "old_faithful.csv"


@pytest.fixture
def ax():
    figure, axes = pyplot.subplots()
    yield axes
    pyplot.close(figure)


def test_one_column_shows_components_that_add_to_the_density(ax):
    theta = mx.Mixture([0.3, 0.7], mx.Gaussian([0, 5], [1, 4]), columns=["wait"])
    assert plot_mixture(theta, ax, theta.sample(500, 0)[0]) is ax
    first, second, whole = (line.get_ydata() for line in ax.lines)
    assert np.allclose(first + second, whole)
    assert trapezoid(whole, ax.lines[2].get_xdata()) == pytest.approx(1, abs=1e-3)
    assert ax.get_xlabel() == "wait"


def test_two_columns_show_ellipses_at_one_and_two_standard_deviations(ax):
    fit = mx.fit(FAITHFUL, 2, "VVV")
    assert plot_mixture(fit.mixture, ax, FAITHFUL) is ax
    ellipses = [line for line in ax.lines if len(line.get_xdata()) > 1]
    assert len(ellipses) == 4
    for k in range(2):
        inverse = np.linalg.inv(fit.mixture.components.covariance_matrices[k])
        for sd, line in zip((1, 2), ellipses[2 * k : 2 * k + 2], strict=True):
            off = np.column_stack(line.get_data()) - fit.mixture.components.means[k]
            assert np.allclose(np.einsum("ij,jk,ik->i", off, inverse, off), sd**2)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("eruptions", "waiting")
    assert len(ax.collections[0].get_offsets()) == 272


def test_more_columns_are_refused_with_the_marginal_to_take():
    theta = mx.Mixture([1.0], mx.Gaussian([[0, 0, 0]], [1.0]), columns=["a", "b", "c"])
    with pytest.raises(ParameterError, match=r"plot_mixture\(mixture\.marginal\(\['a', 'b'\]\)\)"):
        plot_mixture(theta)


def test_a_missing_matplotlib_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ParameterError, match=r"pip install mixtura\[plot\]"):
        plot_mixture(mx.Mixture([1.0], mx.Gaussian([0.0], [1.0])))


def test_a_fit_draws_itself(ax):
    assert mx.fit(FAITHFUL, 2, "EEE").plot(ax) is ax


def test_noise_is_a_level_line_over_its_box(ax):
    theta = mx.Mixture([0.7], mx.Gaussian([0.0], [1.0]), noise=mx.Noise.between(0.3, -10, 20))
    plot_mixture(theta, ax)
    [line] = [line for line in ax.lines if line.get_label() == "noise"]
    np.testing.assert_allclose(line.get_ydata(), 0.3 / 30)
    assert (line.get_xdata().min(), line.get_xdata().max()) == (-10, 20)
