"""What `fit` says where something went wrong: which component, when, along which column, which rows, what to do."""

from __future__ import annotations

import numpy as np
import pytest

import mixtura as mx
from mixtura.errors import CollapseError, ConvergenceWarning, DegenerateWarning

LUMPED = np.array([0.0, 0.7, -1.1, 0.4, 5.0, 5.0, 5.0, 6.1, 4.2, 4.8, 5.3, -0.6])
"""Rows 4, 5 and 6 are equal: a component of its own variance can collapse there."""


def test_stopping_early_is_said(faithful):
    with pytest.warns(ConvergenceWarning, match=r"stopped after 3 iterations .* nats still to gain; raise max_iter"):
        fit = mx.fit(faithful, n_components=3, structure="VVV", max_iter=3)
    assert not fit.converged
    assert len(fit.warnings) == 1


def test_a_collapse_is_named_by_component_iteration_column_and_rows():
    labels = np.isin(np.arange(12), [4, 5, 6]).astype(int)
    words = r"component 1 collapsed in iteration \d+: its spread along column 'x' .* \(rows 4, 5, 6\).*Ask for fewer"
    with pytest.warns(DegenerateWarning, match=words):
        fit = mx.fit(LUMPED, structure="V", start=labels, columns=["x"], max_iter=100)
    assert fit.warnings


def test_a_collapse_loses_to_sound_starts():
    fit = mx.fit(LUMPED, n_components=2, structure="V")
    assert not fit.warnings
    assert fit.mixture.components.covariances.min() > 1e-3
    sound = mx.fit(LUMPED, n_components=2, structure="V", start=(LUMPED > 2.5).astype(int))
    assert fit.log_likelihood >= sound.log_likelihood - 1e-6


def test_where_every_start_collapses_it_is_a_warning_or_an_error():
    X = np.repeat([0.0, 5.0, 9.0], 4)
    with pytest.warns(DegenerateWarning, match="component"):
        fit = mx.fit(X, n_components=3, structure="V")
    assert fit.table["trouble"][0]
    with pytest.raises(CollapseError, match="no start of any candidate is sound"):
        mx.fit(X, n_components=3, structure="V", on_degenerate="raise")


def test_an_emptied_component_is_named(five):
    start = mx.Mixture([0.5, 0.5], mx.Gaussian([2.0, 1e6], [9.0, 1.0]))
    with pytest.warns(DegenerateWarning, match="component 1 lost all its rows in iteration 1"):
        mx.fit(five, start=start, max_iter=50)
