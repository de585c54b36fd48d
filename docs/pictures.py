"""Draw the pictures of README and docs: `make pictures`."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

import mixtura as mx
from mixtura.plotting import plot_mixture

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples"


def old_faithful() -> None:
    """Left: the groups; right: the certificate of each iteration."""
    path = EXAMPLES / "old_faithful.csv"
    fit = mx.fit(path)
    X = np.loadtxt(path, delimiter=",", skiprows=1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    plot_mixture(fit.mixture, left, X)
    left.set_title(f"Old Faithful: {fit.mixture.n_components} groups, {fit.mixture.structure}, by BIC")
    steps = np.arange(1, 13)
    for name, label, style in (
        ("log_likelihood", "log-likelihood before the step", "o"),
        ("lower_bound", "Jensen's bound after the M-step", "_"),
        ("next_log_likelihood", "next log-likelihood", "."),
    ):
        right.plot(steps, fit.trace[name][: len(steps)], style, label=label, markersize=9)
    right.set(xlabel="iteration", ylabel="nats", title="log-likelihood ≤ bound ≤ next log-likelihood")
    right.legend(frameon=False)
    figure.savefig(HERE / "images" / "old_faithful.png", dpi=110)


def kinds() -> None:
    """Nine kinds of pictures, of Old Faithful, iris and acidity."""
    geyser, iris = mx.fit(EXAMPLES / "old_faithful.csv"), mx.fit(EXAMPLES / "iris.csv")
    acidity = mx.fit(EXAMPLES / "acidity.csv", 2, "V")
    figure, axes = plt.subplots(3, 3, figsize=(15, 13), layout="constrained")
    drawn = (
        ("classification", geyser),
        ("uncertainty", geyser),
        ("contours", geyser),
        ("criteria", geyser),
        ("trace", geyser),
        ("responsibilities", geyser),
        ("directions", iris),
        ("quantiles", acidity),
        ("mixture", acidity),
    )
    for ax, (kind, fit) in zip(axes.flat, drawn, strict=True):
        fit.plot(ax, kind).set_title(kind)
    figure.savefig(HERE / "images" / "plots.png", dpi=60)


if __name__ == "__main__":
    old_faithful()
    kinds()
