"""Files and streams larger than memory: the same numbers as in memory, few readings, and errors that name the place."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import feather, ipc, parquet

import mixtura as mx
from mixtura.errors import DataError, ParameterError, ShapeError, SourceError
from mixtura.sources import ArraySource, by_columns
from mixtura.sources import scan as scanning
from mixtura.sources.base import chunk_rows
from mixtura.sources.conversion import NO_NUMBER
from mixtura.sources.read_ahead import read_ahead
from mixtura.sources.reservoir import Reservoir
from mixtura.sources.strata import source_of
from mixtura.sources.stream import StreamSource

NAMES = ["a", "b", "c"]
N = 70_001


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(5)
    centres = np.array([[0, 0, 0], [6, 1, -3], [-4, 5, 2.0]])
    return (centres[rng.integers(3, size=N)] + rng.normal(size=(N, 3))).astype(np.float32)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 16,384 rows, and everything above 16 kB is streamed."""
    monkeypatch.setattr("mixtura.sources.base.CHUNK_BYTES", 1)
    monkeypatch.setattr(scanning, "SHARE", 16_000)


def table(rows: np.ndarray) -> pa.Table:
    return pa.table({name: rows[:, j] for j, name in enumerate(NAMES)})


def write(rows: np.ndarray, folder: Path, kind: str) -> str:
    """The rows in files of some kind; the path that stands for them."""
    cut = [rows[:20_000], rows[20_000:20_001], rows[20_001:]]
    if kind == "parquet":
        parquet.write_table(table(rows), folder / "rows.parquet", row_group_size=9_999)
        return str(folder / "rows.parquet")
    if kind == "pattern":
        for i, part in enumerate(cut):
            parquet.write_table(table(part), folder / f"part-{i}.parquet")
        parquet.write_table(table(rows[:0]), folder / "part-1-empty.parquet")
        return str(folder / "part-*.parquet")
    if kind == "folder":
        for i, part in enumerate(cut):
            (folder / f"day={i}").mkdir()
            feather.write_feather(table(part), folder / f"day={i}" / "rows.arrow", compression="lz4")
        (folder / "_SUCCESS.csv").write_text("")
        return str(folder)
    if kind == "stream":
        with ipc.new_stream(str(folder / "rows.arrows"), table(rows).schema) as file:
            file.write_table(table(rows), max_chunksize=7_777)
        return str(folder / "rows.arrows")
    if kind == "npy":
        np.save(folder / "rows.npy", rows)
        return str(folder / "rows.npy")
    pd.DataFrame(rows.astype(np.float64), columns=NAMES).to_csv(folder / "rows.csv.gz", index=False)
    return str(folder / "rows.csv.gz")


@pytest.mark.parametrize("kind", ["parquet", "pattern", "folder", "stream", "npy", "csv"])
def test_a_stream_has_the_rows_and_the_sums_of_the_array_to_the_last_bit(rows, tmp_path, kind):
    source = mx.scan(write(rows, tmp_path, kind))
    array = ArraySource.checked(rows.astype(np.float64) if kind == "csv" else rows)
    assert isinstance(source, StreamSource)
    assert (source.n_samples, source.n_features, source.total_weight) == (N, 3, N)
    assert source.dtype == array.dtype
    assert source.columns == (None if kind == "npy" else tuple(NAMES))
    np.testing.assert_array_equal(source.ranges, array.ranges)
    np.testing.assert_array_equal(source.resolution, array.resolution)
    np.testing.assert_array_equal(source.coordinates.centre, array.coordinates.centre)
    assert source.coordinates.scale == array.coordinates.scale
    chunks, want = list(source.chunks()), list(array.chunks())
    assert [len(c.rows) for c in chunks] == [16384] * 4 + [N - 4 * 16384]
    for chunk, other in zip(chunks, want, strict=True):
        assert chunk.start == other.start
        np.testing.assert_array_equal(chunk.rows, other.rows)
    start = mx.Mixture([0.3, 0.3, 0.4], mx.Gaussian(rows[:3], [np.eye(3)] * 3))
    for here, there in zip(mx.em(start, source, max_iter=3), mx.em(start, array, max_iter=3), strict=True):
        assert here.log_likelihood == there.log_likelihood
        assert here.after == there.after


