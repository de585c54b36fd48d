"""The best optima of candidates, by the starts of `fit`: what tests and cross-validation compare."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mixtura.algorithms.denoising import background_of
from mixtura.search import Options, Search
from mixtura.selection import Candidate
from mixtura.sources import Source
from mixtura.sweep import Sweep

REMAINING = 1e-6
"""Total nats that a climb may leave to gain: far below what any comparison looks at."""

MAX_ITER = 5000


@dataclass(frozen=True, slots=True)
class Procedure:
    """How rows are fitted, the same for all rows that are compared: one structure, starts, seed, noise, as in `fit`."""

    structure: str
    n_starts: int
    seed: int
    noise: Any = None

    def __call__(self, source: Source, numbers: Iterable[int]) -> list[Candidate]:
        """Candidates for some numbers of components, in order; later ones also start from earlier ones."""
        tol = REMAINING / source.total_weight
        # Not wary: a statistic is that of the likelihood.
        background = background_of(self.noise, source)
        options = Options(self.n_starts, tol, MAX_ITER, self.seed, wary=False, background=background)
        search = Search(Sweep(source, 1), options)
        return [search.candidate(self.structure, k) for k in numbers]
