"""Random EM problems of any structure, for the conformance table: nothing here knows what the structures are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

import mixtura as mx
from mixtura.sources import ArraySource, Chunk, Source
from mixtura.sweep import Sweep

FEW = settings(deadline=None, derandomize=True, max_examples=8)
"""Every law meets every structure and engine, so few examples each are many in all."""


@dataclass(frozen=True)
class Problem:
    """Rows, where EM stands, and responsibilities that are not its own."""

    X: np.ndarray
    resp: np.ndarray
    sample_weight: np.ndarray | None
    structure: str
    seed: int

    @property
    def theta(self) -> mx.Mixture:
        """The M-step of `resp`: of the structure by construction."""
        return mx.Mixture.from_responsibilities(self.X, self.resp, self.structure, self.sample_weight)

    @property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, 1])

    @property
    def source(self) -> ArraySource:
        return ArraySource.checked(self.X, self.sample_weight)

    @property
    def size(self) -> float:
        """What rounding of a log-likelihood is relative to: the sum of its terms' sizes."""
        weights = np.ones(len(self.X)) if self.sample_weight is None else self.sample_weight
        return float(weights @ np.abs(self.theta.log_prob(self.X)) + weights.sum())

    def with_rows(self, X: np.ndarray, order: Any = slice(None)) -> Problem:
        weights = None if self.sample_weight is None else self.sample_weight[order]
        return replace(self, X=X, resp=self.resp[order], sample_weight=weights)


@st.composite
def problems(draw: st.DrawFn, structure: str, weighted: bool | None = None, min_components: int = 1) -> Problem:
    """Groups of rows near each other, with responsibilities half right and half random."""
    seed = draw(st.integers(0, 2**32 - 1))
    n_components = draw(st.integers(min_components, 4))
    d = 1 if len(structure) == 1 else draw(st.integers(2, 4))
    rng = np.random.default_rng(seed)
    n = n_components * 4 * (d + 2) + draw(st.integers(0, 30))
    labels = rng.permutation(np.arange(n) % n_components)
    mixing = rng.normal(size=(n_components, d, d)) + 2 * np.eye(d)
    X = 3 * rng.normal(size=(n_components, d))[labels] + np.einsum(
        "nij,nj->ni", mixing[labels], rng.normal(size=(n, d))
    )
    resp = 0.5 * np.eye(n_components)[labels] + 0.5 * rng.dirichlet(np.ones(n_components), size=n)
    wanted = draw(st.booleans()) if weighted is None else weighted
    weights = rng.uniform(0.5, 3.0, size=n) if wanted else None
    return Problem(X, resp, weights, structure, seed)


class Pieces(Source):
    """An array read in chunks of any sizes."""

    columns = None

    def __init__(self, whole: ArraySource, cuts: list[int]) -> None:
        self.whole = whole
        self.edges = [0, *sorted(cuts), whole.n_samples]

    def chunks(self) -> Iterator[Chunk]:
        for start, end in zip(self.edges, self.edges[1:], strict=False):
            weights = None if self.whole.sample_weight is None else self.whole.sample_weight[start:end]
            yield Chunk(self.whole.X[start:end], weights, start)

    n_samples = property(lambda self: self.whole.n_samples)
    n_features = property(lambda self: self.whole.n_features)
    total_weight = property(lambda self: self.whole.total_weight)
    coordinates = property(lambda self: self.whole.coordinates)
    resolution = property(lambda self: self.whole.resolution)

    def sample(self, n: int, rng: np.random.Generator) -> Source:
        return self.whole.sample(n, rng)


def inner(theta: mx.Mixture, source: Source) -> mx.Mixture:
    """The mixture in the inner coordinates of a source, as the sweep wants it."""
    return mx.Mixture.trusted(theta.weights, source.coordinates.inward(theta.components))


def statistics_of(problem: Problem, engine: str, source: Source | None = None, theta: mx.Mixture | None = None):
    """One E-step."""
    source = source or problem.source
    return Sweep(source, engine=engine).one(inner(theta or problem.theta, source))


def steps(problem: Problem, engine: str, n: int = 3) -> list[mx.Iteration]:
    """The first iterations of EM."""
    return list(mx.em(problem.theta, problem.X, problem.sample_weight, max_iter=n, engine=engine))


def assert_same_statistics(got, want, rel: float = 1e-11) -> None:
    """Counts and moments agree, relative to the sizes of their own sums."""
    n = want.total_weight
    for attribute in ("log_likelihood", "log_max_resp", "counts"):
        one, other = getattr(got, attribute), getattr(want, attribute)
        np.testing.assert_allclose(one, other, rtol=rel, atol=rel * (n + abs(want.log_likelihood)), err_msg=attribute)
    spread = float(np.max(want.moments.squares)) + n
    for attribute in ("sums", "squares", "scatter"):
        one, other = getattr(got.moments, attribute), getattr(want.moments, attribute)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(one, other, rtol=rel, atol=rel * spread, err_msg=attribute)


def assert_same_mixture(got: mx.Mixture, want: mx.Mixture, rel: float = 1e-9) -> None:
    """Weights, means and covariances agree, in units of the whole mixture's spread."""
    spread = np.sqrt(np.diagonal(want.covariance))
    np.testing.assert_allclose(got.weights, want.weights, rtol=0, atol=rel)
    np.testing.assert_allclose(got.components.means / spread, want.components.means / spread, rtol=rel, atol=rel)
    unit = np.outer(spread, spread)
    one, other = got.components.covariance_matrices / unit, want.components.covariance_matrices / unit
    np.testing.assert_allclose(one, other, rtol=0, atol=rel)


def invariances(structure: str) -> str:
    """Which linear maps of the data a structure follows: affine, diagonal, or rotation-and-scale (similarity)."""
    if len(structure) == 1 or structure.endswith("II"):
        return "similarity"
    if structure.endswith("I"):
        return "diagonal"
    return "affine" if structure in ("EEE", "VEE", "EVV", "VVV") else "similarity"


def linear_map(structure: str, d: int, rng: np.random.Generator) -> np.ndarray:
    """A random map of that kind."""
    maps: dict[str, Callable[[], np.ndarray]] = {
        "affine": lambda: rng.normal(size=(d, d)) + 2 * np.eye(d),
        "diagonal": lambda: np.diag(rng.uniform(0.1, 10, size=d))[rng.permutation(d)],
        "similarity": lambda: rng.uniform(0.1, 10) * np.linalg.qr(rng.normal(size=(d, d)))[0],
    }
    return maps[invariances(structure)]()
