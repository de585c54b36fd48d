"""Each kind of picture looks as it did when a person last looked at it: `images/` holds what that was.

Texts are left out, as fonts differ between machines. To look anew: run this file with MIXTURA_NEW_IMAGES=1.
"""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.testing.compare import compare_images
from matplotlib.testing.decorators import remove_ticks_and_titles

import mixtura as mx
from mixtura import plotting

matplotlib.use("Agg")
IMAGES = Path(__file__).parent / "images"
TOLERANCE = 6.0
"""Root mean square of 0 to 255: edges are smoothed a little differently by each release of matplotlib. A component more
is 20 and above (below)."""

SIZE = {"figsize": (4, 3), "dpi": 60}
RNG = np.random.default_rng(2)
X = np.concatenate([RNG.normal(0, 1, (90, 3)), RNG.normal(4, 0.6, (60, 3)), RNG.normal((0, 6, 1), 1.0, (50, 3))])
KINDS = (
    "classification",
    "uncertainty",
    "contours",
    "directions",
    "criteria",
    "trace",
    "quantiles",
    "responsibilities",
)


@pytest.fixture(scope="module")
def fits() -> dict[str, mx.Fit]:
    three = mx.fit(X, [1, 2, 3, 4], ["EEE", "VVV"], columns=["a", "b", "c"])
    return {
        "three columns": three,
        "two columns": mx.fit(X[:, :2], 3, "VVV"),
        "one column": mx.fit(X[:, 1], 3, "V"),
        "noise": mx.fit(np.r_[X[:, :2], RNG.uniform(-5, 10, (40, 2))], 3, "EEE", noise=True),
    }


def draw(fits: dict[str, mx.Fit], name: str):
    """A figure without texts."""
    if name in KINDS:
        figure, ax = pyplot.subplots(**SIZE)
        if name == "quantiles":
            plotting.plot_quantiles(fits["one column"], ax=ax)
        else:
            getattr(plotting, f"plot_{name}")(fits["three columns"], ax=ax)
    elif name == "pairs":
        figure = np.ravel(plotting.plot_pairs(fits["three columns"]))[0].figure
        figure.set_size_inches(4, 4)
        figure.set_dpi(60)
    else:
        figure = fits[name].plot().figure
        figure.set_size_inches(4, 3)
        figure.set_dpi(60)
    remove_ticks_and_titles(figure)
    for ax in figure.axes:
        for text in ax.texts:
            text.set_visible(False)
        ax.set(xlabel="", ylabel="")
        if ax.get_legend() is not None:
            ax.get_legend().remove()
    for legend in figure.legends:
        legend.remove()
    return figure


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


@pytest.mark.parametrize("name", [*KINDS, "pairs", "two columns", "one column", "noise"])
def test_it_looks_as_it_did(fits, name, tmp_path) -> None:
    file = f"{name.replace(' ', '_')}.png"
    draw(fits, name).savefig(tmp_path / file, dpi=60)
    if os.environ.get("MIXTURA_NEW_IMAGES"):
        (IMAGES / file).write_bytes((tmp_path / file).read_bytes())
    assert compare_images(str(IMAGES / file), str(tmp_path / file), TOLERANCE) is None


def test_a_component_more_would_be_seen(tmp_path) -> None:
    fits = {"two columns": mx.fit(X[:, :2], 4, "VVV", n_starts=2)}
    draw(fits, "two columns").savefig(tmp_path / "more.png", dpi=60)
    assert compare_images(str(IMAGES / "two_columns.png"), str(tmp_path / "more.png"), TOLERANCE) is not None
