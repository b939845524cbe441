"""Shapes: how many events are due, over a day and in a burst."""

from __future__ import annotations

import pytest

from forebay.simulate.shape import DAY, Shape, curve

HOUR = 3600.0


def total(shape: Shape, seconds: float, midnight: float = 0.0, step: float = 1.0) -> float:
    steps = int(seconds / step)
    return sum(shape.due(at * step, (at + 1) * step, midnight) for at in range(steps))


def test_steady_is_the_rate() -> None:
    assert total(Shape(), 100) == pytest.approx(100)


def test_a_burst_is_so_many_times_the_rate_at_the_end_of_each_turn() -> None:
    shape = Shape(kind="burst", every=60, lasts=10, times=5)
    assert total(shape, 120) == pytest.approx(2 * (50 + 10 * 5))
    assert shape.factor(49.9, 0) == 1
    assert shape.factor(50, 0) == 5


def test_a_day_has_its_peak_in_the_evening_and_is_quiet_at_night() -> None:
    hours = [curve(hour * HOUR, 20 * HOUR) for hour in range(24)]
    assert max(hours) == hours[20] == 1.0
    assert min(hours) == min(hours[1:7]) < 0.1
    assert hours[12] > hours[15] < hours[20]


def test_a_day_that_is_speeded_up_passes_in_minutes() -> None:
    slow = total(Shape(kind="evening"), DAY, step=60.0)
    fast = total(Shape(kind="evening", speed=60.0), DAY / 60, step=1.0)
    assert fast * 60 == pytest.approx(slow, rel=0.01)


def test_it_begins_with_the_hour_that_it_is() -> None:
    shape = Shape(kind="evening")
    assert shape.factor(0, 20 * HOUR) == 1.0
    assert shape.factor(2 * HOUR, 18 * HOUR) == 1.0
