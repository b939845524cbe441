"""A log, as its one owner writes it: many callers, one thread, one fsync for all that is waiting.

    append ──▶ inbox ──▶ everything pending ──▶ one transaction, one fsync ──▶ receipts

A receipt is given after the commit, so acknowledged means on disk. While the disk works on one commit
the next gathers, which is what makes it cheap: nobody waits for more company than the disk imposes.

Commits are made by the log's own thread, except small ones while the disk is quick: these the event
loop makes itself at the end of its turn, since handing them to a thread and taking the answer back
costs more than the disk does. Whoever commits holds `_turn`.
The front process owns every log; others append through its socket and read with `Reader`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import apsw

from forebay.clock import now_us
from forebay.db import told
from forebay.errors import ForebayError, Unavailable
from forebay.pace import Pace
from forebay.streams.commit import Committer, Receipt, Result, Submission
from forebay.streams.dedup import Deduplicator, Once, Unique
from forebay.streams.disk import Disk
from forebay.streams.inbox import Inbox
from forebay.streams.keep import Keeper, Subscription
from forebay.streams.owner import own
from forebay.streams.schema import open_log
from forebay.streams.settle import again, deliver, settle
from forebay.streams.shards import ShardMap
from forebay.streams.sources import Moved, Source, Sources
from forebay.streams.upkeep import Upkeep

__all__ = ["Log", "Moved", "Once", "Receipt", "Source", "Unique"]

T = TypeVar("T")
logger = logging.getLogger("forebay.streams")

# A commit takes at most about this much of what is waiting, so that a row, and a reader's memory, stay small.
GROUP_BYTES = 8 << 20
MAX_PENDING = 64 << 20
# A small commit that an event loop may wait for takes up to so many seconds.
QUICK = 0.005
RETENTION = 86_400.0


class Log:
    """One log, open for appending.

    `shards` and `retention` (seconds) may change between appends. `clock` gives UTC microseconds; an
    arrival never decreases, whatever it does. `reserve` is the free space below which appends are
    refused, `max_pending` the bytes that may wait for the disk. `quick` is how long (seconds) a small
    commit may take for an event loop to wait for it; 0 leaves all to the thread. `bytes` were committed since.

    Raises ForebayError: `LogInUse` if another process owns it, `StateTooNew`, `DatabaseCorrupt`.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        shards: int = 1,
        clock: Callable[[], int] = now_us,
        *,
        retention: float = RETENTION,
        reserve: int | None = None,
        max_pending: int = MAX_PENDING,
        quick: float = QUICK,
    ) -> None:
        self.path = path
        self.name = name
        self.retention = retention
        self.max_pending = max_pending
        self.disk = Disk(path, reserve)
        self._clock = clock
        self._pace = Pace(quick)
        self._inbox: Inbox[Submission | Callable[[], None]] = Inbox(self._at_turns_end)
        self._lock_fd = own(path)
        try:
            self._db = open_log(path)
            try:
                self._keeper = Keeper(self._db, name)
                self._keys = Deduplicator(self._db)
                self._sources = Sources(self._db)
                self._committer = Committer(self._db, self._keeper, self._keys, clock, self._sources)
                parts = (self._committer, self._keeper, self._keys)
                self._upkeep = Upkeep(path, self._db, *parts, pace=self._pace, wake=self._inbox.wake)
                self._committer.conform(shards, retention)
                self.disk.owed = lambda: self._committer.written
            except apsw.Error as error:
                self._db.close()
                raise told(error, path) from error
        except BaseException:
            os.close(self._lock_fd)
            raise
        self._turn = threading.Lock()
        self._submitting = threading.Lock()
        self._submitted = self._settled = 0
        self.bytes = 0
        self._closed = self._stopping = False
        self._broken: ForebayError | None = None
        self._thread = threading.Thread(target=self._run, name=f"log {name}", daemon=True)
        self._thread.start()

    # What callers ask.

    @property
    def shards(self) -> int:
        """How many shards new events are spread over."""
        return len(self._committer.map.open)

    @shards.setter
    def shards(self, count: int) -> None:
        """Resize to `count`, unless it was that before: what was split or merged since stays so. Blocks."""
        if count != self.map.wanted:
            self.between(lambda own: own.conform(count, self.retention))

    @property
    def map(self) -> ShardMap:
        """The shards as they are now."""
        return self._committer.map

    @property
    def head(self) -> int:
        """The offset after the newest committed event; as offsets are dense, the number ever accepted."""
        return self._committer.head

    @property
    def start(self) -> int:
        """The offset of the oldest event still kept."""
        return self._keeper.start

    @property
    def pending(self) -> int:
        """Bytes that wait for the disk."""
        return self._submitted - self._settled

    @property
    def problem(self) -> ForebayError | None:
        """Why an append would be refused now, or None."""
        return self._broken or self.disk.refusal()

    def submit(
        self,
        records: Sequence[bytes],
        keys: Sequence[bytes] | None = None,
        *,
        unique: Unique | None = None,
        once: Once | None = None,
        size: int | None = None,
        moved: Moved | None = None,
        hashes: Mapping[int, bytes] | None = None,
        foreseen: Callable[[Receipt], None] | None = None,
    ) -> asyncio.Future[Receipt]:
        """Queue `records`, with one partition key each where given; the future has the receipt once on disk.

        `size` is their total length, where the caller knows it. With `moved`, the caller's position in another
        log commits with them; `hashes`, by index, are hash keys (16 bytes) that overrule the partition keys.
        `foreseen` is told, in any thread, what the receipt will be unless the commit fails. To be called in an event
        loop. It or the future raises Unavailable (`DiskFull`, `LogBusy`, `LogClosed`), Throttled
        `TooManyUniqueKeys`, or DataRejected `IdempotencyKeyReused`; then nothing of it was acknowledged.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Receipt] = loop.create_future()
        size = sum(map(len, records)) if size is None else size
        self._enqueue(Submission(records, keys, unique, once, size, future, loop, moved, hashes, foreseen))
        return future

    async def append(
        self,
        records: Sequence[bytes],
        keys: Sequence[bytes] | None = None,
        *,
        unique: Unique | None = None,
        once: Once | None = None,
    ) -> Receipt:
        """`submit`, awaited."""
        return await self.submit(records, keys, unique=unique, once=once)

    def append_now(
        self,
        records: Sequence[bytes],
        keys: Sequence[bytes] | None = None,
        *,
        unique: Unique | None = None,
        once: Once | None = None,
    ) -> Receipt:
        """`append` without an event loop: blocks until the events are on disk."""
        future: Future[Receipt] = Future()
        self._enqueue(Submission(records, keys, unique, once, sum(map(len, records)), future, None))
        return future.result()

    def declare(self, names: Iterable[str], *, ahead: Collection[str] = ()) -> None:
        """Make `names` the log's subscriptions; retention never passes one. Blocks until on disk.

        A new one counts from the oldest event still kept, or if it is in `ahead` from the next to come; one
        that is no longer named is forgotten.
        """
        wanted = list(names)

        def declare(committer: Committer) -> None:
            head = committer.head
            committer.transaction(lambda: self._keeper.declare(wanted, dict.fromkeys(ahead, head)))

        self.between(declare)

    def attach(self, consumer: str, log: str, start: int) -> int:
        """The position in `log` of who appends here what it reads there; at least `start`. Blocks."""
        return self.between(lambda own: own.transaction(lambda: self._sources.attach(consumer, log, start)))

    def source_state(self, consumer: str) -> bytes | None:
        """What a consumer of another log keeps with its position. Blocks."""
        return self.between(lambda _: self._sources.state(consumer))

    def sources(self) -> dict[str, Source]:
        """The consumers of other logs whose output this log is."""
        return dict(self._sources.rows)

    def advance(self, name: str, position: int) -> None:
        """Say that a subscription has consumed up to `position`. Returns at once."""
        self._inbox.put(lambda: self._keeper.advance(name, position))

    def maintain(self) -> None:
        """Run all upkeep now (positions, expired keys, retention, space), to its end. Blocks."""
        self.between(lambda _: self._upkeep.whole(self._clock(), self.retention))

    def subscriptions(self) -> list[Subscription]:
        """The declared subscriptions, or the log's own."""
        return [replace(each) for each in list(self._keeper.subscriptions.values())]

    def status(self) -> dict[str, Any]:
        """Counters for the ledger and the status page. Positions are those that were told by `advance`."""
        return {
            "name": self.name,
            "accepted": self.head,
            "start": self.start,
            "head": self.head,
            "shards": self.shards,
            "pending_bytes": self.pending,
            "problem": None if self.problem is None else self.problem.to_dict(),
            "subscriptions": {
                s.name: {key: getattr(s, key) for key in ("start", "position", "expired")}
                for s in self.subscriptions()
            },
        }

    def close(self) -> None:
        """Commit what is pending, then close; later appends are refused."""
        with self._submitting:
            if self._closed:
                return
            self._closed = True
            self._inbox.put(self._stop)
        self._thread.join()

    # What happens to a submission.

    def _enqueue(self, submission: Submission) -> None:
        refusal = self._broken or self.disk.refusal(submission.size)
        if refusal is not None:
            raise again(refusal)
        with self._submitting:
            if self._closed:
                raise Unavailable("LogClosed", f"{self.name} is closing", retry_after=1)
            if self.pending > self.max_pending:
                raise Unavailable(
                    "LogBusy",
                    f"{self.pending:,} bytes already wait for the disk at {self.name}",
                    retry_after=1,
                )
            self._submitted += submission.size
            # What the thread will commit it begins with now, while the loop's turn goes on.
            little = self.pending <= self._pace.most(len(self._inbox))
            self._inbox.put(submission, submission.loop if little else None)

    def between(self, action: Callable[[Committer], T]) -> T:
        """Run `action` in the writer's thread, between two commits, and wait for it; what it raises is raised."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(action(self._committer))
            except Exception as error:
                future.set_exception(told(error, self.path) if isinstance(error, apsw.Error) else error)

        with self._submitting:
            if self._closed:
                raise Unavailable("LogClosed", f"{self.name} is closing")
            self._inbox.put(run)
        return future.result()

    def _stop(self) -> None:
        self._stopping = True

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # a bug, and nobody may wait for ever for what it left undone
            logger.exception("the writer of %s ended", self.name)
            self._broken = ForebayError("LogEnded", f"the writer of {self.name} ended: {error!r}")
            while (item := self._inbox.next()) is not None:
                if isinstance(item, Submission):
                    deliver([(item, self._broken)])
                else:
                    item()
        self._shut()

    def _work(self) -> None:
        while not self._stopping:
            self._inbox.wait(max(0.0, self._upkeep.at - time.monotonic()))
            with self._turn:
                idle = self._drain()
                self._upkeep.run(self._clock(), self.retention, idle=idle, failed=self._failed)

    def _drain(self) -> bool:
        """Commit what waits, up to a bound; True if nothing did."""
        group: list[Submission] = []
        size = 0
        idle = True
        while size <= GROUP_BYTES and (item := self._inbox.next()) is not None:
            idle = False
            if isinstance(item, Submission):
                group.append(item)
                size += item.size
            else:
                if group:
                    deliver(self._commit(group, size))
                    group, size = [], 0
                item()
        if group:
            deliver(self._commit(group, size))
        return idle

    def _at_turns_end(self) -> bool:
        """In the event loop: commit what it put, if that is little and the disk quick; else the thread does.

        True to be asked again: while each turn brings more, it waits a little, as one commit for all of
        them costs about what one for each turn would.
        """
        most = self._pace.most(len(self._inbox))
        if self._pace.slow or self.pending > most:
            self._inbox.wake()
            return False
        if self._pace.gathers(len(self._inbox)):
            return True
        if not self._turn.acquire(blocking=False):
            self._inbox.wake()  # if it is not the thread itself that is at work, and looks again
            return False
        loop = asyncio.get_running_loop()
        try:
            group: list[Submission] = []
            size = 0
            while (item := self._inbox.next()) is not None:
                if not isinstance(item, Submission) or item.loop is not loop or size + item.size > most:
                    self._inbox.put_back(item)
                    break
                group.append(item)
                size += item.size
            if group:
                settle(self._commit(group, size))
        finally:
            self._turn.release()
        if item is not None or self._upkeep.wal_is_long:
            self._inbox.wake()
        return False

    def _commit(self, group: list[Submission], size: int) -> list[tuple[Submission, Result]]:
        began = time.perf_counter()
        try:
            results = self._committer.commit(group)
            self.bytes += size
        except Exception as error:
            results = [(submission, self._failed(error)) for submission in group]
        self._pace.committed(len(group), size, time.perf_counter() - began)
        self._settled += size
        return results

    def _failed(self, error: Exception) -> ForebayError:
        said = told(error, self.path)
        if said.code == "DatabaseCorrupt":
            self._broken = said
        return said

    def _shut(self) -> None:
        with contextlib.suppress(apsw.Error):
            self._upkeep.last()
        self._db.close()
        os.close(self._lock_fd)
