"""`alerts.db`: the alarms' states, their history, incidents, and what is still to be told. Flow owns it.

A change of state, its line of history and the messages that it makes are one commit: after a crash nothing is told
twice, and what was to be told is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec
import orjson

from forebay.alerts.incident import Incident
from forebay.alerts.standing import Standing
from forebay.clock import SECOND
from forebay.db import open_versioned, told

FORMAT = 1
DDL = """
CREATE TABLE states(
  name TEXT PRIMARY KEY, state TEXT NOT NULL, reason TEXT NOT NULL, data TEXT, told TEXT,
  since INTEGER NOT NULL, updated INTEGER NOT NULL, print TEXT NOT NULL, forced INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE history(
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
  item TEXT NOT NULL, summary TEXT NOT NULL, data TEXT NOT NULL
);
CREATE INDEX history_name ON history(name, at);
CREATE INDEX history_at ON history(at);
CREATE TABLE incidents(key TEXT PRIMARY KEY, doc BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE outbox(
  id TEXT PRIMARY KEY, name TEXT NOT NULL, target TEXT NOT NULL, payload BLOB NOT NULL,
  made INTEGER NOT NULL, tries INTEGER NOT NULL, due INTEGER NOT NULL
) WITHOUT ROWID;
"""
KEPT = 30 * 86400 * SECOND
"""Microseconds that history is kept: as long as CloudWatch's."""
MOST = 100_000
"""Lines of history."""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be told. Its id is the same however often it is tried."""

    id: str
    name: str
    target: str
    payload: bytes
    made: int
    tries: int = 0
    due: int = 0


class Alerts:
    """The one connection; its methods may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._db = open_versioned(path, format=FORMAT, ddl=DDL)

    @contextmanager
    def change(self) -> Iterator[apsw.Connection]:
        """One transaction, on disk when the block ends. Raises ForebayError as disks do."""
        with self._lock:
            try:
                with self._db:
                    yield self._db
            except apsw.Error as error:
                raise told(error, self._path) from error

    def standings(self) -> dict[str, Standing]:
        """Every alarm's state, by name."""
        sql = "SELECT name, state, reason, since, updated, print, data, told, forced FROM states"
        with self._lock:
            rows: list[Any] = self._db.execute(sql).fetchall()
        names = ("name", "state", "reason", "since", "updated", "print", "data", "told")
        return {
            row[0]: Standing(**dict(zip(names, row[:8], strict=True)), forced=bool(row[8])) for row in rows
        }

    def incidents(self) -> dict[str, Incident]:
        """Those that last, by key."""
        with self._lock:
            rows: list[Any] = self._db.execute("SELECT key, doc FROM incidents").fetchall()
        return {row[0]: msgspec.msgpack.decode(row[1], type=Incident) for row in rows}

    def due(self, now: int, most: int = 100) -> list[Due]:
        """What is to be told by now, in the order in which it was made."""
        sql = "SELECT id, name, target, payload, made, tries, due FROM outbox WHERE due <= ? ORDER BY made, id LIMIT ?"
        with self._lock:
            rows: list[Any] = self._db.execute(sql, (now, most)).fetchall()
        names = ("id", "name", "target", "payload", "made", "tries", "due")
        return [Due(**dict(zip(names, row, strict=True))) for row in rows]

    def next_due(self) -> int | None:
        """When the next is to be told; None if nothing waits."""
        with self._lock:
            found: int | None = self._db.execute("SELECT min(due) FROM outbox").get
        return found

    def history(
        self,
        name: str | None = None,
        *,
        item: str | None = None,
        start: int = 0,
        end: int = 1 << 62,
        before: int | None = None,
        after: int | None = None,
        most: int = 100,
        oldest_first: bool = False,
        kinds: tuple[str, ...] = (),
    ) -> list[dict[str, Any]]:
        """Lines of history; page on with the id of the last (`before`, or `after` from the oldest on)."""
        sql = "SELECT id, name, kind, at, item, summary, data FROM history WHERE at >= ? AND at <= ?"
        values: list[Any] = [start, end]
        for clause, value in (("name = ?", name), ("item = ?", item), ("id < ?", before), ("id > ?", after)):
            if value is not None:
                sql += f" AND {clause}"
                values.append(value)
        if kinds:
            sql += f" AND kind IN ({', '.join('?' * len(kinds))})"
            values += kinds
        sql += f" ORDER BY id {'ASC' if oldest_first else 'DESC'} LIMIT ?"
        with self._lock:
            rows: list[Any] = self._db.execute(sql, (*values, most)).fetchall()
        names = ("id", "name", "kind", "at", "item", "summary", "data")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def clean(self, now: int) -> None:
        """Let go of history that is too old or too much."""
        with self.change() as db:
            db.execute("DELETE FROM history WHERE at < ?", (now - KEPT,))
            db.execute("DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - ?", (MOST,))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


Change = Callable[[apsw.Connection], None]


def put_standing(db: apsw.Connection, new: Standing) -> None:
    """Within a change: an alarm's state."""
    db.execute(
        "INSERT OR REPLACE INTO states(name, state, reason, data, told, since, updated, print, forced)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (new.name, new.state, new.reason, new.data, new.told, new.since, new.updated, new.print, new.forced),
    )


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of history: of what (`kind`, MetricAlarm or CompositeAlarm), when, and which item, in CloudWatch's words."""

    name: str
    kind: str
    at: int
    item: str
    summary: str
    data: dict[str, Any] = {}


def put_history(db: apsw.Connection, line: Line) -> None:
    """Within a change: a line of history."""
    db.execute(
        "INSERT INTO history(name, kind, at, item, summary, data) VALUES(?, ?, ?, ?, ?, ?)",
        (line.name, line.kind, line.at, line.item, line.summary, orjson.dumps(line.data).decode()),
    )


def put_incident(db: apsw.Connection, key: str, incident: Incident | None) -> None:
    """Within a change: an incident as it is now; None if it is over."""
    if incident is None:
        db.execute("DELETE FROM incidents WHERE key = ?", (key,))
    else:
        db.execute("INSERT OR REPLACE INTO incidents VALUES(?, ?)", (key, msgspec.msgpack.encode(incident)))


def put_due(db: apsw.Connection, due: Due) -> None:
    """Within a change: something to be told, once under its id."""
    db.execute(
        "INSERT OR IGNORE INTO outbox VALUES(?, ?, ?, ?, ?, ?, ?)",
        (due.id, due.name, due.target, due.payload, due.made, due.tries, due.due),
    )


def forget(db: apsw.Connection, name: str) -> None:
    """Within a change: an alarm is no more. Its history stays, as on CloudWatch."""
    db.execute("DELETE FROM states WHERE name = ?", (name,))
