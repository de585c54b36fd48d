"""Pictures, by matplotlib, which is loaded when one is drawn (`pip install mixtura[plot]`)."""

from mixtura.plotting.mixtures import plot_mixture

__all__ = ["plot_mixture"]
