"""Pictures, by matplotlib, which is loaded when one is drawn (`pip install mixtura[plot]`): (result, ax) -> ax."""

from mixtura.plotting.fits import plot_criteria, plot_quantiles, plot_responsibilities, plot_trace
from mixtura.plotting.mixtures import plot_mixture
from mixtura.plotting.planes import (
    plot_classification,
    plot_contours,
    plot_directions,
    plot_pairs,
    plot_uncertainty,
)

__all__ = [
    "plot_classification",
    "plot_contours",
    "plot_criteria",
    "plot_directions",
    "plot_mixture",
    "plot_pairs",
    "plot_quantiles",
    "plot_responsibilities",
    "plot_trace",
    "plot_uncertainty",
]
