"""Covariance structures: parameter counts as published, and each M-step against its formula from scatter matrices.

Formulas: Celeux & Govaert (1995); W_k = Σ r (x − μ_k)(x − μ_k)ᵀ, W = Σ W_k, n = Σ n_k.
"""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.optimize import minimize

import mixtura as mx
from mixtura.errors import DegenerateWarning, StructureError
from mixtura.families.covariance import STRUCTURES, resolve_structure, resolve_structures, structure_names

COVARIANCE_PARAMETERS = {  # d columns, G groups, as mclust counts
    "E": lambda G, d: 1,
    "V": lambda G, d: G,
    "EII": lambda G, d: 1,
    "VII": lambda G, d: G,
    "EEI": lambda G, d: d,
    "VEI": lambda G, d: G + d - 1,
    "EVI": lambda G, d: 1 + G * (d - 1),
    "VVI": lambda G, d: G * d,
    "EEE": lambda G, d: d * (d + 1) // 2,
    "VEE": lambda G, d: G + (d - 1) + d * (d - 1) // 2,
    "EVE": lambda G, d: 1 + G * (d - 1) + d * (d - 1) // 2,
    "VVE": lambda G, d: G + G * (d - 1) + d * (d - 1) // 2,
    "EEV": lambda G, d: 1 + (d - 1) + G * d * (d - 1) // 2,
    "VEV": lambda G, d: G + (d - 1) + G * d * (d - 1) // 2,
    "EVV": lambda G, d: 1 + G * (d - 1) + G * d * (d - 1) // 2,
    "VVV": lambda G, d: G * d * (d + 1) // 2,
}
M_STEP = {  # structure -> covariance matrices (G, d, d) from W (G, d, d) and counts n (G,)
    "E": lambda W, n: W.sum(0) / n.sum() + 0 * W,
    "V": lambda W, n: W / n[:, None, None],
    "EII": lambda W, n: np.trace(W.sum(0)) / (n.sum() * W.shape[1]) * np.eye(W.shape[1]) + 0 * W,
    "VII": lambda W, n: np.stack([np.trace(w) / (m * len(w)) * np.eye(len(w)) for w, m in zip(W, n, strict=True)]),
    "EEI": lambda W, n: np.diag(W.sum(0).diagonal()) / n.sum() + 0 * W,
    "VVI": lambda W, n: np.stack([np.diag(w.diagonal()) / m for w, m in zip(W, n, strict=True)]),
    "EEE": lambda W, n: W.sum(0) / n.sum() + 0 * W,
    "VVV": lambda W, n: W / n[:, None, None],
}


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(("groups", "d"), [(1, 2), (2, 3), (3, 3), (9, 5)])
def test_parameters_are_counted_as_mclust_counts(structure, groups, d):
    d = 1 if len(structure) == 1 else d
    resp = np.eye(groups)[np.arange(20 * groups) % groups]
    X = np.random.default_rng(0).normal(size=(20 * groups, d))
    theta = mx.Mixture.from_responsibilities(X, resp, structure)
    covariance = COVARIANCE_PARAMETERS[structure](groups, d)
    assert theta.components.n_parameters == groups * d + covariance
    assert theta.n_parameters == groups - 1 + groups * d + covariance


COUNTS = dict(
    zip(
        ["EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"],
        (1, 3, 3, 5, 7, 9, 6, 8, 10, 12, 12, 14, 16, 18),
        strict=True,
    )
)


@pytest.mark.parametrize(("structure", "count"), list(COUNTS.items()))
def test_three_groups_in_three_columns(structure, count):
    """The counts printed by the verification of the formulas."""
    assert STRUCTURES[structure].covariance_parameters(3, 3) == count


