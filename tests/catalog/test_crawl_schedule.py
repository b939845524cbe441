"""When a crawler runs, as the Glue guide describes it."""

from __future__ import annotations

import datetime as dt

import pytest

from forebay.catalog.schedule import crawl_times
from forebay.catalog.section import CrawlerSpec, with_triggers
from forebay.errors import UsageError


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("schedule", "now", "then"),
    [
        ("cron(0 10 * * ? *)", "2024-05-01T10:00", "2024-05-02T10:00"),
        ("cron(15 12 * * ? *)", "2024-05-01T09:00", "2024-05-01T12:15"),
        ("cron(0 18 ? * MON-FRI *)", "2024-05-03T18:00", "2024-05-06T18:00"),
        ("cron(0 8 1 * ? *)", "2024-05-01T08:00", "2024-06-01T08:00"),
        ("cron(0/15 * * * ? *)", "2024-05-01T10:01", "2024-05-01T10:15"),
        ("cron(1/10 * * * ? *)", "2024-05-01T10:01", "2024-05-01T10:11"),
        ("cron(0/5 8-17 ? * MON-FRI *)", "2024-05-03T17:55", "2024-05-06T08:00"),
        ("cron(0 0 L * ? *)", "2024-02-01T00:00", "2024-02-29T00:00"),
        ("cron(0 0 3W * ? *)", "2024-02-01T00:00", "2024-02-02T00:00"),
        ("cron(0 0 ? * 6L *)", "2024-02-01T00:00", "2024-02-23T00:00"),
        ("cron(0 0 ? * 2#1 *)", "2024-02-01T00:00", "2024-02-05T00:00"),
        ("cron(0 0 1 JAN,JUL ? 2030)", "2024-02-01T00:00", "2030-01-01T00:00"),
        ("cron(0 0 29 2 ? *)", "2025-01-01T00:00", "2028-02-29T00:00"),
    ],
)
def test_it_fires_when_the_guide_says(schedule: str, now: str, then: str) -> None:
    assert crawl_times(schedule).next(at(now)) == at(then)


def test_it_may_never_fire_again() -> None:
    assert crawl_times("cron(0 0 1 1 ? 2020)").next(at("2024-01-01T00:00")) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rate(5 minutes)",
        "cron(15 12 * * ?)",
        "cron(15 12 * * * *)",
        "cron(15 12 ? * ? *)",
        "cron(15 12 * ? MON *)",
        "cron(60 12 * * ? *)",
        "cron(x 12 * * ? *)",
        "cron(* * * * ? *)",
        "cron(0/2 * * * ? *)",
        "cron(0 0 32 * ? *)",
        "cron(0 0 ? * 8 *)",
        "cron(0/0 0 ? * 1 *)",
    ],
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="Invalid schedule expression"):
        crawl_times(text)


def test_an_active_trigger_adds_a_schedule_and_changes_nothing_else() -> None:
    own = CrawlerSpec(crawl=["lake.a/"])
    parts = [("trigger/t", {"schedule": "cron(0 1 * * ? *)", "crawlers": ["c", "gone"]})]
    found = with_triggers({"c": own, "d": own}, parts)
    assert (found["c"], found["d"]) == (
        CrawlerSpec(crawl=["lake.a/"], also=["cron(0 1 * * ? *)"], on_arrival=True),
        own,
    )
