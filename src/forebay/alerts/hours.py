"""The hours in which an alarm counts: `09:00-23:00` in a time zone, also past midnight."""

from __future__ import annotations

import datetime as dt
import zoneinfo

from forebay.clock import SECOND


class Hours:
    """A span of every day, read from `HH:MM-HH:MM`. The end is not in it; the same time twice is the whole day."""

    def __init__(self, text: str, timezone: str) -> None:
        first, _, last = text.partition("-")
        self._first, self._last = _minutes(first), _minutes(last)
        self._zone = zoneinfo.ZoneInfo(timezone)
        self.text = text

    def has(self, at: int) -> bool:
        """Whether a time (UTC microseconds) is within."""
        local = dt.datetime.fromtimestamp(at / SECOND, self._zone)
        minute = local.hour * 60 + local.minute
        if self._first < self._last:
            return self._first <= minute < self._last
        return minute >= self._first or minute < self._last


def _minutes(text: str) -> int:
    hour, _, minute = text.strip().partition(":")
    return int(hour) * 60 + int(minute)
