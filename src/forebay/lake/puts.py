"""Small objects, acknowledged when they are in the front's journal; the flow is told of them afterwards, in order.

    PutObject ─▶ journal (`keeper`) ─▶ acknowledged
                    └──▶ flow (`journaled`): a batch of files and one commit ─▶ in the catalog, where all others look

Who asks for anything that a put may concern waits until the flow knows what was acknowledged before (`settled`), so
that nobody sees an object later than its acknowledgement. While nobody does, the flow is told a little later: what was
overwritten meanwhile needs no file. What a crash leaves in the journal is told by the next start before anything else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from forebay.durable import sync_system
from forebay.errors import ForebayError, Unavailable
from forebay.ipc import AsyncClient
from forebay.lake import journal
from forebay.lake.journal import Entry, Put
from forebay.lake.keeper import Keeper
from forebay.layout import Layout

log = logging.getLogger(__name__)

LINGER = 0.05
"""Seconds that the flow is told later by, while nobody waits for it."""
MOST = 256
MUCH = 2 << 20
"""Puts, and bytes of them, that the flow is told at once."""
AGAIN = 0.1
FAILED = 1.0
PATIENCE = 5.0
"""Seconds that who asks waits for the flow to know."""
CLOSING = 0.5
FRESH = 1.0
Plain = dict[str, Any] | None


class Puts:
    """The puts of one state folder, in the front's event loop; `flow` waits for nothing `before` a call."""

    def __init__(self, layout: Layout, flow: AsyncClient) -> None:
        self._folder = layout.puts
        self._lake = layout.lake
        self._flow = flow
        self._keeper = Keeper(layout, self._kept)
        self._untold: deque[Entry] = deque()
        self._latest: dict[tuple[str, str], int] = {}
        self._acknowledged = 0
        self._known = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._any = asyncio.Event()
        self._hurry = asyncio.Event()
        self._closed: dict[str, int] = {}
        self._plain: dict[str, tuple[float, Plain]] = {}
        self._recovered: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell the flow, of what a crash left at first."""
        self._recovered = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._tell_all())
        self._task.add_done_callback(_ended)

    async def close(self) -> None:
        """Tell what is left, if the flow still answers; what it is not told waits for the next start."""
        if (wait := self.settled()) is not None:
            try:
                await asyncio.wait_for(wait, CLOSING)
            except (ForebayError, TimeoutError):
                log.info(
                    "some objects that were put are in the journal: the next start tells the flow of them"
                )
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._keeper.close(needed=self._acknowledged != self._known)

    # --- putting ---

    def takes(self, bucket: str, size: int) -> bool:
        """Whether an object of so many bytes can be `put` now, before anything else is awaited."""
        recovered = self._recovered is not None and self._recovered.done()
        return recovered and bucket not in self._closed and self._keeper.takes(size)

    async def put(self, put: Put) -> None:
        """Acknowledge an object that was taken. Raises Unavailable where the disk refuses."""
        await self._keeper.put(put)

    def _kept(self, entries: list[Entry], last: int) -> None:
        self._untold.extend(entries)
        for entry in entries:
            self._latest[entry.put.bucket, entry.put.key] = entry.number
        self._acknowledged = last
        self._any.set()

    def plain(self, bucket: str, look: Callable[[str], Plain]) -> Plain:
        """What `Shelf.plain` says of a bucket; looked up when somebody may have changed it, as well as now and then."""
        found = self._plain.get(bucket)
        now = time.monotonic()
        if found is None or now - found[0] >= FRESH:
            found = self._plain[bucket] = (now, look(bucket))
        return found[1]

    def changed(self) -> None:
        """Settings of buckets were changed, or are about to be."""
        self._plain.clear()

    @asynccontextmanager
    async def closed(self, bucket: str) -> AsyncIterator[None]:
        """Take nothing for a bucket that is about to be removed; what was taken is acknowledged or refused."""
        self._closed[bucket] = self._closed.get(bucket, 0) + 1
        try:
            await self._keeper.written()
            yield
        finally:
            self._closed[bucket] -= 1
            if not self._closed[bucket]:
                del self._closed[bucket]

    # --- who waits ---

    def settled(self) -> Awaitable[None] | None:
        """Wait until the flow knows all that is acknowledged; None where it does. Raises Unavailable after a while."""
        recovered = self._recovered
        if recovered is not None and not recovered.done():
            return self._wait_recovered(recovered)
        return self._wait(self._acknowledged) if self._acknowledged > self._known else None

    def key_settled(self, bucket: str, key: str) -> Awaitable[None] | None:
        """The same of what is acknowledged of one key."""
        recovered = self._recovered
        if recovered is not None and not recovered.done():
            return self._wait_recovered(recovered)
        number = self._latest.get((bucket, key), 0)
        return self._wait(number) if number > self._known else None

    async def _wait_recovered(self, recovered: asyncio.Future[None]) -> None:
        try:
            await asyncio.wait_for(asyncio.shield(recovered), PATIENCE)
        except TimeoutError:
            raise _behind() from None
        if (more := self.settled()) is not None:
            await more

    async def _wait(self, number: int) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        this = (number, future)
        self._waiting.append(this)
        self._hurry.set()
        try:
            await asyncio.wait_for(future, PATIENCE)
        except TimeoutError:
            self._waiting.remove(this)
            raise _behind() from None

    def _know(self, number: int) -> None:
        self._known = number
        still: deque[tuple[int, asyncio.Future[None]]] = deque()
        for until, future in self._waiting:
            if until > number:
                still.append((until, future))
            elif not future.done():
                future.set_result(None)
        self._waiting = still
        if not still:
            self._hurry.clear()
        self._keeper.release(number)

    # --- telling ---

    async def _tell_all(self) -> None:
        assert self._recovered is not None
        await self._recover()
        self._recovered.set_result(None)
        while True:
            await self._any.wait()
            if not self._hurry.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), LINGER)
            portion = _portion(self._untold)
            last = portion[-1].number if len(portion) < len(self._untold) else self._acknowledged
            await self._tell(self._keeper.id, portion, last)
            for _ in portion:
                entry = self._untold.popleft()
                of = (entry.put.bucket, entry.put.key)
                if self._latest.get(of) == entry.number:
                    del self._latest[of]
            if not self._untold and last == self._acknowledged:
                self._any.clear()
            self._know(last)

    async def _recover(self) -> None:
        """Tell what a crash left, and begin anew."""
        try:
            left = await asyncio.to_thread(journal.left, self._folder)
        except OSError as error:
            log.error("the journal of puts cannot be read: %s", error)
            await asyncio.to_thread(journal.set_aside, self._folder)
            return
        for each in left:
            entries = deque(each.entries)
            log.info("%d objects that were put before the last end are in the journal", len(entries))
            while entries:
                portion = _portion(entries)
                await self._tell(each.journal, portion, portion[-1].number)
                for _ in portion:
                    entries.popleft()
        while True:
            try:
                await asyncio.to_thread(self._forget, sync=bool(left))
                return
            except OSError as error:
                log.error("objects that were put may not be on disk, and stay in the journal: %s", error)
            await asyncio.sleep(FAILED)

    def _forget(self, *, sync: bool) -> None:
        if sync:
            sync_system(self._lake)
        journal.discard(self._folder)

    async def _tell(self, of: str, entries: list[Entry], upto: int) -> None:
        """Tell of a journal's entries until they are known, and with them all up to a number."""
        puts = _said(entries)
        while True:
            try:
                refused = await self._flow.call("objects_put", timeout=60.0, journal=of, puts=puts, upto=upto)
            except Unavailable as error:
                log.debug("the flow is not told of puts yet: %s", error)
            except ForebayError as error:
                log.error("the flow could not take puts: %s", error)
                await asyncio.sleep(FAILED)
            else:
                for number, why in refused:
                    log.error("an object that was put is none: number %d, %s", number, why)
                return
            await asyncio.sleep(AGAIN)


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the flow is told of no more puts", exc_info=error)


def _behind() -> Unavailable:
    return Unavailable(
        "ProcessDown",
        "objects that were put are not in the catalog yet",
        why="the flow is not running, or does not keep up",
        fix="it is restarted by itself; try again",
    )


def _portion(untold: deque[Entry]) -> list[Entry]:
    portion: list[Entry] = []
    size = 0
    for entry in untold:
        if portion and (len(portion) == MOST or size + len(entry.put.body) > MUCH):
            break
        portion.append(entry)
        size += len(entry.put.body)
    return portion


def _said(entries: list[Entry]) -> list[Any]:
    """As `objects_put` takes them: the bytes are left out of what is overwritten by a later one of them."""
    last = {(entry.put.bucket, entry.put.key): entry.number for entry in entries}
    return [
        [
            entry.number,
            entry.put.doc,
            entry.put.body if last[entry.put.bucket, entry.put.key] == entry.number else None,
        ]
        for entry in entries
    ]
