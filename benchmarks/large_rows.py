"""Make a Parquet file of many rows: groups of different sizes and shapes, float32, in row groups of a million.

python benchmarks/large_rows.py FILE [--rows 200000000] [--columns 4] [--groups 10] [--seed 0]
"""

from __future__ import annotations

import argparse

import numpy as np
import pyarrow as pa
from pyarrow import parquet

GROUP_ROWS = 1_000_000


def write_rows(path: str, n_rows: int, n_columns: int = 4, n_groups: int = 10, seed: int = 0) -> None:
    """Rows of `n_groups` normal groups that overlap, block by block."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(n_groups, 5.0))
    means = rng.normal(scale=4.0, size=(n_groups, n_columns))
    factors = np.tril(rng.normal(scale=0.4, size=(n_groups, n_columns, n_columns))) + np.eye(n_columns)
    names = [f"x{j}" for j in range(n_columns)]
    schema = pa.schema([(name, pa.float32()) for name in names])
    with parquet.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for start in range(0, n_rows, GROUP_ROWS):
            size = min(GROUP_ROWS, n_rows - start)
            counts = rng.multinomial(size, weights)
            noise = rng.standard_normal((size, n_columns), dtype=np.float32)
            parts = np.split(noise, np.cumsum(counts)[:-1])
            rows = np.concatenate([means[k] + part @ factors[k].T for k, part in enumerate(parts)])
            rows = rng.permutation(rows.astype(np.float32))
            writer.write_table(pa.table([rows[:, j] for j in range(n_columns)], schema=schema))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("--rows", type=int, default=200_000_000)
    parser.add_argument("--columns", type=int, default=4)
    parser.add_argument("--groups", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write_rows(given.file, given.rows, given.columns, given.groups, given.seed)


if __name__ == "__main__":
    main()
