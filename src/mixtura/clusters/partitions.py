"""Comparison of partitions: how alike two labellings of the same rows are, whatever the names of their groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura.errors import ParameterError, ShapeError
from mixtura.validation import Labels


def contingency(labels: Any, others: Any) -> tuple[Labels, npt.NDArray[Any], npt.NDArray[Any]]:
    """How many rows carry each pair of labels.

    Parameters
    ----------
    labels, others : (n_samples,), of any kind that can be sorted

    Returns
    -------
    table : (n_labels, n_others), counts
    rows, columns : the labels that they stand for, sorted
    """
    first, second = _labels(labels, "labels"), _labels(others, "others")
    if len(first) != len(second):
        raise ShapeError(f"labels are {len(first)} but others {len(second)}; expected labels of the same rows.")
    rows, i = np.unique(first, return_inverse=True)
    columns, j = np.unique(second, return_inverse=True)
    cells = np.bincount(i * len(columns) + j, minlength=len(rows) * len(columns))
    return cells.reshape(len(rows), len(columns)).astype(np.int64), rows, columns


def adjusted_rand(labels: Any, others: Any) -> float:
    """The adjusted Rand index: agreement about pairs of rows, 1 for equal partitions, 0 on average for random ones.

    (Σ C(n_ij, 2) − e) / (½ (Σ C(a_i, 2) + Σ C(b_j, 2)) − e), with e = Σ C(a_i, 2) Σ C(b_j, 2) / C(n, 2)

    Parameters
    ----------
    labels, others : (n_samples,), of any kind; names of groups do not matter

    Returns
    -------
    float
        1 also where both partitions are trivial alike: one group each, or every row alone.

    Raises
    ------
    ShapeError
        Where they are not labels of equally many rows.

    Notes
    -----
    Hubert & Arabie (1985). mclust's adjustedRandIndex.

    Examples
    --------
    >>> import mixtura as mx
    >>> mx.adjusted_rand([0, 0, 1, 1], ["b", "b", "a", "a"]), round(mx.adjusted_rand([0, 0, 1, 1], [0, 0, 1, 2]), 4)
    (1.0, 0.5714)
    """
    table, _, _ = contingency(labels, others)
    both, first, second = (_pairs(n) for n in (table, table.sum(axis=1), table.sum(axis=0)))
    total = _pairs(table.sum())
    expected = first * second / total if total else 0.0
    most = 0.5 * (first + second)
    return 1.0 if most == expected else (both - expected) / (most - expected)


def match_labels(labels: Any, reference: Any) -> npt.NDArray[Any]:
    """The labels renamed so that as many rows as possible agree with a reference, each group getting its own name.

    Parameters
    ----------
    labels : (n_samples,), of any kind
    reference : (n_samples,), whose names are taken

    Returns
    -------
    (n_samples,)
        Groups for which the reference has no partner get new names: the next whole numbers, or "unmatched 1", ….

    Raises
    ------
    ShapeError
        Where they are not labels of equally many rows.

    Notes
    -----
    The assignment problem on the contingency table (Kuhn 1955).

    Examples
    --------
    >>> import mixtura as mx
    >>> mx.match_labels([2, 2, 0, 0, 1], [0, 0, 1, 1, 1])
    array([0, 0, 1, 1, 2])
    >>> mx.match_labels([1, 1, 0], ["cat", "cat", "dog"]).tolist()
    ['cat', 'cat', 'dog']
    """
    from scipy.optimize import linear_sum_assignment

    table, rows, columns = contingency(labels, reference)
    partners = linear_sum_assignment(table, maximize=True)
    matched = dict(zip(partners[0].tolist(), partners[1].tolist(), strict=True))
    numbers = np.issubdtype(columns.dtype, np.number)
    name_of: list[Any] = []
    unmatched = 0
    for i in range(len(rows)):
        if i in matched:
            name_of.append(columns[matched[i]])
        else:
            unmatched += 1
            name_of.append(columns[-1] + unmatched if numbers else f"unmatched {unmatched}")
    index = np.searchsorted(rows, _labels(labels, "labels"))
    return np.array(name_of)[index]


def classification_error(truth: Any, labels: Any) -> float:
    """The share of rows whose label differs from the truth, under the best one-to-one matching of names.

    Parameters
    ----------
    truth, labels : (n_samples,), of any kind

    Returns
    -------
    float
        From 0. Rows of groups without a partner count as errors.

    Raises
    ------
    ShapeError
        Where they are not labels of equally many rows.

    Notes
    -----
    mclust's classError; the rows themselves are `np.flatnonzero(match_labels(labels, truth) != truth)`.

    Examples
    --------
    >>> import mixtura as mx
    >>> mx.classification_error(["a", "a", "b", "b"], [1, 1, 0, 1])
    0.25
    """
    from scipy.optimize import linear_sum_assignment

    table, _, _ = contingency(truth, labels)
    return 1.0 - float(table[linear_sum_assignment(table, maximize=True)].sum() / table.sum())


def _pairs(counts: Any) -> float:
    """Σ C(n, 2)."""
    n = np.asarray(counts, dtype=np.float64)
    return float((n * (n - 1) / 2).sum())


def _labels(labels: Any, name: str) -> npt.NDArray[Any]:
    array = np.asarray(labels)
    if array.ndim != 1 or not len(array):
        raise ShapeError(f"{name} has shape {array.shape}; expected (n_samples,), one label a row.")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ParameterError(f"{name} holds NaN; expected a label for every row.")
    return array
