"""How fast a door takes events, over the last ten seconds."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping

WINDOW = 10.0


class Rates:
    """Remembers counts as they are told, about once a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, dict[str, int]]] = deque()

    def note(self, accepted: Mapping[str, int]) -> None:
        """So many events were accepted at each door so far."""
        now = self._clock()
        self._seen.append((now, dict(accepted)))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW:
            self._seen.popleft()

    def per_second(self, accepted: Mapping[str, int]) -> dict[str, float]:
        """Events a second at each door, from the oldest note to now."""
        if not self._seen:
            return dict.fromkeys(accepted, 0.0)
        then, before = self._seen[0]
        span = max(self._clock() - then, 1.0)
        return {
            name: round(max(0, count - before.get(name, 0)) / span, 2) for name, count in accepted.items()
        }
