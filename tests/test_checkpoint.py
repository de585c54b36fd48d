"""Checkpoints: whatever interrupts a fit, going on ends at the same bits, and the file is never torn."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import mixtura as mx
from mixtura.errors import CheckpointError, CheckpointWarning, Interrupted, ParameterError, SourceError
from mixtura.journal import Journal, decode, decode_parts, encode, encode_parts, key_of, read_journal
from mixtura.sources.stream import StreamSource
from mixtura.sweep import Sweep


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(3)
    means = np.array([[0, 0], [4, 1], [-2, 5.0]])
    return means[rng.integers(3, size=60_001)] + rng.normal(size=(60_001, 2)) * [1, 0.7]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.mixtura"


OPTIONS = {"n_components": [2, 3], "structure": ["VVV", "EEE"], "n_starts": 3}


@pytest.fixture(scope="module")
def whole(rows: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> mx.Fit:
    """The fit that nothing interrupts."""
    return mx.fit(rows, **OPTIONS, checkpoint=tmp_path_factory.mktemp("whole") / "run.mixtura")


def same(one: mx.Fit, other: mx.Fit) -> bool:
    """Whether two fits have the same bits."""
    return (
        one.mixture == other.mixture
        and one.log_likelihood == other.log_likelihood
        and repr(list(one.table.rows())) == repr(list(other.table.rows()))
        and list(one.trace.rows()) == list(other.trace.rows())
    )


def interrupted_after(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C when the n-th result was written down."""
    add = Journal.add
    left = [n]

    def counted(self: Journal, results: object) -> None:
        add(self, results)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "add", counted)


@pytest.mark.parametrize("n", [1, 2, 7, 20, 41])
def test_an_interrupted_fit_goes_on_to_the_same_bits(rows, path, whole, monkeypatch, n):
    with monkeypatch.context() as patch:
        interrupted_after(n, patch)
        with pytest.raises(Interrupted, match=r"results are kept\. Continue with mixtura\.resume\('.*run\.mixtura'\)"):
            mx.fit(rows, **OPTIONS, checkpoint=path)
    assert len(read_journal(path)[1]) >= n
    assert same(mx.resume(path, rows), whole)


def test_the_same_call_goes_on_too_and_a_finished_fit_reads_nothing_again(rows, path, whole, monkeypatch):
    assert same(mx.fit(rows, **OPTIONS, checkpoint=path), whole)
    n_entries, reads = len(read_journal(path)[1]), []
    read = Sweep._read
    monkeypatch.setattr(Sweep, "_read", lambda self, *what: reads.append(1) or read(self, *what))
    assert same(mx.fit(rows, **OPTIONS, checkpoint=path), whole)
    assert same(mx.resume(path, rows, n_threads=1), whole)
    assert reads == []
    assert len(read_journal(path)[1]) == n_entries


def test_rows_of_a_file_are_found_again(rows, tmp_path, path, monkeypatch):
    monkeypatch.setattr("mixtura.sources.scan.SHARE", 1_000)
    parquet.write_table(pa.table({"a": rows[:, 0], "b": rows[:, 1]}), tmp_path / "rows.parquet")
    monkeypatch.chdir(tmp_path)
    given = {"n_components": 3, "structure": "VVV", "where": "a < 100", "columns": ["b", "a"]}
    want = mx.fit("rows.parquet", **given)
    with monkeypatch.context() as patch:
        interrupted_after(3, patch)
        with pytest.raises(Interrupted):
            mx.fit("rows.parquet", **given, checkpoint=path)
    found = mx.resume(path)
    assert found.mixture.columns == ("b", "a")
    assert found.mixture == want.mixture
    assert isinstance(mx.scan("rows.parquet"), StreamSource)


def test_rows_with_missing_cells_go_on_too(rows, path, monkeypatch):
    holed = rows[:3000].copy()
    holed[::7, 1] = np.nan
    whole = mx.fit(holed, 2, "VVV", n_starts=2, checkpoint=path.with_suffix(".whole"))
    with monkeypatch.context() as patch:
        interrupted_after(5, patch)
        with pytest.raises(Interrupted):
            mx.fit(holed, 2, "VVV", n_starts=2, checkpoint=path)
    assert same(mx.resume(path, holed), whole)


@pytest.mark.parametrize("seconds", [0.1, 0.4])
def test_a_termination_is_an_interruption(rows, path, whole, seconds):
    def terminate(*_):
        if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:  # between two fits
            signal.setitimer(signal.ITIMER_REAL, 0.01)
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGALRM, terminate)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        with pytest.raises(Interrupted):  # noqa: PT012
            while True:
                path.unlink(missing_ok=True)
                mx.fit(rows, **OPTIONS, checkpoint=path)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert same(mx.fit(rows, **OPTIONS, checkpoint=path), whole)


