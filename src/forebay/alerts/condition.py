"""When a value is one to tell of: `> 10`, or `outside 3` for a value far from what is usual at its hour.

A condition holds the operator and its number; that of a band is its width, in deviations.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

Operator = Literal[">", ">=", "<", "<=", "=", "!=", "outside", "above", "below"]

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}
WORDS: Mapping[str, str] = {
    ">": "greater than",
    ">=": "greater than or equal to",
    "<": "less than",
    "<=": "less than or equal to",
    "=": "equal to",
    "!=": "other than",
    "outside": "outside",
    "above": "above",
    "below": "below",
}
_WRITTEN = re.compile(r"(==|=|!=|>=|<=|>|<|outside|above|below)\s*(-?[0-9]+(?:\.[0-9]+)?)")


class Band(msgspec.Struct, frozen=True):
    """What is usual at one time: between `low` and `high`, most likely `middle`; `why` says what it was learned from."""

    low: float
    middle: float
    high: float
    why: str = ""


class Condition(msgspec.Struct, frozen=True):
    """An operator, and its threshold or the width of its band."""

    op: Operator
    number: float

    @property
    def banded(self) -> bool:
        """Whether a value is compared with what is usual, and not with a number."""
        return self.op in ("outside", "above", "below")

    def holds(self, value: float, band: Band | None = None) -> bool | None:
        """Whether `value` is one to tell of; None if it needs a band and there is none yet."""
        if not self.banded:
            return _COMPARE[self.op](value, self.number)
        if band is None:
            return None
        above = self.op != "below" and value > band.high
        return above or (self.op != "above" and value < band.low)

    def __str__(self) -> str:
        return f"{self.op} {self.number:g}"


def read(text: str) -> Condition:
    """`> 10` → Condition. Raises ValueError."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no condition")
    op, number = found[1], float(found[2])
    if op in ("outside", "above", "below") and number <= 0:
        raise ValueError(f"the width of a band is above 0, not {found[2]}")
    return Condition("=" if op == "==" else op, number)  # type: ignore[arg-type]  # the pattern has no other
