"""A mixture as an ONNX graph: labels, responsibilities and log-densities without Python, wherever a runtime is."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mixtura import __version__
from mixtura.atomic import whole_file
from mixtura.errors import MixturaError, ParameterError
from mixtura.families.gaussian import LOG_2PI
from mixtura.linalg import diagonals, solve_lower_stack
from mixtura.mixture import Mixture
from mixtura.result import Fit
from mixtura.validation import Array

if TYPE_CHECKING:
    import onnx

OPSET, IR_VERSION = 18, 8
"""Understood by onnxruntime from 1.14 (2023) on."""

DTYPES = ("float64", "float32")


def to_onnx(model: Any, path: str | os.PathLike[str], dtype: str = "float64") -> None:
    """Write a mixture as an ONNX graph, whole or not at all.

    The graph takes `X` (n_samples, n_features), columns in the mixture's order, and gives `labels` (n_samples,) from 0
    (−1 for noise), `responsibilities` (n_samples, n_components) and `log_prob` (n_samples,) in nats.

    Parameters
    ----------
    model : a `Mixture` of Gaussian components, with or without noise; a `Fit`; or a fitted `GaussianMixture` or
        `BayesianGaussianMixture`, whose `predict`, `predict_proba` and `score_samples` the outputs then are
    path : of the file, by custom ending in .onnx
    dtype : "float64" or "float32", of input, arithmetic and outputs. In single precision about 6 digits of each
        Mahalanobis distance are right.

    Raises
    ------
    ParameterError
        For another dtype, or what is none of these.
    SourceError
        Where the file cannot be written.

    Notes
    -----
    Opset 18. The graph subtracts a centre before the means, so that data far from zero keep their digits. Column names
    are in the file's metadata. Needs the package onnx: `pip install 'mixtura[onnx]'`.

    Examples
    --------
    >>> import tempfile, mixtura as mx
    >>> theta = mx.Mixture([0.5, 0.5], mx.Gaussian(means=[6, 7], covariances=[1, 4]))
    >>> mx.to_onnx(theta, tempfile.mkdtemp() + "/theta.onnx")
    """
    mixture = _mixture_of(model)
    if dtype not in DTYPES:
        raise ParameterError(f"dtype is {dtype!r}; expected 'float64' or 'float32'.")
    content = _model(mixture, np.dtype(dtype)).SerializeToString()
    with whole_file(path) as draft:
        draft.write_bytes(content)


def _mixture_of(model: Any) -> Mixture[Any]:
    if isinstance(model, Fit):
        return model.mixture
    if hasattr(model, "_mixture"):  # mixtura's estimators; scikit-learn is not loaded to look
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(model)
        model = model._mixture()
    if not isinstance(model, Mixture):
        raise ParameterError(
            f"model is {type(model).__name__}; expected a mixtura.Mixture, a Fit, a GaussianMixture or a "
            "BayesianGaussianMixture."
        )
    return model


def _model(mixture: Mixture[Any], dtype: np.dtype[Any]) -> onnx.ModelProto:
    try:
        import onnx
    except ImportError as error:
        raise MixturaError("to_onnx needs the package onnx: pip install 'mixtura[onnx]'") from error
    helper = onnx.helper
    number = helper.np_dtype_to_tensor_dtype(dtype)
    rows, k = "n_samples", mixture.n_components + (mixture.noise is not None)
    constants = [onnx.numpy_helper.from_array(value, name) for name, value in _constants(mixture, dtype).items()]
    graph = helper.make_graph(
        [helper.make_node(operator, inputs, [output], **how) for operator, inputs, output, how in _steps(mixture)],
        "mixture",
        [helper.make_tensor_value_info("X", number, [rows, mixture.n_features])],
        [
            helper.make_tensor_value_info("labels", onnx.TensorProto.INT64, [rows]),
            helper.make_tensor_value_info("responsibilities", number, [rows, k]),
            helper.make_tensor_value_info("log_prob", number, [rows]),
        ],
        constants,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="mixtura",
        producer_version=__version__,
    )
    about = {"structure": mixture.structure, "columns": mixture.columns, "components": mixture.names}
    helper.set_model_props(model, {key: json.dumps(value) for key, value in about.items() if value})
    onnx.checker.check_model(model, full_check=True)
    return model


def _steps(mixture: Mixture[Any]) -> list[tuple[str, list[str], str, dict[str, Any]]]:
    """Operator, inputs, output, attributes: the E-step, components along the first axis until the last."""
    labels = "labels" if mixture.noise is None else "largest"
    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Sub", ["X", "centre"], "shifted", {}),
        ("Unsqueeze", ["shifted", "first"], "wide", {}),
        ("Sub", ["wide", "means"], "off", {}),
        ("MatMul", ["off", "whitening"], "z", {}),
        ("ReduceSumSquare", ["z", "last"], "squares", {"keepdims": 0}),
        ("Mul", ["squares", "minus_half"], "exponents", {}),
        ("Add", ["exponents", "log_norms"], "joint_by_component", {}),
        ("Transpose", ["joint_by_component"], "joint", {"perm": [1, 0]}),
        ("ReduceMax", ["joint", "second"], "peak", {"keepdims": 1}),
        ("Sub", ["joint", "peak"], "below_peak", {}),
        ("Exp", ["below_peak"], "parts", {}),
        ("ReduceSum", ["parts", "second"], "total", {"keepdims": 1}),
        ("Div", ["parts", "total"], "responsibilities", {}),
        ("Log", ["total"], "log_total", {}),
        ("Add", ["peak", "log_total"], "log_prob_column", {}),
        ("Squeeze", ["log_prob_column", "second"], "log_prob", {}),
        ("ArgMax", ["joint"], labels, {"axis": 1, "keepdims": 0}),
    ]
    if mixture.noise is not None:
        steps += [
            ("Equal", ["largest", "noise_column"], "is_noise", {}),
            ("Where", ["is_noise", "noise_label", "largest"], "labels", {}),
        ]
    return steps


def _constants(mixture: Mixture[Any], dtype: np.dtype[Any]) -> dict[str, npt.NDArray[Any]]:
    """Noise is one more component whose whitening is zero, so that its density is the same everywhere."""
    centre = mixture.mean.astype(dtype).astype(np.float64)
    factors = _lower_factors(mixture)
    identity = np.broadcast_to(np.eye(mixture.n_features), factors.shape)
    whitening = np.swapaxes(solve_lower_stack(factors, np.ascontiguousarray(identity)), -2, -1)
    log_norms = mixture.log_weights - np.log(diagonals(factors)).sum(axis=-1) - 0.5 * mixture.n_features * LOG_2PI
    means = mixture.components.component_means - centre
    if mixture.noise is not None:
        whitening = np.concatenate([whitening, np.zeros((1, *whitening.shape[1:]))])
        log_norms = np.append(log_norms, mixture.noise.log_weight - mixture.noise.log_volume)
        means = np.concatenate([means, np.zeros((1, mixture.n_features))])
    numbers = {
        "centre": centre,
        "means": means[:, None, :],
        "whitening": whitening,
        "minus_half": np.array(-0.5),
        "log_norms": log_norms[:, None],
    }
    whole = {"first": [0], "second": [1], "last": [2], "noise_column": [mixture.n_components], "noise_label": [-1]}
    if mixture.noise is None:
        del whole["noise_column"], whole["noise_label"]
    return {name: np.ascontiguousarray(value, dtype=dtype) for name, value in numbers.items()} | {
        name: np.array(value, dtype=np.int64) for name, value in whole.items()
    }


def _lower_factors(mixture: Mixture[Any]) -> Array:
    """(n_components, n_features, n_features): L with Σ = L Lᵀ, without forming Σ where the factors are known."""
    components = mixture.components
    form, k, d = components.constraint.form, mixture.n_components, mixture.n_features
    factors = components.factors
    if form.name == "diag":
        factors = factors[:, :, None] * np.eye(d)
    elif form.name == "spherical":
        factors = factors[:, None, None] * np.eye(d)
    elif form.name != "full":
        factors = np.linalg.cholesky(components.component_covariances)
    return np.ascontiguousarray(np.broadcast_to(factors, (k, d, d)))
