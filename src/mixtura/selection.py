"""Candidates, what their starts found, and the criteria that decide between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mixtura.algorithms.climb import Climb
from mixtura.algorithms.degeneracy import eigenvalue_ratio
from mixtura.algorithms.improvement import Improvement
from mixtura.algorithms.start import Start
from mixtura.algorithms.tournament import Outcome
from mixtura.errors import ParameterError
from mixtura.families.covariance import structure_named
from mixtura.mixture import Mixture
from mixtura.tables import Table

CRITERIA = ("bic", "icl", "aic", "aicc", "caic", "cv")
AGREEMENT = 1e-3
"""Nats, total: starts that end closer agree on an optimum (on a sample, closer than it is climbed to)."""

MAJORITY, FEWEST_TO_TRUST = 2 / 3, 6
"""Where so large a share of so many starts agree, exchanges found nothing better on 105 problems of 108."""


@dataclass(frozen=True, slots=True)
class StartReport:
    """What was tried for one candidate.

    Attributes
    ----------
    tried : different starts
    finished : how many of them were climbed to the end, or until they were on the way to where another one ended; the
        others fell behind
    agreed : how many of these ended at the optimum that was chosen, or were on the way there
    failed : how many of these ended with a collapsed, emptied or too small component
    gap : log-likelihood of the optimum minus that of the second best one, total nats; infinite if there is none
    method : of the start that won
    n_rows : rows that the starts were climbed on; all of them, or a sample
    moves : exchanges of groups (one split, two merged) that led from the best start's optimum to a better one
    gained : by these, total nats
    """

    tried: int
    finished: int
    agreed: int
    failed: int
    gap: float
    method: str
    n_rows: int
    moves: int = 0
    gained: float = 0.0

    def __str__(self) -> str:
        if self.tried == 1:
            text = f"1 start ({self.method})"
        elif self.moves:
            text = f"the best of {self.tried} starts was left behind"
        else:
            text = f"{self.agreed} of {self.tried} starts agreed (best: {self.method})"
        if self.moves:
            times = "once" if self.moves == 1 else f"{self.moves} times"
            text += f"; splitting one group and merging two, {times}, gained {self.gained:.4g} nats"
        gap = "" if math.isinf(self.gap) else f"; the second best optimum lies {self.gap:.4g} nats below"
        behind = "" if self.finished == self.tried else f"; {self.tried - self.finished} fell behind"
        failed = f"; {self.failed} ended degenerate" if self.failed else ""
        return f"{text}{gap}{behind}{failed}"


def undisputed(outcome: Outcome, best: int, slack: float) -> bool:
    """Whether so many of at least `FEWEST_TO_TRUST` starts agreed that no exchange of groups needs to be tried."""
    top, ends = outcome.ends.log_likelihood[best], outcome.ends
    agreed = sum(leader >= 0 and abs(top - ends.log_likelihood[leader]) <= slack for leader in outcome.leader)
    return len(ends) >= FEWEST_TO_TRUST and agreed >= MAJORITY * len(ends)


def start_report(outcome: Outcome, method: str, n_rows: int, further: Improvement | None, slack: float) -> StartReport:
    """What became of the starts, and of exchanges after them; optima closer than `slack` nats are one.

    Starts that were not climbed on, because they were on the way to where another ended, count with that one.
    """
    ends = outcome.ends
    sound = {i: float(ends.log_likelihood[i]) for i in outcome.finished if not ends.troubled[i]}
    top = max(sound.values(), default=-math.inf)
    moves, gained = (0, 0.0) if further is None else (further.moves, further.gain)
    if moves:
        top += gained
    decided = [leader for leader in outcome.leader if leader >= 0]
    agreed = sum(leader in sound and top - sound[leader] <= slack for leader in decided)
    failed = sum(leader not in sound for leader in decided)
    gap = min((top - value for value in sound.values() if top - value > slack), default=math.inf)
    return StartReport(len(ends), len(decided), agreed, failed, gap, method, n_rows, moves, gained)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One structure with one number of components, at the best optimum found."""

    structure: str
    n_components: int
    climb: Climb
    start: Start
    starts: StartReport
    total_weight: float
    trouble: str
    """Why the candidate is not sound, in words; empty where it is."""
    log_prior: float = 0.0
    """Of the mixture, nats up to a constant, where the fit is regularised."""
    cv: float = math.nan
    """−2 times the cross-validated log-likelihood, where it was asked for; infinite where a fold ended degenerate."""

    @property
    def mixture(self) -> Mixture[Any]:
        return self.climb.mixture

    @property
    def log_likelihood(self) -> float:
        return self.climb.log_likelihood - self.log_prior

    @property
    def n_parameters(self) -> int:
        return self.mixture.n_parameters

    @property
    def bic(self) -> float:
        return self.n_parameters * math.log(self.total_weight) - 2 * self.log_likelihood

    @property
    def aic(self) -> float:
        return 2 * self.n_parameters - 2 * self.log_likelihood

    @property
    def aicc(self) -> float:
        """AIC + 2 p (p + 1) / (n − p − 1) (Hurvich & Tsai 1989); infinite where n ≤ p + 1."""
        p = self.n_parameters
        rest = self.total_weight - p - 1
        return self.aic + 2 * p * (p + 1) / rest if rest > 0 else math.inf

    @property
    def caic(self) -> float:
        """p (log n + 1) − 2 L (Bozdogan 1987)."""
        return self.bic + self.n_parameters

    @property
    def icl(self) -> float:
        return self.bic - 2 * self.climb.log_max_resp

    @property
    def label(self) -> str:
        """`EEE,3`."""
        return f"{self.structure},{self.n_components}"


