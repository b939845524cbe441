"""What a time range means, in the project's own days."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.clock import SECOND, to_datetime
from forebay.dashboards.ranges import COMMON, Range, resolve, shifted
from forebay.errors import UsageError


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * SECOND)


def told(range_: Range) -> tuple[str, str]:
    return tuple(f"{to_datetime(moment):%Y-%m-%d %H:%M}" for moment in (range_.start, range_.end))  # type: ignore[return-value]


def berlin(text: str, now: str, starts: str = "04:00") -> Range:
    return resolve(text, now=at(now), timezone="Europe/Berlin", day_starts=starts)


def test_an_evening_that_ends_after_midnight_belongs_to_the_day_it_began() -> None:
    assert told(berlin("today", "2026-01-10T01:30+01:00")) == ("2026-01-09 03:00", "2026-01-10 03:00")
    assert told(berlin("today", "2026-01-10T04:00+01:00")) == ("2026-01-10 03:00", "2026-01-11 03:00")
    assert told(berlin("yesterday", "2026-01-10T12:00+01:00")) == ("2026-01-09 03:00", "2026-01-10 03:00")


def test_without_day_starts_a_day_begins_at_midnight_of_the_zone() -> None:
    assert told(berlin("today", "2026-07-10T12:00+02:00", "00:00")) == (
        "2026-07-09 22:00",
        "2026-07-10 22:00",
    )


@pytest.mark.parametrize(("now", "hours"), [("2026-03-29T12:00+02:00", 23), ("2026-10-25T12:00+01:00", 25)])
def test_the_day_the_clock_changes_is_as_long_as_it_is(now: str, hours: int) -> None:
    day = berlin("today", now, "00:00")
    assert (day.end - day.start) / SECOND / 3600 == hours


def test_seven_days_are_whole_days_with_today() -> None:
    assert told(berlin("7d", "2026-01-10T12:00+01:00")) == ("2026-01-04 03:00", "2026-01-11 03:00")


def test_a_sliding_range_keeps_its_bounds_between_two_steps() -> None:
    one, two = berlin("1h", "2026-01-10T12:00:01+01:00"), berlin("1h", "2026-01-10T12:00:08+01:00")
    assert (one.start, one.end) == (two.start, two.end)
    assert one.end > at("2026-01-10T12:00:08+01:00")
    assert one.end - one.start == 3600 * SECOND


def test_an_absolute_range_takes_dates_in_the_project_s_days_and_times_in_its_zone() -> None:
    now = "2026-01-10T12:00+01:00"
    assert told(berlin("2026-01-01/2026-01-08", now)) == ("2026-01-01 03:00", "2026-01-08 03:00")
    assert told(berlin("2026-01-01T10:00/2026-01-01T12:00Z", now)) == ("2026-01-01 09:00", "2026-01-01 12:00")


@pytest.mark.parametrize(
    "text", ["", "todya", "0h", "5x", "2026-01-02/2026-01-01", "2026-13-01/2026-13-02", "99999w"]
)
def test_what_is_no_range_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        berlin(text, "2026-01-10T12:00+01:00")
    assert caught.value.code == "BadRange"
    assert "24h" in str(caught.value.fix)


def test_an_unknown_timezone_is_refused() -> None:
    with pytest.raises(UsageError, match="no timezone"):
        resolve("today", now=0, timezone="Mars/Olympus", day_starts="00:00")


def test_today_is_compared_with_as_much_of_yesterday_as_has_passed() -> None:
    now = "2026-01-10T12:00+01:00"
    earlier = shifted(berlin("today", now), "day", now=at(now), timezone="Europe/Berlin")
    assert told(earlier) == ("2026-01-09 03:00", "2026-01-09 11:00")


def test_a_week_before_goes_back_by_the_calendar_over_a_changed_clock() -> None:
    now = "2026-03-31T12:00+02:00"
    earlier = shifted(berlin("today", now), "week", now=at(now), timezone="Europe/Berlin")
    assert told(earlier) == ("2026-03-24 03:00", "2026-03-24 11:00")


def test_the_previous_time_is_of_equal_length() -> None:
    now = "2026-01-10T12:00+01:00"
    span = berlin("1h", now)
    earlier = shifted(span, "previous", now=at(now), timezone="Europe/Berlin")
    assert earlier.start == span.start - 3600 * SECOND
    assert earlier.end <= span.start


@given(
    st.sampled_from(COMMON),
    st.integers(0, 4_000_000_000),
    st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York"]),
)
def test_every_range_on_offer_holds_now_and_has_a_usable_number_of_buckets(
    text: str, seconds: int, zone: str
) -> None:
    now = seconds * SECOND
    span = resolve(text, now=now, timezone=zone, day_starts="05:30")
    assert span.start < span.end
    if text != "yesterday":
        assert span.start <= now < span.end
    if text != "all":
        assert (span.end - span.start) / SECOND / span.bucket <= 121
