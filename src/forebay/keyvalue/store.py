"""The tables of one state folder (`keyvalue.db`): one thread writes, in group commits; others read.

    write(work) ─▶ queue ─▶ BEGIN; work of all who wait; COMMIT (fsync) ─▶ answers
    read(work)  ─▶ a connection of its own, on what is committed

The file is opened when it is first needed: a system without tables has none. Items past their time are as if
they were not there, and are removed in the background.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from forebay.db import open_db, open_versioned, told
from forebay.errors import ForebayError, Unavailable
from forebay.keyvalue.errors import NoTable
from forebay.keyvalue.rows import Batch, add_index, drop_index, drop_items, expire, retime
from forebay.keyvalue.table import Index, Table

FORMAT = 1
DDL = """
CREATE TABLE tables(
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, doc TEXT NOT NULL,
  items INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE items(
  tbl INTEGER NOT NULL, pk BLOB NOT NULL, sk BLOB NOT NULL, size INTEGER NOT NULL, expires INTEGER,
  item BLOB NOT NULL, PRIMARY KEY(tbl, pk, sk)
) WITHOUT ROWID;
CREATE INDEX items_expire ON items(expires) WHERE expires IS NOT NULL;
CREATE TABLE entries(
  idx INTEGER NOT NULL, pk BLOB NOT NULL, sk BLOB NOT NULL, tpk BLOB NOT NULL, tsk BLOB NOT NULL,
  PRIMARY KEY(idx, pk, sk, tpk, tsk)
) WITHOUT ROWID;
CREATE TABLE tokens(token TEXT PRIMARY KEY, digest BLOB NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
"""
PAGE_SIZE = 8192
GROUP = 256
SWEEP = 1.0
READERS = 2
PARKED = "~"
"""Before the name of a table that the project no longer declares, and whose items are kept."""
_INDEXES = 1 << 10

T = TypeVar("T")
Work = Callable[[Batch], T]
_Job = tuple[Work[Any], asyncio.Future[Any]]


class Tables:
    """The tables; everything that is done to their items goes through `write` and `read`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._opening = asyncio.Lock()
        self._thread: threading.Thread | None = None
        self._db: apsw.Connection | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._reading = threading.local()
        self._connections: list[apsw.Connection] = []
        self._tables: dict[str, Table] = {}
        self._closed = False
        self._conformed = asyncio.Event()

    # Tables.

    async def find(self, name: str) -> Table:
        """The table of this name; who asks before `conform` did its work waits for it. Raises NoTable."""
        await self._conformed.wait()
        if self._path.exists():
            await self._open()
        found = self._tables.get(name)
        if found is None:
            raise NoTable(name)
        return found

    async def facts(self, name: str) -> tuple[int, int]:
        """How many items a table has, and their bytes. Raises NoTable."""
        table = await self.find(name)
        sql = "SELECT items, bytes FROM tables WHERE id = ?"
        rows: list[Any] = await self.read(lambda db: db.execute(sql, (table.id,)).fetchall())
        return (rows[0][0], rows[0][1]) if rows else (0, 0)

    async def drop(self, name: str) -> None:
        """Remove a table with its items. Raises NoTable."""
        table = await self.find(name)
        await self.write(lambda batch: self._drop(batch, table))

    async def conform(self, wanted: Mapping[str, Table]) -> None:
        """Have exactly these tables: make what is missing, change what changed, park what is no longer wanted."""
        try:
            await self._make_so(wanted)
        finally:
            self._conformed.set()

    async def _make_so(self, wanted: Mapping[str, Table]) -> None:
        if not wanted and not self._path.exists():
            return
        await self._open()
        if any(not _same(self._tables.get(name), table) for name, table in wanted.items()) or (
            self._tables.keys() - wanted.keys()
        ):
            await self.write(lambda batch: self._conform(batch, wanted))

    # Items.

    async def write(self, work: Work[T]) -> T:
        """Do `work` in the next group commit; what it answers, once that is on disk. Its errors undo it alone."""
        await self._open()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put((work, future))
        return await future

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """Do `work` on what is committed, in a thread."""
        await self._open()
        assert self._readers is not None
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, lambda: self._read(work))

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
                raise Unavailable("Closing", "the key-value tables are about to close")
            if self._db is None:
                self._db = await asyncio.to_thread(self._begin)
                self._readers = ThreadPoolExecutor(READERS, "keyvalue-read")
                self._thread = threading.Thread(target=self._serve, name="keyvalue", daemon=True)
                self._thread.start()

    def _begin(self) -> apsw.Connection:
        db = open_versioned(self._path, format=FORMAT, ddl=DDL, page_size=PAGE_SIZE)
        rows: list[Any] = db.execute("SELECT id, name, doc FROM tables").fetchall()
        for id, name, doc in rows:
            if not name.startswith(PARKED):
                self._tables[name] = msgspec.structs.replace(msgspec.json.decode(doc, type=Table), id=id)
        return db

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
        swept = time.monotonic()
        ending = False
        while not ending:
            jobs: list[_Job] = []
            try:
                timed = any(table.ttl for table in self._tables.values())
                job = self._jobs.get(timeout=SWEEP if timed else 60.0)
                while True:
                    if job is None:
                        ending = True
                        break
                    jobs.append(job)
                    if len(jobs) >= GROUP:
                        break
                    job = self._jobs.get_nowait()
            except queue.Empty:
                pass
            if jobs:
                self._commit(jobs)
            if time.monotonic() - swept >= SWEEP:
                swept = time.monotonic()
                self._commit([(expire, _NOBODY)])

    def _commit(self, jobs: list[_Job]) -> None:
        """One transaction for all; each answered once it is on disk."""
        assert self._db is not None
        results: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        before = dict(self._tables)
        try:
            batch = Batch(self._db, lambda: self._tables)
            self._db.execute("BEGIN IMMEDIATE")
            for work, future in jobs:
                results.append((future, *self._one(batch, work)))
            batch.count()
            self._db.execute("COMMIT")
        except Exception as error:  # of the disk: nobody's work was kept
            with contextlib.suppress(apsw.Error):
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
            self._tables = before
            failure = told(error, self._path) if isinstance(error, apsw.Error | OSError) else error
            results = [(future, None, failure) for _, future in jobs]
        _answer(results)

    def _one(self, batch: Batch, work: Work[Any]) -> tuple[Any, BaseException | None]:
        assert self._db is not None
        counts, tables = dict(batch.counts), dict(self._tables)
        self._db.execute("SAVEPOINT one")
        try:
            found = work(batch)
        except (apsw.FullError, apsw.IOError):  # of the disk, and so of the whole group
            raise
        except Exception as error:
            self._db.execute("ROLLBACK TO one")
            batch.counts, self._tables = counts, tables
            failure = told(error, self._path) if isinstance(error, apsw.Error) else error
            return None, failure
        finally:
            if self._db.in_transaction:
                self._db.execute("RELEASE one")
        return found, None

    # Changes of tables, in the thread that writes.

    def _create(self, batch: Batch, table: Table) -> Table:
        indexes = tuple(msgspec.structs.replace(each, id=at) for at, each in enumerate(table.indexes, 1))
        made = msgspec.structs.replace(table, indexes=indexes, next_index=len(indexes) + 1, created=batch.now)
        batch.db.execute("INSERT INTO tables(name, doc) VALUES(?, ?)", (made.name, _doc(made)))
        id = batch.db.last_insert_rowid()
        numbered = tuple(msgspec.structs.replace(each, id=id * _INDEXES + each.id) for each in indexes)
        return self._keep(batch, msgspec.structs.replace(made, id=id, indexes=numbered))

    def _keep(self, batch: Batch, table: Table) -> Table:
        batch.db.execute("UPDATE tables SET doc = ? WHERE id = ?", (_doc(table), table.id))
        self._tables = {**self._tables, table.name: table}
        return table

    def _drop(self, batch: Batch, table: Table) -> None:
        for index in table.indexes:
            drop_index(batch, index)
        drop_items(batch, table)
        batch.db.execute("DELETE FROM tables WHERE id = ?", (table.id,))
        self._tables = {name: each for name, each in self._tables.items() if name != table.name}

    def _park(self, batch: Batch, name: str) -> None:
        """Give a table's rows another name, by which nobody finds them."""
        batch.db.execute("UPDATE tables SET name = ? || id || ' ' || name WHERE name = ?", (PARKED, name))
        self._tables = {each: table for each, table in self._tables.items() if each != name}

    def _unpark(self, batch: Batch, name: str, wanted: Table) -> bool:
        """Whether the last table parked under this name, with the same key, is there again."""
        sql = "SELECT id, doc FROM tables WHERE substr(name, 1, 1) = ? ORDER BY id DESC"
        rows: list[Any] = batch.db.execute(sql, (PARKED,)).fetchall()
        for id, doc in rows:
            table = msgspec.structs.replace(msgspec.json.decode(doc, type=Table), id=id)
            if table.name == name and table.schema == wanted.schema:
                batch.db.execute("UPDATE tables SET name = ? WHERE id = ?", (name, id))
                self._tables = {**self._tables, name: table}
                return True
        return False

    def _conform(self, batch: Batch, wanted: Mapping[str, Table]) -> None:
        for name in self._tables.keys() - wanted.keys():
            self._park(batch, name)
        for name, table in wanted.items():
            have = self._tables.get(name)
            if have is not None and have.schema != table.schema:
                self._park(batch, name)  # its items have another key
                have = None
            if have is None and not self._unpark(batch, name, table):
                self._create(batch, table)
            self._change(batch, self._tables[name], table)

    def _change(self, batch: Batch, have: Table, wanted: Table) -> None:
        """Indexes made and removed, and the time after which items go."""
        kept: list[Index] = []
        number = have.next_index
        for each in wanted.indexes:
            old = have.index(each.name)
            if old is not None and old.schema == each.schema:
                kept.append(msgspec.structs.replace(each, id=old.id))
                continue
            made = msgspec.structs.replace(each, id=have.id * _INDEXES + number)
            number += 1
            add_index(batch, have, made)
            kept.append(made)
        ids = {each.id for each in kept}
        for index in have.indexes:
            if index.id not in ids:
                drop_index(batch, index)
        changed = msgspec.structs.replace(have, indexes=tuple(kept), ttl=wanted.ttl, next_index=number)
        if changed == have:
            return
        if changed.ttl != have.ttl:
            retime(batch, changed)
        self._keep(batch, changed)


_NOBODY: Any = None


def rename_table(path: Path, old: str, new: str) -> None:
    """Give a table of the database at `path` another name, while nobody has it open; nothing if it has it already.

    Raises ForebayError `NameTaken`.
    """
    if not path.exists():
        return
    db = open_versioned(path, format=FORMAT, ddl=DDL, page_size=PAGE_SIZE)
    try:
        row = db.execute("SELECT id, doc FROM tables WHERE name = ?", (old,)).fetchone()
        if row is not None:
            if db.execute("SELECT count(*) FROM tables WHERE name = ?", (new,)).get:
                raise ForebayError(
                    "NameTaken",
                    f"keyvalue.{new} has items of its own, from before {old} was to be called so",
                    where=str(path),
                    fix="choose another name",
                )
            table = msgspec.structs.replace(msgspec.json.decode(row[1], type=Table), name=new)
            with db:
                db.execute("UPDATE tables SET name = ?, doc = ? WHERE id = ?", (new, _doc(table), row[0]))
    except apsw.Error as error:
        raise told(error, path) from error
    finally:
        db.close()


def _doc(table: Table) -> str:
    return msgspec.json.encode(table).decode()


def _same(have: Table | None, wanted: Table) -> bool:
    if have is None:
        return False
    plain = tuple(msgspec.structs.replace(each, id=0) for each in have.indexes)
    return (have.schema, plain, have.ttl) == (wanted.schema, wanted.indexes, wanted.ttl)


def _answer(results: list[tuple[asyncio.Future[Any], Any, BaseException | None]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any, BaseException | None]]] = {}
    for result in results:
        if result[0] is not None:
            by_loop.setdefault(result[0].get_loop(), []).append(result)
    for loop, some in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(_settle, some)


def _settle(results: list[tuple[asyncio.Future[Any], Any, BaseException | None]]) -> None:
    for future, found, error in results:
        if future.done():
            continue
        if error is None:
            future.set_result(found)
        else:
            future.set_exception(error)
