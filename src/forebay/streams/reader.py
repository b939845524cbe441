"""A log, as anybody reads it: from any process, with positions of the caller's own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import apsw

from forebay.db import open_db, refuse_newer, told
from forebay.errors import ForebayError, Unavailable
from forebay.event import Batch
from forebay.layout import Layout
from forebay.streams.keep import PREFIX
from forebay.streams.schema import FORMAT

T = TypeVar("T")


def opener(layout: Layout) -> Callable[[str], Reader]:
    """Opens the logs of a state folder by name, for who reads them."""
    return lambda name: Reader(layout.log(name), name)


PATIENCE = 10.0
_RETRY = 0.01


class Reader:
    """Reads one log (`ports.LogReader`) over a read-only connection that opens at the first question.

    A log that does not exist yet is empty. What passes by itself (the owner is restarting or recovering)
    is waited for up to `patience` seconds, then raises Unavailable. One reader is for one thread at a time.
    """

    def __init__(self, path: Path, name: str, *, patience: float = PATIENCE) -> None:
        self._path = path
        self._name = name
        self._patience = patience
        self._db: apsw.Connection | None = None
        self._version = -1
        self._head = 0

    @property
    def name(self) -> str:
        """The log's name with its noun."""
        return self._name

    def start(self) -> int:
        """The offset of the oldest event still kept."""
        return self._ask(_start, 0)

    def head(self) -> int:
        """The offset after the newest committed event. Costs microseconds while nothing is new."""
        return self._ask(self._read_head, 0)

    def subscribed(self, consumer: str) -> int | None:
        """The offset from which a declared consumer's events count; None if it is not declared (yet)."""
        return self._ask(lambda db: _subscribed(db, consumer), None)

    def news(self, position: int) -> bool:
        """Whether there are events at or after `position`."""
        return self.head() > position

    def read(self, position: int, *, max_bytes: int = 8 << 20) -> list[Batch]:
        """The batches from `position` on (see `ports.LogReader.read`).

        Raises ForebayError `PositionExpired` if events at `position` are no longer kept, `PositionAhead`
        if the log ends before it (the state was restored from an older copy).
        """
        none: list[Batch] = []
        return self._ask(lambda db: self._read(db, position, max_bytes), none)

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None
            self._version = -1

    def _ask(self, question: Callable[[apsw.Connection], T], missing: T) -> T:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                if self._db is None:
                    if not self._path.exists():
                        return missing
                    self._db = self._open()
                return question(self._db)
            except (apsw.Error, Unavailable) as error:
                said = told(error, self._path)
                self.close()
                if isinstance(error, apsw.SQLError) and "no such table" in str(error):
                    return missing  # its owner is about to make it
                if not isinstance(said, Unavailable) or time.monotonic() > deadline:
                    raise said from error
                time.sleep(_RETRY)

    def _open(self) -> apsw.Connection:
        db = open_db(self._path, readonly=True)
        try:
            refuse_newer(self._path, int(db.pragma("user_version")), FORMAT)
        except BaseException:
            db.close()
            raise
        return db

    def _read_head(self, db: apsw.Connection) -> int:
        version = int(db.pragma("data_version"))
        if version != self._version:
            head = db.execute("SELECT offset + n FROM batches ORDER BY offset DESC LIMIT 1").get
            self._head = _start(db) if head is None else int(head)
            self._version = version
        return self._head

    def _read(self, db: apsw.Connection, position: int, max_bytes: int) -> list[Batch]:
        batches: list[Batch] = []
        size = 0
        cursor = db.execute(
            "SELECT offset, n, shard, arrival, blob FROM batches WHERE offset >= "
            "coalesce((SELECT max(offset) FROM batches WHERE offset <= ?1), 0) AND offset + n > ?1 ORDER BY offset",
            (position,),
        )
        try:
            for offset, n, shard, arrival, blob in cursor:
                batches.append(Batch(offset, shard, arrival, n, blob))
                size += len(blob)
                if size >= max_bytes:
                    break
        finally:
            cursor.close()  # an open statement would keep the WAL from being reset
        if (not batches or batches[0].offset > position) and position < (start := _start(db)):
            raise ForebayError(
                "PositionExpired",
                f"{self._name} no longer has event {position}; the oldest it keeps is {start}",
                fix="read from the oldest event still kept",
                start=start,
            )
        if not batches and position > (head := self._read_head(db)):
            raise ForebayError(
                "PositionAhead",
                f"{self._name} ends at {head}, before event {position}",
                why="the log is older than the position: it was restored, or replaced, apart from the rest",
                head=head,
            )
        return batches


def _subscribed(db: apsw.Connection, consumer: str) -> int | None:
    start = db.execute("SELECT start FROM subscriptions WHERE name=?", (PREFIX + consumer,)).get
    return None if start is None else int(start)


def _start(db: apsw.Connection) -> int:
    return int(db.execute("SELECT value FROM meta WHERE key='start'").get)