def best_of(candidates: Sequence[Candidate], criterion: str) -> Candidate | None:
    """The sound candidate with the smallest criterion; None where none is sound."""
    ranked = ranking(candidates, criterion)
    return ranked[0] if ranked else None


def ranking(candidates: Sequence[Candidate], criterion: str) -> list[Candidate]:
    """Sound candidates, smallest criterion first; equals in favour of fewer parameters, then of the first tried.

    Values are equal to 12 digits: with one component several structures are the same model, and rounding names none.
    """
    sound = [c for c in candidates if not c.trouble]
    return sorted(sound, key=lambda c: (float(f"{getattr(c, criterion):.12g}"), c.n_parameters))


def check_criterion(criterion: str) -> str:
    """The criterion in lower case, or a `ParameterError` that names the known ones."""
    name = str(criterion).lower()
    if name not in CRITERIA:
        raise ParameterError(f"criterion is {criterion!r}; expected one of {', '.join(CRITERIA)}.")
    return name


def candidate_table(candidates: Sequence[Candidate], left_out: Sequence[tuple[str, int, str]] = ()) -> Table:
    """One row a candidate, in the order of the search; then those that were not fitted, with the reason."""
    columns: dict[str, list[Any]] = {"cv": [c.cv for c in candidates]}
    mixtures = [c.mixture for c in candidates]
    asked = not all(math.isnan(value) for value in columns["cv"])
    table = Table(
        {
            "structure": [c.structure for c in candidates],
            "n_components": [c.n_components for c in candidates],
            "log_likelihood": [c.log_likelihood for c in candidates],
            "n_parameters": [c.n_parameters for c in candidates],
            "bic": [c.bic for c in candidates],
            "icl": [c.icl for c in candidates],
            "aic": [c.aic for c in candidates],
            "aicc": [c.aicc for c in candidates],
            "caic": [c.caic for c in candidates],
            **(columns if asked else {}),
            "n_iter": [c.climb.n_iter for c in candidates],
            "converged": [c.climb.converged for c in candidates],
            "starts_tried": [c.starts.tried for c in candidates],
            "starts_agreed": [c.starts.agreed for c in candidates],
            "min_size": [float(c.climb.counts.min()) for c in candidates],
            "eigenvalue_ratio": [eigenvalue_ratio(c.mixture) for c in candidates],
            **({"noise": [m.noise.weight for m in mixtures if m.noise]} if mixtures[0].noise else {}),
            "trouble": [c.trouble for c in candidates],
        }
    )
    return with_left_out(table, left_out, candidates[0].mixture.n_features) if left_out else table


def with_left_out(table: Table, left_out: Sequence[tuple[str, int, str]], n_features: int) -> Table:
    """A table of candidates with those that were not fitted below: NaN where there is no number, nothing tried."""
    rows = []
    for name, k, why in left_out:
        n_parameters = k - 1 + k * n_features + structure_named(name).covariance_parameters(k, n_features)
        known = {"structure": name, "n_components": k, "n_parameters": n_parameters, "trouble": why}
        rows.append(known | {"n_iter": 0, "converged": False, "starts_tried": 0, "starts_agreed": 0})
    return Table({name: [*table[name], *(row.get(name, math.nan) for row in rows)] for name in table})
