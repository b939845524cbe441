"""The functions that are no aggregates: each of values, one of them absent makes the answer so."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from forebay.query.s3select import moments
from forebay.query.s3select.errors import refused
from forebay.query.s3select.moments import Moment
from forebay.query.s3select.values import absent, is_number

LONGEST_PATTERN = 1000
LARGEST = 1 << 62
AGGREGATES = frozenset({"avg", "count", "max", "min", "sum"})
ARGUMENTS = {
    "char_length": (1, 1),
    "character_length": (1, 1),
    "coalesce": (1, 1000),
    "date_add": (2, 2),
    "date_diff": (2, 2),
    "extract": (1, 1),
    "lower": (1, 1),
    "nullif": (2, 2),
    "substring": (2, 3),
    "to_string": (2, 2),
    "to_timestamp": (1, 1),
    "trim": (1, 2),
    "upper": (1, 1),
    "utcnow": (0, 0),
}
"""How many arguments each takes, but for the part of a date."""


@lru_cache(maxsize=256)
def pattern(text: str, escape: str) -> re.Pattern[str]:
    """What a LIKE pattern matches. Raises QueryFailed."""
    if len(text) > LONGEST_PATTERN:
        raise refused("LikeInvalidInputs", f"The pattern passes {LONGEST_PATTERN} characters.")
    runs: list[str] = [""]
    at = 0
    while at < len(text):
        char = text[at]
        if escape and char == escape:
            at += 1
            if at == len(text) or text[at] not in (escape, "%", "_"):
                raise refused("LikeInvalidInputs", "What is escaped is %, _ or the escape character.")
            runs[-1] += re.escape(text[at])
        elif char == "%":
            runs.append("")
        else:
            runs[-1] += "." if char == "_" else re.escape(char)
        at += 1
    if len(runs) == 1:
        return re.compile(runs[0], re.DOTALL)
    # What is between two % is looked for once, at the first place where it fits: that is never worse.
    middle = "".join(f"(?>.*?{run})" for run in runs[1:-1] if run)
    return re.compile(f"{runs[0]}{middle}.*{runs[-1]}", re.DOTALL)


def matches(value: Any, text: Any, escape: Any) -> bool:
    """LIKE of values that are there. Raises QueryFailed."""
    if not (
        isinstance(value, str) and isinstance(text, str) and isinstance(escape, str) and len(escape) <= 1
    ):
        raise refused("LikeInvalidInputs", "They are texts, and the escape is one character.")
    return pattern(text, escape).fullmatch(value) is not None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise refused("IncorrectSqlFunctionArgumentType", "It is a text.")
    return value


def _moment(value: Any) -> Moment:
    if isinstance(value, str) and (found := moments.parsed(value.strip())) is not None:
        return found
    if not isinstance(value, Moment):
        raise refused("IncorrectSqlFunctionArgumentType", "It is a timestamp.")
    return value


def _whole(value: Any) -> int:
    if not is_number(value) or abs(value) > LARGEST or value != int(value):
        raise refused("IncorrectSqlFunctionArgumentType", "It is a whole number.")
    return int(value)


def _substring(_: str, value: Any, start: Any, length: Any = None) -> str:
    text, first = _text(value), _whole(start)
    beyond = len(text) + 1 if length is None else first + _whole(length)
    if length is not None and _whole(length) < 0:
        raise refused("IllegalSqlFunctionArgument", "A length is not below 0.")
    return text[max(first, 1) - 1 : max(beyond, 1) - 1]


def _trim(side: str, value: Any, given: Any = " ") -> str:
    text, characters = _text(value), _text(given)
    if side == "leading":
        return text.lstrip(characters)
    return text.rstrip(characters) if side == "trailing" else text.strip(characters)


def _to_timestamp(_: str, value: Any) -> Moment:
    found = value if isinstance(value, Moment) else moments.parsed(_text(value).strip())
    if found is None:
        raise refused("CastFailed", f"{value!r:.100} AS TIMESTAMP")
    return found


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "char_length": lambda _, value: len(_text(value)),
    "character_length": lambda _, value: len(_text(value)),
    "date_add": lambda part, count, value: moments.added(part, _whole(count), _moment(value)),
    "date_diff": lambda part, first, second: moments.difference(part, _moment(first), _moment(second)),
    "extract": lambda part, value: moments.extracted(part, _moment(value)),
    "lower": lambda _, value: _text(value).lower(),
    "substring": _substring,
    "to_string": lambda _, value, form: moments.formatted(_moment(value), _text(form)),
    "to_timestamp": _to_timestamp,
    "trim": _trim,
    "upper": lambda _, value: _text(value).upper(),
}
"""By name: of the part of a date (or the side that is trimmed) and the arguments."""


def called(name: str, part: str, arguments: list[Any]) -> Any:
    """A function of arguments of which none need be there. Raises QueryFailed."""
    if any(map(absent, arguments)):
        return None
    return FUNCTIONS[name](part, *arguments)
