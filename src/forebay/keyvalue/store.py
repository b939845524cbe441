"""The tables of one state folder (`keyvalue.db`): one thread writes, in group commits; others read.

    write(work) ─▶ queue ─▶ BEGIN; work of all who wait; COMMIT (fsync) ─▶ answers
    read(work)  ─▶ a connection of its own, on what is committed

The file is opened when it is first needed: a system without tables has none. Items past their time are as if
they were not there, and are removed in the background.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from forebay.db import open_versioned, told
from forebay.errors import ForebayError
from forebay.group_commit import Answer, Asker, GroupCommits
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
SWEEP = 1.0
PARKED = "~"
"""Before the name of a table that the project no longer declares, and whose items are kept."""
_INDEXES = 1 << 10

T = TypeVar("T")
Work = Callable[[Batch], T]


class Tables(GroupCommits[Work[Any]]):
    """The tables; everything that is done to their items goes through `write` and `read`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "keyvalue")
        self._tables: dict[str, Table] = {}
        self._kept: dict[str, Table] = {}
        self._swept = time.monotonic()
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
        found: T = await self.submit(work)
        return found

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """Do `work` on what is committed, in a thread."""
        return await self.snapshot(work)

    def _begin(self) -> apsw.Connection:
        db = open_versioned(self._path, format=FORMAT, ddl=DDL, page_size=PAGE_SIZE)
        rows: list[Any] = db.execute("SELECT id, name, doc FROM tables").fetchall()
        for id, name, doc in rows:
            if not name.startswith(PARKED):
                self._tables[name] = msgspec.structs.replace(msgspec.json.decode(doc, type=Table), id=id)
        self._kept = self._tables
        return db

    # The thread that writes.

    def _pause(self) -> float:
        return SWEEP if any(table.ttl for table in self._tables.values()) else 60.0

    def _look_after(self) -> None:
        if time.monotonic() - self._swept >= SWEEP:
            self._swept = time.monotonic()
            self._commit([(expire, None)])

    def _do(self, db: apsw.Connection, jobs: list[tuple[Work[Any], Asker]]) -> list[Answer]:
        batch = Batch(db, lambda: self._tables)
        answers = [Answer(asker, *self._one(batch, work)) for work, asker in jobs]
        batch.count()
        return answers

    def _done(self) -> None:
        self._kept = self._tables

    def _undone(self) -> None:
        self._tables = self._kept

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
