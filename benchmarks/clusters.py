"""One EM iteration on a cluster of this machine's cores: mixtura on threads, Dask and Spark, beside a
scikit-learn loop on Dask and Spark's own MLlib.

python benchmarks/clusters.py [--rows 1000000] [--columns 4] [--groups 5]      (needs dask, pyspark and Java 17)

Time per iteration is a slope between two iteration counts, so that set-up cancels. MLlib takes no start, so likelihoods
are those of default calls with the number of components given, judged by one function.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import mixtura
import numpy as np
import pandas as pd
from sklearn.mixture import GaussianMixture

from workloads import Array, Workload, rows_of, start_of

FEWER, MORE = 2, 12


def slope(run: Callable[[int], object]) -> float:
    """Seconds an iteration: the least of two rounds."""
    run(1)
    found = []
    for _ in range(2):
        times = []
        for n in (FEWER, MORE):
            began = time.perf_counter()
            run(n)
            times.append(time.perf_counter() - began)
        found.append((times[1] - times[0]) / (MORE - FEWER))
    return min(found)


def em(theta: mixtura.Mixture, rows: object) -> Callable[[int], object]:
    """mixtura's plain EM over any kind of rows."""
    return lambda n: list(mixtura.em(theta, rows, max_iter=n))


def default_call(call: Callable[[], mixtura.Mixture], X: Array) -> tuple[float, float]:
    """Seconds, and nats a row of what it found."""
    began = time.perf_counter()
    found = call()
    return time.perf_counter() - began, found.log_likelihood(X) / len(X)


def on_threads(X: Array, theta: mixtura.Mixture, k: int) -> tuple[float, float, float]:
    return slope(em(theta, X)), *default_call(lambda: mixtura.fit(X, k, "VVV").mixture, X)


def on_dask(X: Array, theta: mixtura.Mixture, k: int) -> tuple[float, float, float]:
    import dask.array as da
    import distributed

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with tempfile.TemporaryDirectory() as folder, distributed.LocalCluster(**options) as cluster:
        np.save(Path(folder) / "rows.npy", X)
        rows = da.from_array(np.load(Path(folder) / "rows.npy", mmap_mode="r"), (len(X) // 4, -1))
        with distributed.Client(cluster):
            return slope(em(theta, rows)), *default_call(lambda: mixtura.fit(rows, k, "VVV").mixture, X)


def moments(rows: Array, model: GaussianMixture) -> list[Array]:
    """What one partition gives to an iteration, by scikit-learn's E-step."""
    log_likelihood, log_resp = model._e_step(rows)
    resp = np.exp(log_resp)
    second = np.stack([(rows * r[:, None]).T @ rows for r in resp.T])
    return [log_likelihood * len(rows), resp.sum(axis=0), resp.T @ rows, second]


def on_sklearn_in_dask(X: Array, theta: mixtura.Mixture, k: int) -> tuple[float, float, float]:
    """The loop that a user of both writes: scikit-learn's E-step on each partition, sums, an M-step."""
    import dask
    import dask.array as da
    import distributed

    def loop(rows: da.Array, start: mixtura.Mixture, most: int, tol: float) -> mixtura.Mixture:
        pieces, before = [part[0] for part in rows.to_delayed()], -np.inf
        for _ in range(most):
            model = mixtura.to_sklearn(start)
            parts = dask.compute(*[dask.delayed(moments)(piece, model) for piece in pieces])
            total, counts, sums, second = (sum(part) for part in zip(*parts, strict=True))
            means = sums / counts[:, None]
            covariances = second / counts[:, None, None] - means[:, :, None] * means[:, None, :]
            start = mixtura.Mixture(counts / counts.sum(), mixtura.Gaussian(means, covariances))
            if total / len(X) - before < tol:
                break
            before = total / len(X)
        return start

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        rows = client.persist(da.from_array(X, (len(X) // 4, -1)))
        distributed.wait(rows)

        def whole() -> mixtura.Mixture:
            few = GaussianMixture(k, random_state=0, max_iter=1, init_params="kmeans")
            with warnings.catch_warnings(action="ignore"):
                few.fit(X[:: max(len(X) // 20_000, 1)])
            return loop(rows, mixtura.from_sklearn(few), 100, 1e-3)

        return slope(lambda n: loop(rows, theta, n, -np.inf)), *default_call(whole, X)


def on_spark(X: Array, theta: mixtura.Mixture, k: int) -> dict[str, tuple[float, float, float]]:
    from mixtura import spark
    from pyspark.ml.clustering import GaussianMixture as MLlibMixture
    from pyspark.ml.feature import VectorAssembler
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    options = {"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.memory": "4g"}
    names = [f"x{j}" for j in range(X.shape[1])]
    with tempfile.TemporaryDirectory() as folder:
        pd.DataFrame(X, columns=names).to_parquet(Path(folder) / "rows.parquet")
        with SparkSession.builder.master("local[2]").config(map=options).getOrCreate() as session:
            session.sparkContext.setLogLevel("OFF")
            frame = session.read.parquet(str(Path(folder) / "rows.parquet")).repartition(4).cache()
            frame.count()
            own = slope(em(theta, frame)), *default_call(lambda: spark.fit(frame, k, "VVV").mixture, X)
            vectors = VectorAssembler(inputCols=names, outputCol="features").transform(frame).select("features").cache()
            vectors.count()

            def mllib(**given: float) -> mixtura.Mixture:
                model = MLlibMixture(k=k, seed=0, **given).fit(vectors)
                parts = [(g.mean.toArray(), g.cov.toArray()) for g in model.gaussians]
                means, covariances = (np.stack(part) for part in zip(*parts, strict=True))
                weights = np.array(model.weights)
                return mixtura.Mixture(weights / weights.sum(), mixtura.Gaussian(means, covariances))

            theirs = slope(lambda n: mllib(maxIter=n, tol=0.0)), *default_call(mllib, X)
    return {"mixtura on Spark, 2 cores": own, "Spark MLlib, 2 cores": theirs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=4)
    parser.add_argument("--groups", type=int, default=5)
    given = parser.parse_args()
    work = Workload("clusters", given.rows, given.columns, given.groups, spread=3.0)
    X, start = rows_of(work), start_of(work)
    theta = mixtura.Mixture(start.weights, mixtura.Gaussian(start.means, start.covariances))
    found = {"mixtura, threads": on_threads(X, theta, given.groups)}
    found["mixtura on Dask, 2 workers"] = on_dask(X, theta, given.groups)
    found["scikit-learn's E-step in a Dask loop, 2 workers"] = on_sklearn_in_dask(X, theta, given.groups)
    found |= on_spark(X, theta, given.groups)
    print(f"{work.title}")
    print("| | ms an iteration | default call, s | nats a row |\n|---|---:|---:|---:|")
    for name, (each, whole, nats) in found.items():
        print(f"| {name} | {1e3 * each:.0f} | {whole:.1f} | {nats:.6f} |")


if __name__ == "__main__":
    main()
