"""When scheduled rules fire."""

from __future__ import annotations

import datetime as dt

import pytest

from forebay.bus.schedule import Schedule
from forebay.errors import UsageError

NOW = dt.datetime(2026, 7, 4, 10, 3, 20, tzinfo=dt.UTC)  # a Saturday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(1 minute)", "2026-07-04 10:04:20"),
        ("rate(3 hours)", "2026-07-04 13:03:20"),
        ("rate(1 day)", "2026-07-05 10:03:20"),
        ("cron(0 12 * * ? *)", "2026-07-04 12:00:00"),
        ("cron(5,35 14 * * ? *)", "2026-07-04 14:05:00"),
        ("cron(0/15 * * * ? *)", "2026-07-04 10:15:00"),
        ("cron(* * * * ? *)", "2026-07-04 10:04:00"),
        ("cron(0 18 ? * MON-FRI *)", "2026-07-06 18:00:00"),
        ("cron(0 8 1 * ? *)", "2026-08-01 08:00:00"),
        ("cron(0 0 L * ? *)", "2026-07-31 00:00:00"),
        ("cron(0 0 1W * ? *)", "2026-08-03 00:00:00"),
        ("cron(15 10 ? * 6L 2026-2027)", "2026-07-31 10:15:00"),
        ("cron(0 2 ? * SAT#3 *)", "2026-07-18 02:00:00"),
        ("cron(0/5 5 ? JAN 1-5 2027)", "2027-01-03 05:00:00"),
        ("cron(0 0 29 2 ? *)", "2028-02-29 00:00:00"),
        ("cron(0 0 1 1 ? 2020)", None),
    ],
)
def test_the_next_time(expression: str, expected: str | None) -> None:
    found = Schedule(expression).next(NOW, NOW)
    assert (None if found is None else f"{found:%Y-%m-%d %H:%M:%S}") == expected


def test_a_rate_counts_from_when_it_was_made() -> None:
    made = NOW - dt.timedelta(minutes=12)
    assert Schedule("rate(5 minutes)").next(NOW, made) == made + dt.timedelta(minutes=15)


@pytest.mark.parametrize(
    "expression",
    [
        "", "rate(0 minutes)", "rate(1 minutes)", "rate(2 minute)", "rate(5 weeks)", "rate(5 minutes", "at(now)",
        "cron(0 12 * * *)", "cron(0 12 * * * *)", "cron(0 12 ? * ? *)", "cron(60 12 * * ? *)", "cron(0 24 * * ? *)",
        "cron(0 0 32 * ? *)", "cron(0 0 * 13 ? *)", "cron(0 0 ? * MOON *)", "cron(0 0 * * ? 3000)", "cron(a b c d e f)",
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(UsageError, match="no schedule"):
        Schedule(expression)
