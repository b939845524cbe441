"""Deliveries commit together, and large pieces as they come."""

from __future__ import annotations

import pytest

from forebay.delivery.ticks import LEAST, PIECE, TICK, Ticks


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def rests(now: float, since: float, size: int) -> float:
    """How long one rests at `now`, where `size` came in the time `since`."""
    clock = Clock(now - since)
    ticks = Ticks(clock)
    clock.now = now
    ticks.came(size)
    return ticks.rest()


@pytest.mark.parametrize("size", [0, 1, 300, PIECE // 2])
def test_of_little_all_deliveries_rest_until_the_same_moment(size: int) -> None:
    for now in (1000.05, 1000.13, 1000.199):
        assert now + rests(now, TICK, size) == pytest.approx(1000.2)


def test_who_is_on_the_tick_rests_until_the_next() -> None:
    for now in (1000.2 - 1e-9, 1000.2, 1000.2 + 1e-9):
        assert rests(now, TICK, 300) == pytest.approx(TICK)


def test_of_much_a_delivery_rests_until_there_is_a_piece() -> None:
    assert rests(1000.0001, TICK, 4 * PIECE) == pytest.approx(TICK / 4)
    assert rests(1000.0001, 0.05, PIECE) == pytest.approx(0.05)
    assert rests(1000.19, TICK, 4 * PIECE) == pytest.approx(0.01)  # the tick is sooner


def test_much_that_is_read_at_once_counts_with_the_rest_of_it() -> None:
    clock = Clock(1000.0001 - TICK)
    ticks = Ticks(clock)
    clock.now = 1000.0001
    ticks.came(5 * PIECE)  # as much as is read in one go, after which a delivery reads on
    ticks.came(PIECE // 2)
    assert ticks.rest() == pytest.approx(TICK / 5.5)
    clock.now += 0.05
    ticks.came(300)
    assert ticks.rest() == pytest.approx(TICK - 0.0501)  # what came before the last rest does not


def test_however_much_comes_a_commit_is_not_the_next_ones_neighbour() -> None:
    assert rests(1000.0001, 0.0, 8 << 20) == LEAST
    assert rests(1000.0001, TICK, 1 << 40) == LEAST


def test_a_delivery_goes_on_at_the_pace_at_which_it_comes() -> None:
    clock = Clock(1000.0)
    ticks = Ticks(clock)
    coming, sizes = 4.3 * PIECE / TICK, []
    clock.now += TICK
    size = round(coming * TICK)
    for _ in range(400):
        sizes.append(size)
        ticks.came(size)
        rest = ticks.rest()
        clock.now += rest
        size = round(coming * rest)
    assert max(sizes[1:]) <= PIECE * 1.01
    assert sum(sizes[1:]) / len(sizes[1:]) > PIECE / 2


def test_how_long_more_takes_is_told_by_what_came() -> None:
    clock = Clock(1000.0001 - TICK)
    ticks = Ticks(clock)
    clock.now = 1000.0001
    ticks.came(PIECE)
    assert ticks.until(PIECE // 2) == pytest.approx(TICK / 2)
    assert ticks.rest(PIECE // 2) == pytest.approx(TICK / 2)


def test_a_time_in_which_nothing_came_does_not_count() -> None:
    clock = Clock(1000.0)
    ticks = Ticks(clock)
    clock.now += 3600
    ticks.nothing_came()
    clock.now += 0.1
    ticks.came(PIECE)
    assert ticks.until(PIECE) == pytest.approx(0.1)