class TestRefusals:
    def test_other_rows(self, rows, path):
        mx.fit(rows, 2, "EEE", checkpoint=path)
        other = rows.copy()
        other[31_234, 1] += 1e-9
        with pytest.raises(CheckpointError, match=r"is of other rows: checksum differ"):
            mx.resume(path, other)
        with pytest.raises(CheckpointError, match=r"is of other rows: rows, "):
            mx.resume(path, rows[:-1])
        with pytest.raises(ParameterError, match="give them again"):
            mx.resume(path)

    def test_other_options(self, rows, path):
        mx.fit(rows, 2, "EEE", checkpoint=path)
        with pytest.raises(CheckpointError, match="with other options: n_components, seed differ"):
            mx.fit(rows, 3, "EEE", seed=4, checkpoint=path)
        with pytest.raises(ParameterError, match="seed is that of the checkpoint"):
            mx.resume(path, rows, seed=4)

    def test_what_a_file_cannot_hold_has_to_be_given_again(self, rows, path):
        w = np.linspace(0.5, 2, len(rows))
        fit = mx.fit(rows, 2, "EEE", sample_weight=w, checkpoint=path)
        with pytest.raises(ParameterError, match=r"sample_weight=ndarray .* give it again"):
            mx.resume(path, rows)
        with pytest.raises(CheckpointError, match="other rows"):
            mx.resume(path, rows, sample_weight=w[::-1])
        assert same(mx.resume(path, rows, sample_weight=w), fit)
        start = mx.Mixture([0.5, 0.5], mx.Gaussian([[0, 0], [4, 1]], [np.eye(2)] * 2))
        fit = mx.fit(rows, start=start, checkpoint=path.with_suffix(".two"))
        assert same(mx.resume(path.with_suffix(".two"), rows), fit)

    @pytest.mark.parametrize(("name", "says"), [("mixtura", "written with mixtura '0.0'"), ("version", "format '0.0'")])
    def test_other_versions(self, rows, path, name, says):
        mx.fit(rows[:1000], 1, "EEE", checkpoint=path)
        head, entries = read_journal(path)
        Journal(path, head | {name: "0.0"}, None).save()
        with pytest.raises(CheckpointError, match=says):
            mx.resume(path, rows[:1000])
        assert entries

    def test_damaged_and_foreign_files(self, rows, path):
        with pytest.raises(SourceError, match="cannot be read: No such file"):
            mx.resume(path)
        mx.fit(rows[:1000], 1, "EEE", checkpoint=path)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(CheckpointError, match="or was cut off"):
            mx.resume(path, rows[:1000])
        path.write_bytes(content[:600] + b"?" + content[601:])
        with pytest.raises(CheckpointError, match="no checkpoint that mixtura wrote, or was cut off"):
            mx.resume(path, rows[:1000])
        path.write_text("what I did on my holidays")
        with pytest.raises(CheckpointError, match="no checkpoint"):
            mx.fit(rows[:1000], 1, "EEE", checkpoint=path)
        assert path.read_text().startswith("what I did")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("head.json", json.dumps({"format": "another"}))
        with pytest.raises(CheckpointError, match="is no checkpoint of mixtura"):
            mx.resume(path)


def test_a_full_disk_leaves_the_old_checkpoint_and_the_fit_goes_on(rows, path, whole, monkeypatch):
    with monkeypatch.context() as patch:
        interrupted_after(4, patch)
        with pytest.raises(Interrupted):
            mx.fit(rows, **OPTIONS, checkpoint=path)
    old = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("mixtura.atomic._sync", full)
        with (
            pytest.warns(CheckpointWarning, match="No space left on device. The fit goes on"),
            pytest.raises(SourceError, match="No space left"),
        ):
            mx.fit(rows, **OPTIONS, checkpoint=path)
    assert path.read_bytes() == old
    assert os.listdir(path.parent) == [path.name]
    assert same(mx.resume(path, rows), whole)


FULL = """
import resource, signal, sys, numpy as np, mixtura as mx
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)  # no file may grow beyond: a quota
try:
    mx.fit(sys.argv[1], n_components=[2, 3], structure=["VVV", "EEE"], n_starts=3, checkpoint=sys.argv[2])
except mx.errors.SourceError as error:
    print(error)
"""


