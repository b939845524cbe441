"""When an event loop makes a small commit itself: while small commits are quick, and for all that its turns bring."""

from __future__ import annotations

import time

GATHER = 0.005
"""Seconds that a loop may wait for what its next turns bring."""
LITTLE = 64 << 10
"""Bytes that an event loop may commit, as it does nothing else meanwhile."""
ALONE = 256 << 10
"""The same where all of late was of one caller at a time, for whom alone the loop then works."""
LONELY = 4
"""Commits of one caller each that are all of late."""


class Pace:
    """What small commits take, of late, and what a loop is gathering for its next. `quick` is in seconds."""

    def __init__(self, quick: float) -> None:
        self._quick = quick
        self._took = self._until = 0.0
        self._gathered = 0
        self._alone = 0

    @property
    def slow(self) -> bool:
        """Whether the log's own thread should commit."""
        return self._took >= self._quick

    def gathers(self, waiting: int) -> bool:
        """Whether to wait for another turn: while each brings more, and not for long, nor for one who is alone."""
        if waiting <= 1 and self._alone >= LONELY:
            return False
        now = time.perf_counter()
        if not self._gathered:
            self._until = now + GATHER
        if waiting > self._gathered and now < self._until:
            self._gathered = waiting
            return True
        self._gathered = 0
        return False

    def most(self, waiting: int) -> int:
        """The bytes that the loop may commit, while so many submissions wait for it."""
        return ALONE if self._alone >= LONELY and waiting <= 1 else LITTLE

    def took(self, seconds: float, submissions: int, size: int) -> None:
        """A commit of so many submissions and bytes took so long.

        Of the small ones, a slow one is enough to leave them to the thread for a while.
        """
        self._alone = self._alone + 1 if submissions == 1 else 0
        if size <= (ALONE if self._alone else LITTLE):
            self._took += (seconds - self._took) * (0.5 if seconds > self._took else 0.1)
