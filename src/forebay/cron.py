"""AWS's cron: `cron(Minutes Hours Day-of-month Month Day-of-week Year)`, in UTC; one of the two days is `?`.

Contract: "Setting a schedule pattern" (EventBridge User Guide), which Glue's guide says again for crawlers.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re

_CRON = re.compile(r"cron\(([^()]*)\)")
_MONTHS = {name.upper(): index for index, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: index for index, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_MINUTE = dt.timedelta(minutes=1)


class Cron:
    """An expression, read. Raises ValueError, which says what is wrong with it."""

    def __init__(self, text: str) -> None:
        found = _CRON.fullmatch(text)
        fields = found[1].upper().split() if found else []
        if len(fields) != 6:
            raise ValueError("six fields are needed: cron(15 12 * * ? *)")
        minute, hour, day, month, weekday, year = fields
        if (day == "?") == (weekday == "?"):
            raise ValueError("one of day-of-month and day-of-week is ?")
        self.minutes = sorted(_set(minute, 0, 59))
        """Of each hour in which it fires."""
        self._hours = sorted(_set(hour, 0, 23))
        self._months = _set(month, 1, 12, _MONTHS)
        self._years = _set(year, 1970, 2199)
        self._day, self._weekday = day, weekday
        self._days(2024, 2)  # finds what is wrong with them

    def next(self, after: dt.datetime) -> dt.datetime | None:
        """The first time it fires after `after` (UTC); None if never again."""
        at = after.replace(second=0, microsecond=0) + _MINUTE
        year, month = at.year, at.month
        while year <= max(self._years):
            if year in self._years and month in self._months:
                for day in sorted(self._days(year, month)):
                    if (year, month, day) < (at.year, at.month, at.day):
                        continue
                    for hour in self._hours:
                        for minute in self.minutes:
                            found = dt.datetime(year, month, day, hour, minute, tzinfo=at.tzinfo)
                            if found >= at:
                                return found
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        return None

    def _days(self, year: int, month: int) -> set[int]:
        last = calendar.monthrange(year, month)[1]
        if self._weekday == "?":
            if self._day == "L":
                return {last}
            if found := re.fullmatch(r"(\d{1,2}|L)W", self._day):
                return {_near(year, month, last if found[1] == "L" else min(int(found[1]), last), last)}
            return {day for day in _set(self._day, 1, 31) if day <= last}
        # AWS counts Sunday as 1, Python Monday as 0.
        of = {day: (calendar.weekday(year, month, day) + 1) % 7 + 1 for day in range(1, last + 1)}
        if self._weekday == "L":
            return {day for day, weekday in of.items() if weekday == 7}
        if found := re.fullmatch(r"([1-7]|[A-Z]{3})(?:L|#([1-5]))", self._weekday):
            wanted = _number(found[1], _DAYS)
            days = [day for day, weekday in of.items() if weekday == wanted]
            index = -1 if found[2] is None else int(found[2]) - 1
            return {days[index]} if index < len(days) else set()
        chosen = _set(self._weekday, 1, 7, _DAYS)
        return {day for day, weekday in of.items() if weekday in chosen}


def _set(field: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    """What a field allows: `5`, `1,2`, `MON-FRI`, `*`, `0/15`; a span may go round the end (`FRI-MON`)."""
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        if span == "*":
            first, last = low, high
        else:
            first_, dash, last_ = span.partition("-")
            first = _number(first_, names)
            last = _number(last_, names) if dash else (high if slash else first)
        every = _number(step) if slash else 1
        if not (low <= first <= high and low <= last <= high and every >= 1):
            raise ValueError(f"{part} is not within {low} to {high}")
        within = (
            [*range(first, last + 1)] if first <= last else [*range(first, high + 1), *range(low, last + 1)]
        )
        found.update(within[::every])
    return found


def _number(text: str, names: dict[str, int] | None = None) -> int:
    if names and text in names:
        return names[text]
    if not re.fullmatch(r"\d{1,4}", text):
        raise ValueError(f"{text!r} is no number")
    return int(text)


def _near(year: int, month: int, day: int, last: int) -> int:
    """The weekday nearest to a day, in the same month."""
    match calendar.weekday(year, month, day):
        case 5:
            return day - 1 if day > 1 else day + 2
        case 6:
            return day + 1 if day < last else day - 2
    return day
