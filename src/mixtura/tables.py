"""A small immutable table: what `fit.table` and `fit.trace` are, ready for any data frame library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np


class Table(Mapping[str, Any]):
    """Named columns of equal length.

    It speaks the Arrow C stream, so `polars.DataFrame(table)`, `pyarrow.table(table)` and DuckDB take it as it is;
    `to_pandas()` is there for pandas, `rows()` for plain Python, `table["bic"]` for NumPy.

    Examples
    --------
    >>> table = Table({"structure": ["EEE", "VVV"], "bic": [2314.3, 2322.2]})
    >>> len(table["bic"]), next(table.rows())
    (2, {'structure': 'EEE', 'bic': 2314.3})
    """

    def __init__(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self._columns = {name: np.asarray(values) for name, values in columns.items()}

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        """The number of columns; `n_rows` counts the rows."""
        return len(self._columns)

    @property
    def n_rows(self) -> int:
        return len(next(iter(self._columns.values()))) if self._columns else 0

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each row as a dict of plain Python values."""
        lists = [values.tolist() for values in self._columns.values()]
        for row in zip(*lists, strict=True):
            yield dict(zip(self._columns, row, strict=True))

    def to_arrow(self) -> Any:
        """A `pyarrow.Table`."""
        import pyarrow as pa

        return pa.table({name: pa.array(values) for name, values in self._columns.items()})

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`, where pandas is installed."""
        import pandas as pd

        return pd.DataFrame({name: values.tolist() for name, values in self._columns.items()})

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        cells = [[name, *map(_cell, values.tolist())] for name, values in self._columns.items()]
        widths = [max(map(len, column)) for column in cells]
        lines = zip(*[[c.rjust(w) for c in column] for column, w in zip(cells, widths, strict=True)], strict=True)
        return "\n".join("  ".join(line) for line in lines)


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
