"""`GaussianMixture` under scikit-learn's own tests of its class."""

from __future__ import annotations

from compat_runner import borrowed

import mixtura as mx

FUNCTION = "tests private functions of scikit-learn, no class"
DISPATCH = "wants dispatch refused for starts by k-means; here every start takes other arrays"
PRIVATE = {
    "test_suffstat_sk_full": FUNCTION,
    "test_suffstat_sk_tied": FUNCTION,
    "test_suffstat_sk_diag": FUNCTION,
    "test_gaussian_suffstat_sk_spherical": FUNCTION,
    "test_compute_log_det_cholesky": FUNCTION,
    "test_gaussian_mixture_log_probabilities": FUNCTION,
    "test_gaussian_mixture_precisions_init": "calls the private _initialize and _set_parameters; "
    "tests/estimators/test_gaussian.py has the law",
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters": "counts calls of a private function",
    "test_gaussian_mixture_raises_where_array_api_not_implemented": DISPATCH,
}

globals().update(
    borrowed("sklearn.mixture.tests.test_gaussian_mixture", {"GaussianMixture": mx.GaussianMixture}, PRIVATE)
)
