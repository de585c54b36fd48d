"""`BayesianGaussianMixture` under scikit-learn's own tests of its class."""

from __future__ import annotations

from compat_runner import borrowed

import mixtura as mx

PRIVATE = {
    "test_log_dirichlet_norm": "tests a private function of scikit-learn, no class",
    "test_log_wishart_norm": "tests a private function of scikit-learn, no class",
    "test_compare_covar_type": "calls the private _check_parameters and _initialize_parameters; "
    "tests/estimators/test_bayesian.py has the law",
}

globals().update(
    borrowed(
        "sklearn.mixture.tests.test_bayesian_mixture",
        {"BayesianGaussianMixture": mx.BayesianGaussianMixture},
        PRIVATE,
    )
)