def test_a_fit_from_a_file_finds_the_optimum_of_the_array(rows, tmp_path):
    source = mx.scan(write(rows, tmp_path, "parquet"))
    streamed = mx.fit(source, 3, "VVV")
    held = mx.fit(rows, 3, "VVV")
    assert isinstance(source, StreamSource)
    assert streamed.converged
    assert streamed.mixture.columns == tuple(NAMES)
    assert streamed.log_likelihood == pytest.approx(held.log_likelihood, abs=1e-6 * N)
    np.testing.assert_allclose(streamed.mixture.components.means, held.mixture.components.means, atol=1e-3)
    np.testing.assert_array_equal(streamed.certainty.sizes.sum(), N)
    again = mx.fit(mx.scan(str(tmp_path / "rows.parquet")), 3, "VVV")
    assert again.log_likelihood == streamed.log_likelihood
    assert again.mixture == streamed.mixture
    assert mx.fit(str(tmp_path / "rows.parquet"), 3, "VVV", memory_limit="1 GB").mixture == streamed.mixture


def test_all_candidates_of_a_search_share_each_reading(rows, tmp_path):
    path = write(rows, tmp_path, "parquet")
    alone, readings = {}, []
    pairs = [(s, k) for s in ("VVV", "EEE", "VII") for k in (1, 2, 3, 4)]
    for structure, k in pairs:
        source = mx.scan(path)
        alone[structure, k] = mx.fit(source, k, structure).log_likelihood
        readings.append(source.readings)
    source = mx.scan(path)
    fit = mx.fit(source, [1, 2, 3, 4], ["VVV", "EEE", "VII"])
    assert source.readings < sum(readings) / 3  # the longest climb decides; candidates also start from each other
    for row in fit.table.rows():
        gap = row["log_likelihood"] - alone[row["structure"], row["n_components"]]
        assert gap > -1e-6 * N or row["n_components"] > 3  # where groups are too many, optima are


def test_a_large_file_is_read_a_handful_of_times(rows, tmp_path, monkeypatch):
    monkeypatch.setattr("mixtura.sources.survey.POOL_CELLS", 60_000)
    monkeypatch.setattr("mixtura.search.SETTLED_ROWS", 50_000)
    monkeypatch.setattr("mixtura.search.MANY_DEAR_ROWS", 50_000)
    source = mx.scan(write(rows, tmp_path, "parquet"))
    assert mx.fit(source, 3, "VVV").converged
    assert source.readings <= 6


def test_methods_of_a_mixture_take_streams(rows, tmp_path):
    theta = mx.Mixture([0.5, 0.5], mx.Gaussian(rows[:2], [np.eye(3)] * 2), columns=NAMES)
    source = mx.scan(write(rows, tmp_path, "parquet"), ["c", "a", "b"])
    assert isinstance(source, StreamSource)
    np.testing.assert_array_equal(theta.predict(source), theta.predict(rows))
    np.testing.assert_array_equal(theta.log_prob(source), theta.log_prob(rows))
    assert theta.log_likelihood(source) == theta.log_likelihood(rows)


def test_weights_and_a_filter_may_come_from_columns(rows, tmp_path):
    w, kind = np.arange(N) % 3 + 0.5, np.where(rows[:, 0] > 0, "x", "y z")
    parquet.write_table(table(rows).append_column("w", [w]).append_column("kind", [kind]), tmp_path / "r.parquet")
    path = tmp_path / "r.parquet"
    source = mx.scan(path, NAMES, sample_weight="w", where="kind == 'x' and not b < -0.5")
    keep = (rows[:, 0] > 0) & ~(rows[:, 1] < -0.5)
    assert source.total_weight == pytest.approx(w[keep].sum(), rel=1e-14)
    np.testing.assert_array_equal(np.concatenate([c.rows for c in source.chunks()]), rows[keep])
    np.testing.assert_array_equal(np.concatenate([c.weights for c in source.chunks()]), w[keep])
    given = mx.scan(path, ["b"], sample_weight=w)
    assert given.total_weight == w.sum()
    with pytest.raises(ShapeError, match=r"70000 values but r.parquet has .* rows"):
        mx.scan(path, ["b"], sample_weight=w[1:]).total_weight  # noqa: B018
    expression = pa.compute.field("kind") == "y z"
    assert mx.scan(path, ["a"], where=expression).n_samples == (rows[:, 0] <= 0).sum()


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        ("0 < a <= 1", lambda a, b: (a > 0) & (a <= 1)),
        ("a + 2 * b > 1 or a in [0, 1]", lambda a, b: (a + 2 * b > 1) | (a == 0) | (a == 1)),
        ("not (a > -1 and col('b') != 2.0)", lambda a, b: ~((a > -1) & (b != 2))),
        ("a not in (1, 2)", lambda a, b: ~np.isin(a, [1, 2])),
    ],
)
def test_a_filter_means_what_python_means(tmp_path, text, keeps):
    a, b = (m.ravel().astype(float) for m in np.meshgrid(range(-3, 4), range(-3, 4)))
    parquet.write_table(pa.table({"a": a, "b": b}), tmp_path / "grid.parquet")
    source = mx.scan(tmp_path / "grid.parquet", where=text)
    np.testing.assert_array_equal(source.X, np.column_stack([a, b])[keeps(a, b)])


