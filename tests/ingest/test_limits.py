"""The rate limit of a route."""

from __future__ import annotations

import pytest

from forebay.errors import Throttled
from forebay.ingest.limits import RateLimit


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_second_worth_may_come_at_once_then_the_rate_holds() -> None:
    time = Time()
    limit = RateLimit(10, time)
    kept = 0
    waits = []
    for _ in range(300):
        try:
            limit.admit("me")
            limit.charge("me", 1)
            kept += 1
        except Throttled as error:
            waits.append(error.extra["retry_after"])
            time.now += 0.05
    assert 0 < min(waits) <= max(waits) < 0.11
    assert kept == pytest.approx(10 + (time.now - 100) * 10, abs=1)


def test_a_batch_larger_than_the_burst_is_taken_and_paid_for_afterwards() -> None:
    time = Time()
    limit = RateLimit(10, time)
    limit.admit("me")
    limit.charge("me", 500)
    with pytest.raises(Throttled) as raised:
        limit.admit("me")
    assert raised.value.extra["retry_after"] == pytest.approx(49.1)
    time.now += 49.2
    limit.admit("me")


def test_callers_do_not_take_from_each_other_and_are_forgotten_when_idle() -> None:
    time = Time()
    limit = RateLimit(1, time)
    for number in range(30_000):
        limit.admit(str(number))
        limit.charge(str(number), 1)
        time.now += 0.001
    assert len(limit._buckets) < 15_000
