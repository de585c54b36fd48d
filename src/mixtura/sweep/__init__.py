"""One pass over the rows: blocks → E-step → sufficient statistics → sum, by whichever engine serves."""

from mixtura.sweep.evaluate import evaluate, evaluate_on_device, labels_of, uncertainty_of
from mixtura.sweep.sweep import Sweep

__all__ = ["Sweep", "evaluate", "evaluate_on_device", "labels_of", "uncertainty_of"]
