"""Partitions as they are registered: one by one, in batches, by expression, in segments.

Like `catalog/register.py`: a connection and plain values in, plain values out. A partition's doc may have
`columns`, `parameters` and whatever its maker wants back; its location is a column of its own.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

import apsw

from forebay.catalog.expression import Filter
from forebay.catalog.register import table_row
from forebay.clock import now_us
from forebay.errors import NotFound, UsageError

Doc = dict[str, Any]


def _id(db: apsw.Connection, database: str, table: str) -> int:
    id_ = db.execute("SELECT id FROM tables WHERE db = ? AND name = ?", (database, table)).get
    if id_ is None:
        table_row(db, database, table)
    return int(id_)


def _moved(db: apsw.Connection, id_: int) -> None:
    db.execute("UPDATE tables SET version = version + 1 WHERE id = ?", (id_,))


def _row(values: str, location: str, doc: str) -> Doc:
    return {"values": json.loads(values), "location": location, "doc": json.loads(doc)}


def get_partition(db: apsw.Connection, database: str, table: str, values: list[str]) -> Doc:
    """One partition: `{values, location, doc}`. Raises NotFound `NoSuchPartition`."""
    found = get_partitions(db, database, table, [values])
    if not found:
        raise NotFound("NoSuchPartition", "Cannot find partition.")
    return found[0]


def get_partitions(db: apsw.Connection, database: str, table: str, wanted: list[list[str]]) -> list[Doc]:
    """Those of the wanted partitions that there are, in the order asked. Raises NotFound for the table."""
    id_ = _id(db, database, table)
    found = []
    for values in wanted:
        row = db.execute(
            "SELECT vals, location, doc FROM partitions WHERE table_id = ? AND vals = ?",
            (id_, json.dumps(values)),
        ).fetchone()
        if row is not None:
            found.append(_row(*row))
    return found


def find_partitions(
    db: apsw.Connection,
    database: str,
    table: str,
    *,
    expression: str = "",
    after: str = "",
    limit: int = 1000,
    segment: list[int] | None = None,
) -> Doc:
    """`{partitions, next}`: by values, from behind `after`; `next` is where to go on, None at the end.

    `segment` is [number, of how many]: a part of all, the same at every call. Raises NotFound,
    UsageError `InvalidInput` for an expression that cannot be.
    """
    id_ = _id(db, database, table)
    doc = json.loads(db.execute("SELECT doc FROM tables WHERE id = ?", (id_,)).get)
    keys = [(str(name).lower(), str(kind)) for name, kind in doc.get("partition_keys") or ()]
    keep = Filter(expression, keys) if expression.strip() else None
    found: list[Doc] = []
    rows = db.execute(
        "SELECT vals, location, doc FROM partitions WHERE table_id = ? AND vals > ? ORDER BY vals",
        (id_, after),
    )
    for values, location, text in rows:
        if segment is not None and zlib.crc32(values.encode()) % segment[1] != segment[0]:
            continue
        if keep is not None and not keep(json.loads(values)):
            continue
        if len(found) == limit:
            return {"partitions": found, "next": json.dumps(found[-1]["values"])}
        found.append(_row(values, location, text))
    return {"partitions": found, "next": None}


def _checked(db: apsw.Connection, id_: int, values: list[str]) -> str:
    doc = json.loads(db.execute("SELECT doc FROM tables WHERE id = ?", (id_,)).get)
    keys = doc.get("partition_keys") or ()
    # A table without partition keys takes any values, as other implementations of this API do.
    if keys and len(keys) != len(values):
        raise UsageError(
            "InvalidInput", "The number of partition keys do not match the number of partition values"
        )
    return json.dumps(values)


def _has(db: apsw.Connection, id_: int, values: str) -> bool:
    row = db.execute("SELECT 1 FROM partitions WHERE table_id = ? AND vals = ?", (id_, values)).fetchone()
    return row is not None


def add_partitions(db: apsw.Connection, database: str, table: str, rows: list[Doc]) -> list[list[Any]]:
    """Add partitions `{values, location, doc}`; [values, code, message] of those that could not be."""
    id_ = _id(db, database, table)
    failed: list[list[Any]] = []
    now = now_us()
    for row in rows:
        try:
            values = _checked(db, id_, row["values"])
            if _has(db, id_, values):
                raise UsageError("PartitionExists", "Partition already exists.")
        except UsageError as error:
            failed.append([row["values"], error.code, error.message])
            continue
        doc = json.dumps({**row["doc"], "created": now})
        db.execute("INSERT INTO partitions VALUES (?, ?, ?, ?)", (id_, values, row["location"], doc))
    _moved(db, id_)
    return failed


def change_partitions(db: apsw.Connection, database: str, table: str, rows: list[Doc]) -> list[list[Any]]:
    """Replace partitions: `{old, values, location, doc}`; [old, code, message] of those that could not be."""
    id_ = _id(db, database, table)
    failed: list[list[Any]] = []
    for row in rows:
        old = json.dumps(row["old"])
        try:
            values = _checked(db, id_, row["values"])
            found = db.execute(
                "SELECT doc FROM partitions WHERE table_id = ? AND vals = ?", (id_, old)
            ).fetchone()
            if found is None:
                raise NotFound("NoSuchPartition", "Cannot find partition.")
            if values != old and _has(db, id_, values):
                raise UsageError("PartitionExists", "Partition already exists.")
        except (UsageError, NotFound) as error:
            failed.append([row["old"], error.code, error.message])
            continue
        created = json.loads(found[0]).get("created")
        doc = json.dumps({**row["doc"], "created": created or now_us()})
        db.execute("DELETE FROM partitions WHERE table_id = ? AND vals = ?", (id_, old))
        db.execute("INSERT INTO partitions VALUES (?, ?, ?, ?)", (id_, values, row["location"], doc))
    _moved(db, id_)
    return failed


def remove_partitions(
    db: apsw.Connection, database: str, table: str, wanted: list[list[str]]
) -> list[list[str]]:
    """Forget partitions; those that were not there. Files stay. Raises NotFound for the table."""
    id_ = _id(db, database, table)
    missing = []
    for values in wanted:
        db.execute("DELETE FROM partitions WHERE table_id = ? AND vals = ?", (id_, json.dumps(values)))
        if not db.changes():
            missing.append(values)
    _moved(db, id_)
    return missing
