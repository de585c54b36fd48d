"""Made when the site is built: pictures, the gallery of data sets, and explorer pages, all under docs/generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from sphinx.application import Sphinx
from sphinx.config import Config

import mixtura as mx
from mixtura.families.covariance import STRUCTURES
from mixtura.plotting import plot_mixture
from mixtura.tables import Table

DOCS = Path(__file__).resolve().parent.parent
EXAMPLES = DOCS.parent / "examples"
GENERATED = DOCS / "generated"
PAGES = GENERATED / "pages"


@dataclass(frozen=True)
class DataSet:
    """One section of the gallery: a file of examples/, words, and the one or two columns that are drawn."""

    file: str
    title: str
    words: str
    drawn: tuple[str, ...]


DATA_SETS = (
    DataSet(
        "old_faithful",
        "Old Faithful",
        "Eruptions of the geyser in Yellowstone: how long each lasted and the wait until the next, in minutes "
        "(Azzalini & Bowman 1990; R's `faithful`).",
        ("eruptions", "waiting"),
    ),
    DataSet(
        "iris",
        "Iris",
        "Lengths and widths of sepals and petals of 150 irises of three species, in centimetres (Anderson 1935; "
        "Fisher 1936; R's `iris`).",
        ("Petal.Length", "Petal.Width"),
    ),
    DataSet(
        "diabetes",
        "Diabetes",
        "Plasma glucose, insulin, and steady-state glucose of 145 adults without and with chemical or overt diabetes "
        "(Reaven & Miller 1979; R package mclust).",
        ("glucose", "insulin"),
    ),
    DataSet(
        "galaxies",
        "Galaxies",
        "Velocities of 82 galaxies in the Corona Borealis region, 1000 km/s: gaps between clumps speak for voids and "
        "superclusters (Postman, Huchra & Geller 1986; Roeder 1990; R package MASS).",
        ("velocity",),
    ),
    DataSet(
        "acidity",
        "Acidity of lakes",
        "The logarithm of an acidity index of 155 lakes in north-central Wisconsin (Crawford 1994; R package mclust).",
        ("acidity",),
    ),
)


def read(name: str) -> tuple[list[str], Any]:
    """Names of the columns, and the rows (n_samples, n_features)."""
    path = EXAMPLES / f"{name}.csv"
    header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    return header, np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)


def picture(fit: mx.Fit, data: DataSet) -> None:
    """The mixture over the drawn columns, with the rows."""
    header, X = read(data.file)
    figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
    plot_mixture(fit.mixture.marginal(list(data.drawn)), ax, X[:, [header.index(name) for name in data.drawn]])
    figure.savefig(GENERATED / f"{data.file}.png", dpi=110)
    plt.close(figure)


def section(data: DataSet) -> str:
    """Words, the call, what it prints, and the picture."""
    fit = mx.fit(EXAMPLES / f"{data.file}.csv")
    picture(fit, data)
    n, d = read(data.file)[1].shape
    call = f'>>> mx.fit("examples/{data.file}.csv")'
    return "\n".join(
        [
            f"## {data.title}\n",
            f"{data.words} {n} rows, {d} column{'s' if d > 1 else ''}: `examples/{data.file}.csv`.\n",
            f"```python\n{call}\n{fit.summary()}\n```\n",
            f"![{data.title}: the groups and the rows]({data.file}.png)\n",
        ]
    )


def structures() -> None:
    """One M-step from the same three groups under each of the fourteen structures."""
    rng = np.random.default_rng(3)
    turn = [np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in (0.3, 1.4, 2.4)]
    spreads, centres = ([1.5, 0.5], [0.7, 0.5], [1.0, 0.3]), ([0, 0], [4.5, 0.5], [2.2, 3.6])
    X = np.concatenate(
        [rng.standard_normal((60, 2)) * s @ t.T + c for s, t, c in zip(spreads, turn, centres, strict=True)]
    )
    labels = np.eye(3)[np.repeat(np.arange(3), 60)]
    names = [name for name in STRUCTURES if len(name) == 3]
    figure, axes = plt.subplots(3, 5, figsize=(11, 7), layout="constrained", sharex=True, sharey=True)
    for name, ax in zip(names, axes.flat, strict=False):
        plot_mixture(mx.Mixture.from_responsibilities(X, labels, structure=name), ax, X)
        ax.set(title=f"{name}: {STRUCTURES[name].covariance_parameters(3, 2)}", xlabel="", ylabel="", aspect="equal")
        ax.get_legend().remove()
    for ax in axes.flat[len(names) :]:
        ax.set_visible(False)
    figure.savefig(GENERATED / "structures.png", dpi=100)
    plt.close(figure)


def certificate() -> None:
    """log-likelihood ≤ bound ≤ next log-likelihood, in the run of the course exercise."""
    theta0 = mx.Mixture([0.5, 0.5], mx.Gaussian(means=[6, 7], covariances=[1, 4]))
    table: Table = mx.explain(theta0, [-1, 0, 4, 5, 6]).table()
    steps, level, bound = (table[name][1:] for name in ("iteration", "log_likelihood", "lower_bound"))
    figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    ax.plot(steps, level, "o", color="black", label="log-likelihood after the M-step")
    ax.plot(steps, bound, "_", color="#D55E00", markersize=14, markeredgewidth=2, label="the bound that it reached")
    ax.set(xlabel="M-step", ylabel="nats", xticks=steps)
    ax.legend(frameon=False)
    figure.savefig(GENERATED / "certificate.png", dpi=110)
    plt.close(figure)


def explorers() -> None:
    """Pages to step through: the course exercise, galaxies, Old Faithful."""
    exercise = mx.Mixture([0.5, 0.5], mx.Gaussian(means=[6, 7], covariances=[1, 4]))
    mx.explain(exercise, [-1, 0, 4, 5, 6]).explorer(PAGES / "explorer_exercise.html")
    clumps = mx.Mixture([1 / 3] * 3, mx.Gaussian(means=[15, 20, 25], covariances=[9, 9, 9]))
    mx.explain(clumps, EXAMPLES / "galaxies.csv").explorer(PAGES / "explorer_galaxies.html")
    rough = mx.Gaussian([[2, 80], [4, 50]], [[[1, 0], [0, 100]]] * 2)
    mx.explain(mx.Mixture([0.5, 0.5], rough), EXAMPLES / "old_faithful.csv").explorer(
        PAGES / "explorer_old_faithful.html"
    )


def make(app: Sphinx, config: Config) -> None:
    """Everything, anew."""
    PAGES.mkdir(parents=True, exist_ok=True)
    structures()
    certificate()
    explorers()
    head = (
        "# Gallery\n\nSmall real data sets that come with mixtura in `examples/`, each fitted by the one call shown. "
        "Text and pictures are made when these pages are built.\n"
    )
    parts: Sequence[str] = [head, *map(section, DATA_SETS)]
    (GENERATED / "gallery.md").write_text("\n".join(parts), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx's entry point; before the paths of the configuration are checked."""
    app.connect("config-inited", make, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
