"""Rows of items and of index entries, as one group commit reads and writes them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import apsw
import msgspec

from forebay.keyvalue.errors import NoTable
from forebay.keyvalue.keys import hashed, sortable
from forebay.keyvalue.table import Index, KeySchema, Table
from forebay.keyvalue.values import Item, content_of, item_size

TOKEN_KEPT = 600
SWEPT = 500
FIVE_YEARS = 5 * 365 * 86_400

encode = msgspec.msgpack.Encoder().encode
decode: Callable[[bytes], Item] = msgspec.msgpack.Decoder(dict[str, dict[str, Any]]).decode
Place = tuple[bytes, bytes]
"""Where an item lies: the bytes of its partition key and of its sort key."""


class Batch:
    """One group commit: its connection, its time (UTC seconds), and what it adds to the tables' counts."""

    def __init__(self, db: apsw.Connection, tables: Callable[[], Mapping[str, Table]]) -> None:
        self.db = db
        self._tables = tables
        self.now = int(time.time())
        self.counts: dict[int, tuple[int, int]] = {}

    def current(self, table: Table) -> Table:
        """A table as it is now, which was found a moment ago. Raises NoTable if it has gone since."""
        now = self._tables().get(table.name)
        if now is None or now.id != table.id:
            raise NoTable(table.name)
        return now

    def add(self, table: int, items: int, size: int) -> None:
        """So many items and bytes more (or fewer)."""
        before = self.counts.get(table, (0, 0))
        self.counts[table] = (before[0] + items, before[1] + size)

    def count(self) -> None:
        """Write the counts down."""
        for table, (items, size) in self.counts.items():
            self.db.execute(
                "UPDATE tables SET items = items + ?, bytes = bytes + ? WHERE id = ?", (items, size, table)
            )


def place(schema: KeySchema, key: Item) -> Place:
    """Where an item with this key lies."""
    return hashed(key[schema.hash.name]), b"" if schema.range is None else sortable(key[schema.range.name])


def get(db: apsw.Connection, table: Table, at: Place, now: int) -> Item | None:
    """The item at a place, unless its time is over."""
    row = db.execute(
        "SELECT item, expires FROM items WHERE tbl = ? AND pk = ? AND sk = ?", (table.id, *at)
    ).fetchone()
    if row is None or (row[1] is not None and row[1] <= now):
        return None
    return decode(row[0])


def put(batch: Batch, table: Table, at: Place, item: Item) -> None:
    """Keep an item in the place of what is there."""
    old = _stored(batch.db, table, at)
    size = item_size(item)
    batch.db.execute(
        "INSERT OR REPLACE INTO items VALUES(?, ?, ?, ?, ?, ?)",
        (table.id, *at, size, expires(table, item, batch.now), encode(item)),
    )
    batch.add(table.id, 0 if old else 1, size - (old[1] if old else 0))
    for index in table.indexes:
        _move(batch, index, at, old[0] if old else None, item)


def delete(batch: Batch, table: Table, at: Place) -> None:
    """Remove what is at a place."""
    old = _stored(batch.db, table, at)
    if old is None:
        return
    batch.db.execute("DELETE FROM items WHERE tbl = ? AND pk = ? AND sk = ?", (table.id, *at))
    batch.add(table.id, -1, -old[1])
    for index in table.indexes:
        _move(batch, index, at, old[0], None)


def _stored(db: apsw.Connection, table: Table, at: Place) -> tuple[Item, int] | None:
    row = db.execute(
        "SELECT item, size FROM items WHERE tbl = ? AND pk = ? AND sk = ?", (table.id, *at)
    ).fetchone()
    return None if row is None else (decode(row[0]) if table.indexes else {}, row[1])


