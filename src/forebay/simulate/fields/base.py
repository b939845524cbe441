"""What a field of a template is made of: a maker that looks at its arguments once, and the function it makes.

A maker is given the `Context` and the arguments as the template has them (JSON's values; text that is no JSON
stays text) and returns what makes one value. It raises BadArguments, so that a template is refused when it is
read and never while it runs. All chance comes from `Context.random`, all time from its clocks.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

Make = Callable[[], str | int | float]
"""Makes the value of one field of one event, as `str` would write it."""


@dataclass(slots=True)
class Context:
    """What fields may know. `simulated` is the clock of a day that is speeded up; else it is the real one."""

    random: random.Random
    zone: dt.tzinfo = field(default_factory=lambda: ZoneInfo("UTC"))
    clock: Callable[[], float] = time.time
    simulated: Callable[[], float] = time.time

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        return int(self.random.random() * limit)

    def pick(self, items: Sequence[Any]) -> Any:
        """One of them."""
        return items[int(self.random.random() * len(items))]


Maker = Callable[[Context, list[Any]], Make]


class BadArguments(Exception):
    """A field cannot be made of these arguments; the message says why, `fix` what would do."""

    def __init__(self, message: str, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


def none(arguments: list[Any]) -> None:
    """The field takes nothing."""
    if arguments:
        raise BadArguments("it takes no argument", fix="leave out the parentheses")


def at_most(arguments: list[Any], count: int, fix: str) -> list[Any]:
    """The arguments, filled up with None to `count`."""
    if len(arguments) > count:
        raise BadArguments(f"{len(arguments)} arguments, and it takes {count}", fix=fix)
    return [*arguments, *[None] * (count - len(arguments))]


def number_of(value: Any, otherwise: float, fix: str) -> float:
    """A number, or `otherwise` where there is none."""
    if value is None:
        return otherwise
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadArguments(f"{value!r} is no number", fix=fix)
    return value


def count_of(value: Any, otherwise: int, most: int = 1000) -> int:
    """How many of something."""
    found = number_of(value, otherwise, fix=f"a whole number from 0 to {most}")
    if found != int(found) or not 0 <= found <= most:
        raise BadArguments(f"{value} is not from 0 to {most}", fix=f"a whole number from 0 to {most}")
    return int(found)


def rendered(value: Any) -> str:
    """A value as it stands in the event: text as it is, all else as JSON has it."""
    return value if isinstance(value, str) else json.dumps(value)


def one_of(items: Sequence[Any]) -> Maker:
    """A field that is one of some words, whatever it is given: many take hints in other locales."""

    texts = [rendered(item) for item in items]

    def maker(context: Context, _: list[Any]) -> Make:
        rand, size = context.random.random, len(texts)
        return lambda: texts[int(rand() * size)]

    return maker


def digits(context: Context, pattern: str, symbol: str = "#") -> str:
    """`pattern` with a digit for each `#`."""
    rand = context.random.random
    return "".join([str(int(rand() * 10)) if char == symbol else char for char in pattern])


def plain(make: Callable[[Context], Any]) -> Maker:
    """A field without arguments."""

    def maker(context: Context, arguments: list[Any]) -> Make:
        none(arguments)
        return lambda: make(context)

    return maker
