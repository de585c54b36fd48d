"""EM: the loop and its certificate, when to stop, and where to start."""

from mixtura.algorithms.iteration import Iteration, em

__all__ = ["Iteration", "em"]
