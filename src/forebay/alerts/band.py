"""What is usual at an hour, learned from a metric's own past: its median there, and how far it strays from it.

Seasonal: the same hour of the same weekday where it was seen on three days at least; else the same hour of any
day, else all that was seen. Robust: median and median absolute deviation, which a burst of the past hardly
moves. Between the middles of two hours the band goes straight from the one to the other.
"""

from __future__ import annotations

import datetime as dt
import statistics
import zoneinfo
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from forebay.alerts.condition import Band
from forebay.clock import SECOND

DAYS = 3
"""Days on which an hour was seen before it counts by itself."""
LEAST = 30
"""Points before anything is said to be usual."""
NORMAL = 1.4826
"""Median absolute deviations in a standard deviation, of what is normally distributed."""
NARROWEST = 0.02
"""Of its middle, what a deviation is at least."""
PAST = 14 * 86400
"""Seconds of the past that are learned from."""
HOUR = 3600 * SECOND

_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
Key = tuple[int, int]


@dataclass(slots=True)
class _Seen:
    values: list[float] = field(default_factory=list)
    days: set[int] = field(default_factory=set)
    known: tuple[float, float] | None = None

    def add(self, value: float, day: int) -> None:
        self.values.append(value)
        self.days.add(day)

    def shape(self) -> tuple[float, float]:
        """Median and deviation."""
        if self.known is None:
            middle = statistics.median(self.values)
            strayed = NORMAL * statistics.median(abs(value - middle) for value in self.values)
            self.known = (middle, max(strayed, NARROWEST * abs(middle)))
        return self.known


class Usual:
    """What was learned from (time in UTC microseconds, value) pairs, by the hours of a time zone."""

    def __init__(self, points: Iterable[tuple[int, float]], timezone: str = "UTC") -> None:
        self._zone = zoneinfo.ZoneInfo(timezone)
        self._weekly: dict[Key, _Seen] = {}
        self._daily: dict[int, _Seen] = {}
        self._all = _Seen()
        self._positive = True
        for at, value in points:
            local = dt.datetime.fromtimestamp(at / SECOND, self._zone)
            day = local.toordinal()
            self._weekly.setdefault((local.weekday(), local.hour), _Seen()).add(value, day)
            self._daily.setdefault(local.hour, _Seen()).add(value, day)
            self._all.add(value, day)
            self._positive = self._positive and value >= 0

    def at(self, when: int, width: float) -> Band | None:
        """The band at a time, `width` deviations to either side; None while too little was seen."""
        if len(self._all.values) < LEAST:
            return None
        local = dt.datetime.fromtimestamp(when / SECOND, self._zone)
        before = when - HOUR // 2  # between the middle of the hour that this is in, and that of the next
        first, second = (
            dt.datetime.fromtimestamp(each / SECOND, self._zone) for each in (before, before + HOUR)
        )
        share = (first.minute * 60 + first.second) / 3600
        find, why = self._season(local, (first, second))
        (middle, strays), (next_middle, next_strays) = find(first).shape(), find(second).shape()
        middle += (next_middle - middle) * share
        strays += (next_strays - strays) * share
        low = middle - width * strays
        return Band(max(0.0, low) if self._positive else low, middle, middle + width * strays, why)

    def _season(
        self, local: dt.datetime, hours: Sequence[dt.datetime]
    ) -> tuple[Callable[[dt.datetime], _Seen], str]:
        if all(self._well(self._weekly.get((each.weekday(), each.hour))) for each in hours):
            days = len(self._weekly[local.weekday(), local.hour].days)
            why = f"learned from {days} {_WEEKDAYS[local.weekday()]} around {local:%H:%M}"
            return lambda each: self._weekly[each.weekday(), each.hour], why
        if all(self._well(self._daily.get(each.hour)) for each in hours):
            why = f"learned from {len(self._daily[local.hour].days)} days around {local:%H:%M}"
            return lambda each: self._daily[each.hour], why
        return lambda _: self._all, f"learned from all of its {len(self._all.values):,} earlier values"

    @staticmethod
    def _well(seen: _Seen | None) -> bool:
        return seen is not None and len(seen.days) >= DAYS
