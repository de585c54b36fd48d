"""A mixture as an ONNX graph: onnxruntime gives what mixtura gives."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner

import mixtura as mx
from mixtura.cli import main
from mixtura.errors import ParameterError, SourceError

STRUCTURES = ["VVV", "EEE", "VVI", "EEI", "VII", "EII", "VEV", "EVI", "FA1"]


def run(path, X):
    """labels, responsibilities, log_prob, by onnxruntime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(["labels", "responsibilities", "log_prob"], {"X": X})


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_outputs_are_mixturas(rows, tmp_path, structure, dtype):
    X = rows("iris").astype(dtype)
    theta = mx.fit(X, 3, structure, n_starts=3, improve=False).mixture
    mx.to_onnx(theta, tmp_path / "m.onnx", dtype)
    labels, resp, log_prob = run(tmp_path / "m.onnx", X)
    assert (labels.dtype, resp.dtype, log_prob.dtype) == (np.int64, np.dtype(dtype), np.dtype(dtype))
    exact = 1e-5 if dtype == "float32" else 1e-11
    np.testing.assert_array_equal(labels, theta.predict(X))
    np.testing.assert_allclose(resp, theta.responsibilities(X), atol=exact)
    np.testing.assert_allclose(log_prob, theta.log_prob(X), rtol=exact, atol=exact)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_far_offsets_and_one_column_keep_their_digits(tmp_path, dtype):
    X = (np.random.default_rng(0).normal(size=(200, 1)) + 1e4).astype(dtype)
    theta = mx.Mixture([0.3, 0.7], mx.Gaussian(means=[1e4 - 1, 1e4 + 1], covariances=[0.5, 2.0]))
    mx.to_onnx(theta, tmp_path / "m.onnx", dtype)
    _, resp, log_prob = run(tmp_path / "m.onnx", X)
    np.testing.assert_allclose(resp, theta.responsibilities(X), atol=1e-5)
    np.testing.assert_allclose(log_prob, theta.log_prob(X), atol=1e-5)


def test_noise_is_the_last_column_and_the_label_minus_one(tmp_path):
    theta = mx.Mixture([0.9], mx.Gaussian([[0.0, 0.0]], [np.eye(2)]), noise=mx.Noise(0.1, np.log(400.0)))
    X = np.array([[0.0, 0.0], [9.0, 9.0]])
    mx.to_onnx(theta, tmp_path / "m.onnx")
    labels, resp, log_prob = run(tmp_path / "m.onnx", X)
    np.testing.assert_array_equal(labels, [0, -1])
    np.testing.assert_allclose(resp, theta.responsibilities(X), atol=1e-12)
    np.testing.assert_allclose(log_prob, theta.log_prob(X), rtol=1e-12)


def test_rows_far_from_everything_and_weights_of_zero(tmp_path):
    theta = mx.Mixture([0.5, 0.5, 0.0], mx.Gaussian([0.0, 5.0, 9.0], [1.0, 1.0, 1.0]))
    X = np.array([[-1e6], [1e6], [9.0]])
    mx.to_onnx(theta, tmp_path / "m.onnx")
    labels, resp, log_prob = run(tmp_path / "m.onnx", X)
    np.testing.assert_array_equal(labels, [0, 1, 1])
    np.testing.assert_allclose(resp, theta.responsibilities(X), atol=1e-12)
    np.testing.assert_allclose(log_prob, theta.log_prob(X), rtol=1e-12)


@pytest.mark.parametrize("kind", ["GaussianMixture", "BayesianGaussianMixture"])
def test_estimators_answers(rows, tmp_path, kind):
    X = rows("faithful")
    found = getattr(mx, kind)(n_components=2, init_params="random_from_data", random_state=0, max_iter=500).fit(X)
    mx.to_onnx(found, tmp_path / "m.onnx")
    labels, resp, log_prob = run(tmp_path / "m.onnx", X)
    np.testing.assert_array_equal(labels, found.predict(X))
    np.testing.assert_allclose(resp, found.predict_proba(X), atol=1e-11)
    np.testing.assert_allclose(log_prob, found.score_samples(X), rtol=1e-11)


def test_file_says_what_it_holds(rows, tmp_path):
    theta = mx.fit(rows("faithful"), 2, "VVV", columns=["eruptions", "waiting"], names=["long", "short"]).mixture
    mx.to_onnx(theta, tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    about = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert about == {"structure": "VVV", "columns": ["eruptions", "waiting"], "components": ["long", "short"]}
    assert model.producer_name == "mixtura"
    first = (tmp_path / "m.onnx").read_bytes()
    mx.to_onnx(theta, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == first


def test_written_whole_or_not_at_all(theta0, tmp_path):
    with pytest.raises(SourceError, match="cannot be written"):
        mx.to_onnx(theta0, tmp_path / "nowhere" / "m.onnx")
    with pytest.raises(ParameterError, match="dtype is 'half'"):
        mx.to_onnx(theta0, tmp_path / "m.onnx", "half")
    with pytest.raises(ParameterError, match="model is int; expected"):
        mx.to_onnx(3, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [[], ["--float32"]])
def test_command(theta0, tmp_path, options):
    model, out = tmp_path / "m.json", tmp_path / "m.onnx"
    theta0.save(model)
    result = CliRunner().invoke(main, ["export", str(model), str(out), *options])
    assert result.exit_code == 0, result.output
    assert result.output == f"{out}: X (x) -> labels, responsibilities, log_prob\n"
    X = np.array([[5.0], [7.0]], dtype="float32" if options else "float64")
    np.testing.assert_array_equal(run(out, X)[0], theta0.predict(X))
