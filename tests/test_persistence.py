"""Model files: exact to the last bit, whole or not at all, and clear about what is wrong with them."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mixtura as mx
from mixtura.atomic import check_writable, whole_file
from mixtura.errors import ModelFileError, SourceError
from mixtura.families.covariance import STRUCTURES, resolve_structure
from mixtura.families.gaussian import Gaussian
from mixtura.persistence import checksum, mixture_of_record, mixture_record


@pytest.fixture
def theta() -> mx.Mixture:
    means, covariances = [[0.1, 1 / 3], [1e8, math.pi]], [[[2.0, 0.3], [0.3, 1.0]], [[1.0, 0.0], [0.0, 1e-7]]]
    return mx.Mixture([0.3, 0.7], mx.Gaussian(means, covariances), ["one", "two"], ["Größe", "x,y"])


def edited(theta: mx.Mixture, path: Path, signed: bool = True, **changes: object) -> Path:
    """A model file with some entries changed; its checksum is made to fit, or left out."""
    record = mixture_record(theta) | changes
    record = {k: v for k, v in record.items() if v != "absent"}
    if signed:
        record["checksum"] = checksum(record)
    else:
        record.pop("checksum")
    path.write_text(json.dumps(record))
    return path


@pytest.mark.parametrize("structure", STRUCTURES)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), exponent=st.integers(-200, 200))
def test_what_is_loaded_equals_what_was_saved(structure, seed, exponent, tmp_path_factory):
    rng = np.random.default_rng(seed)
    k, d = 3, 1 if len(structure) == 1 else 4
    rule = resolve_structure(structure, d)
    m = 1 if rule.shared else k
    roots = {
        "full": np.tril(rng.normal(size=(m, d, d))),
        "diag": rng.normal(size=(m, d)),
        "spherical": rng.normal(size=m),
    }
    factors = roots[rule.form.name]
    if factors.ndim == 3:
        factors[:, range(d), range(d)] = np.abs(factors[:, range(d), range(d)]) + 1e-3
    else:
        factors = np.abs(factors) + 1e-3
    scale = 2.0**exponent
    theta = mx.Mixture(
        rng.dirichlet(np.ones(k)), Gaussian.from_factors(rng.normal(size=(k, d)) * scale, factors * scale, rule)
    )
    path = tmp_path_factory.mktemp("models") / "model.json"
    theta.save(path)
    loaded = mx.load(path)
    assert loaded == theta
    assert np.array_equal(loaded.components.factors, theta.components.factors)
    assert mixture_record(loaded) == mixture_record(theta)


def test_names_and_columns_travel_along(theta, tmp_path):
    theta.save(tmp_path / "m.json")
    loaded = mx.load(str(tmp_path / "m.json"))
    assert (loaded.names, loaded.columns) == (("one", "two"), ("Größe", "x,y"))


def test_a_condition_number_beyond_double_precision_is_kept(tmp_path):
    factors = np.array([[[1.0, 0.0], [1.0, 1e-14]]])
    theta = mx.Mixture([1.0], Gaussian.from_factors(np.zeros((1, 2)), factors, resolve_structure("VVV", 2)))
    theta.save(tmp_path / "m.json")
    assert np.array_equal(mx.load(tmp_path / "m.json").components.factors, factors)


def test_an_edited_file_without_checksum_is_checked_like_any_numbers(theta, tmp_path):
    assert mx.load(edited(theta, tmp_path / "m.json", signed=False, weights=[0.5, 0.5])).weights.tolist() == [0.5, 0.5]
    with pytest.raises(ModelFileError, match=r"weights sum to 1\.5"):
        mx.load(edited(theta, tmp_path / "m.json", signed=False, weights=[0.5, 1.0]))


def test_a_model_written_by_hand_needs_no_factors(tmp_path):
    components = {"structure": "V", "means": [6, 7], "covariances": [1, 4]}
    record = {"format": "mixtura-model", "version": 1, "family": "gaussian", "weights": [0.5, 0.5], "names": None}
    path = tmp_path / "m.json"
    path.write_text(json.dumps(record | {"components": components, "columns": None}))
    assert mx.load(path) == mx.Mixture([0.5, 0.5], mx.Gaussian([6, 7], [1, 4]))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"version": 2, "mixtura": "9.9"}, r"written by version 2 of the format \(mixtura 9\.9\).*Update mixtura"),
        ({"version": "1"}, "has the version '1'"),
        ({"format": "else"}, "is not a mixtura model file"),
        ({"weights": "absent"}, "lacks the entry 'weights'"),
        ({"columns": "absent"}, "lacks the entry 'columns'"),
        ({"family": "cauchy"}, "holds the family 'cauchy'.*knows gaussian"),
        ({"components": {"structure": "VVV"}}, "lacks the entry 'covariances'|lacks the entry 'means'"),
        ({"names": ["same", "same"]}, "expected 2 different texts"),
        ({"weights": [0.3, -0.7]}, "must be non-negative"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(theta, tmp_path, changes, says):
    path = edited(theta, tmp_path / "m.json", **changes)
    with pytest.raises(ModelFileError, match=says) as caught:
        mx.load(path)
    assert "m.json" in str(caught.value)


def test_every_truncation_is_refused(theta, tmp_path):
    theta.save(tmp_path / "m.json")
    text = (tmp_path / "m.json").read_text()
    for end in range(0, len(text.rstrip()), 7):
        (tmp_path / "cut.json").write_text(text[:end])
        with pytest.raises(ModelFileError):
            mx.load(tmp_path / "cut.json")


def test_altered_numbers_are_noticed(theta, tmp_path):
    theta.save(tmp_path / "m.json")
    text = (tmp_path / "m.json").read_text()
    (tmp_path / "m.json").write_text(text.replace("0.3", "0.31", 1))
    with pytest.raises(ModelFileError, match="altered after it was written"):
        mx.load(tmp_path / "m.json")


def test_factors_that_do_not_fit_the_covariances_are_refused(theta):
    record = mixture_record(theta)
    record["components"]["factors"][0][1][1] = -0.5
    del record["checksum"]
    with pytest.raises(ModelFileError, match="factors"):
        mixture_of_record(record)


def test_missing_files_folders_and_binary_files_are_told_apart(tmp_path):
    with pytest.raises(SourceError, match="there is no file"):
        mx.load(tmp_path / "none.json")
    with pytest.raises(SourceError, match="is a folder"):
        mx.load(tmp_path)
    (tmp_path / "binary").write_bytes(b"PAR1\xff\xfe")
    with pytest.raises(ModelFileError, match="not a mixtura model file"):
        mx.load(tmp_path / "binary")


def test_a_failure_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "kept.txt"
    target.write_text("old")

    def write_half() -> None:
        with whole_file(target) as draft:
            draft.write_text("half")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        write_half()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["kept.txt"]


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path):
    with (
        pytest.raises(SourceError, match=r"full\.txt' cannot be written: No space left"),
        whole_file(tmp_path / "full.txt"),
    ):
        raise OSError(28, "No space left on device")
    assert os.listdir(tmp_path) == []


def test_a_link_is_written_through_and_permissions_are_kept(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    os.chmod(tmp_path / "real.txt", 0o640)
    (tmp_path / "link.txt").symlink_to("real.txt")
    with whole_file(tmp_path / "link.txt") as draft:
        draft.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"
    assert (tmp_path / "real.txt").stat().st_mode & 0o777 == 0o640


def test_a_device_is_written_to_as_it_is():
    with whole_file("/dev/null") as draft:
        assert str(draft) == "/dev/null"
        draft.write_text("gone")


def test_what_cannot_be_written_is_known_beforehand(tmp_path):
    check_writable(tmp_path / "new.txt")
    assert os.listdir(tmp_path) == []
    with pytest.raises(SourceError, match="there is no folder"):
        check_writable(tmp_path / "no" / "new.txt")
    with pytest.raises(SourceError, match="is a folder"):
        check_writable(tmp_path)
