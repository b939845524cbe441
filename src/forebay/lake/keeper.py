"""Keeps small objects in the front's journal: one sync for all who put in the same turn of the event loop.

Its two files are written in turn: the one that is full is free again once the flow knows all that is in it, and the
files that it made are on disk.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from forebay import room
from forebay.db import disk_full
from forebay.durable import sync_system
from forebay.errors import Unavailable
from forebay.lake.journal import Entry, Journal, Put
from forebay.layout import Layout
from forebay.pace import Haste
from forebay.room import Room

log = logging.getLogger(__name__)
T = TypeVar("T")
Group = list[tuple[Put, asyncio.Future[None]]]

LARGEST = 64 << 10
"""Bytes of an object that is put so."""
SAID = 96 << 10
"""More than what is said of it takes: the heads of a request have less."""
QUICK = 0.004
"""Seconds of the disk for a write that the event loop waits for by itself."""
BROKEN_FOR = 30.0
RETRY = 1.0
SHORTLY = 0.001


class Keeper:
    """The journal of one state folder. `kept` is told what came to be in it, and the last number that it used."""

    def __init__(self, layout: Layout, kept: Callable[[list[Entry], int], None]) -> None:
        self._folder = layout.puts
        self._lake = layout.lake
        self._kept = kept
        self._journal: Journal | None = None
        self._opening = False
        self._broken = 0.0
        self._haste = Haste(QUICK)
        self._group: Group = []
        self._grouped = 0
        self._busy = False
        self._taken = self._written = 0
        self._room = Room(self._folder)  # the flow has to make files of it yet
        self._known = 0
        self._releasing: asyncio.Task[None] | None = None
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="puts")

    @property
    def id(self) -> str:
        """Of the journal that is open."""
        assert self._journal is not None
        return self._journal.id

    async def close(self, *, needed: bool) -> None:
        """Remove the journal, or leave it to the next start if anything in it is still `needed`."""
        if self._releasing is not None:
            await asyncio.wait({self._releasing})
        await asyncio.to_thread(self._threads.shutdown)
        journal, self._journal = self._journal, None
        if journal is not None:
            await asyncio.to_thread(self._end, journal, needed)

    def _end(self, journal: Journal, needed: bool) -> None:
        try:
            if not needed:
                if journal.number:
                    sync_system(self._lake)
                journal.remove()
        except OSError as error:
            log.warning("the journal of puts stays for the next start: %s", error)
        finally:
            journal.close()

    def takes(self, size: int) -> bool:
        """Whether an object of so many bytes can be `put` now, before anything else is awaited."""
        if size > LARGEST:
            return False
        journal = self._journal
        if journal is None:
            self._open_soon()
            return False
        if not self._room():
            return False
        if journal.fits(self._grouped + SAID + size):
            return True
        if self._group or self._busy or journal.other.last:  # the flow does not keep up
            return False
        journal.turn()
        self.release(self._known)
        return True

    async def put(self, put: Put) -> None:
        """Keep what was taken. Raises Unavailable where the disk refuses."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._taken += 1
        self._group.append((put, future))
        self._grouped += put.size
        if len(self._group) == 1 and not self._busy:
            loop.call_soon(self._commit)
        await future

    async def written(self) -> None:
        """Wait until all that was taken by now is on disk, or refused."""
        taken = self._taken
        while self._written < taken:
            await asyncio.sleep(SHORTLY)

    # --- its files ---

    def _in_thread(self, work: Callable[[], T], then: Callable[[asyncio.Future[T]], None]) -> None:
        asyncio.get_running_loop().run_in_executor(self._threads, work).add_done_callback(then)

    def _open_soon(self) -> None:
        """Open the journal when it is first needed, and again where the disk refused."""
        if not self._opening and time.monotonic() >= self._broken:
            self._opening = True
            self._in_thread(self._open, self._opened)

    def _open(self) -> Journal:
        free = room.free(self._lake)
        if free <= room.RESERVE:
            raise disk_full(self._folder, free=free, reserve=room.RESERVE)
        journal = Journal(self._folder)
        journal.open()
        return journal

    def _opened(self, opened: asyncio.Future[Journal]) -> None:
        self._opening = False
        if opened.cancelled():
            return
        error = opened.exception()
        if error is None:
            self._journal = opened.result()
        else:
            self._broken = time.monotonic() + BROKEN_FOR
            log.warning("objects are put without a journal, which is slower: %s", error)

    def release(self, known: int) -> None:
        """The flow knows what is up to this number: a file that is full may be free again."""
        self._known = known
        journal = self._journal
        if journal is None or self._releasing is not None or not 0 < journal.other.last <= known:
            return
        self._releasing = asyncio.create_task(self._release(journal))

    async def _release(self, journal: Journal) -> None:
        try:
            await asyncio.to_thread(sync_system, self._lake)
        except OSError as error:
            log.error("objects that were put may not be on disk, and stay in the journal: %s", error)
            await asyncio.sleep(RETRY)
        else:
            journal.other.last = 0
        self._releasing = None
        self.release(self._known)

    # --- writing ---

    def _commit(self) -> None:
        """Write what came in one turn of the loop."""
        group, self._group = self._group, []
        journal = self._journal
        assert journal is not None
        puts = [put for put, _ in group]
        if not self._haste.slow:
            self._answer(journal, group, self._added(journal, puts))
            return
        self._busy = True

        def done(added: asyncio.Future[list[Entry] | Exception]) -> None:
            self._busy = False
            self._answer(journal, group, added.result())
            if self._group:
                self._commit()

        self._in_thread(lambda: self._added(journal, puts), done)

    def _added(self, journal: Journal, puts: list[Put]) -> list[Entry] | Exception:
        """What is in the journal now, or why nobody may count on it."""
        began = time.perf_counter()
        try:
            return journal.add(puts)
        except Exception as error:
            return error
        finally:
            self._haste.took(time.perf_counter() - began)

    def _answer(self, journal: Journal, group: Group, added: list[Entry] | Exception) -> None:
        """Acknowledge, or refuse: what may be in the journal all the same is passed over, as nobody was told of it."""
        refusal = None
        if isinstance(added, Exception):
            log.error("the journal of puts cannot be written: %s", added)
            refusal = Unavailable("DiskError", f"the journal of puts cannot be written: {added}")
        self._written += len(group)
        for put, future in group:
            self._grouped -= put.size
            if future.done():
                continue
            if refusal is None:
                future.set_result(None)
            else:
                future.set_exception(refusal)
        self._kept([] if isinstance(added, Exception) else added, journal.number)