def _move(batch: Batch, index: Index, at: Place, old: Item | None, new: Item | None) -> None:
    before, after = _entry(index, old), _entry(index, new)
    if before == after:
        return
    if before is not None:
        batch.db.execute(
            "DELETE FROM entries WHERE idx = ? AND pk = ? AND sk = ? AND tpk = ? AND tsk = ?",
            (index.id, *before, *at),
        )
    if after is not None:
        batch.db.execute("INSERT INTO entries VALUES(?, ?, ?, ?, ?)", (index.id, *after, *at))


def _entry(index: Index, item: Item | None) -> Place | None:
    key = None if item is None else index.schema.in_(item)
    return None if key is None else place(index.schema, key)


def expires(table: Table, item: Item, now: int) -> int | None:
    """When an item goes (UTC seconds); None if it stays. What is over for five years stays, as on AWS."""
    value = item.get(table.ttl) if table.ttl is not None else None
    if value is None or "N" not in value:
        return None
    try:
        at = int(float(content_of(value)))
    except (ValueError, OverflowError):
        return None
    return at if 0 < at < 1 << 62 and at > now - FIVE_YEARS else None


# Whole tables.


def add_index(batch: Batch, table: Table, index: Index) -> None:
    """Enter all items of a table into a new index."""
    rows: Any = batch.db.execute("SELECT pk, sk, item FROM items WHERE tbl = ?", (table.id,))
    for pk, sk, item in rows:
        _move(batch, index, (pk, sk), None, decode(item))


def drop_index(batch: Batch, index: Index) -> None:
    """Remove an index's entries."""
    batch.db.execute("DELETE FROM entries WHERE idx = ?", (index.id,))


def drop_items(batch: Batch, table: Table) -> None:
    """Remove a table's items."""
    batch.db.execute("DELETE FROM items WHERE tbl = ?", (table.id,))


def retime(batch: Batch, table: Table) -> None:
    """Set down when each item goes, after another attribute says so."""
    if table.ttl is None:
        batch.db.execute("UPDATE items SET expires = NULL WHERE tbl = ? AND expires IS NOT NULL", (table.id,))
        return
    rows: list[Any] = batch.db.execute("SELECT pk, sk FROM items WHERE tbl = ?", (table.id,)).fetchall()
    for at in rows:
        found = _item(batch.db, table, at)
        batch.db.execute(
            "UPDATE items SET expires = ? WHERE tbl = ? AND pk = ? AND sk = ?",
            (expires(table, found, batch.now), table.id, *at),
        )


def _item(db: apsw.Connection, table: Table, at: Place) -> Item:
    sql = "SELECT item FROM items WHERE tbl = ? AND pk = ? AND sk = ?"
    return decode(db.execute(sql, (table.id, *at)).get)


def expire(batch: Batch) -> None:
    """Remove some of the items whose time is over, and tokens that count no more."""
    rows: list[Any] = batch.db.execute(
        "SELECT i.tbl, i.pk, i.sk, t.doc FROM items i JOIN tables t ON t.id = i.tbl"
        " WHERE i.expires <= ? LIMIT ?",
        (batch.now, SWEPT),
    ).fetchall()
    for id, pk, sk, doc in rows:
        delete(batch, msgspec.structs.replace(msgspec.json.decode(doc, type=Table), id=id), (pk, sk))
    batch.db.execute("DELETE FROM tokens WHERE at < ?", (batch.now - TOKEN_KEPT,))


# Tokens of transactions.


def seen(batch: Batch, token: str, asked: bytes) -> bool | None:
    """Whether a transaction was done under this token: True if the same, False if another, None if none was."""
    digest = hashlib.sha256(asked).digest()
    row = batch.db.execute(
        "SELECT digest FROM tokens WHERE token = ? AND at >= ?", (token, batch.now - TOKEN_KEPT)
    ).fetchone()
    if row is not None:
        return bool(row[0] == digest)
    batch.db.execute("INSERT OR REPLACE INTO tokens VALUES(?, ?, ?)", (token, digest, batch.now))
    return None
