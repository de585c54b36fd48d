"""EM from stated labels against R's mclust 6.0.0, for every structure, number of groups and data set.

mclust's `me` runs to a relative tolerance of its own; the reference holds runs with a tight one, so that the converged
values agree to 1e-8 in both directions. Where mclust gives nothing (a group of one row, or of equal rows, has no
variance of its own) mixtura must name the collapse.
"""

from __future__ import annotations

import functools
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import mixtura as mx
from mixtura.errors import DegenerateWarning
from mixtura.families.covariance import STRUCTURES

DATA = Path(__file__).parent / "data"
SETS = ("acidity", "galaxies", "faithful", "iris", "diabetes")
AFTER = (1, 2, 5)

ITERATED = ("VEI", "VEE", "VEV", "EVE", "VVE")
"""Structures whose M-step iterates: mclust stops it early, so its path differs and may end elsewhere or lower."""

OTHER_PATHS = {("faithful", "VVE", "3"), ("diabetes", "VVE", "6"), ("iris", "VVE", "5")}
"""Where that leads to another path within five iterations: by 0.6 nats below mclust's at most. Two of these end above
it; on iris the path ends at another optimum, 17 nats lower."""


def _cases(defined: bool) -> list:
    return list(_all_cases(defined))


def _all_cases(defined: bool):
    for name in SETS:
        reference = json.loads((DATA / f"{name}.json").read_text())["me"]
        for structure in (s for s in reference if s in STRUCTURES):
            for groups, found in reference[structure].items():
                if (found["loglik"] is not None) == defined:
                    yield pytest.param(name, structure, groups, id=f"{name}-{structure},{groups}")


def labels_of(mclust, name, groups):
    return np.array(mclust(name)["start"][groups]) - 1


@pytest.fixture(scope="module")
def climb(rows, mclust):
    """`climb(name, structure, groups)`: log-likelihoods of each iteration and the mixture at the end."""

    @functools.cache
    def run(name, structure, groups):
        X = rows(name)
        theta = mx.Mixture.from_responsibilities(X, labels_of(mclust, name, groups), structure)
        path = []
        for it in mx.em(theta, X, tol=1e-13, max_iter=20_000):
            path.append(it.log_likelihood)
        return [*path, it.after.log_likelihood(X)], it.after

    return run


def test_every_structure_is_compared():
    assert {case.values[1] for case in _cases(True)} == set(STRUCTURES)


@pytest.mark.parametrize(("name", "structure", "groups"), _cases(True))
def test_log_likelihoods_on_the_way_and_at_the_end(climb, rows, mclust, name, structure, groups):
    want = mclust(name)["me"][structure][groups]
    path, theta = climb(name, structure, groups)
    for step, value in zip(AFTER, want["loglik_after"], strict=True):
        here = path[min(step, len(path)) - 1]
        if structure in ITERATED:
            slack = 0.7 if (name, structure, groups) in OTHER_PATHS else 1e-4 * abs(value)
            assert here >= value - slack, f"after {step} iterations"
        else:
            assert here == pytest.approx(value, rel=1e-9), f"after {step} iterations"
    assert theta.n_parameters == want["df"]
    if structure in ITERATED:
        assert path[-1] >= want["loglik"] - 1e-7 * abs(want["loglik"]) or (name, structure, groups) == (
            "iris",
            "VVE",
            "5",
        )
    else:
        assert path[-1] == pytest.approx(want["loglik"], rel=1e-8)
        assert theta.bic(rows(name)) == pytest.approx(-want["bic"], rel=1e-8)


# From acidity's labels E falls back into one group: the means coincide, and the proportions say nothing.
IDENTIFIED = [c for c in _cases(True) if c.values[:2] != ("acidity", "E") and c.values[1] not in ITERATED]


@pytest.mark.parametrize(("name", "structure", "groups"), IDENTIFIED)
def test_parameters_at_convergence(climb, rows, mclust, name, structure, groups):
    """Proportions, and means in units of each column's spread, as far as mclust's own stop leaves them."""
    want, theta = mclust(name)["me"][structure][groups], climb(name, structure, groups)[1]
    spread = rows(name).std(axis=0)
    means = np.reshape(want["mean"], theta.components.means.shape)
    np.testing.assert_allclose(theta.weights, np.ravel(want["proportions"]), atol=1e-4)
    np.testing.assert_allclose(theta.components.means / spread, means / spread, atol=1e-3)


@pytest.mark.parametrize("name", ["acidity", "iris"])
def test_numpys_engine_takes_the_same_steps(rows, mclust, name):
    X = rows(name)
    for structure, by_groups in mclust(name)["me"].items():
        want = by_groups["2"]["loglik_after"]
        if structure in ITERATED or want[0] is None:
            continue
        theta = mx.Mixture.from_responsibilities(X, labels_of(mclust, name, "2"), structure)
        path = [it.log_likelihood for it in mx.em(theta, X, max_iter=5, engine="reference")]
        assert [path[step - 1] for step in AFTER] == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize(("name", "structure", "groups"), _cases(False))
def test_collapse_is_named_where_mclust_gives_nothing(rows, mclust, name, structure, groups):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        fit = mx.fit(rows(name), structure=structure, start=labels_of(mclust, name, groups), max_iter=200)
    assert any(issubclass(w.category, DegenerateWarning) for w in seen)
    assert any("component" in note for note in fit.warnings)
