"""mixtura: mixture models fitted by EM. Exact, explained, at hardware speed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_WHERE = {
    "Mixture": "mixtura.mixture",
    "Noise": "mixtura.noise",
    "Gaussian": "mixtura.families.gaussian",
    "FactorAnalyzers": "mixtura.families.factor_analyzers",
    "em": "mixtura.algorithms.iteration",
    "Iteration": "mixtura.algorithms.iteration",
    "Reading": "mixtura.algorithms.incremental",
    "incremental_em": "mixtura.algorithms.incremental",
    "OnlineEM": "mixtura.algorithms.online",
    "OnlineStep": "mixtura.algorithms.online",
    "online_em": "mixtura.algorithms.online",
    "fit": "mixtura.fitting",
    "fit_many": "mixtura.many",
    "Fit": "mixtura.result",
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
    "EigenvalueRatio": "mixtura.regularization",
    "Penalty": "mixtura.regularization",
    "ConjugatePrior": "mixtura.regularization",
    "explain": "mixtura.explanation",
    "scan": "mixtura.sources.scan",
    "resume": "mixtura.checkpoint",
    "load": "mixtura.persistence",
    "to_onnx": "mixtura.onnx_export",
    # scikit-learn's face: not in `__all__`, as a star import must neither need nor load scikit-learn
    "BayesianGaussianMixture": "mixtura.estimators.bayesian",
    "GaussianMixture": "mixtura.estimators.gaussian",
    "from_sklearn": "mixtura.interchange",
    "to_scipy": "mixtura.interchange",
    "to_sklearn": "mixtura.interchange",
    "MixtureClassifier": "mixtura.estimators.classifier",
    "MixtureRegressor": "mixtura.estimators.regressor",
    "MixtureOutlierDetector": "mixtura.estimators.outliers",
    "MixtureImputer": "mixtura.estimators.imputer",
}
__all__ = [
    "ConjugatePrior",
    "EigenvalueRatio",
    "FactorAnalyzers",
    "Fit",
    "Gaussian",
    "Iteration",
    "Mixture",
    "Noise",
    "OnlineEM",
    "OnlineStep",
    "Penalty",
    "Reading",
    "Regularization",
    "adjusted_rand",
    "bootstrap",
    "box_probability",
    "cdf",
    "classification_error",
    "cross_validated_log_likelihood",
    "discriminant_directions",
    "em",
    "entropy",
    "explain",
    "fit",
    "fit_many",
    "highest_density_region",
    "incremental_em",
    "jackknife",
    "kullback_leibler",
    "l2_distance",
    "likelihood_ratio_sequence",
    "likelihood_ratio_test",
    "load",
    "match_labels",
    "merge_by_density",
    "merge_by_entropy",
    "modes",
    "online_em",
    "quantile",
    "reduce",
    "resume",
    "scan",
    "standard_errors",
    "to_onnx",
]

if TYPE_CHECKING:
    from mixtura.algorithms.incremental import Reading, incremental_em
    from mixtura.algorithms.iteration import Iteration, em
    from mixtura.algorithms.online import OnlineEM, OnlineStep, online_em
    from mixtura.checkpoint import resume
    from mixtura.clusters.cores import merge_by_density
    from mixtura.clusters.directions import discriminant_directions
    from mixtura.clusters.entropy import merge_by_entropy
    from mixtura.clusters.partitions import adjusted_rand, classification_error, match_labels
    from mixtura.densities.information import entropy, kullback_leibler, l2_distance
    from mixtura.densities.modes import modes
    from mixtura.densities.probability import box_probability, cdf, quantile
    from mixtura.densities.reduction import reduce
    from mixtura.densities.regions import highest_density_region
    from mixtura.estimators.bayesian import BayesianGaussianMixture as BayesianGaussianMixture
    from mixtura.estimators.classifier import MixtureClassifier as MixtureClassifier
    from mixtura.estimators.gaussian import GaussianMixture as GaussianMixture
    from mixtura.estimators.imputer import MixtureImputer as MixtureImputer
    from mixtura.estimators.outliers import MixtureOutlierDetector as MixtureOutlierDetector
    from mixtura.estimators.regressor import MixtureRegressor as MixtureRegressor
    from mixtura.explanation.explain import explain
    from mixtura.families.factor_analyzers import FactorAnalyzers
    from mixtura.families.gaussian import Gaussian
    from mixtura.fitting import fit
    from mixtura.inference.bootstrap import bootstrap
    from mixtura.inference.cross_validation import cross_validated_log_likelihood
    from mixtura.inference.jackknife import jackknife
    from mixtura.inference.likelihood_ratio import likelihood_ratio_sequence, likelihood_ratio_test
    from mixtura.inference.standard_errors import standard_errors
    from mixtura.interchange import from_sklearn as from_sklearn
    from mixtura.interchange import to_scipy as to_scipy
    from mixtura.interchange import to_sklearn as to_sklearn
    from mixtura.many import fit_many
    from mixtura.mixture import Mixture
    from mixtura.noise import Noise
    from mixtura.onnx_export import to_onnx
    from mixtura.persistence import load
    from mixtura.regularization import ConjugatePrior, EigenvalueRatio, Penalty, Regularization
    from mixtura.result import Fit
    from mixtura.sources.scan import scan


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'mixtura' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
