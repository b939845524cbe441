"""Databases, tables and partitions: what a name in SQL means, and where its files are.

Every function takes a connection inside a transaction of `Store`; a change of a table is a new version
of its row, so that whoever keeps a plan or a decoded copy knows it by (id, version).
"""

from __future__ import annotations

import json
from typing import Any

import apsw

from forebay.clock import now_us
from forebay.errors import NotFound
from forebay.ports import TableChange


def create_database(db: apsw.Connection, name: str, doc: dict[str, Any] | None = None) -> None:
    """Make a database, unless it is there."""
    db.execute("INSERT OR IGNORE INTO databases VALUES (?, ?)", (name, json.dumps(doc or {})))


def get_table(db: apsw.Connection, database: str, name: str) -> dict[str, Any] | None:
    """A table's doc, with its `id`, `kind` and `version`; None if there is no such table."""
    row = db.execute(
        "SELECT id, kind, version, doc FROM tables WHERE db = ? AND name = ?", (database, name)
    ).fetchone()
    return None if row is None else {**json.loads(row[3]), "id": row[0], "kind": row[1], "version": row[2]}


def put_table(db: apsw.Connection, database: str, name: str, kind: str, doc: dict[str, Any]) -> None:
    """Make a table, or give it a new version where anything about it differs."""
    create_database(db, database)
    now = now_us()
    old = db.execute("SELECT kind, doc FROM tables WHERE db = ? AND name = ?", (database, name)).fetchone()
    if old is None:
        db.execute(
            "INSERT INTO tables(db, name, kind, doc, created, updated) VALUES (?, ?, ?, ?, ?, ?)",
            (database, name, kind, json.dumps(doc), now, now),
        )
    elif old[0] != kind or json.loads(old[1]) != doc:
        db.execute(
            "UPDATE tables SET kind = ?, doc = ?, version = version + 1, updated = ? WHERE db = ? AND name = ?",
            (kind, json.dumps(doc), now, database, name),
        )


def make_way(db: apsw.Connection, database: str, name: str) -> None:
    """Forget the table over a stream that has this name: who makes a table of his own has it."""
    old = get_table(db, database, name)
    if old is not None and old.get("owner") == "stream":
        drop_table(db, database, name)


def drop_table(db: apsw.Connection, database: str, name: str) -> None:
    """Forget a table and its partitions; its files stay. Raises NotFound."""
    id_ = db.execute("SELECT id FROM tables WHERE db = ? AND name = ?", (database, name)).get
    if id_ is None:
        raise NotFound("NoSuchTable", f"there is no table {database}.{name}")
    db.execute("DELETE FROM partitions WHERE table_id = ?", (id_,))
    db.execute("DELETE FROM tables WHERE id = ?", (id_,))


def add_columns(db: apsw.Connection, change: TableChange) -> None:
    """Widen a table to these columns: a new version, in the commit of the rows that need it."""
    row = db.execute(
        "SELECT id, doc FROM tables WHERE db = ? AND name = ?", (change.database, change.table)
    ).fetchone()
    if row is None:
        return  # dropped over the wire meanwhile; the rows stay
    doc = {**json.loads(row[1]), "columns": [list(column) for column in change.columns]}
    db.execute("UPDATE tables SET doc = ? WHERE id = ?", (json.dumps(doc), row[0]))
    _touch(db, row[0])


def _touch(db: apsw.Connection, table_id: int) -> None:
    db.execute("UPDATE tables SET version = version + 1, updated = ? WHERE id = ?", (now_us(), table_id))