def test_a_real_quota_leaves_the_old_checkpoint_whole(rows, tmp_path, path, monkeypatch):
    data = tmp_path / "rows.npy"
    np.save(data, rows)
    with monkeypatch.context() as patch:
        interrupted_after(4, patch)
        with pytest.raises(Interrupted):
            mx.fit(data, **OPTIONS, checkpoint=path)
    old = path.read_bytes()
    command = [sys.executable, "-c", FULL, data, path, str(len(old))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    assert "The fit goes on" in done.stderr
    assert path.read_bytes() == old
    assert sorted(os.listdir(tmp_path)) == [data.name, path.name]
    read_journal(path)


def test_results_come_back_as_they_were_written(rows):
    source = mx.sources.as_source(rows)
    theta = mx.Mixture([0.5, 0.5], mx.Gaussian([[0, 0], [1, 1]], [np.eye(2)] * 2))
    found = Sweep(source).one(theta)
    parts = decode(encode(encode_parts(found, leave_out=("origin", "prior"))))
    again = decode_parts(parts, origin=found.origin)
    assert (again.log_likelihood, again.log_max_resp, again.noise) == (
        found.log_likelihood,
        found.log_max_resp,
        found.noise,
    )
    np.testing.assert_array_equal(again.counts, found.counts)
    np.testing.assert_array_equal(again.moments.scatter, found.moments.scatter)
    empty = {"a": np.zeros((0, 3)), "b": np.arange(4), "c": None, "d": "text", "e": 2.5}
    back = decode(encode(empty))
    assert back["a"].shape == (0, 3)
    assert back["b"].dtype == np.arange(4).dtype
    assert (back["c"], back["d"], back["e"].item()) == (None, "text", 2.5)
    assert key_of(1.0, np.ones(2)) != key_of(1.0, np.ones(2, np.float32))


class TestCommandLine:
    @pytest.fixture
    def data(self, rows, tmp_path):
        parquet.write_table(pa.table({"a": rows[:, 0], "b": rows[:, 1]}), tmp_path / "rows.parquet")
        return tmp_path / "rows.parquet"

    def run(self, *words: object):
        from click.testing import CliRunner

        from mixtura.cli import main

        return CliRunner().invoke(main, [str(word) for word in words])

    def test_resume_needs_no_more_than_the_checkpoint(self, data, path, tmp_path, monkeypatch):
        with monkeypatch.context() as patch:
            interrupted_after(2, patch)
            result = self.run("fit", data, "-k", "3", "--structure", "VVV", "--checkpoint", path)
        assert result.exit_code == 130
        assert "Continue with" in result.stderr
        assert "mixtura fit --resume" in result.stderr
        result = self.run("fit", "--resume", path, "--out", tmp_path / "model.json")
        assert result.exit_code == 0, result.output
        assert mx.load(tmp_path / "model.json") == mx.fit(data, 3, "VVV", checkpoint=tmp_path / "other.mixtura").mixture

    def test_options_beside_resume_are_refused(self, data, path):
        self.run("fit", data, "-k", "1", "--structure", "EEE", "--checkpoint", path)
        result = self.run("fit", "--resume", path, "-k", "2")
        assert result.exit_code == 2
        assert "cannot be given with --resume" in result.stderr
        assert "Missing argument 'DATA'" in self.run("fit").stderr


CODE = """
import sys, mixtura as mx
mx.fit(sys.argv[1][:-4] + ".few.npy", 2, "EEE")  # loads what is loaded once
print("begins", flush=True)
mx.fit(sys.argv[1], [2, 3], ["VVV", "EEE"], n_starts=3, checkpoint=sys.argv[2])
"""


@pytest.mark.slow
def test_kill_at_random_moments_then_resume(rows, tmp_path, path):
    data = tmp_path / "rows.npy"
    np.save(data, np.concatenate([rows] * 4))
    np.save(tmp_path / "rows.few.npy", rows[:500])

    def begun(to):
        job = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", CODE, data, to], stdout=subprocess.PIPE, text=True
        )
        assert job.stdout.readline() == "begins\n"
        return job

    with begun(tmp_path / "whole.mixtura") as job:
        began = time.monotonic()
    whole = time.monotonic() - began
    want = mx.fit(data, **OPTIONS, checkpoint=tmp_path / "whole.mixtura")
    rng, kills, written = random.Random(0), 0, 0
    for _ in range(20):
        with begun(path) as job:
            time.sleep(0.8 * whole * rng.random())
            kills += job.poll() is None
            job.kill()
        if path.exists():
            read_journal(path)  # never torn
            written += 1
        assert same(mx.fit(data, **OPTIONS, checkpoint=path), want)
        path.unlink()
    assert kills >= 10
    assert written >= 5
