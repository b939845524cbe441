"""Consumers that leave nothing in the catalog but their position and counts: what rules call, what buses count.

Each function runs in a transaction of the catalog's writer, so that what a consumer does beside it (a call
that is kept, a row) commits with its position (invariant 4).
"""

from __future__ import annotations

from typing import Any

import apsw

from forebay.catalog.deliveries import COPIES
from forebay.errors import ForebayError

# `position` is how far a bus's events were counted; `unmatched` met no rule.
DDL = """
CREATE TABLE IF NOT EXISTS buses(
  name TEXT PRIMARY KEY, position INTEGER NOT NULL, unmatched INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS archives(
  bus TEXT NOT NULL, name TEXT NOT NULL, events INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY(bus, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS schedules(
  bus TEXT NOT NULL, rule TEXT NOT NULL, text TEXT NOT NULL, since INTEGER NOT NULL, due INTEGER,
  PRIMARY KEY(bus, rule)
) WITHOUT ROWID;
"""


def attach(db: apsw.Connection, consumer: str, log: str, start: int) -> int:
    """The consumer's position, at least `start`: what lies before is none of its events."""
    db.execute("INSERT OR IGNORE INTO positions VALUES (?, ?, ?, ?)", (consumer, log, start, start))
    db.execute("INSERT OR IGNORE INTO ledger(consumer) VALUES (?)", (consumer,))
    db.execute(
        "UPDATE positions SET start = start + ?1 - position, position = ?1"
        " WHERE consumer = ?2 AND log = ?3 AND position < ?1",
        (start, consumer, log),
    )
    return int(
        db.execute("SELECT position FROM positions WHERE consumer = ? AND log = ?", (consumer, log)).get
    )


def move(
    db: apsw.Connection, consumer: str, log: str, before: int, after: int, *, copies: int = 0, **ends: int
) -> None:
    """Move a position; `ends` (delivered, dropped, rejected) are those of the events between.

    They leave no object of this consumer's to count them by, and so count as removed at once. Raises ForebayError `PositionMoved`, `LedgerMismatch`.
    """
    if sum(ends.values()) != after - before + copies:
        raise ForebayError(
            "LedgerMismatch", f"{consumer} read {after - before} events and has an end for {ends}"
        )
    db.execute(
        "UPDATE positions SET position = ? WHERE consumer = ? AND log = ? AND position = ?",
        (after, consumer, log, before),
    )
    if db.changes() != 1:
        raise ForebayError("PositionMoved", f"{consumer} is no longer at {before} of {log}")
    if copies:
        db.execute(
            "INSERT INTO positions VALUES (?, ?, 0, ?)"
            " ON CONFLICT DO UPDATE SET position = position + excluded.position",
            (consumer, log + COPIES, copies),
        )
    delivered, dropped, rejected = (ends.get(name, 0) for name in ("delivered", "dropped", "rejected"))
    db.execute(
        "UPDATE ledger SET delivered = delivered + ?1, dropped = dropped + ?2, rejected = rejected + ?3,"
        " removed = removed + ?1 + ?3 WHERE consumer = ?4",
        (delivered, dropped, rejected, consumer),
    )


def counted(db: apsw.Connection, bus: str) -> tuple[int, int] | None:
    """How far a bus was counted, and how many events met no rule; None if it never was."""
    row: Any = db.execute("SELECT position, unmatched FROM buses WHERE name = ?", (bus,)).fetchone()
    return None if row is None else (int(row[0]), int(row[1]))


def count(
    db: apsw.Connection,
    bus: str,
    position: int,
    unmatched: int,
    archived: dict[str, tuple[int, int]],
) -> None:
    """A bus was counted up to `position`; `archived` has events and bytes that went into archives."""
    db.execute(
        "INSERT INTO buses VALUES (?, ?, ?) ON CONFLICT(name) DO UPDATE SET position = excluded.position,"
        " unmatched = unmatched + excluded.unmatched",
        (bus, position, unmatched),
    )
    for name, (events, size) in archived.items():
        db.execute(
            "INSERT INTO archives VALUES (?, ?, ?, ?) ON CONFLICT(bus, name) DO UPDATE SET"
            " events = events + excluded.events, bytes = bytes + excluded.bytes",
            (bus, name, events, size),
        )


def forget_archive(db: apsw.Connection, bus: str, name: str) -> None:
    """An archive is gone, with its counts."""
    db.execute("DELETE FROM archives WHERE bus = ? AND name = ?", (bus, name))


def forget_bus(db: apsw.Connection, bus: str) -> None:
    """A bus is gone, with its counts."""
    for table, column in (("buses", "name"), ("archives", "bus"), ("schedules", "bus")):
        db.execute(f"DELETE FROM {table} WHERE {column} = ?", (bus,))
