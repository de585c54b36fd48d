"""How far a search is: a bar on a terminal, nothing anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mixtura.search import Progress


class SearchProgress:
    """Called after every candidate; draws a bar where it has one.

    Attributes
    ----------
    done, total : candidates; both zero where nothing was searched
    """

    def __init__(self, criterion: str, bar: Any = None) -> None:
        self.bar, self.criterion = bar, criterion
        self.done = self.total = 0
        self.task = None if bar is None else bar.add_task("starting", total=None, best="")

    @property
    def complete(self) -> bool:
        """Whether every candidate was fitted."""
        return self.done == self.total

    def __call__(self, step: Progress) -> None:
        self.done, self.total = step.done, step.total
        if self.bar is not None:
            best = step.best
            words = (
                ""
                if best is None
                else f"best {best.label}, {self.criterion.upper()} {getattr(best, self.criterion):.2f}"
            )
            self.bar.update(
                self.task, total=step.total, completed=step.done, description=step.candidate.label, best=words
            )


@contextmanager
def search_progress(shown: bool, criterion: str) -> Iterator[SearchProgress]:
    """A progress hook for `fit`; where `shown`, a bar on standard error that goes away at the end."""
    if not shown:
        yield SearchProgress(criterion)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<8}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[best]}", markup=False),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield SearchProgress(criterion, bar)


@contextmanager
def rows_progress(shown: bool, total: int | None) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of rows just done; where `shown`, a bar on standard error."""
    if not shown:
        yield lambda n: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.completed:,.0f} rows"), BarColumn(bar_width=30), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda n: bar.advance(task, n)
