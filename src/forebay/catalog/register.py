"""What is registered over the wire: databases, tables with their versions, and partitions.

Every function takes a connection (inside a transaction where it writes) and plain values, and gives plain
values, so that it can be asked through flow.sock. A table's doc is the one of `catalog/schema.py`; here it
also has a `revision`, which counts the changes of its definition alone: `tables.version` counts those of
its partitions too. Older revisions are kept in `table_versions`.
"""

from __future__ import annotations

import json
from typing import Any

import apsw

from forebay.catalog.tables import drop_table, get_table, make_way
from forebay.clock import now_us
from forebay.errors import ForebayError, NotFound, UsageError

Doc = dict[str, Any]
KEPT = 1000
"""Revisions of one table that are kept; the oldest go first."""


# --- databases ---


def database_row(db: apsw.Connection, name: str) -> Doc:
    """A database: `{name, doc}`. Raises NotFound `NoSuchDatabase`."""
    row = db.execute("SELECT name, doc FROM databases WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise NotFound("NoSuchDatabase", f"Database {name} not found.")
    return {"name": row[0], "doc": json.loads(row[1])}


def list_databases(db: apsw.Connection, after: str = "", limit: int = 100) -> list[Doc]:
    """Databases by name, from behind `after`."""
    rows = db.execute("SELECT name, doc FROM databases WHERE name > ? ORDER BY name LIMIT ?", (after, limit))
    return [{"name": name, "doc": json.loads(doc)} for name, doc in rows]


def add_database(db: apsw.Connection, name: str, doc: Doc) -> None:
    """Make a database. Raises UsageError `DatabaseExists`."""
    if db.execute("SELECT 1 FROM databases WHERE name = ?", (name,)).fetchone():
        raise UsageError("DatabaseExists", "Database already exists.")
    db.execute("INSERT INTO databases VALUES (?, ?)", (name, json.dumps({**doc, "created": now_us()})))


def change_database(db: apsw.Connection, name: str, doc: Doc, rename: str | None = None) -> None:
    """Replace a database's doc. Raises NotFound."""
    old = database_row(db, name)["doc"]
    created = {"created": old["created"]} if "created" in old else {}
    if rename is not None and rename != name:
        raise UsageError("InvalidInput", "Database cannot be renamed.")
    db.execute("UPDATE databases SET doc = ? WHERE name = ?", (json.dumps({**doc, **created}), name))


def remove_database(db: apsw.Connection, name: str) -> None:
    """Forget a database with its tables; files stay. Raises NotFound."""
    database_row(db, name)
    for (table,) in db.execute("SELECT name FROM tables WHERE db = ?", (name,)).fetchall():
        remove_table(db, name, str(table))
    db.execute("DELETE FROM databases WHERE name = ?", (name,))


# --- tables ---

_ROW = "id, db, name, kind, doc, created, updated"


def _table(db: apsw.Connection, row: tuple[Any, ...]) -> Doc:
    id_, database, name, kind, text, created, updated = row
    doc = json.loads(text)
    return {
        "database": database,
        "name": name,
        "kind": kind,
        "doc": doc,
        "created": created,
        "updated": updated,
        "revision": _revision(db, id_, doc),
    }


def _revision(db: apsw.Connection, id_: int, doc: Doc) -> int:
    # Who changes a doc without knowing of revisions leaves none: it is the one after the last kept.
    found = doc.get("revision")
    if isinstance(found, int):
        return found
    last = db.execute("SELECT max(version) FROM table_versions WHERE table_id = ?", (id_,)).get
    return int(last or 0) + 1


def table_row(db: apsw.Connection, database: str, name: str) -> Doc:
    """A table: `{database, name, kind, doc, created, updated, revision}`. Raises NotFound."""
    return _table(db, _stored(db, database, name))


def _stored(db: apsw.Connection, database: str, name: str) -> tuple[Any, ...]:
    row: Any = db.execute(f"SELECT {_ROW} FROM tables WHERE db = ? AND name = ?", (database, name)).fetchone()
    if row is None:
        database_row(db, database)
        raise NotFound("NoSuchTable", f"Table {name} not found.")
    found: tuple[Any, ...] = row
    return found


def list_tables(
    db: apsw.Connection, database: str, after: str = "", limit: int = 100, names: list[str] | None = None
) -> list[Doc]:
    """A database's tables by name, from behind `after`; with `names`, those only. Raises NotFound."""
    database_row(db, database)
    if names is not None:
        wanted = sorted(name for name in names if name > after)[:limit]
        marks = ",".join("?" * len(wanted))
        sql = f"SELECT {_ROW} FROM tables WHERE db = ? AND name IN ({marks}) ORDER BY name"
        return [_table(db, row) for row in db.execute(sql, (database, *wanted)).fetchall()]
    sql = f"SELECT {_ROW} FROM tables WHERE db = ? AND name > ? ORDER BY name LIMIT ?"
    return [_table(db, row) for row in db.execute(sql, (database, after, limit)).fetchall()]


def table_names(db: apsw.Connection, database: str | None = None) -> list[list[str]]:
    """[database, table] of every table, of one database or of all. Raises NotFound."""
    if database is not None:
        database_row(db, database)
    rows = db.execute(
        "SELECT db, name FROM tables WHERE ?1 IS NULL OR db = ?1 ORDER BY db, name", (database,)
    )
    return [list(row) for row in rows]


def add_table(db: apsw.Connection, database: str, name: str, kind: str, doc: Doc) -> None:
    """Make a table. Raises NotFound for the database, UsageError `TableExists`."""
    database_row(db, database)
    make_way(db, database, name)
    if get_table(db, database, name) is not None:
        raise UsageError("TableExists", "Table already exists.")
    now = now_us()
    db.execute(
        "INSERT INTO tables(db, name, kind, doc, created, updated) VALUES (?, ?, ?, ?, ?, ?)",
        (database, name, kind, json.dumps({**doc, "revision": 1}), now, now),
    )


def change_table(
    db: apsw.Connection,
    database: str,
    name: str,
    kind: str,
    doc: Doc,
    *,
    archive: bool = True,
    expected: int | None = None,
) -> None:
    """Give a table a new revision; `archive` keeps the old one.

    Raises NotFound, ForebayError `RevisionMoved` if the table is no longer at `expected`.
    """
    row = _stored(db, database, name)
    id_, old, updated = row[0], json.loads(row[4]), row[6]
    revision = _revision(db, id_, old)
    if expected is not None and expected != revision:
        raise ForebayError("RevisionMoved", "Update table failed due to concurrent modifications.")
    if archive:
        db.execute(
            "INSERT OR REPLACE INTO table_versions VALUES (?, ?, ?, ?, ?)",
            (id_, revision, row[3], json.dumps(old), updated),
        )
        db.execute("DELETE FROM table_versions WHERE table_id = ? AND version <= ?", (id_, revision - KEPT))
    db.execute(
        "UPDATE tables SET kind = ?, doc = ?, version = version + 1, updated = ? WHERE id = ?",
        (kind, json.dumps({**doc, "revision": revision + 1}), now_us(), id_),
    )


def remove_table(db: apsw.Connection, database: str, name: str) -> None:
    """Forget a table, its revisions and its partitions; files stay. Raises NotFound."""
    row = _stored(db, database, name)
    db.execute("DELETE FROM table_versions WHERE table_id = ?", (row[0],))
    drop_table(db, database, name)


def remove_tables(db: apsw.Connection, database: str, names: list[str]) -> list[str]:
    """Forget tables; the names that were not there. Raises NotFound for the database."""
    database_row(db, database)
    missing = []
    for name in names:
        if get_table(db, database, name) is None:
            missing.append(name)
        else:
            remove_table(db, database, name)
    return missing


def revisions(db: apsw.Connection, database: str, name: str) -> list[Doc]:
    """All revisions of a table that are kept, oldest first, the present one last. Raises NotFound."""
    present = table_row(db, database, name)
    id_ = db.execute("SELECT id FROM tables WHERE db = ? AND name = ?", (database, name)).get
    rows = db.execute(
        "SELECT version, kind, doc, updated FROM table_versions WHERE table_id = ? ORDER BY version", (id_,)
    )
    older = [
        {**present, "kind": kind, "doc": json.loads(doc), "updated": updated, "revision": version}
        for version, kind, doc, updated in rows
    ]
    return [*older, present]


def remove_revisions(db: apsw.Connection, database: str, name: str, versions: list[int]) -> list[int]:
    """Forget revisions of a table; those that were not kept. The present one stays. Raises NotFound."""
    present = table_row(db, database, name)["revision"]
    if present in versions:
        raise UsageError("InvalidInput", "Cannot delete the latest version of the table.")
    id_ = db.execute("SELECT id FROM tables WHERE db = ? AND name = ?", (database, name)).get
    missing = []
    for version in versions:
        db.execute("DELETE FROM table_versions WHERE table_id = ? AND version = ?", (id_, version))
        if not db.changes():
            missing.append(version)
    return missing