@pytest.mark.parametrize("text", ["a >", "__import__('os')", "a.b > 1", "1 > 0", "a[0] > 1"])
def test_a_filter_that_is_none_is_refused(tmp_path, text):
    parquet.write_table(pa.table({"a": [1.0, 2.0]}), tmp_path / "r.parquet")
    with pytest.raises(ParameterError, match="where"):
        mx.scan(tmp_path / "r.parquet", where=text)


def test_numbers_of_any_kind_are_converted(tmp_path):
    kinds = {
        "half": np.array([1.5, -2, 0.25], np.float16),
        "whole": np.array([1, -2, 3], np.int8),
        "flag": np.array([True, False, True]),
        "money": pa.array([Decimal("1"), Decimal("2"), Decimal("3")], pa.decimal128(9, 2)),
    }
    parquet.write_table(pa.table(kinds), tmp_path / "r.parquet")
    np.testing.assert_array_equal(mx.scan(tmp_path / "r.parquet").X, [[1.5, 1, 1, 1], [-2, -2, 0, 2], [0.25, 3, 1, 3]])
    assert mx.scan(tmp_path / "r.parquet", ["half"]).dtype == np.float32


class TestArrowStreams:
    def test_a_reader_that_can_be_read_once_is_kept(self, rows, tmp_path):
        for limit in ("512 MB", "30 GB"):
            reader = table(rows).to_reader(max_chunksize=5_000)
            source = mx.scan(reader, ["b", "a"], memory_limit=limit)
            assert isinstance(source, StreamSource) == (limit == "512 MB")
            for _ in range(2):
                np.testing.assert_array_equal(np.concatenate([c.rows for c in source.chunks()]), rows[:, [1, 0]])

    def test_duckdb_and_lazy_frames_are_sources(self, rows):
        frame = pl.DataFrame(rows, schema=NAMES)  # noqa: F841 (the query finds it)
        relation = duckdb.sql("select a, b from frame where c > 0")
        source = mx.scan(relation)
        assert source.n_samples == (rows[:, 2] > 0).sum()
        theta = mx.Mixture([1.0], mx.Gaussian([[0, 0]], [np.eye(2)]))
        relation = duckdb.sql("select a, b from frame where c > 0")
        assert theta.log_likelihood(relation) == pytest.approx(theta.log_likelihood(rows[rows[:, 2] > 0][:, :2]))

    def test_the_temporary_file_goes_away(self, rows, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        source = mx.scan(table(rows).to_reader(max_chunksize=5_000))
        assert isinstance(source, StreamSource)
        assert len(list(tmp_path.iterdir())) == 1
        del source
        assert list(tmp_path.iterdir()) == []


class TestGaps:
    """Missing cells in files that are read block by block."""

    @pytest.fixture
    def gappy(self, rows, tmp_path):
        """A file of several chunks, and the same rows in memory."""
        X, rng = rows.astype(np.float64), np.random.default_rng(6)
        X[rng.random(X.shape) < 0.1] = np.nan
        X[[5, 40_000]] = np.nan
        columns = {c: pa.array(X[:, j], mask=np.isnan(X[:, j])) for j, c in enumerate(NAMES)}
        parquet.write_table(pa.table(columns), tmp_path / "gaps.parquet", row_group_size=7_000)
        return mx.scan(tmp_path / "gaps.parquet"), source_of(X, columns=tuple(NAMES))

    def test_they_are_counted_in_the_first_reading(self, gappy):
        stream, held = gappy
        assert isinstance(stream, StreamSource)
        assert stream.gaps == held.gaps
        assert stream.gaps.n_blank >= 2
        assert stream.total_weight == held.total_weight == N - stream.gaps.n_blank
        np.testing.assert_array_equal(stream.ranges, held.ranges)
        assert stream.readings == 1

    @pytest.mark.parametrize("structure", ["VVV", "EEE", "VEI", "FA1"])
    def test_iterations_are_those_of_the_array(self, gappy, structure):
        stream, held = gappy
        theta = mx.fit(held.X[:2000], 2, structure, columns=NAMES).mixture
        one, other = (list(mx.em(theta, source, max_iter=20))[-1] for source in (stream, held))
        assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-12)
        np.testing.assert_allclose(one.after.components.means, other.after.components.means, rtol=1e-11)
        np.testing.assert_allclose(
            one.after.components.component_covariances, other.after.components.component_covariances, rtol=1e-10
        )

    def test_a_search_finds_the_optimum_of_the_array(self, gappy):
        stream, held = gappy
        fit, want = (mx.fit(source, [1, 2], ["EEE", "VVV"]) for source in (stream, held))
        assert fit.mixture.structure == want.mixture.structure
        assert fit.log_likelihood == pytest.approx(want.log_likelihood, abs=1e-6 * N)
        assert fit.missing == want.missing
        assert fit.certainty.sizes.sum() == N - fit.missing.n_blank
        np.testing.assert_array_equal(fit.mixture.predict(stream), fit.mixture.predict(held))
        np.testing.assert_allclose(fit.mixture.log_prob(stream), fit.mixture.log_prob(held), rtol=1e-12)
        np.testing.assert_allclose(fit.mixture.impute(stream), fit.mixture.impute(held), rtol=1e-12)
        errors = [mx.standard_errors(fit, source).table["standard_error"] for source in (stream, held)]
        np.testing.assert_allclose(*errors, rtol=1e-9)

    def test_noise_is_looked_for_in_a_sample(self, gappy):
        stream, held = gappy
        found, want = (mx.fit(source, 2, "VVV", noise=True) for source in (stream, held))
        assert found.log_likelihood == pytest.approx(want.log_likelihood, abs=1e-5 * N)

    def test_what_they_rule_out_is_said(self, gappy, tmp_path):
        stream, _ = gappy
        with pytest.raises(DataError, match=r"gaps.parquet has missing cells, \d+ in all. This call needs whole rows"):
            mx.explain(mx.fit(stream, 2, "VVV").mixture, stream)
        with pytest.raises(ParameterError, match="not flags"):
            mx.fit(stream, 2, "VVV", noise=np.zeros(N, bool))
        with pytest.raises(ParameterError, match="start from a Mixture"):
            mx.fit(stream, 2, "VVV", start=np.arange(N) % 2)
        table_ = pa.table({"a": np.arange(N, dtype=float), "b": pa.nulls(N, pa.float64())})
        parquet.write_table(table_, tmp_path / "empty.parquet")
        with pytest.raises(DataError, match=f"column 'b' is missing in all {N} rows"):
            mx.fit(tmp_path / "empty.parquet", 2)


