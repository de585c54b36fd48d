"""mixtura: mixture models fitted by EM. Exact, explained, at hardware speed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_WHERE = {
    "Mixture": "mixtura.mixture",
    "Gaussian": "mixtura.families.gaussian",
    "em": "mixtura.algorithms.iteration",
    "Iteration": "mixtura.algorithms.iteration",
    "fit": "mixtura.fitting",
    "fit_many": "mixtura.many",
    "Fit": "mixtura.fitting",
    "standard_errors": "mixtura.inference.standard_errors",
    "bootstrap": "mixtura.inference.bootstrap",
    "jackknife": "mixtura.inference.jackknife",
    "likelihood_ratio_test": "mixtura.inference.likelihood_ratio",
    "likelihood_ratio_sequence": "mixtura.inference.likelihood_ratio",
    "cross_validated_log_likelihood": "mixtura.inference.cross_validation",
    "cdf": "mixtura.densities.probability",
    "quantile": "mixtura.densities.probability",
    "box_probability": "mixtura.densities.probability",
    "highest_density_region": "mixtura.densities.regions",
    "modes": "mixtura.densities.modes",
    "entropy": "mixtura.densities.information",
    "kullback_leibler": "mixtura.densities.information",
    "l2_distance": "mixtura.densities.information",
    "reduce": "mixtura.densities.reduction",
    "merge_by_entropy": "mixtura.clusters.entropy",
    "merge_by_density": "mixtura.clusters.cores",
    "discriminant_directions": "mixtura.clusters.directions",
    "adjusted_rand": "mixtura.clusters.partitions",
    "match_labels": "mixtura.clusters.partitions",
    "classification_error": "mixtura.clusters.partitions",
    "Regularization": "mixtura.regularization",
    "Penalty": "mixtura.regularization",
    "ConjugatePrior": "mixtura.regularization",
    "explain": "mixtura.explanation",
    "load": "mixtura.persistence",
}
__all__ = ["Fit", "Gaussian", "Iteration", "Mixture", "em", "explain", "fit", "fit_many", "load"]

if TYPE_CHECKING:
    from mixtura.algorithms.iteration import Iteration, em
    from mixtura.explanation.explain import explain
    from mixtura.families.gaussian import Gaussian
    from mixtura.fitting import Fit, fit
    from mixtura.many import fit_many
    from mixtura.mixture import Mixture
    from mixtura.persistence import load


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'mixtura' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
