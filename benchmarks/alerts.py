"""From a burst to a message: the watermark passes the window's end → the alarm is in its state → a hook is told.

    python -m benchmarks.alerts [--bursts 12]

A stream, a window of 10 seconds with a watermark 10 seconds behind, an alarm over what the windows found, a topic, a
web hook of this process. Ordinary events come at 1,000 a second meanwhile. Seconds are counted from the acknowledgement
of the event that moves the watermark past the end.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from typing import Any

from tests.alerts import attack
from tests.alerts.shop import alarm
from tests.harness import System, until
from tests.wire.sns import Endpoint, listening

from benchmarks.disk import folder
from benchmarks.table import say

BURSTS = 12
BAR = 3.0
RATE = 1000


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
    """A burst, after which the alarm is let off again."""
    begin = 100.0 * n
    attack.send(system, *attack.burst("bot", begin + 12, 30 + n))
    before = len(endpoint.of("/ops"))
    with Traffic(system, begin + 20):
        attack.send(system, attack.event("u1", begin + 31))
        sent = time.perf_counter()
        until(lambda: alarm(system, "burst")["state"] == "ALARM", every=0.005)
        alarmed = time.perf_counter() - sent
        until(lambda: len(endpoint.of("/ops")) > before, every=0.005)
        told = time.perf_counter() - sent
    system.call("flow", "alarm_set", name="burst", state="OK", reason="the next one")
    until(lambda: len(endpoint.of("/ops")) > before + 1)  # quiet: it is over
    return alarmed, told


class Traffic:
    """Ordinary events while it is open, of a time within the window that is open."""

    def __init__(self, system: System, second: float) -> None:
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
        while not self._stop.wait(0.1):
            attack.send(
                self._system, *[attack.event(f"u{n}", self._second + n / RATE) for n in range(RATE // 10)]
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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bursts", type=int, default=BURSTS)
    alarms, hooks = measured(parser.parse_args().bursts)
    print(f"alarm: {[round(each, 2) for each in alarms]}")
    print(f"hook:  {[round(each, 2) for each in hooks]}")


if __name__ == "__main__":
    main()
