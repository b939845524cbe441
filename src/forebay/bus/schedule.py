"""When a scheduled rule fires: `rate(5 minutes)`, `cron(0 6 * * ? *)`.

Contract: "Creating a rule that runs on a schedule in Amazon EventBridge" (EventBridge User Guide). Times are
UTC. A rate counts from when its rule was made; cron has minutes, hours, day of month, month, day of week
and year, and one of the two days is `?`.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re

from forebay.errors import UsageError

_RATE = re.compile(r"rate\((\d+) (minute|minutes|hour|hours|day|days)\)")
_CRON = re.compile(r"cron\(([^()]*)\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = {name.upper(): i for i, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: i for i, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_MINUTE = dt.timedelta(minutes=1)


class Schedule:
    """An expression, read. Raises UsageError `InvalidSchedule`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._every: dt.timedelta | None = None
        self._day = self._weekday = ""
        if found := _RATE.fullmatch(text):
            count, unit = int(found[1]), found[2]
            if not count or (count == 1) == unit.endswith("s"):
                raise _bad(text, "`rate(1 minute)`, `rate(5 minutes)`: the unit is singular for 1")
            self._every = dt.timedelta(seconds=count * _SECONDS[unit.removesuffix("s")])
            return
        found = _CRON.fullmatch(text)
        fields = found[1].upper().split() if found else []
        if len(fields) != 6:
            raise _bad(text, "`rate(5 minutes)`, or `cron(0 6 * * ? *)` with six fields")
        minute, hour, self._day, month, self._weekday, year = fields
        if (self._day == "?") == (self._weekday == "?"):
            raise _bad(text, "one of day-of-month and day-of-week is ?")
        self._minutes = sorted(self._set(minute, 0, 59))
        self._hours = sorted(self._set(hour, 0, 23))
        self._months = self._set(month, 1, 12, _MONTHS)
        self._years = self._set(year, 1970, 2199)
        self._days(2024, 2)  # finds what is wrong with them

    def next(self, after: dt.datetime, since: dt.datetime) -> dt.datetime | None:
        """The first time it fires after `after` (UTC); a rate counts from `since`. None if never again."""
        if self._every is not None:
            past = max(0, (after - since) // self._every)
            return since + (past + 1) * self._every
        at = after.replace(second=0, microsecond=0) + _MINUTE
        year, month = at.year, at.month
        while year <= max(self._years):
            if year in self._years and month in self._months:
                for day in sorted(self._days(year, month)):
                    if (year, month, day) < (at.year, at.month, at.day):
                        continue
                    for hour in self._hours:
                        for minute in self._minutes:
                            found = dt.datetime(year, month, day, hour, minute, tzinfo=at.tzinfo)
                            if found >= at:
                                return found
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        return None

    def _set(self, field: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
        found: set[int] = set()
        for part in field.split(","):
            span, slash, step = part.partition("/")
            if span == "*":
                first, last = low, high
            else:
                first_, dash, last_ = span.partition("-")
                first = self._number(first_, names)
                last = self._number(last_, names) if dash else (high if slash else first)
            every = self._number(step, None) if slash else 1
            if not (low <= first <= high and low <= last <= high and every >= 1):
                raise _bad(self.text, f"{part} is not within {low} to {high}")
            span_ = (
                range(first, last + 1) if first <= last else [*range(first, high + 1), *range(low, last + 1)]
            )
            found.update(list(span_)[::every])
        return found

    def _number(self, text: str, names: dict[str, int] | None) -> int:
        if names and text in names:
            return names[text]
        if not re.fullmatch(r"\d{1,4}", text):
            raise _bad(self.text, f"{text!r} is no number")
        return int(text)

    def _days(self, year: int, month: int) -> set[int]:
        last = calendar.monthrange(year, month)[1]
        if self._weekday == "?":
            if self._day == "L":
                return {last}
            if found := re.fullmatch(r"(\d{1,2}|L)W", self._day):
                return {_near(year, month, last if found[1] == "L" else min(int(found[1]), last), last)}
            return {day for day in self._set(self._day, 1, 31) if day <= last}
        # AWS counts Sunday as 1, Python Monday as 0.
        of = {day: (calendar.weekday(year, month, day) + 1) % 7 + 1 for day in range(1, last + 1)}
        if self._weekday == "L":
            return {day for day, weekday in of.items() if weekday == 7}
        if found := re.fullmatch(r"([1-7]|[A-Z]{3})(?:L|#([1-5]))", self._weekday):
            wanted = self._number(found[1], _DAYS)
            days = [day for day, weekday in of.items() if weekday == wanted]
            index = -1 if found[2] is None else int(found[2]) - 1
            return {days[index]} if index < len(days) else set()
        chosen = self._set(self._weekday, 1, 7, _DAYS)
        return {day for day, weekday in of.items() if weekday in chosen}


def _near(year: int, month: int, day: int, last: int) -> int:
    """The weekday nearest to a day, in the same month."""
    match calendar.weekday(year, month, day):
        case 5:
            return day - 1 if day > 1 else day + 2
        case 6:
            return day + 1 if day < last else day - 2
    return day


def _bad(text: str, why: str) -> UsageError:
    return UsageError("InvalidSchedule", f"{text} is no schedule", fix=why)
