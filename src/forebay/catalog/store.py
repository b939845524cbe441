"""Opens `catalog.db`, and commits what several threads want written: one writer, one transaction a turn.

`Store` owns the only connection that writes. `submit` queues a piece of work and returns a future that
resolves when the work is on disk; everything queued by then shares one transaction and one fsync. Work
that fails by itself fails alone (a savepoint); a disk that is full or failing fails nobody: the whole
turn is tried again, with `trouble` saying why, until it goes through.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import apsw

from forebay.catalog import schema
from forebay.crash import crash_point
from forebay.db import open_db, open_versioned, refuse_newer, stored_format
from forebay.errors import Unavailable

log = logging.getLogger(__name__)
T = TypeVar("T")
Work = Callable[[apsw.Connection], T]

CHECKPOINT_PAGES = 4000  # of 4 KiB
RETRY_FIRST, RETRY_MOST = 0.1, 5.0
COALESCE = 0.004
SLOW = 0.02
_DISK = (apsw.FullError, apsw.IOError, apsw.BusyError, apsw.CantOpenError)


def open_writer(path: Path) -> apsw.Connection:
    """The connection that writes, its tables made if the file is new.

    Raises ForebayError `StateTooNew`, with the file untouched, if a newer forebay wrote it.
    """
    db = open_versioned(path, format=schema.FORMAT, ddl=schema.DDL, page_size=16384)
    db.execute(schema.ADDITIONS)
    db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    db.execute("PRAGMA journal_size_limit = 67108864")
    return db


def open_reader(path: Path) -> apsw.Connection:
    """A connection that only reads. Raises ForebayError `StateTooNew`, Unavailable if there is no catalog yet."""
    refuse_newer(path, stored_format(path), schema.FORMAT)
    return open_db(path, readonly=True)


@dataclass(slots=True)
class _Item:
    work: Work[Any]
    future: Future[Any]


class Store:
    """The catalog's one writer. `close` finishes what is queued."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble: str | None = None
        self._db = open_writer(path)
        self._queue: deque[_Item] = deque()
        self._turning = threading.Lock()
        self._slow = 0
        self._slow_until = 0.0
        self._ready = threading.Condition()
        self._closing = self._soon = False
        self._local = threading.local()
        self._readers: list[weakref.ref[apsw.Connection]] = []
        self._thread = threading.Thread(target=self._run, name="catalog", daemon=True)
        self._thread.start()

    def submit(self, work: Work[T], *, soon: bool = False, hurrying: bool = False) -> Future[T]:
        """Queue `work`, which gets the connection inside a transaction.

        With `soon`, somebody waits for it: it is not held back to share a commit with what follows. Who is
        `hurrying` calls `hurry` next, and the writer is not woken for it.
        """
        future: Future[T] = Future()
        with self._ready:
            if self._closing:
                raise Unavailable("Closing", "the catalog is being closed")
            self._queue.append(_Item(work, future))
            self._soon |= soon
            if not hurrying:
                self._ready.notify()
        return future

    def hurry(self) -> None:
        """Commit what is queued in the calling thread: two changes of threads less, while the disk is quick.

        Where the writer is at work, or the disk is slow or refuses, it is left to the writer.
        """
        begun = time.monotonic()
        if begun < self._slow_until or not self._turning.acquire(blocking=False):
            with self._ready:
                self._ready.notify()
            return
        try:
            with self._ready:
                items = list(self._queue)
                self._queue.clear()
                self._soon = False
            if not items:
                return
            try:
                answers = self._transaction(items)
            except _DISK:
                with self._ready:
                    self._queue.extendleft(reversed(items))
                    self._ready.notify()
                return
        finally:
            self._turning.release()
        self._slow = self._slow + 1 if time.monotonic() - begun > SLOW else 0
        if self._slow >= 2:  # and not only because one commit was to checkpoint, too
            self._slow_until = time.monotonic() + 1.0
        _settle(items, answers)

    def write(self, work: Work[T]) -> T:
        """Submit and wait."""
        return self.submit(work).result()

    @property
    def reader(self) -> apsw.Connection:
        """A reading connection of the calling thread's own."""
        db: apsw.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = open_reader(self.path)
            self._local.db = db
            with self._ready:
                self._readers = [reader for reader in self._readers if reader() is not None]
                self._readers.append(weakref.ref(db))
        return db

    def close(self) -> None:
        """Commit what is queued (unless the disk refuses), then close every connection."""
        with self._ready:
            self._closing = True
            self._ready.notify()
        self._thread.join()
        for reader in self._readers:
            if (db := reader()) is not None:
                db.close(True)
        self._db.close(True)

    def _run(self) -> None:
        last = 0.0
        while True:
            with self._ready:
                while not self._queue and not self._closing:
                    self._ready.wait()
                if not self._queue:
                    return
                pause = COALESCE - (time.monotonic() - last)
                if pause > 0:  # commits follow one another: let what is nearly ready share this one
                    self._ready.wait_for(lambda: self._soon or self._closing, pause)
            with self._turning:
                with self._ready:
                    items = list(self._queue)
                    self._queue.clear()
                    self._soon = False
                self._turn(items)
            last = time.monotonic()

    def _turn(self, items: list[_Item]) -> None:
        delay = RETRY_FIRST
        while items:
            try:
                answers = self._transaction(items)
            except _DISK as error:
                self.trouble = f"the catalog cannot be written: {error}"
                log.warning("%s; trying again in %.1f s", self.trouble, delay)
                with self._ready:
                    self._ready.wait_for(lambda: self._closing, delay)
                    if self._closing:
                        answers = [Unavailable("DiskTrouble", self.trouble)] * len(items)
                        break
                delay = min(delay * 2, RETRY_MOST)
            else:
                self.trouble = None
                break
        else:
            return
        _settle(items, answers)

    def _transaction(self, items: list[_Item]) -> list[Any]:
        answers: list[Any] = []
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            for item in items:
                db.execute("SAVEPOINT item")
                try:
                    answers.append(item.work(db))
                except _DISK:
                    raise
                except Exception as error:
                    db.execute("ROLLBACK TO item")
                    answers.append(error)
                db.execute("RELEASE item")
            crash_point("commit.before")
            db.execute("COMMIT")
            crash_point("commit.after")
        except BaseException:
            with contextlib.suppress(apsw.Error):
                if db.in_transaction:
                    db.execute("ROLLBACK")
            raise
        return answers


def _settle(items: list[_Item], answers: list[Any]) -> None:
    for item, answer in zip(items, answers, strict=True):
        if isinstance(answer, Exception):
            item.future.set_exception(answer)
        else:
            item.future.set_result(answer)
