"""The EM explorer: a run of EM as one page to step through, offline, without any library in the browser.

`record.py` gathers what the page shows; words, formulas and tables are those of the explanation. Of the files in
`assets/`, `numbers.js` writes numbers as `mixtura.explanation.numbers` does, `mixture.js` is the E-step and the bound,
`formula.js` turns formulas into MathML, and the others draw.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from mixtura.atomic import whole_file
from mixtura.explanation.explorer.page import page
from mixtura.explanation.facts import Explanation

HEIGHT = 980
"""Of the frame in a notebook, CSS pixels."""


@dataclass(frozen=True, slots=True)
class Explorer:
    """A page that shows EM half-step by half-step.

    In a notebook it shows itself; `save` writes it as one file that needs no network.

    Attributes
    ----------
    title : what is explained, in a line
    html : the whole page
    """

    title: str
    html: str = field(repr=False)

    def save(self, path: str | Path) -> None:
        """Write the page, whole or not at all."""
        with whole_file(path) as draft:
            draft.write_text(self.html, encoding="utf-8")

    def _repr_html_(self) -> str:
        return (
            f'<iframe title="{escape(self.title)}" sandbox="allow-scripts allow-downloads" '
            f'style="width:100%;height:{HEIGHT}px;border:0" srcdoc="{escape(self.html)}"></iframe>'
        )


def explorer(facts: Explanation, path: str | Path | None = None) -> Explorer:
    """The page of a run over one or two columns, written to `path` where one is given.

    Raises
    ------
    ParameterError
        For more than two columns, or more rows than a page can show.
    SourceError
        Where the file cannot be written.

    Examples
    --------
    >>> import mixtura as mx
    >>> theta0 = mx.Mixture([0.5, 0.5], mx.Gaussian(means=[6, 7], covariances=[1, 4]))
    >>> mx.explain(theta0, [-1, 0, 4, 5, 6]).explorer()
    Explorer(title='EM step by step: a mixture of 2 Gaussians for 5 rows')
    """
    shown = Explorer(facts.title, page(facts))
    if path is not None:
        shown.save(path)
    return shown


__all__ = ["Explorer", "explorer"]
