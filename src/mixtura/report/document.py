"""What a report says, apart from how it is written: plain text, terminal and HTML are made from this."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of texts.

    Attributes
    ----------
    header : names of the columns
    rows : cells, as many a row as there are columns
    left : how many leading columns are aligned left; the others hold numbers and are aligned right
    marked : rows that matter most
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    marked: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls, header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1, marked: Iterable[int] = ()
    ) -> Grid:
        """A grid of any sequences, with control characters made visible."""
        cells = tuple(tuple(map(printable, row)) for row in rows)
        return cls(tuple(map(printable, header)), cells, left, frozenset(marked))

    @property
    def widths(self) -> tuple[int, ...]:
        """The longest cell of each column, characters."""
        return tuple(max(map(len, column)) for column in zip(self.header, *self.rows, strict=True))


@dataclass(frozen=True, slots=True)
class Section:
    """A title, and sentences and tables below it."""

    title: str
    body: tuple[str | Grid, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The answer in one sentence, then sections."""

    headline: str
    sections: tuple[Section, ...]


def printable(text: object) -> str:
    """The text with control characters (line ends, escape codes, …) written out, so that none acts on a terminal."""
    raw = str(text)
    if raw.isprintable():
        return raw
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in raw)


def shortened(text: object, width: int = 24) -> str:
    """A printable text of at most `width` characters."""
    whole = printable(text)
    return whole if len(whole) <= width else f"{whole[: width - 1]}…"


def shortened_path(text: object, width: int = 40) -> str:
    """A printable path of at most `width` characters; its end says most."""
    whole = printable(text)
    return whole if len(whole) <= width else f"…{whole[1 - width :]}"


def plural(n: float, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count(n)} {noun}" if n == 1 else f"{count(n)} {noun}s"


def count(n: float) -> str:
    """A number of rows: whole as a rule, one decimal where rows have weights."""
    return str(int(n)) if float(n).is_integer() else f"{n:.1f}"
