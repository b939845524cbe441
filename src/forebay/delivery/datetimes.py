"""Java's `DateTimeFormatter` patterns, as far as a prefix needs them (`!{timestamp:yyyy/MM/dd}`).

The letters that the Data Firehose documentation allows in a prefix and that mean something without a
locale's long names. An unknown letter is an error when the delivery is built, never a surprise in a key.
https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from forebay.errors import UsageError

Part = Callable[[dt.datetime], str]

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def _number(get: Callable[[dt.datetime], int]) -> Callable[[int], Part]:
    return lambda width: lambda at: str(get(at)).zfill(width)


def _year(get: Callable[[dt.datetime], int]) -> Callable[[int], Part]:
    def of(width: int) -> Part:
        if width == 2:
            return lambda at: f"{get(at) % 100:02d}"
        return lambda at: str(get(at)).zfill(width)

    return of


def _text(names: list[str], get: Callable[[dt.datetime], int]) -> Callable[[int], Part]:
    def of(width: int) -> Part:
        if width == 4:
            return lambda at: names[get(at)]
        if width == 5:
            return lambda at: names[get(at)][0]
        return lambda at: names[get(at)][:3]

    return of


def _month(width: int) -> Part:
    if width <= 2:
        return lambda at: str(at.month).zfill(width)
    return _text(_MONTHS, lambda at: at.month - 1)(width)


def _fraction(width: int) -> Part:
    return lambda at: f"{at.microsecond:06d}".ljust(9, "0")[:width]


def _offset(letter: str) -> Callable[[int], Part]:
    # In UTC, X and XX.. are `Z`, Z is `+0000` (`ZZZZ` is `GMT`, `ZZZZZ` is `Z`).
    def of(width: int) -> Part:
        if letter == "z":
            return lambda at: at.tzname() or "UTC"
        if letter == "V":
            return lambda at: str(at.tzinfo or "UTC")
        if letter == "O" or (letter, width) == ("Z", 4):
            return lambda at: "GMT" + (f"{at:%z}"[:3] + ":" + f"{at:%z}"[3:] if at.utcoffset() else "")
        zulu = letter == "X" or (letter, width) == ("Z", 5)
        colon = width in (3, 5)
        hours = width == 1 and letter != "Z"

        def write(at: dt.datetime) -> str:
            if zulu and not at.utcoffset():
                return "Z"
            text = at.strftime("%z")
            if hours and text.endswith("00"):
                return text[:3]
            return f"{text[:3]}:{text[3:]}" if colon else text

        return write

    return of


_LETTERS: dict[str, Callable[[int], Part]] = {
    "y": _year(lambda at: at.year),
    "u": _year(lambda at: at.year),
    "Y": _year(lambda at: at.isocalendar().year),
    "M": _month,
    "L": _month,
    "d": _number(lambda at: at.day),
    "D": _number(lambda at: at.timetuple().tm_yday),
    "w": _number(lambda at: at.isocalendar().week),
    "Q": _number(lambda at: (at.month + 2) // 3),
    "E": _text(_DAYS, lambda at: at.weekday()),
    "e": _number(lambda at: at.isoweekday()),
    "a": lambda _: lambda at: "AM" if at.hour < 12 else "PM",
    "H": _number(lambda at: at.hour),
    "k": _number(lambda at: at.hour or 24),
    "K": _number(lambda at: at.hour % 12),
    "h": _number(lambda at: at.hour % 12 or 12),
    "m": _number(lambda at: at.minute),
    "s": _number(lambda at: at.second),
    "S": _fraction,
    "A": _number(lambda at: ((at.hour * 60 + at.minute) * 60 + at.second) * 1000 + at.microsecond // 1000),
    "n": _number(lambda at: at.microsecond * 1000),
    **{letter: _offset(letter) for letter in "XxZzVO"},
}


def compile_pattern(pattern: str) -> Part:
    """A function that writes a datetime of some zone as `pattern` says. Raises UsageError `InvalidPattern`."""
    parts: list[Part] = []
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "'":
            at, literal = _quoted(pattern, at)
            parts.append(lambda _, text=literal: text)  # type: ignore[misc]
        elif letter.isascii() and letter.isalpha():
            width = len(pattern[at:]) - len(pattern[at:].lstrip(letter))
            if letter not in _LETTERS:
                raise UsageError(
                    "InvalidPattern",
                    f"{letter!r} in the timestamp pattern {pattern!r} is not known here",
                    why="patterns are those of Java's DateTimeFormatter",
                    fix=f"quote it if it is meant as text: '{letter}'",
                )
            parts.append(_LETTERS[letter](width))
            at += width
        else:
            parts.append(lambda _, text=letter: text)  # type: ignore[misc]
            at += 1
    return lambda when: "".join(part(when) for part in parts)


def _quoted(pattern: str, start: int) -> tuple[int, str]:
    text = ""
    at = start + 1
    while at < len(pattern):
        if pattern[at] == "'":
            if pattern[at + 1 : at + 2] == "'":
                text += "'"
                at += 2
                continue
            return at + 1, text or "'"
        text += pattern[at]
        at += 1
    raise UsageError("InvalidPattern", f"a quote is not closed in the timestamp pattern {pattern!r}")
