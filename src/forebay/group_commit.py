"""A database that one thread writes in group commits, for those on an event loop, and that others read.

    submit ─▶ queue ─▶ BEGIN; the jobs of all who wait; COMMIT (fsync) ─▶ answers
    read   ─▶ a connection of its own, on what is committed

The file is opened when it is first needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import apsw

from forebay.db import open_db, told
from forebay.errors import Unavailable

GROUP = 256
"""Jobs that share a commit at most."""
READERS = 2

T = TypeVar("T")
Job = TypeVar("Job")


Asker = asyncio.Future[Any] | None
"""Who waits for a job; None where nobody does."""


class Answer(NamedTuple):
    """What who waits for a job is told: what it `found`, or an error."""

    asker: Asker
    found: Any = None
    error: BaseException | None = None


class GroupCommits(ABC, Generic[Job]):
    """The file at `path`; `name` is what its threads and its refusals call it."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._jobs: queue.SimpleQueue[tuple[Job, Asker] | None] = queue.SimpleQueue()
        self._opening = asyncio.Lock()
        self._thread: threading.Thread | None = None
        self._db: apsw.Connection | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._reading = threading.local()
        self._connections: list[apsw.Connection] = []
        self._closed = False

    async def submit(self, job: Job) -> Any:
        """What came of a job, once it is on disk. Raises what it raised, and Unavailable where the disk refuses."""
        await self._open()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._jobs.put((job, future))
        return await future

    async def snapshot(self, work: Callable[[apsw.Connection], T]) -> T:
        """Do `work` on one snapshot of what is committed, in a thread."""
        await self._open()
        assert self._readers is not None
        return await asyncio.get_running_loop().run_in_executor(self._readers, lambda: self._read(work))

    async def close(self) -> None:
        """Finish what waits, and close."""
        self._closed = True
        if self._thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)
        if self._readers is not None:
            await asyncio.to_thread(self._readers.shutdown)
        for connection in self._connections:
            connection.close()
        if self._db is not None:
            self._db.close()
            self._db = None

    async def _open(self) -> None:
        if self._db is not None:
            return
        async with self._opening:
            if self._closed:
                raise Unavailable("Closing", f"{self._name} is about to close")
            if self._db is None:
                self._db = await asyncio.to_thread(self._begin)
                self._readers = ThreadPoolExecutor(READERS, f"{self._name}-read")
                self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
                self._thread.start()

    def _read(self, work: Callable[[apsw.Connection], T]) -> T:
        db: apsw.Connection | None = getattr(self._reading, "db", None)
        if db is None:
            db = self._reading.db = open_db(self._path, readonly=True)
            self._connections.append(db)
        try:
            with db:  # one snapshot for all that the work reads
                found = work(db)
        except apsw.Error as error:
            raise told(error, self._path) from error
        return found

    # The thread that writes.

    def _serve(self) -> None:
        ending = False
        while not ending:
            jobs: list[tuple[Job, Asker]] = []
            with contextlib.suppress(queue.Empty):
                job = self._jobs.get(timeout=self._pause())
                while True:
                    if job is None:
                        ending = True
                        break
                    jobs.append(job)
                    if len(jobs) >= GROUP:
                        break
                    job = self._jobs.get_nowait()
            if jobs:
                self._commit(jobs)
            if not ending:
                self._look_after()

    def _commit(self, jobs: list[tuple[Job, Asker]]) -> None:
        """One transaction for all; each answered once it is on disk. If the disk refuses, nobody's was kept."""
        assert self._db is not None
        try:
            self._db.execute("BEGIN IMMEDIATE")
            answers = self._do(self._db, jobs)
            self._db.execute("COMMIT")
        except Exception as error:
            with contextlib.suppress(apsw.Error):
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
            self._undone()
            failure = told(error, self._path) if isinstance(error, apsw.Error | OSError) else error
            answers = [Answer(asker, error=failure) for _, asker in jobs]
        else:
            self._done()
        _tell(answers)

    @abstractmethod
    def _begin(self) -> apsw.Connection:
        """Open the file, in a thread, with what is to be known of it."""

    @abstractmethod
    def _do(self, db: apsw.Connection, jobs: list[tuple[Job, Asker]]) -> list[Answer]:
        """Do the jobs inside the transaction that they share."""

    def _done(self) -> None:
        """They are on disk."""

    def _undone(self) -> None:
        """None of them is."""

    def _pause(self) -> float:
        """Seconds until it is looked after, if no job comes."""
        return 30.0

    def _look_after(self) -> None:
        """What is to be done now and then, between two commits."""


def _tell(answers: Iterable[Answer]) -> None:
    """To the loops of those who wait, one call each."""
    loops: dict[asyncio.AbstractEventLoop, list[Answer]] = {}
    for answer in answers:
        if answer.asker is not None:
            loops.setdefault(answer.asker.get_loop(), []).append(answer)

    def tell(some: list[Answer]) -> None:
        for asker, found, error in some:
            if asker is None or asker.done():
                continue
            if error is None:
                asker.set_result(found)
            else:
                asker.set_exception(error)

    for loop, some in loops.items():
        with contextlib.suppress(RuntimeError):  # who waited is gone with its loop
            loop.call_soon_threadsafe(tell, some)
