"""One pass over the rows: blocks → E-step → sufficient statistics → sum, by whichever engine serves."""

from mixtura.sweep.evaluate import evaluate
from mixtura.sweep.sweep import Sweep

__all__ = ["Sweep", "evaluate"]
