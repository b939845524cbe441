"""AWS's cron: `cron(Minutes Hours Day-of-month Month Day-of-week Year)`, in UTC, no faster than 5 minutes.

https://docs.aws.amazon.com/glue/latest/dg/monitor-data-warehouse-schedule.html
"""

from __future__ import annotations

import calendar
import datetime as dt
import re

from forebay.errors import UsageError

MINUTE = dt.timedelta(minutes=1)
FASTEST = 5
_MONTHS = {name.upper(): index for index, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: index for index, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}


class Cron:
    """When a schedule fires. Raises UsageError `InvalidInput` for what is no schedule."""

    def __init__(self, text: str) -> None:
        found = re.fullmatch(r"cron\((.*)\)", text.strip())
        fields = found[1].split() if found else []
        if len(fields) != 6:
            raise _bad(text, "six fields are needed: cron(15 12 * * ? *)")
        minute, hour, day, month, weekday, year = (field.upper() for field in fields)
        if (day == "?") == (weekday == "?"):
            raise _bad(text, "one of day-of-month and day-of-week must be ?")
        self._text = text
        self._minutes = self._set(minute, 0, 59)
        self._hours = self._set(hour, 0, 23)
        self._months = self._set(month, 1, 12, _MONTHS)
        self._years = self._set(year, 1970, 2199)
        self._day = day
        self._weekday = weekday
        for year_, month_ in ((2024, 1), (2024, 2)):
            self._days(year_, month_)  # finds what is wrong with them
        self._check_rate()

    def _check_rate(self) -> None:
        every = sorted(self._minutes)
        gaps = [b - a for a, b in zip(every, [*every[1:], every[0] + 60], strict=True)]
        if min(gaps) < FASTEST and (len(every) > 1):
            raise _bad(self._text, f"it fires more often than every {FASTEST} minutes")

    def _set(self, field: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
        found: set[int] = set()
        for part in field.split(","):
            span, slash, step = part.partition("/")
            if span in ("*", "?"):
                first, last = low, high
            else:
                first_, dash, last_ = span.partition("-")
                first = self._number(first_, names)
                last = self._number(last_, names) if dash else (high if slash else first)
            every = self._number(step, None) if slash else 1
            if not (low <= first <= high and low <= last <= high and every >= 1):
                raise _bad(self._text, f"{part} is not within {low}-{high}")
            if first <= last:
                found.update(range(first, last + 1, every))
            else:  # FRI-MON
                found.update([*range(first, high + 1), *range(low, last + 1)][::every])
        return found

    def _number(self, text: str, names: dict[str, int] | None) -> int:
        if names and text in names:
            return names[text]
        if not re.fullmatch(r"\d{1,4}", text):
            raise _bad(self._text, f"{text!r} is no number")
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
        if found := re.fullmatch(r"([1-7]|[A-Z]{3})(L|#([1-5]))", self._weekday):
            wanted = self._number(found[1], _DAYS)
            days = [day for day, weekday in of.items() if weekday == wanted]
            index = -1 if found[2] == "L" else int(found[3]) - 1
            return {days[index]} if index < len(days) else set()
        wanted_days = self._set(self._weekday, 1, 7, _DAYS)
        return {day for day, weekday in of.items() if weekday in wanted_days}

    def next(self, moment: dt.datetime) -> dt.datetime | None:
        """The first time it fires after `moment` (UTC); None if never again."""
        at = moment.replace(second=0, microsecond=0) + MINUTE
        year, month = at.year, at.month
        for _ in range(12 * 60):
            if year in self._years and month in self._months:
                for day in sorted(self._days(year, month)):
                    for hour in sorted(self._hours):
                        for minute in sorted(self._minutes):
                            found = dt.datetime(year, month, day, hour, minute, tzinfo=at.tzinfo)
                            if found >= at:
                                return found
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        return None


def _near(year: int, month: int, day: int, last: int) -> int:
    """The weekday nearest to a day, in the same month."""
    match calendar.weekday(year, month, day):
        case 5:
            return day - 1 if day > 1 else day + 2
        case 6:
            return day + 1 if day < last else day - 2
    return day


def _bad(text: str, why: str) -> UsageError:
    return UsageError("InvalidInput", f"Invalid schedule expression {text}: {why}")
