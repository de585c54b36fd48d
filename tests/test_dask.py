"""Rows on a Dask cluster of processes: the numbers of one machine, whatever happens to workers."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

import mixtura as mx
from mixtura.cli import main
from mixtura.errors import DataError, ParameterError
from mixtura.sources import as_source

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")

N = 60_000


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0, 0], [5, 1, 2], [-3, 6, 0.0]])
    return centres[rng.integers(3, size=N)] + rng.normal(size=(N, 3))


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    options = {"n_workers": 3, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as found:
        yield found


@pytest.fixture
def client(cluster: object) -> Iterator[object]:
    with distributed.Client(cluster) as found:
        yield found


def start(rows: np.ndarray) -> mx.Mixture:
    return mx.Mixture([0.3, 0.3, 0.4], mx.Gaussian(rows[:3], [np.eye(3)] * 3))


def after(theta: mx.Mixture, X: object, n: int) -> mx.Iteration:
    return list(mx.em(theta, X, max_iter=n))[-1]


def close(one: mx.Iteration, other: mx.Iteration) -> None:
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(one.after.weights, other.after.weights, rtol=1e-12)
    np.testing.assert_allclose(one.after.components.means, other.after.components.means, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("chunks", [7_001, 60_000])
def test_twenty_iterations_are_those_in_memory(rows, client, chunks):
    close(after(start(rows), da.from_array(rows, chunks=(chunks, 2)), 20), after(start(rows), rows, 20))


def test_memory_map_file_and_any_number_of_workers_are_one(rows, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    parquet.write_table(
        pa.table(dict(zip("abc", rows.T, strict=True))), tmp_path / "rows.parquet", row_group_size=15_000
    )
    want = after(start(rows), rows, 20)
    assert after(start(rows), mapped, 20).log_likelihood == want.log_likelihood
    assert after(start(rows), tmp_path / "rows.parquet", 20).after == want.after
    ends = []
    for n in (1, 2, 4):
        options = {"n_workers": n, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
        with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster):
            ends.append(after(start(rows), dd.read_parquet(tmp_path / "rows.parquet", split_row_groups=1), 20))
            close(ends[-1], want)
    assert ends[0].after == ends[1].after == ends[2].after


def test_a_fit_finds_the_optimum_and_names_the_columns(rows, client):
    frame = dd.from_pandas(pd.DataFrame(rows, columns=list("abc")).assign(text="x"), npartitions=5)
    fit = mx.fit(frame, 3, "VVV", columns=["c", "a", "b"])
    held = mx.fit(rows[:, [2, 0, 1]], 3, "VVV")
    assert fit.mixture.columns == ("c", "a", "b")
    assert fit.n_samples == N
    assert fit.log_likelihood == pytest.approx(held.log_likelihood, abs=1e-6 * N)
    np.testing.assert_allclose(fit.certainty.sizes, held.certainty.sizes, atol=20)
    again = mx.fit(frame, 3, "VVV", columns=["c", "a", "b"])
    assert again.mixture == fit.mixture


def process_ids(client) -> list[int]:
    """Of the three workers, or of those that are left where Dask gave one up that was killed while it started."""
    found: dict = {}
    for _ in range(20):
        with contextlib.suppress(TimeoutError):
            client.wait_for_workers(3, timeout=1)
        found = client.run(os.getpid, on_error="ignore")  # one that was killed a moment ago may still be on the list
        if len(found) == 3:
            break
    return list(found.values())


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.8])
def test_a_killed_worker_changes_time_only(rows, client, seconds):
    X = da.from_array(rows, chunks=(9_000, 3))
    threading.Timer(seconds, kill, process_ids(client)[:1]).start()
    close(after(start(rows), X, 40), after(start(rows), rows, 40))


def test_a_fit_ends_the_same_whatever_workers_are_killed_when(rows):
    options = {"n_workers": 3, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    X = da.from_array(np.concatenate([rows] * 8), chunks=(40_000, 3))
    with contextlib.ExitStack() as stack:

        def three_workers():
            return stack.enter_context(distributed.Client(stack.enter_context(distributed.LocalCluster(**options))))

        client = three_workers()
        mx.fit(X, 3, "VVV")  # workers load what they need
        began = time.monotonic()
        whole = mx.fit(X, 3, "VVV")
        seconds, rng, kills = time.monotonic() - began, random.Random(0), 0
        while kills < 10:
            workers = process_ids(client)
            if len(workers) < 3:
                client = three_workers()
                continue
            timer = threading.Timer(seconds * rng.random(), kill, [rng.choice(workers)])
            timer.start()
            fit = mx.fit(X, 3, "VVV")
            kills += not timer.is_alive()
            timer.cancel()
            assert fit.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)
            np.testing.assert_allclose(fit.mixture.weights, whole.mixture.weights, rtol=1e-12)
            ends = (fit.mixture.components, whole.mixture.components)
            np.testing.assert_allclose(*(c.means for c in ends), rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(*(c.covariance_matrices for c in ends), rtol=1e-12, atol=1e-12)


def test_a_worker_may_come_late(rows):
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        X = da.from_array(rows, chunks=(7_001, 3))
        timer = threading.Timer(0.2, lambda: cluster.scale(3))
        timer.start()
        end = after(start(rows), X, 60)
        client.wait_for_workers(3)
        close(end, after(start(rows), rows, 60))


def test_empty_partitions_change_nothing(rows, client):
    frame = pd.DataFrame(rows, columns=list("abc"))
    empty = dd.concat(
        [dd.from_pandas(part, npartitions=1) for part in (frame[:0], frame[:25_000], frame[:0], frame[25_000:])]
    )
    close(after(start(rows), empty, 20), after(start(rows), rows, 20))
    with pytest.raises(DataError, match="no rows"):
        mx.fit(dd.from_pandas(frame[:0], npartitions=1), 2)


def test_bad_cells_are_named_by_partition(rows, client):
    broken = rows.copy()
    broken[25_000, 1] = np.nan
    with pytest.raises(DataError, match=r"partition 2: X has cells that are NaN .* row 5000, column 1"):
        as_source(da.from_array(broken, chunks=(10_000, 3))).n_samples  # noqa: B018
    with pytest.raises(DataError, match="no column 'z'"):
        mx.fit(dd.from_pandas(pd.DataFrame(rows, columns=list("abc")), npartitions=2), columns=["z"])
    with pytest.raises(ParameterError, match="no sample_weight yet"):
        mx.fit(da.from_array(rows), sample_weight=np.ones(N))


def test_the_command_line_fits_on_a_cluster(rows, cluster, tmp_path):
    for i, part in enumerate(np.split(rows, 3)):
        parquet.write_table(pa.table(dict(zip("abc", part.T, strict=True))), tmp_path / f"p{i}.parquet")
    model = tmp_path / "model.json"
    words = ["fit", tmp_path / "p*.parquet", "-k", 3, "--structure", "VVV", "--columns", "a,c", "--out", model]
    result = CliRunner().invoke(main, [*map(str, words), "--scheduler", cluster.scheduler_address])
    assert result.exit_code == 0, result.output
    assert mx.load(model).columns == ("a", "c")
    assert mx.load(model).log_likelihood(rows[:, [0, 2]]) == pytest.approx(
        mx.fit(rows[:, [0, 2]], 3, "VVV").log_likelihood, abs=1e-6 * N
    )


def test_a_scheduler_that_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("mixtura.sources.dask.ANSWER", "1s")
    parquet.write_table(pa.table({"a": [1.0, 2.0]}), tmp_path / "p.parquet")
    result = CliRunner().invoke(main, ["fit", str(tmp_path / "p.parquet"), "--scheduler", "tcp://127.0.0.1:9"])
    assert result.exit_code == 2
    assert "no Dask scheduler answers at 'tcp://127.0.0.1:9'" in result.stderr
