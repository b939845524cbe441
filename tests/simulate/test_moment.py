"""Formats of times: what moment.js's own documentation says of its tokens."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from forebay.simulate.moment import compiled, script

NEW_YORK = dt.datetime(2010, 2, 14, 15, 25, 50, 125_900, ZoneInfo("America/New_York"))  # a Sunday


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ("dddd, MMMM Do YYYY, h:mm:ss a", "Sunday, February 14th 2010, 3:25:50 pm"),
        ("ddd, hA", "Sun, 3PM"),
        ("DD/MMM/YYYY:HH:mm:ss Z", "14/Feb/2010:15:25:50 -05:00"),
        ("YYYY-MM-DDTHH:mm:ss.SSSZZ", "2010-02-14T15:25:50.125-0500"),
        ("YYYY-MM-DD[T]HH:mm:ss[Z]", "2010-02-14T15:25:50Z"),
        ("[today] dddd", "today Sunday"),
        ("M MM MMM D DD DDDD d dd E e", "2 02 Feb 14 14 045 0 Su 7 0"),
        ("Q Qo w ww W WW gggg GGGG", "1 1st 8 08 6 06 2010 2010"),
        ("YY Y H HH k h hh m mm s ss A", "10 2010 15 15 15 3 03 25 25 50 50 PM"),
        ("S SS SSS SSSSSS", "1 12 125 125000"),
        ("X x", "1266179150 1266179150125"),
        ("L LT LLLL", "02/14/2010 3:25 PM Sunday, February 14, 2010 3:25 PM"),
        ("Do of MMMM", "14th of February"),
    ],
)
def test_tokens(format: str, expected: str) -> None:
    assert compiled(format)(NEW_YORK) == expected


@pytest.mark.parametrize(
    ("day", "week"),
    [("2012-01-01", "1 52"), ("2011-12-31", "53 52"), ("2016-01-03", "2 53"), ("2018-12-31", "1 1")],
)
def test_weeks_of_sundays_and_of_iso(day: str, week: str) -> None:
    assert compiled("w W")(dt.datetime.fromisoformat(day)) == week


def test_ordinals() -> None:
    days = [
        compiled("Do")(dt.datetime(2024, 1, day, tzinfo=dt.UTC))
        for day in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 31)
    ]
    assert days == ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "31st"]


def test_a_date_as_javascript_prints_it() -> None:
    assert script(NEW_YORK) == "Sun Feb 14 2010 15:25:50 GMT-0500 (EST)"
    assert script(NEW_YORK.astimezone(dt.UTC)).endswith("GMT+0000 (Coordinated Universal Time)")