class TestBadFiles:
    @pytest.mark.parametrize("limit", ["512 MB", "30 GB"])
    def test_a_cell_that_is_not_finite_is_named_by_file(self, rows, tmp_path, limit):
        np.save(tmp_path / "p0.npy", rows)
        broken = rows.copy()
        broken[40_000, 1] = np.inf
        np.save(tmp_path / "p1.npy", broken)
        with pytest.raises(DataError, match=r"^p1.npy has cells .* inf in row 40000, column 1 "):
            mx.scan(tmp_path, memory_limit=limit).n_samples  # noqa: B018
        assert NO_NUMBER.startswith("Remove or fill")

    @pytest.mark.parametrize(
        ("second", "says"),
        [
            ({"a": [1.0], "c": [1.0]}, r"p1.parquet has no column 'b'; it has a, c"),
            ({"a": [1.0], "b": [1.0], "d": [1.0]}, r"p1.parquet has a column 'd' that p0.parquet has not"),
            ({"a": [1.0], "b": ["one"]}, r"p1.parquet, column 'b' holds text: 'one' in row 0"),
        ],
    )
    def test_a_schema_that_changes_half_way_is_named_by_file(self, tmp_path, second, says):
        parquet.write_table(pa.table({"a": [1.0, 2.0], "b": [1.0, 3.0]}), tmp_path / "p0.parquet")
        parquet.write_table(pa.table(second), tmp_path / "p1.parquet")
        with pytest.raises(DataError, match=says):
            mx.scan(tmp_path)

    def test_a_truncated_file_is_named(self, rows, tmp_path):
        path = Path(write(rows, tmp_path, "parquet"))
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(SourceError, match=r"rows.parquet' cannot be read"):
            mx.scan(path)
        path.write_bytes(whole[:40_000] + bytes(200_000) + whole[240_000:])
        with pytest.raises(SourceError, match=r"rows.parquet', row group 0 cannot be read"):
            mx.scan(path).n_samples  # noqa: B018

    @pytest.mark.parametrize(
        ("line", "says"),
        [
            ("1.5", r"rows.csv' cannot be read: CSV parse error: Row #20002: Expected 2 columns, got 1"),
            ("1.5,two", r"rows.csv, column 'b' holds text: 'two' in row 20000 "),
        ],
    )
    def test_a_bad_line_of_text_is_named_by_its_row(self, tmp_path, monkeypatch, line, says):
        monkeypatch.setattr("mixtura.sources.readers.CSV_BLOCK", 1 << 16)
        lines = ["a,b", *(f"{i},{i * 0.5}" for i in range(20_000)), line, "3,4"]
        (tmp_path / "rows.csv").write_text("\n".join(lines))
        with pytest.raises((DataError, SourceError), match=says):
            mx.scan(tmp_path / "rows.csv").n_samples  # noqa: B018

    def test_a_file_that_changes_between_readings_is_found_out(self, rows, tmp_path):
        source = mx.scan(write(rows, tmp_path, "npy"))
        assert source.n_samples == N
        np.save(tmp_path / "rows.npy", rows[:-1])
        with pytest.raises(SourceError, match=r"rows.npy' changed while its rows were used"):
            list(source.chunks())

    def test_paths_and_limits_that_make_no_sense_are_refused(self, tmp_path):
        with pytest.raises(SourceError, match="no file is named like"):
            mx.scan(str(tmp_path / "*.csv"))
        with pytest.raises(ParameterError, match="memory_limit is '5 apples'"):
            mx.scan("examples/iris.csv", memory_limit="5 apples")
        with pytest.raises(ParameterError, match="at least '256 MB'"):
            mx.scan("examples/iris.csv", memory_limit="10 MB")
        with pytest.raises(ParameterError, match="Arrow C stream"):
            mx.scan([1, 2, 3])
        with pytest.raises(ParameterError, match="where chooses rows of files"):
            mx.fit([[1.0], [2.0]], where="a > 1")


