"""Time: one unit (UTC microseconds since 1970, an int) everywhere inside, text only at the edges."""

from __future__ import annotations

import datetime as dt
import time

SECOND = 1_000_000


def now_us() -> int:
    """The present, in UTC microseconds."""
    return time.time_ns() // 1000


def to_datetime(us: int) -> dt.datetime:
    """An aware UTC datetime for `us` microseconds since 1970."""
    return dt.datetime.fromtimestamp(us // SECOND, dt.UTC).replace(microsecond=us % SECOND)


def iso(us: int) -> str:
    """`2026-01-31T09:30:00.123456Z`."""
    return to_datetime(us).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
