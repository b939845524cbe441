"""Timestamps as S3 Select has them: as precise as they were written, a year or a fraction of a second.

Source: "Date functions" (SQL reference for Amazon S3 Select), whose texts are Ion's and ISO 8601's.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache

from forebay.query.s3select.errors import refused

PARTS = ("year", "month", "day", "hour", "minute", "second")
ZONE_PARTS = ("timezone_hour", "timezone_minute")
_SECONDS = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
_TEXT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?:T(?:(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d))?)?"
)
_ELEMENT = re.compile(
    r"(?P<text>'[^']*')|(?P<symbol>y{1,4}|M{1,5}|d{1,2}|a|h{1,2}|H{1,2}|m{1,2}|s{1,2}|S+|n|X{1,5}|x{1,5})"
    r"|(?P<open>')|(?P<letter>[A-Za-z])|(?P<rest>.)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment (`at`, with its offset) and how precisely it is known; `digits` of a second, if that."""

    at: dt.datetime
    precision: str = "second"
    digits: int = 0

    def text(self) -> str:
        """As it is put out."""
        at = self.at
        if self.precision in ("year", "month", "day"):
            whole = {"year": f"{at.year:04d}", "month": f"{at.year:04d}-{at.month:02d}"}
            return whole.get(self.precision, f"{at.year:04d}-{at.month:02d}-{at.day:02d}") + "T"
        clock = f"{at.hour:02d}:{at.minute:02d}"
        if self.precision == "second":
            clock += f":{at.second:02d}"
            if self.digits:
                clock += "." + f"{at.microsecond:06d}".ljust(9, "0")[: self.digits]
        return f"{at.year:04d}-{at.month:02d}-{at.day:02d}T{clock}{_offset(at, ':') or 'Z'}"


