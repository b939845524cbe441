"""Formats of times as moment.js writes them, which is what the Kinesis Data Generator's templates use.

`compiled("YYYY-MM-DD HH:mm:ss.SSS")` is a function from an aware datetime to text; the tokens and their
meaning are those of https://momentjs.com/docs/#/displaying/format/ in its English locale. What is in square
brackets, or is no token, stands for itself.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable

Formatter = Callable[[dt.datetime], str]

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
LOCAL = "YYYY-MM-DDTHH:mm:ssZ"
"""What `{{date.now}}` is without a format."""
UTC = "YYYY-MM-DDTHH:mm:ss[Z]"
"""What `{{date.utc}}` is without a format."""

_TOKEN = re.compile(
    r"\[[^\[\]]*\]|\\.|LTS|LT|LL?L?L?|l{1,4}|Mo|MM?M?M?|Do|DDDo|DD?D?D?|do|dd?d?d?|Qo?|YYYYYY|YYYYY|YYYY|YY|Y"
    r"|wo|ww?|Wo|WW?|gggg|gg|GGGG|GG|e|E|a|A|hmmss|hmm|Hmmss|Hmm|hh?|HH?|kk?|mm?|ss?|S{1,9}|zz?|ZZ?|X|x|."
    , re.DOTALL
)  # fmt: skip
_LONG = {
    "LT": "h:mm A", "LTS": "h:mm:ss A", "L": "MM/DD/YYYY", "LL": "MMMM D, YYYY", "LLL": "MMMM D, YYYY h:mm A",
    "LLLL": "dddd, MMMM D, YYYY h:mm A", "l": "M/D/YYYY", "ll": "MMM D, YYYY", "lll": "MMM D, YYYY h:mm A",
    "llll": "ddd, MMM D, YYYY h:mm A", "hmm": "hmm", "hmmss": "hmmss",
}  # fmt: skip


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def _sunday(when: dt.datetime) -> int:
    return when.isoweekday() % 7


def _week(when: dt.datetime) -> tuple[int, int]:
    """Year and week where weeks begin on Sunday and the first has January 1."""
    day = when.date()

    def first(year: int) -> dt.date:
        begin = dt.date(year, 1, 1)
        return begin - dt.timedelta(days=begin.isoweekday() % 7)

    year = day.year + (day >= first(day.year + 1) if day.year < dt.MAXYEAR else 0)
    return year, (day - first(year)).days // 7 + 1


def _offset(when: dt.datetime, colon: str) -> str:
    minutes = round((when.utcoffset() or dt.timedelta()).total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{colon}{abs(minutes) % 60:02}"


def _hour12(when: dt.datetime) -> int:
    return when.hour % 12 or 12


_WRITERS: dict[str, Formatter] = {
    "M": lambda t: str(t.month),
    "Mo": lambda t: ordinal(t.month),
    "MM": lambda t: f"{t.month:02}",
    "MMM": lambda t: MONTHS[t.month - 1][:3],
    "MMMM": lambda t: MONTHS[t.month - 1],
    "Q": lambda t: str((t.month + 2) // 3),
    "Qo": lambda t: ordinal((t.month + 2) // 3),
    "D": lambda t: str(t.day),
    "Do": lambda t: ordinal(t.day),
    "DD": lambda t: f"{t.day:02}",
    "DDD": lambda t: str(t.timetuple().tm_yday),
    "DDDo": lambda t: ordinal(t.timetuple().tm_yday),
    "DDDD": lambda t: f"{t.timetuple().tm_yday:03}",
    "d": lambda t: str(_sunday(t)),
    "do": lambda t: ordinal(_sunday(t)),
    "dd": lambda t: WEEKDAYS[_sunday(t)][:2],
    "ddd": lambda t: WEEKDAYS[_sunday(t)][:3],
    "dddd": lambda t: WEEKDAYS[_sunday(t)],
    "e": lambda t: str(_sunday(t)),
    "E": lambda t: str(t.isoweekday()),
    "w": lambda t: str(_week(t)[1]),
    "wo": lambda t: ordinal(_week(t)[1]),
    "ww": lambda t: f"{_week(t)[1]:02}",
    "W": lambda t: str(t.isocalendar()[1]),
    "Wo": lambda t: ordinal(t.isocalendar()[1]),
    "WW": lambda t: f"{t.isocalendar()[1]:02}",
    "YY": lambda t: f"{t.year % 100:02}",
    "YYYY": lambda t: f"{t.year:04}",
    "YYYYY": lambda t: f"{t.year:05}",
    "YYYYYY": lambda t: f"+{t.year:06}",
    "Y": lambda t: str(t.year),
    "gg": lambda t: f"{_week(t)[0] % 100:02}",
    "gggg": lambda t: f"{_week(t)[0]:04}",
    "GG": lambda t: f"{t.isocalendar()[0] % 100:02}",
    "GGGG": lambda t: f"{t.isocalendar()[0]:04}",
    "A": lambda t: "PM" if t.hour >= 12 else "AM",
    "a": lambda t: "pm" if t.hour >= 12 else "am",
    "H": lambda t: str(t.hour),
    "HH": lambda t: f"{t.hour:02}",
    "h": lambda t: str(_hour12(t)),
    "hh": lambda t: f"{_hour12(t):02}",
    "hmm": lambda t: f"{_hour12(t)}{t.minute:02}",
    "hmmss": lambda t: f"{_hour12(t)}{t.minute:02}{t.second:02}",
    "Hmm": lambda t: f"{t.hour}{t.minute:02}",
    "Hmmss": lambda t: f"{t.hour}{t.minute:02}{t.second:02}",
    "k": lambda t: str(t.hour or 24),
    "kk": lambda t: f"{t.hour or 24:02}",
    "m": lambda t: str(t.minute),
    "mm": lambda t: f"{t.minute:02}",
    "s": lambda t: str(t.second),
    "ss": lambda t: f"{t.second:02}",
    "z": lambda t: t.tzname() or "",
    "zz": lambda t: t.tzname() or "",
    "Z": lambda t: _offset(t, ":"),
    "ZZ": lambda t: _offset(t, ""),
    "X": lambda t: str(int(t.timestamp())),
    "x": lambda t: str(int(t.timestamp()) * 1000 + t.microsecond // 1000),
}


def _fraction(digits: int) -> Formatter:
    """`SSS`: milliseconds, cut and not rounded; moment knows no more than three digits and fills with zeros."""

    def write(when: dt.datetime) -> str:
        return f"{when.microsecond // 1000:03}"[:digits].ljust(digits, "0")

    return write


def _constant(text: str) -> Formatter:
    return lambda _: text


@functools.cache
def compiled(format: str) -> Formatter:
    """A function that writes a time in `format`."""
    writers: list[Formatter] = []
    for token in _TOKEN.findall(format):
        if token in _LONG and token not in _WRITERS:
            writers.append(compiled(_LONG[token]))
        elif token in _WRITERS:
            writers.append(_WRITERS[token])
        elif set(token) == {"S"}:
            writers.append(_fraction(len(token)))
        else:
            bracketed = token.startswith("[") and token.endswith("]")
            writers.append(_constant(token[1:-1] if bracketed else token.removeprefix("\\")))
    return lambda when: "".join([write(when) for write in writers])


def script(when: dt.datetime) -> str:
    """A time as JavaScript prints a Date: `Tue Mar 05 2024 10:11:12 GMT+0100 (CET)`."""
    zone = "Coordinated Universal Time" if when.tzname() == "UTC" else when.tzname()
    return f"{compiled('ddd MMM DD YYYY HH:mm:ss [GMT]ZZ')(when)} ({zone})"
