"""What a fit found, and why to believe it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mixtura.report.components import component_table, fixed_words, structure_words
from mixtura.report.document import Document, Grid, Section, count, plural
from mixtura.report.numbers import criterion_text, evidence, percent
from mixtura.selection import Candidate, ranking

if TYPE_CHECKING:
    from mixtura.result import Fit

MAX_RIVALS = 6


def fit_document(fit: Fit) -> Document:
    """The answer in one sentence; the groups; why this many; how sure; how the fit ended; what to be careful about."""
    doubt = " - not to be trusted, see below" if fit.chosen.trouble else ""
    headline = f"{plural(fit.mixture.n_components, 'group')}: {structure_words(fit.mixture)}{doubt}"
    sections = [
        Section(f"The groups in {plural(fit.n_samples, 'row')}", tuple(_groups(fit))),
        Section(_why_title(fit), tuple(_why(fit))),
        Section("How sure the assignment is", (_certainty(fit),)),
        Section("How the fit ended", (_ending(fit), _starts(fit))),
        Section("Criteria (smaller is better)", (_criteria(fit),)),
    ]
    if fit.warnings:
        sections.append(Section("Be careful", tuple(fit.warnings)))
    return Document(headline, tuple(sections))


def _groups(fit: Fit) -> list[str | Grid]:
    order = "in the order of the start" if fit.chosen.start.method.startswith("given") else "largest first"
    order = "as the labels say" if fit.labelled else order
    note = f"Groups are numbered from 0 as in predict, {order}; each column shows mean ± standard deviation."
    weighted = ""
    if fit.total_weight != _counted(fit):
        weighted = f" Rows are weighted: they count as {count(fit.total_weight)}."
    sizes = [count(n) for n in fit.certainty.sizes]
    return [
        *component_table(fit.mixture, "group", sizes),
        *_noise(fit),
        *fixed_words(fit.mixture),
        *_missing(fit),
        note + weighted,
    ]


def _counted(fit: Fit) -> int:
    """Rows that know anything."""
    return fit.n_samples - (0 if fit.missing is None else fit.missing.n_blank)


def _noise(fit: Fit) -> list[str]:
    """How much belongs to no group, where there may be noise."""
    noise = fit.mixture.noise
    if noise is None:
        return []
    share, rows = percent(noise.weight), plural(fit.certainty.noise, "row")
    return [f"Noise: {share}, uniform over a volume of {noise.volume:.4g}; {rows} with the label -1."]


def _missing(fit: Fit, at_most: int = 5) -> list[str]:
    """How much was missing and where, and how many labels were known, where there was any such thing."""
    gaps = fit.missing
    known = [f"Something is known of the group of {plural(fit.labelled, 'row')}."] if fit.labelled else []
    if gaps is None:
        return known
    most = sorted(range(len(gaps.by_column)), key=lambda j: -gaps.by_column[j])
    where = [f"{fit.mixture.column_name(j)} {count(gaps.by_column[j])}" for j in most if gaps.by_column[j]]
    others = f", {len(where) - at_most} more columns" if len(where) > at_most else ""
    text = (
        f"Missing: {plural(gaps.n_cells, 'cell')} ({percent(gaps.share)}) in {plural(gaps.n_rows, 'row')}: "
        f"{', '.join(where[:at_most])}{others}."
    )
    if gaps.n_blank:
        verbs = ("knows", "counts") if gaps.n_blank == 1 else ("know", "count")
        text += f" {plural(gaps.n_blank, 'row')} {verbs[0]} nothing and {verbs[1]} for nothing."
    return [text, *known]


def _why_title(fit: Fit) -> str:
    if len(fit.candidates) == 1:
        return "Why this one"
    several = len({c.n_components for c in fit.candidates}) > 1
    return f"Why {fit.mixture.n_components}" if several else f"Why {fit.mixture.structure}"


def _why(fit: Fit) -> list[str | Grid]:
    name, value = fit.criterion.upper(), criterion_text(getattr(fit.chosen, fit.criterion))
    if len(fit.candidates) == 1:
        return [f"Nothing else was tried: {fit.chosen.label} was asked for. Its {name} is {value}."]
    ranked = ranking(fit.candidates, fit.criterion)
    rival = fit.runner_up
    if rival is None:
        none = "None" if fit.chosen.trouble else "No other"
        return [f"{none} of {len(fit.candidates)} candidates is sound. The {name} is {value}."]
    sentence = f"{name} {value}; {_behind(fit, rival, 'the runner-up')}"
    other = next((c for c in ranked if c.n_components != fit.mixture.n_components), None)
    if other is not None and other is not rival:
        sentence += f"; {_behind(fit, other, 'the best with another number of groups')}"
    if "evidence" in sentence:
        sentence += " (in the words of Kass & Raftery 1995)"
    return [f"{sentence}.", _rivals(fit, ranked)]


def _behind(fit: Fit, rival: Candidate, role: str) -> str:
    """`the runner-up, VVV,2, is 7.9 worse: strong evidence`."""
    worse = getattr(rival, fit.criterion) - getattr(fit.chosen, fit.criterion)
    if worse < 0:
        return f"{role}, {rival.label}, is {-worse:.2g} better but was not climbed to its end"
    if worse < 0.005:
        return f"{role}, {rival.label}, is as good; the one with fewer parameters is preferred"
    words = f": {evidence(worse)} against it" if fit.criterion == "bic" else ""
    return f"{role}, {rival.label}, is {worse:.{1 if worse >= 1 else 2}f} worse{words}"


def _rivals(fit: Fit, ranked: list[Candidate]) -> Grid:
    """The best candidate of each number of groups, best first; of each structure where there is one number only."""
    first: dict[int | str, Candidate] = {}
    several = len({c.n_components for c in ranked}) > 1
    for candidate in ranked:
        first.setdefault(candidate.n_components if several else candidate.structure, candidate)
    best = getattr(fit.chosen, fit.criterion)
    rows = [
        (
            str(c.n_components),
            c.structure,
            criterion_text(getattr(c, fit.criterion)),
            f"{getattr(c, fit.criterion) - best:.2f}" if c is not fit.chosen else "best",
            f"{c.starts.agreed} of {c.starts.tried}",
        )
        for c in list(first.values())[:MAX_RIVALS]
    ]
    header = (
        "groups",
        "best structure" if several else "structure",
        fit.criterion.upper(),
        "worse by",
        "starts agreed",
    )
    return Grid.of(header, rows, left=2, marked=[i for i, row in enumerate(rows) if row[3] == "best"])


def _certainty(fit: Fit) -> str:
    if fit.mixture.n_components == 1 and fit.mixture.noise is None:
        return "There is one group, so every row belongs to it."
    mean, doubtful = fit.certainty.mean_uncertainty, fit.certainty.doubtful
    share = percent(doubtful / fit.n_samples)
    rows = "row has" if doubtful == 1 else "rows have"
    return (
        f"Mean uncertainty {mean:.2g}: {percent(mean)} of the rows are expected in the wrong group if the model holds. "
        f"{doubtful} {rows} an uncertainty above 0.1 ({share})."
    )


def _ending(fit: Fit) -> str:
    steps = plural(fit.n_iter, "iteration")
    if fit.converged:
        return f"Converged in {steps}; the estimated gain still to come is {max(fit.remaining_gain, 0.0):.1g} nats."
    if fit.chosen.trouble:
        return f"Ended degenerate after {steps}."
    gain = f"an estimated {fit.remaining_gain:.3g} nats" if math.isfinite(fit.remaining_gain) else "an unknown gain"
    return f"Did not converge: stopped after {steps} with {gain} still to come."


def _starts(fit: Fit) -> str:
    text = str(fit.starts)
    sampled = fit.starts.n_rows < _counted(fit)
    where = f" on a sample of {plural(fit.starts.n_rows, 'row')}" if sampled else ""
    lonely = fit.starts.agreed == 1 and fit.starts.tried > 1
    advice = " Only one start found it: more starts may find a better optimum." if lonely else ""
    return f"{text[:1].upper()}{text[1:]}{where}.{advice}"


def _criteria(fit: Fit) -> Grid:
    header = ("log-likelihood", "parameters", "BIC", "ICL", "AIC")
    values = (fit.bic, fit.icl, fit.aic)
    row = (f"{fit.log_likelihood:.4f}", str(fit.mixture.n_parameters), *map(criterion_text, values))
    return Grid.of(header, [row], left=0)
