"""Rate limits: a token bucket per route and caller."""

from __future__ import annotations

import time
from collections.abc import Callable

from forebay.errors import Throttled

_MANY = 10_000


class RateLimit:
    """At most `rate` events a second for each caller, with a burst of one second's worth.

    A request is let in while there is any room and then charged for what it brought, so a batch larger
    than the burst is possible, and paid for by the wait after it.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = max(rate, 1.0)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def _room(self, caller: str) -> float:
        now = self._clock()
        room, then = self._buckets.get(caller, (self._burst, now))
        room = min(self._burst, room + (now - then) * self._rate)
        if len(self._buckets) > _MANY:
            self._forget(now)
        self._buckets[caller] = (room, now)
        return room

    def admit(self, caller: str) -> None:
        """Raise Throttled `RateLimit`, with the seconds to wait, if the caller has used up its share."""
        room = self._room(caller)
        # A whole event's worth must be there, less a rounding error of the clock.
        if room < 1.0 - 1e-6:
            raise Throttled(
                "RateLimit",
                f"more than {self._rate:g} events a second",
                fix="wait, or raise the route's limit",
                retry_after=(1.0 - room) / self._rate,
            )

    def charge(self, caller: str, events: int) -> None:
        """Take what a request brought."""
        room, then = self._buckets.get(caller, (self._burst, self._clock()))
        self._buckets[caller] = (room - events, then)

    def _forget(self, now: float) -> None:
        full = [
            c for c, (room, then) in self._buckets.items() if room + (now - then) * self._rate >= self._burst
        ]
        for caller in full:
            del self._buckets[caller]
