"""The parts of alarms that ask nobody: conditions, bands, hours, rules of composite alarms, and their words."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from forebay.alerts.alarm import Alarm, Query
from forebay.alerts.band import Usual
from forebay.alerts.composite import Rule
from forebay.alerts.condition import Band, Condition, read
from forebay.alerts.evaluate import evaluate
from forebay.alerts.hours import Hours
from forebay.alerts.reason import Sample, data, reason, told
from forebay.clock import SECOND
from forebay.errors import UsageError

MONDAY = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
HOUR = 3600 * SECOND


def us(moment: dt.datetime) -> int:
    """UTC microseconds."""
    return int(moment.timestamp() * SECOND)


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("> 10", 10, False),
        (">= 10", 10, True),
        ("= 0", 0, True),
        ("!= 0", 0, False),
        ("< -1.5", -2, True),
        ("<= 1", 1, True),
    ],
)
def test_a_condition_compares(text: str, value: float, holds: bool) -> None:
    assert read(text).holds(value) is holds


def test_a_condition_of_a_band_needs_one() -> None:
    band = Band(10, 20, 30)
    assert read("outside 3").holds(5) is None
    assert [read("outside 3").holds(each, band) for each in (5, 20, 31)] == [True, False, True]
    assert [read("above 3").holds(each, band) for each in (5, 20, 31)] == [False, False, True]
    assert [read("below 3").holds(each, band) for each in (5, 20, 31)] == [True, False, False]
    with pytest.raises(ValueError, match="no condition"):
        read("about 3")


def evening(days: int) -> list[tuple[int, float]]:
    """Ten minutes apart: 20 by night, 1,000 in the evening, each day a little different, and one burst."""
    made = random.Random(7)
    found = []
    for minute in range(0, days * 1440, 10):
        at = us(MONDAY) + minute * 60 * SECOND
        level = 1000 if 17 <= minute // 60 % 24 < 22 else 20
        found.append((at, level * made.uniform(0.9, 1.1)))
    found[100] = (found[100][0], 50_000)
    return found


def test_the_band_is_learned_by_weekday_once_there_were_three_of_it() -> None:
    usual = Usual(evening(28))
    night = usual.at(us(MONDAY) + 28 * 24 * HOUR + 3 * HOUR, 4)
    peak = usual.at(us(MONDAY) + 28 * 24 * HOUR + 19 * HOUR, 4)
    assert night is not None
    assert peak is not None
    assert night.low < 20 < night.high < 40
    assert peak.low < 1000 < peak.high < 1500
    assert peak.why == "learned from 4 Mondays around 19:00"


def test_the_band_is_of_the_hour_of_any_day_before_that() -> None:
    band = Usual(evening(5)).at(us(MONDAY) + 5 * 24 * HOUR + 3 * HOUR, 4)
    assert band is not None
    assert band.high < 40
    assert band.why == "learned from 5 days around 03:00"


def test_the_band_knows_the_projects_hours() -> None:
    usual = Usual(evening(5), "Asia/Tokyo")
    band = usual.at(us(MONDAY) + 5 * 24 * HOUR + 19 * HOUR, 4)
    assert band is not None
    assert band.why.endswith("around 04:00")
    assert band.low < 1000 < band.high


def test_nothing_is_usual_before_something_was_seen() -> None:
    assert Usual([(us(MONDAY), 1.0)] * 5).at(us(MONDAY), 3) is None


def test_hours_are_those_of_the_time_zone_and_may_pass_midnight() -> None:
    summer = us(dt.datetime(2026, 7, 1, 8, 0, tzinfo=dt.UTC))
    assert Hours("10:00-11:00", "Europe/Berlin").has(summer)
    assert not Hours("08:00-09:00", "Europe/Berlin").has(summer)
    assert Hours("22:00-02:00", "UTC").has(us(MONDAY) + HOUR)
    assert not Hours("22:00-02:00", "UTC").has(us(MONDAY) + 2 * HOUR)


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("ALARM(a)", True),
        ("NOT ALARM(a)", False),
        ('ALARM("b") OR OK(b)', True),
        ("ALARM(a) AND NOT (OK(b) OR INSUFFICIENT_DATA(c))", False),
        ("OK(b) OR TRUE AND FALSE", True),
        ("ALARM(arn:aws:cloudwatch:us-east-1:000000000000:alarm:a)", True),
        ("FALSE", False),
    ],
)
def test_a_rule_of_a_composite_alarm(rule: str, holds: bool) -> None:
    states = {"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA"}
    assert Rule(rule).holds(states.get) is holds  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rule", ["", "ALARM", "ALARM()", "ALARM(a", "a", "ALARM(a) OK(b)", 'ALARM("a', "NOT", "(" * 500]
)
def test_a_rule_that_is_none(rule: str) -> None:
    with pytest.raises(UsageError):
        Rule(rule)


def alarm(**more: object) -> Alarm:
    """A sum above 10."""
    given = {
        "name": "a",
        "kind": "metric",
        "queries": (Query(id="m1", namespace="shop", metric="orders", statistic="Sum"),),
        "watched": "m1",
        "condition": Condition(">", 10),
        **more,
    }
    return Alarm(**given)  # type: ignore[arg-type]


def test_the_reasons_are_cloudwatchs() -> None:
    at = us(dt.datetime(2026, 11, 22, 19, 20, tzinfo=dt.UTC))
    samples = [Sample(at, 12.0), Sample(at + 60 * SECOND, 13.0), Sample(at + 120 * SECOND, 4.0)]
    three = alarm(periods=3, datapoints=2)
    verdict = evaluate([True, True, False], 3, 2, "missing")
    assert reason(three, samples, verdict, "OK") == (
        "Threshold Crossed: 2 out of the last 3 datapoints [13.0 (22/11/26 19:21:00), 12.0 (22/11/26 19:20:00)] "
        "were greater than the threshold (10.0) (minimum 2 datapoints for OK -> ALARM transition)."
    )
    fine = evaluate([False], 1, 1, "missing")
    assert reason(alarm(), [Sample(at, 1.0)], fine, "ALARM") == (
        "Threshold Crossed: 1 out of the last 1 datapoints [1.0 (22/11/26 19:20:00)] was not greater than the "
        "threshold (10.0) (minimum 1 datapoint for ALARM -> OK transition)."
    )
    none = evaluate([None, None, None], 1, 1, "missing")
    assert (
        reason(alarm(), [Sample(at, None)] * 3, none, "OK") == "Insufficient Data: 1 datapoint was unknown."
    )
    treated = evaluate([None, None, None], 1, 1, "breaching")
    assert reason(alarm(missing="breaching"), [Sample(at, None)] * 3, treated, "OK") == (
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [Breaching]."
    )
    assert data(alarm(), [Sample(at, 1.0)], fine, at)["evaluatedDatapoints"] == [
        {"timestamp": "2026-11-22T19:20:00.000+0000", "value": 1.0}
    ]


def test_people_are_told_in_a_sentence() -> None:
    at = us(MONDAY)
    assert told(alarm(), [Sample(at, 12.0)], "ALARM", "OK") == "orders is 12 (> 10)"
    band = Band(5, 10, 15, "learned from 4 Mondays around 19:00")
    wide = alarm(condition=Condition("outside", 3.0))
    assert told(wide, [Sample(at, 40.0, band)], "ALARM", "OK") == (
        "orders is 40, outside the usual 5 to 15 (learned from 4 Mondays around 19:00)"
    )
    assert told(alarm(), [Sample(at, 4.0)], "OK", "ALARM") == "orders is 4 again (not > 10)"
    assert told(alarm(), [Sample(at, 4.0)], "OK", "INSUFFICIENT_DATA") == "orders is 4 (not > 10)"
