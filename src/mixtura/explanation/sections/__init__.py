"""The questions of a course on EM, one file each or two that belong together, answered from the facts."""

from __future__ import annotations

from mixtura.explanation.document import Section
from mixtura.explanation.facts import Explanation
from mixtura.explanation.sections.bound import bound
from mixtura.explanation.sections.density import density
from mixtura.explanation.sections.e_step import assignment, e_step
from mixtura.explanation.sections.ending import ending
from mixtura.explanation.sections.growing import variances
from mixtura.explanation.sections.likelihood import likelihood
from mixtura.explanation.sections.m_step import m_step
from mixtura.explanation.sections.moving import means
from mixtura.explanation.sections.path import path

QUESTIONS = (density, likelihood, e_step, assignment, m_step, means, variances, bound, path, ending)


def sections_of(facts: Explanation) -> tuple[Section, ...]:
    """All sections, in order."""
    return tuple(question(facts) for question in QUESTIONS)
