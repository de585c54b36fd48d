"""Fewer columns: marginal and conditional mixtures, which are mixtures again, and regression on known columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixtura.errors import ParameterError, ShapeError
from mixtura.families.gaussian import Gaussian
from mixtura.mixture import Mixture
from mixtura.sources import as_source
from mixtura.validation import Array, as_array, frozen


def marginal(mixture: Mixture[Any], columns: Sequence[int | str]) -> Mixture[Any]:
    """See `Mixture.marginal`."""
    index = column_numbers(mixture, columns)
    noise = mixture.noise and mixture.noise.of_columns(index, mixture.n_features, "marginal")
    new = Mixture.trusted(mixture.weights, mixture.components.marginal(index), mixture, noise)
    return new.with_names(columns=mixture.columns and [mixture.columns[j] for j in index])


def condition(mixture: Mixture[Any], given: Mapping[int | str, float]) -> Mixture[Any]:
    """See `Mixture.condition`."""
    if not isinstance(given, Mapping):
        raise ParameterError(f"given is {given!r}; expected {{column: value}}, such as {{0: 2.5}}.")
    index, rest = _split_columns(mixture, list(given))
    values = as_array([given[c] for c in given], "given")
    noise = mixture.noise and mixture.noise.of_columns(rest, mixture.n_features, "condition")
    weights = marginal(mixture, index).responsibilities(values[None, :])[0]
    if noise is not None:
        if not weights[:-1].any():
            raise ParameterError(f"at {dict(given)} all is noise, which tells nothing of the other columns.")
        weights, noise = weights[:-1], noise.weighing(min(float(weights[-1]), np.nextafter(1.0, 0.0)))
    new = Mixture.trusted(frozen(weights), mixture.components.condition(index, values), noise=noise)
    return new.with_names(mixture.names, mixture.columns and [mixture.columns[j] for j in rest])


def conditional_moments(mixture: Mixture[Gaussian], X: Any, given: Sequence[int | str]) -> tuple[Array, Array]:
    """See `Mixture.conditional_moments`."""
    mixture = mixture.with_noise(None)
    index, rest = _split_columns(mixture, list(given))
    source = as_source(X)
    if source.n_features != len(index):
        raise ShapeError(f"X has {source.n_features} columns but {len(index)} are given; expected as many.")
    rows = np.concatenate([np.asarray(chunk.rows, dtype=np.float64) for chunk in source.chunks()])
    resp = marginal(mixture, index).responsibilities(rows)
    means = mixture.components.conditional_means(index, rows)
    mean = np.einsum("nk,nkr->nr", resp, means)
    off = means - mean[:, None, :]
    within = np.einsum("nk,krs->nrs", resp, mixture.components.conditional_covariances(index))
    assert mean.shape[1] == len(rest)
    return mean, within + np.einsum("nk,nkr,nks->nrs", resp, off, off)


def column_numbers(mixture: Mixture[Any], columns: Sequence[int | str]) -> list[int]:
    """Columns by number or name, at least one and each once, as numbers."""
    if isinstance(columns, (int, np.integer)):
        raise ParameterError(f"columns is {columns!r}; expected several, such as [{columns!r}].")
    numbers, names = [], mixture.columns or ()
    for column in columns:
        if isinstance(column, str):
            if column not in names:
                raise ParameterError(f"there is no column {column!r}; the columns are {names or 'unnamed'}.")
            numbers.append(names.index(column))
        elif 0 <= column < mixture.n_features:
            numbers.append(int(column))
        else:
            raise ParameterError(f"column {column!r} does not exist; expected 0 to {mixture.n_features - 1}.")
    if not numbers or len(set(numbers)) < len(numbers):
        raise ParameterError(f"columns {list(columns)!r}: expected at least one, each once.")
    return numbers


def _split_columns(mixture: Mixture[Any], given: Sequence[int | str]) -> tuple[list[int], list[int]]:
    index = column_numbers(mixture, given)
    rest = [j for j in range(mixture.n_features) if j not in index]
    if not rest:
        raise ParameterError("all columns are given; expected at least one to be left.")
    return index, rest