def test_a_reservoir_draws_every_row_equally_often_and_does_not_see_blocks():
    rows = np.arange(1000.0)[:, None]
    hits = np.zeros(1000)
    for seed in range(300):
        drawn = []
        for step in (7, 250, 1000):
            pool = Reservoir(100, np.random.default_rng(seed))
            for start in range(0, 1000, step):
                pool.add(mx.sources.Chunk(rows[start : start + step], None, start))
            drawn.append(pool.rows()[0].ravel())
        assert len(drawn[0]) == 100
        assert np.all(np.diff(drawn[0]) > 0)
        np.testing.assert_array_equal(drawn[0], drawn[1])
        np.testing.assert_array_equal(drawn[0], drawn[2])
        hits[drawn[0].astype(int)] += 1
    assert abs(hits.reshape(10, 100).sum(axis=1) - 3000).max() < 5 * np.sqrt(3000 * 0.9)


def test_reading_ahead_keeps_order_and_errors_and_ends_with_its_reader():
    import threading

    assert list(read_ahead(iter(range(100)))) == list(range(100))

    def fails():
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(read_ahead(fails()))
    some = read_ahead(iter(range(10_000)))
    assert next(some) == 0
    some.close()
    assert not [t for t in threading.enumerate() if t.name == "mixtura-read-ahead"]


def test_columns_are_found_by_name_in_a_stream(rows, tmp_path):
    source = by_columns(mx.scan(write(rows, tmp_path, "parquet")), ("c", "a"))
    np.testing.assert_array_equal(next(iter(source.chunks())).rows, rows[:16384, [2, 0]])
    with pytest.raises(DataError, match="no column 'z'"):
        by_columns(source, ("z",))


def test_chunks_have_about_sixteen_megabytes(monkeypatch):
    monkeypatch.undo()
    assert chunk_rows(4, 4) == 1 << 20
    assert chunk_rows(100, 8) == 1 << 14
    assert chunk_rows(2, 8) == 1 << 20


MEMORY = """
import re, sys, mixtura as mx
fit = mx.fit(sys.argv[1], 3, "VVV")
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) / 1024)
"""
"""The peak of this process alone: `ru_maxrss` starts at its parent's, which may be a large test run."""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_rows(tmp_path):
    rng = np.random.default_rng(0)
    peaks = []
    for blocks in (30, 90):
        path = tmp_path / f"{blocks}.parquet"
        schema = pa.schema([(name, pa.float32()) for name in "abcd"])
        with parquet.ParquetWriter(path, schema, compression="none") as writer:
            for _ in range(blocks):
                rows = 5 * rng.integers(3, size=(500_000, 1)) + rng.normal(size=(500_000, 4))
                writer.write_table(pa.table(list(rows.astype(np.float32).T), schema=schema))
        done = subprocess.run([sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True)
        peaks.append(float(done.stdout))
    assert max(peaks) < 512, peaks
    assert peaks[1] < peaks[0] * 1.1, peaks
