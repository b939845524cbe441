"""An alarm's state, as the tables of "Configuring how CloudWatch alarms treat missing data" have it."""

from __future__ import annotations

import pytest

from forebay.alerts.evaluate import evaluate, evaluation_range

RETAIN = None
INSUFFICIENT = "INSUFFICIENT_DATA"
TREATMENTS = ("missing", "ignore", "breaching", "not_breaching")

THREE_OF_THREE = [
    ("0-X-X", 0, ("OK", "OK", "OK", "OK")),
    ("0----", 2, ("OK", "OK", "OK", "OK")),
    ("-----", 3, (INSUFFICIENT, RETAIN, "ALARM", "OK")),
    ("0XX-X", 0, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("--X--", 2, ("ALARM", RETAIN, "ALARM", "OK")),
]
TWO_OF_THREE = [
    ("0-X-X", 0, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("00X0X", 0, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("0-X--", 1, ("OK", "OK", "ALARM", "OK")),
    ("----0", 2, ("OK", "OK", "ALARM", "OK")),
    ("---X-", 2, ("ALARM", RETAIN, "ALARM", "OK")),
]


def points(text: str) -> list[bool | None]:
    """`0-X` → [within, missing, breaching]."""
    return [{"0": False, "X": True, "-": None}[each] for each in text]


@pytest.mark.parametrize(("text", "filled", "states"), THREE_OF_THREE)
def test_all_of_three_points_must_breach(text: str, filled: int, states: tuple[str | None, ...]) -> None:
    found = [evaluate(points(text), 3, 3, each) for each in TREATMENTS]  # type: ignore[arg-type]
    assert tuple(each.state for each in found) == states
    assert found[2].filled == filled


@pytest.mark.parametrize(("text", "filled", "states"), TWO_OF_THREE)
def test_two_of_three_points_must_breach(text: str, filled: int, states: tuple[str | None, ...]) -> None:
    found = [evaluate(points(text), 3, 2, each) for each in TREATMENTS]  # type: ignore[arg-type]
    assert tuple(each.state for each in found) == states
    assert found[2].filled == filled


@pytest.mark.parametrize("text", ["----X", "---X-"])
def test_a_single_late_point_is_no_alarm_yet(text: str) -> None:
    """The next point may be within. Nor is it the end of an alarm."""
    assert evaluate(points(text), 3, 3, "missing").state is RETAIN


def test_older_points_stand_in_for_missing_ones() -> None:
    assert evaluation_range(3) == 5
    assert evaluate(points("XX--X"), 3, 3, "not_breaching").used == (0, 1, 4)


def test_the_newest_points_decide_where_there_are_enough() -> None:
    verdict = evaluate(points("XXX00"), 2, 1, "missing")  # three that breach, then two within
    assert (verdict.state, verdict.used) == ("OK", (3, 4))
