"""What is looked after again and again goes on whatever happens, is woken, and ends when it is told to."""

from __future__ import annotations

import logging
import threading

import pytest

from forebay.beat import RETRY_FIRST, Attempts, Beat
from forebay.errors import Unavailable
from tests.harness import until

NEVER = 600.0


def test_a_look_that_fails_is_made_again(caplog: pytest.LogCaptureFixture) -> None:
    looks: list[int] = []

    def look() -> float:
        looks.append(len(looks))
        if len(looks) == 1:
            raise Unavailable("ProcessDown", "the other process is starting")
        if len(looks) == 2:
            raise ValueError("a bug")
        return NEVER

    beat = Beat("the shop", look, retry=0.01)
    beat.start()
    until(lambda: len(looks) == 3)
    beat.stop()
    said = [(each.levelno, each.message) for each in caplog.records if each.name == "forebay.beat"]
    assert said == [(logging.ERROR, "the shop: it failed; trying again")], "what waits is no fault"


def test_it_looks_at_once_when_it_is_woken() -> None:
    looks: list[int] = []

    def look() -> float:
        looks.append(1)
        return NEVER

    beat = Beat("the shop", look, first=NEVER)
    beat.start()
    beat.wake()
    until(lambda: len(looks) == 1)
    beat.wake()
    until(lambda: len(looks) == 2)
    beat.stop()


def test_a_look_that_is_under_way_is_told_to_end_and_waited_for() -> None:
    begun = threading.Event()
    ended: list[bool] = []

    def look() -> float:
        begun.set()
        ended.append(beat.rest(NEVER))
        return 0.0

    beat = Beat("the shop", look)
    beat.start()
    assert begun.wait(30)
    beat.stop()
    assert ended == [True]


def test_one_that_never_began_can_be_stopped() -> None:
    Beat("the shop", lambda: 0.0).stop()


class Trying(Attempts):
    """Fails three times before it works, fails then, and works on; how long it waited before each attempt."""

    def __init__(self) -> None:
        super().__init__("the shop")
        self.delays: list[float] = []

    def attempt(self) -> None:
        self.delays.append(self._delay)
        if len(self.delays) == 4:
            self.works()
        if len(self.delays) < 6:
            raise OSError("closed")
        self.stopping.wait(NEVER)


def test_failures_in_a_row_wait_longer_and_what_worked_in_between_makes_a_first_one_again() -> None:
    trying = Trying()
    trying.start()
    until(lambda: len(trying.delays) == 6)
    assert trying.trouble == "OSError: closed"
    assert trying.stop(30)
    first = RETRY_FIRST
    assert trying.delays == [first, 2 * first, 4 * first, 8 * first, 2 * first, 4 * first]
