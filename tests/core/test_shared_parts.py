"""The compiled M-steps of structures that share parts are their NumPy twins, for every instruction set."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import mixtura as mx
from mixtura import _core
from mixtura.algorithms.acceleration import accelerated_em
from mixtura.algorithms.climb import Rules, climb_all
from mixtura.algorithms.compiled import climb_compiled
from mixtura.algorithms.iteration import inner_floor
from mixtura.algorithms.start import Partitions
from mixtura.families import shared_parts as twin
from mixtura.families.covariance import STRUCTURES, resolve_structure
from mixtura.linalg import lower_from_square_roots
from mixtura.sources import as_source
from mixtura.sweep import Sweep

TWINS = {name: getattr(twin, name.lower()) for name in ("VEI", "VEE", "EVE", "VVE", "EEV", "VEV")}
SHARING = [name for name, s in STRUCTURES.items() if s.shares_parts]


def roots(structure, k, d, seed):
    """Square roots of scatters, and old factors that keep the structure."""
    rng = np.random.default_rng(seed)
    counts = rng.uniform(5, 50, size=k)
    X = rng.normal(size=(2, k, d, 3 * d)) * rng.uniform(0.2, 3, size=(2, k, d, 1))
    if structure.endswith("I"):
        first, second = np.sqrt((X**2).mean(axis=3))
    else:
        first, second = np.linalg.cholesky(X @ np.swapaxes(X, 2, 3) / (3 * d))
    return counts, resolve_structure(structure, d).project(second, counts, np.full(d, 1e-9)), first


def covariances(factors):
    return factors @ np.swapaxes(factors, 1, 2) if factors.ndim == 3 else factors**2


@pytest.mark.parametrize("structure", TWINS)
@pytest.mark.parametrize(("k", "d"), [(1, 2), (2, 2), (3, 4), (5, 7)])
def test_the_core_is_its_twin(structure, k, d):
    counts, old, root = roots(structure, k, d, 10 * k + d)
    got = _core.shared_parts(structure, counts[None], old[None], root[None], twin.MOST_STEPS)[0]
    want = TWINS[structure](root, counts, old)
    if structure.endswith("E") and structure != "VEE":  # their rotations may end in different minima from equal ones
        assert got.shape == want.shape
        mine, theirs = (objective(f, root, counts) for f in (got, normed(structure, want, counts)))
        assert mine == pytest.approx(theirs, rel=1e-3)
    else:
        np.testing.assert_allclose(covariances(got), covariances(want), rtol=1e-7, atol=1e-9)
    if got.ndim == 3:
        assert np.all(np.triu(got, 1) == 0)


def normed(structure, factors, counts):
    lower = lower_from_square_roots(factors)
    return twin.one_volume(lower, counts) if structure.startswith("EV") else lower


def objective(factors, root, counts):
    """Σ N [log |Σ| + tr(W Σ⁻¹)] of the M-step."""
    total = 0.0
    for factor, r, n in zip(factors, root, counts, strict=True):
        total += n * (2 * np.log(np.diagonal(factor)).sum() + (np.linalg.solve(factor, r) ** 2).sum())
    return total


@pytest.mark.parametrize("structure", SHARING)
def test_the_squares_left_are_one_a_row_and_column(structure):
    """Why the maximum of the bound is known in closed form, after however few rounds."""
    counts, old, root = roots(structure, 3, 4, 5)
    for rounds in (1, 2, 100):
        factors = _core.shared_parts(structure, counts[None], old[None], root[None], rounds)[0]
        full = factors if factors.ndim == 3 else factors[:, :, None] * np.eye(4)
        wide = root if root.ndim == 3 else root[:, :, None] * np.eye(4)
        squares = sum(n * (np.linalg.solve(f, r) ** 2).sum() for n, f, r in zip(counts, full, wide, strict=True))
        assert squares == pytest.approx(4 * counts.sum(), rel=1e-12)


@pytest.mark.parametrize("structure", [s for s in SHARING if s not in ("EVI", "EVV", "EEV")])
def test_rounds_never_lose(structure):
    counts, old, root = roots(structure, 4, 5, 6)
    values = []
    for rounds in (1, 2, 4, 8, 16, 200):
        factors = _core.shared_parts(structure, counts[None], old[None], root[None], rounds)[0]
        logs = np.log(np.diagonal(factors, axis1=1, axis2=2) if factors.ndim == 3 else factors)
        values.append(float(counts @ logs.sum(axis=1)))
    assert np.all(np.diff(values) <= 1e-9)


@pytest.mark.parametrize("structure", SHARING)
@pytest.mark.parametrize("n_threads", [1, 3])
def test_compiled_climbs_end_where_the_others_end(iris, structure, n_threads):
    source = as_source(iris)
    sweep = Sweep(source, n_threads)
    groupings = Partitions(source.X, None, 1, source.coordinates).groupings(3, 4, np.random.default_rng(0)).shrunk()
    starts = groupings.starts(resolve_structure(structure, 4), inner_floor(source))
    ends, stack = climb_compiled(sweep, starts, 1e-11, 3000)
    others = climb_all(sweep, [starts[i] for i in range(len(starts))], Rules(1e-11, 3000), accelerated_em)
    for i, other in enumerate(others):
        end = ends.climb(i)
        assert end.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-4)
        for before, bound, _ in end.trace:
            assert before <= bound + 1e-9
        kept = resolve_structure(structure, 4).project(
            stack[i].components.factors, stack[i].weights, inner_floor(source)
        )
        np.testing.assert_allclose(covariances(kept), covariances(stack[i].components.factors), rtol=1e-6, atol=1e-9)


@pytest.fixture
def iris(rows):
    return rows("iris")


def test_every_instruction_set_gives_nearly_the_same():
    code = (
        "import numpy as np; from mixtura import _core; rng = np.random.default_rng(0);"
        "r = np.linalg.cholesky((lambda x: x @ x.transpose(0, 2, 1))(rng.normal(size=(3, 4, 12))));"
        "print(repr(_core.shared_parts('VVE', np.ones((1, 3)), r[None], r[None], 50).sum()))"
    )
    sums = []
    for name in _core.instruction_sets():
        env = {"MIXTURA_INSTRUCTION_SET": name, "PATH": "/usr/bin:/bin"}
        sums.append(
            float(
                eval(
                    subprocess.run(
                        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
                    ).stdout.replace("np.float64", "")
                )
            )
        )
    np.testing.assert_allclose(sums, sums[0], rtol=1e-9)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="shares parts"):
        _core.shared_parts("VVV", np.ones((1, 1)), np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1)), 1)
    with pytest.raises(ValueError, match="old has shape"):
        _core.shared_parts("VEE", np.ones((1, 2)), np.ones((1, 1, 1, 1)), np.ones((1, 2, 1, 1)), 1)
    assert mx.fit(np.random.default_rng(0).normal(size=(40, 2)), 1, "VEE").n_iter >= 0
