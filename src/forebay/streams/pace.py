"""When an event loop makes a small commit itself: while small commits are quick, and for all that its turns bring."""

from __future__ import annotations

import time

GATHER = 0.005
"""Seconds that a loop may wait for what its next turns bring."""


class Pace:
    """What small commits take, of late, and what a loop is gathering for its next. `quick` is in seconds."""

    def __init__(self, quick: float) -> None:
        self._quick = quick
        self._took = self._until = 0.0
        self._gathered = 0

    @property
    def slow(self) -> bool:
        """Whether the log's own thread should commit."""
        return self._took >= self._quick

    def gathers(self, waiting: int) -> bool:
        """Whether to wait for another turn: while each brings more, and not for long."""
        now = time.perf_counter()
        if not self._gathered:
            self._until = now + GATHER
        if waiting > self._gathered and now < self._until:
            self._gathered = waiting
            return True
        self._gathered = 0
        return False

    def took(self, seconds: float) -> None:
        """A small commit took so long: one slow one is enough to leave them to the thread for a while."""
        self._took += (seconds - self._took) * (0.5 if seconds > self._took else 0.1)