def build(structure, parameters, k, d):
    """Covariances (K, D, D) of a structure from free parameters: log volumes, log shapes, turns."""
    take = iter(parameters)

    def some(m):
        return np.array([next(take) for _ in range(m)])

    def each(letter, make):
        return [make()] * k if letter != "V" else [make() for _ in range(k)]

    def shape():
        logs = some(d - 1)
        return np.exp(np.append(logs, -logs.sum()))

    def turn():
        skew = np.zeros((d, d))
        if structure[2] != "I":
            skew[np.triu_indices(d, 1)] = some(d * (d - 1) // 2)
        return expm(skew - skew.T)

    parts = zip(
        each(structure[0], lambda: np.exp(some(1))), each(structure[1], shape), each(structure[2], turn), strict=True
    )
    return np.stack([volume * axes @ np.diag(a) @ axes.T for volume, a, axes in parts])


@pytest.mark.parametrize("structure", [name for name, s in STRUCTURES.items() if s.shares_parts])
def test_no_covariances_of_the_structure_lie_above_the_m_step(structure):
    """Against a general minimiser on free parameters, from several starts."""
    k, d, rng = 3, 3, np.random.default_rng(8)
    counts = np.array([30.0, 50.0, 20.0])
    resp = np.repeat(np.eye(k), counts.astype(int), axis=0)
    X = (
        rng.normal(size=(100, d))
        @ rng.normal(size=(d, d))
        * np.repeat(rng.uniform(0.5, 2, (k, d)), [30, 50, 20], axis=0)
    )
    means = resp.T @ X / counts[:, None]
    scatter = np.stack([(resp[:, g, None] * (X - means[g])).T @ (X - means[g]) for g in range(k)])

    def objective(covariances):
        return sum(
            n * np.linalg.slogdet(c)[1] + np.trace(np.linalg.solve(c, w))
            for n, c, w in zip(counts, covariances, scatter, strict=True)
        )

    found = mx.Mixture.from_responsibilities(X, resp, structure).components.covariance_matrices
    free = STRUCTURES[structure].covariance_parameters(k, d)
    runs = [
        minimize(lambda x: objective(build(structure, x, k, d)), 0.5 * rng.normal(size=free), method="BFGS")
        for _ in range(6)
    ]
    assert objective(found) <= min(run.fun for run in runs) + 1e-7


@pytest.mark.parametrize("structure", [name for name, s in STRUCTURES.items() if s.shares_parts])
def test_covariances_keep_what_they_share(structure):
    rng = np.random.default_rng(1)
    X, resp = rng.normal(size=(200, 3)) * [1, 3, 0.5], rng.dirichlet(np.ones(3), size=200)
    matrices = mx.Mixture.from_responsibilities(X, resp, structure).components.covariance_matrices
    volumes = np.linalg.det(matrices) ** (1 / 3)
    shapes = np.linalg.eigvalsh(matrices) / volumes[:, None]
    commutators = [a @ b - b @ a for a in matrices for b in matrices]
    assert np.ptp(np.log(volumes)) < 1e-9 or structure[0] == "V"
    assert np.ptp(np.log(shapes), axis=0).max() < 1e-9 or structure[1] == "V"
    assert np.abs(commutators).max() < 1e-9 or structure[2] == "V"
    if structure[2] == "I":
        assert np.count_nonzero(matrices) == 9


@pytest.mark.parametrize("structure", [s for s in STRUCTURES if s in M_STEP])
@pytest.mark.parametrize("weighted", [False, True])
def test_m_step_is_its_formula(structure, weighted):
    rng = np.random.default_rng(3)
    d, groups, n = 1 if len(structure) == 1 else 3, 3, 60
    X, resp = rng.normal(size=(n, d)) * [1.0, 5.0, 0.1][:d], rng.dirichlet(np.ones(groups), size=n)
    w = rng.uniform(0.1, 4, size=n) if weighted else None
    r = resp if w is None else resp * w[:, None]
    counts = r.sum(axis=0)
    means = r.T @ X / counts[:, None]
    scatter = np.stack([(r[:, k, None] * (X - means[k])).T @ (X - means[k]) for k in range(groups)])
    theta = mx.Mixture.from_responsibilities(X, resp, structure, w)
    np.testing.assert_allclose(theta.weights, counts / counts.sum(), rtol=1e-13)
    np.testing.assert_allclose(theta.components.means, means, atol=1e-13)
    want = M_STEP[structure](scatter, counts)
    np.testing.assert_allclose(theta.components.covariance_matrices, want, rtol=1e-12, atol=1e-13)


def test_structures_are_listed_by_dimension_simplest_first():
    one, many = structure_names(1), structure_names(2)
    assert one == ("E", "V")
    assert set(one) | set(many) == set(STRUCTURES)
    counts = [STRUCTURES[name].covariance_parameters(3, 3) for name in ("EII", "EEI", "EEE")]
    assert counts == sorted(counts)
    assert many.index("EII") < many.index("EEE") < many.index("VVV")


def test_lists_of_structures_are_read_as_people_write_them():
    assert resolve_structures("all", 2) == structure_names(2)
    assert resolve_structures("vvv, eee", 2) == ("VVV", "EEE")
    assert resolve_structures(["tied", "EEE", "full"], 2) == ("EEE", "VVV")
    assert resolve_structures("VVV,EEE,VII", 1) == ("V", "E")


@pytest.mark.parametrize(
    ("name", "suggestion"), [("VVE1", "VV"), ("EEEE", "EEE"), ("spherica", "spherical"), ("ful", "full")]
)
def test_unknown_structure_offers_the_nearest_names(name, suggestion):
    with pytest.raises(StructureError, match=f"unknown structure '{name}'.*Did you mean .*{suggestion}"):
        resolve_structure(name, 2)


def test_no_structure_is_refused():
    with pytest.raises(StructureError, match="at least one"):
        resolve_structures([], 2)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_direction_without_spread_is_held_up_and_named(structure):
    """Component 1 has two equal rows: where it has a covariance of its own, this stops at the data's resolution."""
    d = 1 if len(structure) == 1 else 2
    X = np.array([[0.0, 0.0], [1.0, 0.5], [2.0, -1.0], [0.5, 2.0], [9.0, 9.0], [9.0, 9.0]])[:, :d]
    shared = structure[:2] in ("E", "EI", "EE")
    one_volume = structure.startswith("E")  # what is flat is blown up to the common volume
    with contextlib.nullcontext() if shared else pytest.warns(DegenerateWarning, match="component 1"):
        theta = mx.Mixture.from_responsibilities(X, [0, 0, 0, 0, 1, 1], structure)
    matrices = theta.components.covariance_matrices
    smallest = np.linalg.eigvalsh(matrices[1])[0]
    assert np.all(np.isfinite(theta.log_prob(X)))
    if one_volume:
        assert smallest > 0.01
    else:
        assert smallest == pytest.approx((4 * np.spacing(9.0)) ** 2, rel=1e-6)
