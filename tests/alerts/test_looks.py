"""When an alarm is looked at next: by what its look costs, and not by what one of them took."""

from __future__ import annotations

import datetime as dt
import time

from forebay.alerts.alarm import Alarm
from forebay.alerts.condition import read
from forebay.running.alert_desk import waits
from forebay.running.alert_values import looker_of
from forebay.running.alerts import SOONEST_QUERY, Watched


def watched() -> Watched:
    alarm = Alarm(name="burst", kind="sql", condition=read("> 10"), sql="select 1", every=10.0)
    return Watched(alarm, None, None)


def wait_after(each: Watched, seconds: float, *, asked: bool = True) -> tuple[float, float]:
    """Seconds until the next look, after one that took so long: by the clock after that, and by the one before."""
    before = time.monotonic()
    each.looked(before - seconds, asked=asked)
    return each.due - time.monotonic(), each.due - before


def test_one_slow_answer_does_not_delay_the_next_look() -> None:
    """The first one of a system that starts is slow; a burst that comes just then is found at once."""
    assert wait_after(watched(), 1.0)[0] <= SOONEST_QUERY


def test_a_query_that_is_dear_rests_as_long_as_it_says_at_most() -> None:
    dear = watched()
    wait_after(dear, 0.4)
    most, least = wait_after(dear, 0.4)
    assert least > 3.0
    assert most < 8.0
    assert wait_after(dear, 0.001, asked=False)[0] < 8.0  # to see whether something changed costs nothing
    assert dear.due == dear.rests
    wait_after(dear, 60.0)
    most, least = wait_after(dear, 60.0)
    assert least > 9.0
    assert most <= 10.0


def test_one_that_waits_for_its_hours_says_so() -> None:
    """Not that nothing was seen: on its page that would read as if nothing came."""

    def during(first: int, last: int) -> str | None:
        now = dt.datetime.now(dt.UTC)
        hours = "-".join(f"{now + dt.timedelta(hours=each):%H:%M}" for each in (first, last))
        alarm = Alarm(name="silent", kind="sql", condition=read("= 0"), sql="select 0", during=hours)
        return waits(Watched(alarm, looker_of(alarm, 0), None))

    assert during(-2, 2) is None
    assert "its hours are" in (during(2, 4) or "")
