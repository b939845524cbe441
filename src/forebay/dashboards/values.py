"""Values of a query's answer: what type a column has, when a timestamp was, and how a number is written.

An answer crosses to here as MessagePack: numbers as numbers, everything else as Athena prints it. So a
timestamp is text (`2026-01-31 09:30:00.000`, in UTC unless it names a zone).
"""

from __future__ import annotations

import datetime as dt
import math
import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NUMBERS = ("tinyint", "smallint", "int", "integer", "bigint", "float", "real", "double", "decimal")
_NATURAL = re.compile(r"(\d+)")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)\d*(?:\s*(\S+))?")

Scalar = str | int | float | bool | None


def is_number(athena_type: str) -> bool:
    """Whether a column of this type holds numbers."""
    return athena_type.partition("(")[0].strip().lower() in NUMBERS


def is_time(athena_type: str) -> bool:
    """Whether a column of this type holds dates or timestamps."""
    return athena_type.lower().startswith(("timestamp", "date"))


def number(value: object) -> float | int | None:
    """`value` as a number (decimals arrive as text), or None where it has none to show."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return None


def wall(value: object, athena_type: str, zone: ZoneInfo) -> int | None:
    """The wall clock of a date or timestamp in `zone`, as milliseconds since 1970 were it UTC; or None.

    Charts draw it as UTC: ECharts knows the browser's zone and UTC only, and a dashboard shows the
    project's. A date has no zone and stays.
    """
    if not isinstance(value, str):
        return None
    try:
        if athena_type.lower() == "date":
            return _ms(dt.datetime.fromisoformat(value))
        match = _STAMP.fullmatch(value.strip())
        if match is None:
            return None
        moment = dt.datetime.fromisoformat(f"{match[1]}T{match[2]}")
        return wall_of(moment.replace(tzinfo=_zone(match[3])), zone)
    except (ValueError, OverflowError, ZoneInfoNotFoundError):
        return None


def wall_of(moment: dt.datetime, zone: ZoneInfo) -> int:
    """The same of a moment that has a zone of its own."""
    return _ms(moment.astimezone(zone).replace(tzinfo=None))


def _zone(name: str | None) -> dt.tzinfo:
    if name is None or name in {"UTC", "Z"}:
        return dt.UTC
    if name[0] in "+-":
        return dt.datetime.fromisoformat(f"2000-01-01T00:00{name}").tzinfo or dt.UTC
    return ZoneInfo(name)


def _ms(moment: dt.datetime) -> int:
    return (moment - dt.datetime(1970, 1, 1)) // dt.timedelta(milliseconds=1)  # noqa: DTZ001 - wall clock on purpose


def time_labels(moments: list[int]) -> list[str]:
    """Short labels for wall-clock milliseconds: no finer than what tells them apart."""
    stamps = [dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=moment) for moment in moments]  # noqa: DTZ001
    if all(each.time() == dt.time() for each in stamps):
        if len({each.year for each in stamps}) > 1:
            return [f"{each:%Y-%m-%d}" for each in stamps]
        return [f"{each.day} {each:%b}" for each in stamps]
    clock = "%H:%M:%S" if any(each.second for each in stamps) else "%H:%M"
    if len({each.date() for each in stamps}) == 1:
        return [each.strftime(clock) for each in stamps]
    return [f"{each.day} {each:%b} {each:{clock}}" for each in stamps]


def label(value: Scalar) -> str:
    """`value` as the name of a category or series."""
    if value is None or value == "":
        return "(none)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    """A sort key under which `entree_2` comes before `entree_10`."""
    return tuple(
        (not part.isdigit(), int(part) if part.isdigit() else 0, part)
        for part in _NATURAL.split(text)
        if part
    )


def scale(athena_type: str) -> int | None:
    """The digits after the point of a decimal; None of any other type."""
    found = re.fullmatch(r"decimal\(\d+,\s*(\d+)\)", athena_type.strip().lower())
    return int(found[1]) if found else None


def written(value: float | None, how: str = "number", unit: str = "", scale: int | None = None) -> str:
    """A number as people read it; the browser writes the same (`ui/src/format.ts`).

    One of a decimal's `scale` keeps its digits, up to two: an amount of money looks like one.
    """
    if value is None:
        return "–"
    if how == "percent":
        return f"{value * 100:.{0 if abs(value) >= 0.995 or value == 0 else 1}f} %"
    if how == "duration":
        return duration(value)
    if how == "bytes":
        return _scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"))
    if how.startswith("money:"):
        return f"{value:,.2f} {how[6:]}"
    if how == "compact" and abs(value) >= 1000:
        return _scaled(value, 1000, ("", "K", "M", "B", "T")) + (f" {unit}" if unit else "")
    digits = 0 if how == "integer" or float(value).is_integer() else 2 if abs(value) < 100 else 1
    if how == "number" and scale is not None:
        digits = min(scale, 2)
    return f"{value:,.{digits}f}" + (f" {unit}" if unit else "")


def duration(seconds: float) -> str:
    """`90` → `1 min 30 s`."""
    sign, rest = ("-" if seconds < 0 else ""), abs(seconds)
    if rest < 1:
        return f"{sign}{rest * 1000:.0f} ms" if rest else "0 s"
    if rest < 60:
        return f"{sign}{rest:.3g} s"
    whole = round(rest)
    for size, big, small, next_size in ((60, "min", "s", 1), (3600, "h", "min", 60), (86400, "d", "h", 3600)):
        if size == 86400 or whole < size * (60 if size == 60 else 24):
            left = whole % size // next_size
            return f"{sign}{whole // size} {big}" + (f" {left} {small}" if left else "")
    raise AssertionError(seconds)


def _scaled(value: float, base: int, units: tuple[str, ...]) -> str:
    size, power = abs(value), 0
    while size >= base and power < len(units) - 1:
        size /= base
        power += 1
    return f"{'-' if value < 0 else ''}{size:.3g} {units[power]}".rstrip() if size < 1000 else f"{value:,.0f}"
