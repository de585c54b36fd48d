"""What commands take: kinds of values, and options that several share."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


class Counts(click.ParamType[list[int]]):
    """Numbers of components: 3, 1:9, 2,4,6, or a mix."""

    name = "NUMBERS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        if isinstance(value, list):
            return value
        numbers: list[int] = []
        for part in str(value).split(","):
            ends = part.split(":")
            if len(ends) > 2 or not all(end.strip().isdecimal() for end in ends):
                self.fail(f"{value!r} is not like 3, 1:9 or 2,4,6.", param, ctx)
            low, high = int(ends[0]), int(ends[-1])
            if not 1 <= low <= high:
                self.fail(f"{part!r}: expected numbers of at least 1, the smaller one first.", param, ctx)
            numbers += range(low, high + 1)
        return numbers


class Names(click.ParamType[list[str]]):
    """Names separated by commas; a name with a comma in it is written in double quotes."""

    name = "NAMES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        if isinstance(value, list):
            return value
        names = [name.strip() for name in next(csv.reader([str(value)], skipinitialspace=True), [])]
        if not names or not all(names):
            self.fail(f"{value!r} is not like a,b.", param, ctx)
        return names


class Rows(click.ParamType[list[list[float]]]):
    """Numbers separated by commas, rows by semicolons: 6,7 or 0,0;3,3."""

    name = "NUMBERS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[list[float]]:
        if isinstance(value, list):
            return value
        rows = [row for row in str(value).split(";") if row.strip()]
        try:
            numbers = [[float(cell) for cell in row.split(",") if cell.strip()] for row in rows]
        except ValueError as error:
            self.fail(f"{value!r} is not a list of numbers like 6,7 or 0,0;3,3 ({error}).", param, ctx)
        if not numbers or not all(numbers):
            self.fail("it holds no numbers.", param, ctx)
        return numbers


class Parts(click.ParamType[tuple[str, list[int] | bool]]):
    """A part of a mixture, whole or of some components: means, or means=0,2."""

    name = "PART"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, list[int] | bool]:
        if isinstance(value, tuple):
            return value
        part, given, numbers = str(value).partition("=")
        cells = [cell.strip() for cell in numbers.split(",")]
        if given and not all(cell.isdecimal() for cell in cells):
            self.fail(f"{value!r} is not like means or means=0,2.", param, ctx)
        return part.strip(), [int(cell) for cell in cells] if given else True


columns_option = click.option(
    "--columns", type=Names(), multiple=True, help="Columns of DATA to use, in this order: a,b. Default: all."
)
weights_option = click.option(
    "--weights", metavar="COLUMN", help="Column of DATA with row weights; weight 2 counts a row twice."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document with every digit instead of text."
)


def criterion_option(*names: str) -> Callable[[Command], Command]:
    """`--criterion`, one of some names."""
    return click.option(
        "--criterion",
        type=click.Choice(names, case_sensitive=False),
        default="bic",
        show_default=True,
        help="What decides; smaller is better.",
    )


threads_option = click.option(
    "--threads", type=click.IntRange(min=1), help="Default: all cores. Results do not depend on it."
)
seed_option = click.option(
    "--seed", type=int, default=0, show_default=True, help="Of every random choice: the same, the same bits."
)
data_argument = click.argument("data", metavar="DATA")


def joined(parts: tuple[list[Any], ...]) -> list[Any] | None:
    """The values of an option that may be given several times, in one list; None where it was not given."""
    return [item for part in parts for item in part] or None
