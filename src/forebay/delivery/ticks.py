"""How long a delivery rests between two commits of what came."""

from __future__ import annotations

import time
from collections.abc import Callable

TICK = 0.2
"""Seconds between the ticks, on which all deliveries commit, so that they share one sync."""
LEAST = TICK / 10
"""Seconds that it rests at least for a piece, however fast they come."""
ON_IT = 1e-3
"""Seconds before a tick that are as good as on it."""
PIECE = 1 << 20
"""Bytes that are worth a commit of their own: who syncs many at once keeps the disk from all others for as long."""


class Ticks:
    """Of one delivery. `clock` gives seconds, as `time.monotonic` does."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._came = 0

    def came(self, size: int) -> None:
        """So many bytes were read."""
        self._came += size

    def nothing_came(self) -> None:
        """Nothing was there to read: what comes after is since now."""
        self._since, self._came = self._clock(), 0

    def until(self, size: int) -> float:
        """Seconds until so many bytes more have come, as fast as they came since the last rest."""
        return size * self._took() / max(self._came, 1)

    def _took(self) -> float:
        return max(self._clock() - self._since, ON_IT)

    def rest(self, piece: int = PIECE) -> float:
        """Seconds to the next tick, or less where so much came since the last rest that there is a piece before.

        `piece` says of how many bytes that is.
        """
        until_piece = max(self.until(piece), LEAST)
        now = self._clock()
        self._since, self._came = now, 0
        until_tick = TICK - now % TICK
        if until_tick < ON_IT:
            until_tick += TICK
        return min(until_tick, until_piece)
