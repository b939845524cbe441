"""What an event loop does itself while the disk is quick: small commits, for all that its turns bring, and the like."""

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


class Haste:
    """What something takes, of late, that an event loop does by itself while that is less than `quick` seconds."""

    def __init__(self, quick: float) -> None:
        self._quick = quick
        self._took = 0.0

    @property
    def slow(self) -> bool:
        """Whether a thread should do it."""
        return self._took >= self._quick

    def took(self, seconds: float) -> None:
        """It took so long: one slow one is enough to leave them to the thread for a while."""
        self._took += (seconds - self._took) * (0.5 if seconds > self._took else 0.1)


class Pace(Haste):
    """The same of a log's small commits, with what a loop is gathering for its next."""

    def __init__(self, quick: float) -> None:
        super().__init__(quick)
        self._until = 0.0
        self._gathered = 0
        self._alone = 0

    @property
    def alone(self) -> bool:
        """Whether all of late was of one caller at a time."""
        return self._alone >= LONELY

    def gathers(self, waiting: int) -> bool:
        """Whether to wait for another turn: while each brings more, and not for long, nor for one who is alone."""
        if waiting <= 1 and self.alone:
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
        return ALONE if self.alone and waiting <= 1 else LITTLE

    def committed(self, submissions: int, size: int, seconds: float) -> None:
        """So many submissions and bytes were committed, which took so long."""
        self._alone = self._alone + 1 if submissions == 1 else 0
        if size <= (ALONE if self._alone else LITTLE):
            self.took(seconds)
