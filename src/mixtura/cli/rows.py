"""Rows of a file for a command: columns chosen by name, looked at before any work begins."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixtura.errors import DataError, MixturaWarning

if TYPE_CHECKING:
    import pyarrow as pa

    from mixtura.mixture import Mixture
    from mixtura.sources import Source


def check_header(path: str) -> None:
    """Warn where the first line of a file of text looks like a row."""
    from mixtura.sources import paths
    from mixtura.sources.readers import open_file

    first = paths.files_of(path)[0]
    if paths.kind_of(first) in paths.TEXT:
        _warn_of_numbers(open_file(first).schema.names, first.name)


def read_rows(
    path: str,
    columns: Sequence[str] | None = None,
    weights: str | None = None,
    where: str | None = None,
    memory_limit: str | None = None,
) -> Source:
    """The rows of files as a source: the named columns, or all but the weights."""
    from mixtura.sources.scan import MEMORY_LIMIT, scan

    refuse_repeated(columns or (), "--columns")
    limit = memory_limit or MEMORY_LIMIT
    source = scan(path, columns, where=where, sample_weight=weights, memory_limit=limit)
    if columns is None:
        _warn_of_numbers(source.columns or (), Path(path).name)
    return source


def read_labels(path: str, column: str, others: Sequence[str | None]) -> tuple[Any, list[str] | None, list[str]]:
    """The labels in a column, names of the classes where they are texts, and the columns that are neither labels nor
    `others`. Whole numbers are labels from 0; texts are numbered in their order; an empty cell is unknown."""
    import numpy as np
    from pyarrow import types

    from mixtura.sources.files import choose_columns

    table, where = open_table(path), Path(path).name
    cells = choose_columns(table, [column], where).column(0)
    rest = [name for name in table.column_names if name not in (column, *others)]
    values = cells.to_pylist()
    if types.is_integer(cells.type):
        return np.array([-1 if value is None else value for value in values]), None, rest
    if not (types.is_string(cells.type) or types.is_large_string(cells.type)):
        raise DataError(f"{where}, column {column!r} holds {cells.type}; labels are whole numbers or texts.")
    classes = sorted({value for value in values if value})
    number = {value: k for k, value in enumerate(classes)}
    return np.array([number.get(value, -1) for value in values]), classes, rest


def open_table(path: str) -> pa.Table:
    """A file as an Arrow table with different column names; a header that looks like numbers is warned of."""
    from mixtura.sources.files import read_table

    table = read_table(path)
    refuse_repeated(table.column_names, repr(Path(path).name))
    _warn_of_numbers(table.column_names, Path(path).name)
    return table


def _warn_of_numbers(names: Sequence[str], where: str) -> None:
    """Warn where a header looks like a row."""
    if names and all(map(_is_number, names)):
        warnings.warn(
            f"the first line of {where!r} looks like numbers ({', '.join(names[:4])}) but is "
            "taken as the names of the columns; put a line of names above it.",
            MixturaWarning,
            stacklevel=3,
        )


def rows_for_model(table: pa.Table, mixture: Mixture[Any], where: str) -> Any:
    """(n_samples, n_features): the columns that a model was fitted to, by name; by order where it has no names."""
    from mixtura.sources.files import choose_columns, table_to_array

    if mixture.columns is None:
        if table.num_columns != mixture.n_features:
            raise DataError(
                f"{where} has {table.num_columns} columns but the model has {mixture.n_features} without names; "
                "expected as many."
            )
        return table_to_array(table, where)
    missing = [name for name in mixture.columns if name not in table.column_names]
    if len(missing) > 1:
        raise DataError(
            f"{where} lacks the columns {', '.join(map(repr, missing))} of the model; it has "
            f"{', '.join(table.column_names)}."
        )
    return table_to_array(choose_columns(table, mixture.columns, where), where)


def rows_and_weights(table: pa.Table, mixture: Mixture[Any], weights: str | None, where: str) -> tuple[Any, Any]:
    """The rows for a model, and the column of row weights, which is none of the model's, or None."""
    from mixtura.sources.files import choose_columns, table_to_array

    if weights is None:
        return rows_for_model(table, mixture, where), None
    row_weights = table_to_array(choose_columns(table, [weights], where), where)[:, 0]
    return rows_for_model(table.drop_columns([weights]), mixture, where), row_weights


def refuse_repeated(names: Sequence[str], where: str) -> None:
    """Refuse a name that is there twice."""
    repeated = [name for name, n in Counter(names).items() if n > 1]
    if repeated:
        raise DataError(f"{where} names the column {repeated[0]!r} more than once; expected different names.")


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
