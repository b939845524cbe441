"""From a burst to a message: the watermark passes the window's end → the alarm is in its state → a hook is told.

    python -m benchmarks.alerts [--bursts 12]

A stream, a window of 10 seconds with a watermark 10 seconds behind, an alarm over what the windows found, a topic, a
web hook of this process. Ordinary events come at 1,000 a second meanwhile. Seconds are counted from the acknowledgement
of the event that moves the watermark past the end; and, of a system that was just started, from the burst itself, which
comes as its window begins, to the alarm on the console and to the hook.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.alerts import attack
from tests.alerts.shop import alarm
from tests.harness import System, request, until
from tests.wire.sns import Endpoint, listening

from benchmarks.disk import folder
from benchmarks.table import say

BURSTS = 12
BAR = 3.0
WHOLE_BAR = 25.0
WINDOW = 10.0
RATE = 1000
USERS = 10_000
"""As many as there are ordinary events in a window: nobody does much."""


def measured(bursts: int) -> tuple[list[float], list[float]]:
    """Seconds until the alarm, and until the hook, of each burst."""
    alarms: list[float] = []
    hooks: list[float] = []
    with folder() as here, listening() as endpoint:
        system = System(attack.make(here / "guard", f"{endpoint.url}/ops"), here / "state", [], {})
        try:
            system.start()
            for n in range(bursts):
                alarmed, told = one(system, endpoint, n)
                alarms.append(alarmed)
                hooks.append(told)
        finally:
            system.end()
    return alarms, hooks


def one(system: System, endpoint: Endpoint, n: int) -> tuple[float, float]:
    """A burst, after which there is a window without one."""
    begin = 100.0 * n
    attack.send(system, *attack.burst("bot", begin + 12, 30 + n))
    before = len(endpoint.of("/ops"))
    with Traffic(system, lambda: begin + 20):
        attack.send(system, attack.event("u1", begin + 31))
        sent = time.perf_counter()
        until(lambda: alarm(system, "burst")["state"] == "ALARM", every=0.005)
        alarmed = time.perf_counter() - sent
        until(lambda: len(endpoint.of("/ops")) > before, every=0.005)
        told = time.perf_counter() - sent
    attack.send(system, *attack.burst("calm", begin + 42, 7), attack.event("u1", begin + 62))  # it is over
    until(lambda: len(endpoint.of("/ops")) > before + 1)
    return alarmed, told


def as_it_happens() -> tuple[float, float]:
    """Seconds from a burst to the alarm on the console, and to the hook, the first time and by the clock."""
    with folder() as here, listening() as endpoint:
        system = System(attack.make(here / "guard", f"{endpoint.url}/ops"), here / "state", [], {})
        try:
            system.start()
            with Traffic(system, now):
                time.sleep(WINDOW - now() % WINDOW)
                began = time.perf_counter()
                attack.send(system, *attack.burst("bot", now()))
                until(lambda: on_console(system) == "ALARM", every=0.01, patience=90)
                alarmed = time.perf_counter() - began
                until(lambda: endpoint.of("/ops"), every=0.01)
                return alarmed, time.perf_counter() - began
        finally:
            system.end()


def now() -> float:
    """Seconds since the beginning that the events count from."""
    return (dt.datetime.now(dt.UTC) - attack.BEGIN).total_seconds()


def on_console(system: System) -> str:
    """The alarm's state as a browser is told."""
    return str(request(system.console + "/api/alerts").json()["alarms"][0]["state"])


class Traffic:
    """Ordinary events while it is open; `second` says of what time they are."""

    def __init__(self, system: System, second: Callable[[], float]) -> None:
        self._system = system
        self._second = second
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        many = RATE // 10
        users = itertools.cycle(range(0, USERS, many))
        while not self._stop.wait(0.1):
            first, second = next(users), self._second()
            attack.send(
                self._system, *[attack.event(f"u{first + n}", second + n / RATE) for n in range(many)]
            )


def rows() -> None:
    """For the table."""
    alarms, hooks = measured(BURSTS)
    for what, found in (("the alarm", alarms), ("the web hook", hooks)):
        say(
            f"Alerts: the watermark passes a burst's window → {what}, p50 / worst of {len(found)}",
            f"{statistics.median(found):.2f} / {max(found):.2f} s",
            f"{BAR:g} s",
            ratio=BAR / max(found),
        )
    whole = max(as_it_happens())
    say(
        "Alerts: a burst as its window of 10 s begins, watermark 10 s behind → the alarm on the console and the web hook",
        f"{whole:.1f} s",
        f"{WHOLE_BAR:g} s",
        ratio=WHOLE_BAR / whole,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bursts", type=int, default=BURSTS)
    alarms, hooks = measured(parser.parse_args().bursts)
    print(f"alarm: {[round(each, 2) for each in alarms]}")
    print(f"hook:  {[round(each, 2) for each in hooks]}")
    print(
        "by the clock, the first time: {:.1f} s to the console, {:.1f} s to the hook".format(*as_it_happens())
    )


if __name__ == "__main__":
    main()
