"""What a log's thread does between commits: checkpoints, expired keys, retention, giving space back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import apsw

from forebay.errors import ForebayError
from forebay.pace import Pace
from forebay.streams.aside import Aside
from forebay.streams.commit import Committer
from forebay.streams.dedup import Deduplicator
from forebay.streams.keep import Keeper

logger = logging.getLogger("forebay.streams")

# A checkpoint copies the WAL into the database, and the WAL begins anew in place. A WAL that need not grow
# takes half as long to sync, so it is kept short; but large batches fill it fast, and checkpoints of
# more at once cost less. A long WAL is copied beside the commits, as is what they wrote meanwhile if it is
# much; the rest is copied between two of them. One who writes alone leaves the disk some time after each commit: all is
# copied beside those then, until nothing came meanwhile, so that a call does not wait for it.
IDLE_BYTES = 512 << 10
SHORT_BYTES = 4 << 20
LONG_BYTES = 16 << 20
LONG_SECONDS = 0.25
PASSES = 3
EVERY = 1.0
# While there is much to remove it goes a little at a time, so that commits go on between.
SOON = 0.02


class Upkeep:
    """`at` is when it is due (monotonic seconds). `wake` has it run sooner, and is called in any thread."""

    def __init__(
        self,
        path: Path,
        db: apsw.Connection,
        committer: Committer,
        keeper: Keeper,
        keys: Deduplicator,
        *,
        pace: Pace,
        wake: Callable[[], None],
    ) -> None:
        self._aside = Aside(path, wake)
        self._pace = pace
        self._passes = self._copying = self._copied = 0
        self._db = db
        self._committer = committer
        self._keeper = keeper
        self._keys = keys
        self._said: str | None = None
        self._checkpointed = 0.0
        self.at = time.monotonic() + EVERY

    @property
    def wal_is_long(self) -> bool:
        """Whether a checkpoint should not wait any longer."""
        if self._aside.begun:
            return self._aside.done
        written = self._committer.written
        return written > LONG_BYTES or (
            written > SHORT_BYTES
            and (self._pace.alone or time.monotonic() - self._checkpointed > LONG_SECONDS)
        )

    def run(
        self, now: int, retention: float, *, idle: bool, failed: Callable[[Exception], ForebayError]
    ) -> None:
        """Do what is due, at UTC `now`; a failure is logged once, and tried again the next time."""
        if not self.wal_is_long and time.monotonic() < self.at:
            return
        try:
            if self.wal_is_long:
                self._shorten()
            more = False
            if time.monotonic() >= self.at:
                more = self._slice(now, retention)
                if idle and not more and self._committer.written > IDLE_BYTES:
                    self._checkpoint()
                self.at = time.monotonic() + (SOON if more else EVERY)
            self._said = None
        except Exception as error:
            said = failed(error)
            if said.code != self._said:
                logger.warning("upkeep failed: %s", said.message)
            self._said = said.code
            self.at = time.monotonic() + EVERY

    def whole(self, now: int, retention: float) -> None:
        """Do everything, to its end."""
        while self._slice(now, retention):
            pass
        self._checkpoint()

    def last(self) -> None:
        """End what is under way and write what is only in memory, before the log is closed."""
        self._aside.close()
        if self._keeper.moved:
            self._committer.transaction(self._keeper.flush_positions)

    def _shorten(self) -> None:
        """Do a checkpoint's next pass: beside the commits, or what is left of it now."""
        if self._aside.begun:
            self._aside.end()
            self._committer.written -= self._copying
            self._copied += self._copying
            if not self._committer.written:
                self._all_is_copied()
                return
        else:
            self._passes = 0
        patient = self._pace.alone and self._copied < LONG_BYTES
        if self._committer.written > SHORT_BYTES and (patient or self._passes < PASSES):
            self._passes += 1
            self._copying = self._committer.written
            self._aside.start()
        elif not patient:
            self._checkpoint()

    def _checkpoint(self) -> None:
        self._aside.end()  # as two at once are refused
        self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        self._committer.written = 0
        self._all_is_copied()

    def _all_is_copied(self) -> None:
        """The WAL begins anew with the next commit."""
        self._copied = 0
        self._checkpointed = time.monotonic()

    def _slice(self, now: int, retention: float) -> bool:
        more = False
        if self._keeper.moved:
            self._committer.transaction(self._keeper.flush_positions)
        if self._keys.due(now):
            more |= self._committer.transaction(lambda: self._keys.expire(now))
        more |= self._committer.transaction(lambda: self._keeper.trim(now, retention))
        more |= self._keeper.give_back()
        return more
