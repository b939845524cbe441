"""Time ranges: what `today`, `24h` or `2026-01-01/2026-01-08` mean now, in the project's own days.

A day runs from `day_starts` to `day_starts` in the project's timezone: a restaurant's evening that ends
at two belongs to the day it began. Sliding ranges move in steps, so that a query's text stays the same
(and its plan cached) between two steps.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from forebay.clock import SECOND, to_datetime
from forebay.errors import UsageError

MINUTE = 60
HOUR = 3600
DAY = 86400
FAR = int(dt.datetime(2100, 1, 1, tzinfo=dt.UTC).timestamp()) * SECOND
COMMON = ("15m", "1h", "today", "24h", "yesterday", "7d", "30d", "all")
"""What the console offers; any other range can be written in the URL."""

_SLIDING = re.compile(r"([1-9]\d{0,4})(s|m|h|d|w)")
_UNIT = {
    "s": (1, "second"),
    "m": (MINUTE, "minute"),
    "h": (HOUR, "hour"),
    "d": (DAY, "day"),
    "w": (7 * DAY, "week"),
}
_NICE = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY)


@dataclass(frozen=True, slots=True)
class Range:
    """From `start` (included) to `end` (excluded), UTC microseconds. `bucket` is a good width in seconds for
    about a hundred points, `unit` a good one for `date_trunc`.
    """

    text: str
    label: str
    start: int
    end: int
    bucket: int
    unit: str


def zone(name: str) -> ZoneInfo:
    """The timezone called `name`. Raises UsageError `UnknownTimezone`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            "UnknownTimezone", f"there is no timezone {name!r}", fix="use a name such as Europe/Berlin or UTC"
        ) from None


def day_time(text: str) -> dt.time:
    """`04:00` as a time. Raises UsageError `BadDayStart`."""
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text)
    if match is None:
        raise UsageError("BadDayStart", f"{text!r} is no time of day", fix='write day_starts as "04:00"')
    return dt.time(int(match[1]), int(match[2]))


def check(text: str) -> None:
    """Raise UsageError `BadRange` unless `text` is a range."""
    resolve(text, now=0, timezone="UTC", day_starts="00:00")


def resolve(text: str, *, now: int, timezone: str, day_starts: str) -> Range:
    """What `text` means at `now` (UTC us). Raises UsageError `BadRange`."""
    days = _Days(zone(timezone), day_time(day_starts))
    since = "" if day_starts in {"0:00", "00:00"} else f", from {day_starts}"
    if text == "all":
        return Range(text, "all time", 0, FAR, DAY, "day")
    if text in {"today", "yesterday"}:
        day = days.of(now) - dt.timedelta(days=text == "yesterday")
        return _range(text, text + since, days.start(day), days.start(day + dt.timedelta(days=1)))
    if match := _SLIDING.fullmatch(text):
        n, (seconds, word) = int(match[1]), _UNIT[match[2]]
        label = f"last {n} {word}s" if n > 1 else f"last {word}"
        if n * seconds > 40_000 * DAY:
            raise _bad(text, "it begins before 1970")
        if seconds >= DAY:
            first = days.of(now) - dt.timedelta(days=n * seconds // DAY - 1)
            return _range(text, label, days.start(first), days.start(days.of(now) + dt.timedelta(days=1)))
        length = n * seconds * SECOND
        step = max(1, min(HOUR, n * seconds // 360)) * SECOND
        end = (now // step + 1) * step
        return _range(text, label, end - length, end)
    if "/" in text:
        start, end = (_moment(part, text, days) for part in text.split("/", 1))
        if end <= start:
            raise _bad(text, "it ends before it begins")
        return _range(text, _written(start, end, days.zone), start, end)
    raise _bad(text, "it is none of the forms forebay knows")


def shifted(range_: Range, compare: str, *, now: int, timezone: str) -> Range:
    """The range that `range_` is compared with: as much of the earlier one as has passed of this one.

    `previous` is the time of equal length before it; `day` and `week` go back by the calendar, so a day
    with a changed clock is compared hour by hour.
    """
    elapsed = min(range_.end, max(range_.start, now - now % (MINUTE * SECOND)))
    if compare == "previous":
        length = range_.end - range_.start
        start, end = range_.start - length, elapsed - length
    else:
        back = dt.timedelta(days=7 if compare == "week" else 1)
        start, end = (_back(moment, back, zone(timezone)) for moment in (range_.start, elapsed))
    label = {"previous": "the time before", "day": "the day before", "week": "a week before"}[compare]
    return Range(range_.text, label, max(0, start), max(0, end), range_.bucket, range_.unit)


def _back(moment: int, by: dt.timedelta, where: ZoneInfo) -> int:
    return _us(to_datetime(moment).astimezone(where) - by)


@dataclass(frozen=True, slots=True)
class _Days:
    zone: ZoneInfo
    starts: dt.time

    def start(self, day: dt.date) -> int:
        return _us(dt.datetime.combine(day, self.starts, tzinfo=self.zone))

    def of(self, moment: int) -> dt.date:
        day = to_datetime(moment).astimezone(self.zone).date()
        return day if self.start(day) <= moment else day - dt.timedelta(days=1)


def _us(moment: dt.datetime) -> int:
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def _moment(part: str, text: str, days: _Days) -> int:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", part):
            return days.start(dt.date.fromisoformat(part))
        moment = dt.datetime.fromisoformat(part)
        return _us(moment if moment.tzinfo else moment.replace(tzinfo=days.zone))
    except (ValueError, OverflowError):
        raise _bad(text, f"{part!r} is no date or time") from None


def _written(start: int, end: int, where: ZoneInfo) -> str:
    return " – ".join(f"{to_datetime(moment).astimezone(where):%Y-%m-%d %H:%M}" for moment in (start, end))


def _range(text: str, label: str, start: int, end: int) -> Range:
    seconds = (end - start) / SECOND
    bucket = next((nice for nice in _NICE if seconds / nice <= 120), DAY)
    unit = "second" if seconds <= 120 else "minute" if seconds <= 3 * HOUR else "hour"
    if seconds > 3 * DAY:
        unit = "day" if seconds <= 200 * DAY else "month"
    return Range(text, label, start, end, bucket, unit)


def _bad(text: str, why: str) -> UsageError:
    return UsageError(
        "BadRange",
        f"{text!r} is no time range",
        why=why,
        fix="write today, yesterday, all, a length such as 15m, 24h or 7d, or FROM/TO (2026-01-01/2026-01-08)",
    )
