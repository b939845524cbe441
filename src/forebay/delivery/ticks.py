"""How long a delivery rests between two commits of what came."""

from __future__ import annotations

import time
from collections.abc import Callable

TICK = 0.2
"""Seconds between the ticks, on which all deliveries commit, so that they share one sync."""
LEAST = TICK / 10
ON_IT = 1e-3
PIECE = 1 << 20
"""Bytes that are worth a commit of their own: who syncs many at once keeps the disk from all others for as long."""


class Ticks:
    """Of one delivery. `clock` gives seconds, as `time.monotonic` does."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked = clock()

    def rest(self, size: int) -> float:
        """Seconds to the next tick, or less where so much comes that there is a piece before. `size` came since the last."""
        now = self._clock()
        rate = size / max(now - self._asked, ON_IT)
        self._asked = now
        until_piece = max(PIECE / rate, LEAST) if rate else TICK
        until_tick = TICK - now % TICK
        if until_tick < ON_IT:
            until_tick += TICK
        return min(until_tick, until_piece)