def _offset(at: dt.datetime, colon: str, *, minutes: bool = True) -> str:
    """`+01:00`; nothing for UTC."""
    seconds = int((at.utcoffset() or dt.timedelta()).total_seconds())
    if not seconds:
        return ""
    hours, rest = divmod(abs(seconds) // 60, 60)
    return f"{'-' if seconds < 0 else '+'}{hours:02d}" + (f"{colon}{rest:02d}" if minutes or rest else "")


def now() -> Moment:
    """The present, in UTC."""
    at = dt.datetime.now(dt.UTC)
    return Moment(at.replace(microsecond=at.microsecond // 1000 * 1000), "second", 3)


def parsed(text: str) -> Moment | None:
    """What `text` says; None if it is no timestamp."""
    match = _TEXT.fullmatch(text)
    if match is None or ("T" not in text and match[3] is None):
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    said = zip(PARTS, (year, month, day, hour, minute, second), strict=True)
    precision = [name for name, part in said if part][-1] if month else "year"
    if zone in (None, "Z"):
        offset = dt.UTC
    else:
        sign = -1 if zone[0] == "-" else 1
        offset = dt.timezone(sign * dt.timedelta(hours=int(zone[1:3]), minutes=int(zone[4:])))
    micros = int((fraction or "").ljust(6, "0")[:6])
    try:
        at = dt.datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            micros,
            offset,
        )
    except ValueError:
        return None
    return Moment(at, precision, min(len(fraction or ""), 6))


def added(part: str, count: int, moment: Moment) -> Moment:
    """DATE_ADD. Raises QueryFailed beyond the calendar."""
    at = moment.at
    try:
        if part in ("year", "month"):
            months = at.year * 12 + at.month - 1 + count * (12 if part == "year" else 1)
            year, month = divmod(months, 12)
            last = calendar.monthrange(year, month + 1)[1] if 1 <= year <= 9999 else 0
            at = at.replace(year=year, month=month + 1, day=min(at.day, last))
        else:
            at += dt.timedelta(seconds=count * _SECONDS[part])
    except (ValueError, OverflowError, calendar.IllegalMonthError):
        raise refused("IllegalSqlFunctionArgument", "DATE_ADD leaves the calendar.") from None
    finer = max(PARTS.index(part), PARTS.index(moment.precision))
    return Moment(at, PARTS[finer], moment.digits)


def difference(part: str, first: Moment, second: Moment) -> int:
    """DATE_DIFF: the whole parts from one to the other."""
    if part in ("year", "month"):
        sign = 1 if second.at >= first.at else -1
        early, late = (first.at, second.at) if sign > 0 else (second.at, first.at)
        late = late.astimezone(early.tzinfo)
        months = (late.year - early.year) * 12 + late.month - early.month
        if (late.day, late.timetz()) < (early.day, early.timetz()):
            months -= 1
        return sign * (months // 12 if part == "year" else months)
    passed = (second.at - first.at) // dt.timedelta(microseconds=1)
    whole = abs(passed) // (_SECONDS[part] * 1_000_000)
    return whole if passed >= 0 else -whole


def extracted(part: str, moment: Moment) -> int:
    """EXTRACT."""
    if part in ZONE_PARTS:
        minutes = int((moment.at.utcoffset() or dt.timedelta()).total_seconds()) // 60
        sign = -1 if minutes < 0 else 1
        hours, rest = divmod(abs(minutes), 60)
        return sign * (hours if part == "timezone_hour" else rest)
    return int(getattr(moment.at, part))


@lru_cache(maxsize=64)
def _pattern(text: str) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for match in _ELEMENT.finditer(text):
        kind, value = str(match.lastgroup), match[0]
        if kind == "open":
            raise refused("EvaluatorUnterminatedTimestampFormatPatternToken", repr(text))
        if kind == "letter" or value == "yyy":
            raise refused("EvaluatorInvalidTimestampFormatPattern", f"{value!r} in {text!r}")
        found.append(
            ("symbol", value) if kind == "symbol" else ("text", value.strip("'") if kind == "text" else value)
        )
    symbols = {value[0] for kind, value in found if kind == "symbol"}
    if ("h" in symbols) != ("a" in symbols):
        raise refused("EvaluatorTimestampFormatPatternHourClockAmPmMismatch", repr(text))
    return tuple(found)


def formatted(moment: Moment, pattern: str) -> str:
    """TO_STRING. Raises QueryFailed."""
    at = moment.at
    return "".join(value if kind == "text" else _shown(at, value) for kind, value in _pattern(pattern))


def _shown(at: dt.datetime, symbol: str) -> str:
    hour = at.hour % 12 or 12
    match symbol:
        case "y":
            return str(at.year)
        case "yy":
            return f"{at.year % 100:02d}"
        case "yyyy":
            return f"{at.year:04d}"
        case "MMM":
            return calendar.month_abbr[at.month]
        case "MMMM":
            return calendar.month_name[at.month]
        case "MMMMM":
            return calendar.month_name[at.month][0]
        case "a":
            return "AM" if at.hour < 12 else "PM"
        case "n":
            return str(at.microsecond * 1000)
    if symbol[0] in "Xx":
        return _zone(at, symbol)
    if symbol[0] == "S":
        return f"{at.microsecond:06d}".ljust(len(symbol), "0")[: len(symbol)]
    numbers = {"M": at.month, "d": at.day, "h": hour, "H": at.hour, "m": at.minute, "s": at.second}
    return f"{numbers[symbol[0]]:0{len(symbol)}d}"


def _zone(at: dt.datetime, symbol: str) -> str:
    """An offset: hours, then with minutes, then with a colon; a capital letter has Z for none."""
    utc = symbol[0] == "X"
    if len(symbol) == 1:
        return _offset(at, "", minutes=False) or ("Z" if utc else "+00")
    colon = ":" if len(symbol) in (3, 5) else ""
    return _offset(at, colon) or ("Z" if utc else f"+00{colon}00")
