"""Log groups, their streams and events (`logs.db`): what CloudWatch Logs keeps.

Every method is synchronous and takes a lock for as long as a few rows take; callers on an event loop use
a thread. Times are UTC milliseconds, as CloudWatch has them. A position is (time, id): events of equal
time stand in the order in which they came.

Functions write their logs as text files (`logs/functions/<name>.log`); `take_in` copies what is new of
them into the group `/aws/lambda/<name>`, where it is then kept and found as any other event.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from forebay.db import open_versioned, told
from forebay.errors import ForebayError, NotFound
from forebay.telemetry.files import FileLines, lines_since

FORMAT = 1
DDL = """
CREATE TABLE groups(
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL, retention INTEGER,
  bytes INTEGER NOT NULL DEFAULT 0, meta TEXT NOT NULL, tags TEXT NOT NULL
);
CREATE TABLE streams(
  id INTEGER PRIMARY KEY AUTOINCREMENT, grp INTEGER NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL,
  first INTEGER, last INTEGER, taken INTEGER, UNIQUE(grp, name)
);
CREATE TABLE events(
  id INTEGER PRIMARY KEY AUTOINCREMENT, grp INTEGER NOT NULL, stream INTEGER NOT NULL, at INTEGER NOT NULL,
  taken INTEGER NOT NULL, message TEXT NOT NULL
);
CREATE INDEX events_of_stream ON events(stream, at, id);
CREATE INDEX events_of_group ON events(grp, at, id);
CREATE TABLE files(name TEXT PRIMARY KEY, inode INTEGER NOT NULL, offset INTEGER NOT NULL) WITHOUT ROWID;
"""
DAY = 86_400_000
PREFIX = "/aws/lambda/"
STREAM = "[$LATEST]forebay"
"""The stream of a function's group."""
EXPIRED_AT_ONCE = 5000

Position = tuple[int, int]


class Exists(ForebayError):
    """A group or stream of this name is there already."""

    status = 400


@dataclass(frozen=True, slots=True)
class Group:
    """A log group; `retention` in days, None = for ever."""

    id: int
    name: str
    created: int
    retention: int | None
    bytes: int
    meta: dict[str, Any]
    tags: dict[str, str]

    def floor(self) -> int:
        """Events before this time are expired."""
        return 0 if self.retention is None else now() - self.retention * DAY


@dataclass(frozen=True, slots=True)
class Stream:
    """A log stream: the times of its first and last event, and when it last took one."""

    id: int
    name: str
    created: int
    first: int | None
    last: int | None
    taken: int | None


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream."""

    id: int
    stream: str
    at: int
    taken: int
    message: str


def now() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


class Groups:
    """The groups of one state folder. Raises NotFound `NoSuchGroup` or `NoSuchStream`, Exists, or what disks do."""

    def __init__(self, path: Path, functions: Path) -> None:
        """`functions` is the folder of the functions' text logs."""
        self._path = path
        self._functions = functions
        self._lock = threading.RLock()
        self._db = open_versioned(path, format=FORMAT, ddl=DDL)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    # Groups.

    def create(self, name: str, meta: dict[str, Any], tags: dict[str, str]) -> None:
        """Make a group."""
        self.take_in(name)
        try:
            self._run(
                "INSERT INTO groups(name, created, meta, tags) VALUES(?, ?, ?, ?)",
                (name, now(), json.dumps(meta), json.dumps(tags)),
            )
        except apsw.ConstraintError:
            raise Exists("GroupExists", f"there is a log group {name}") from None

    def delete(self, name: str) -> None:
        """Remove a group with all that is in it."""
        group = self.group(name)
        with self._lock, self._db:
            for table in ("events", "streams"):
                self._db.execute(f"DELETE FROM {table} WHERE grp = ?", (group.id,))
            self._db.execute("DELETE FROM groups WHERE id = ?", (group.id,))

    def group(self, name: str) -> Group:
        """One group."""
        self.take_in(name)
        return self._group(name)

    def all(self, prefix: str = "") -> list[Group]:
        """Every group whose name begins so, by name."""
        for path in sorted(self._functions.glob("*.log")):
            self.take_in(PREFIX + path.stem)
        rows = self._run(
            "SELECT id, name, created, retention, bytes, meta, tags FROM groups"
            " WHERE substr(name, 1, ?) = ? ORDER BY name",
            (len(prefix), prefix),
        )
        return [_group(row) for row in rows]

    def retain(self, name: str, days: int | None) -> None:
        """Keep a group's events so many days."""
        self._run("UPDATE groups SET retention = ? WHERE id = ?", (days, self.group(name).id))

    def tag(self, name: str, tags: dict[str, str]) -> None:
        """Replace a group's tags."""
        self._run("UPDATE groups SET tags = ? WHERE id = ?", (json.dumps(tags), self.group(name).id))

    def amend(self, name: str, meta: dict[str, Any]) -> None:
        """Replace what else is kept of a group."""
        self._run("UPDATE groups SET meta = ? WHERE id = ?", (json.dumps(meta), self.group(name).id))

    # Streams.

    def create_stream(self, name: str, stream: str) -> None:
        """Make a stream."""
        group = self.group(name)
        try:
            self._run("INSERT INTO streams(grp, name, created) VALUES(?, ?, ?)", (group.id, stream, now()))
        except apsw.ConstraintError:
            raise Exists("StreamExists", f"there is a log stream {stream} in {name}") from None

    def delete_stream(self, name: str, stream: str) -> None:
        """Remove a stream with its events."""
        found = self.stream(self.group(name), stream)
        with self._lock, self._db:
            self._db.execute("DELETE FROM events WHERE stream = ?", (found.id,))
            self._db.execute("DELETE FROM streams WHERE id = ?", (found.id,))

    def stream(self, group: Group, name: str) -> Stream:
        """One stream."""
        rows = self._run(
            "SELECT id, name, created, first, last, taken FROM streams WHERE grp = ? AND name = ?",
            (group.id, name),
        )
        if not rows:
            raise NotFound("NoSuchStream", f"there is no log stream {name} in {group.name}")
        return Stream(*rows[0])

    def streams(self, group: Group, prefix: str = "") -> list[Stream]:
        """Every stream whose name begins so, by name."""
        rows = self._run(
            "SELECT id, name, created, first, last, taken FROM streams"
            " WHERE grp = ? AND substr(name, 1, ?) = ? ORDER BY name",
            (group.id, len(prefix), prefix),
        )
        return [Stream(*row) for row in rows]

    # Events.

    def put(self, group: Group, stream: Stream, events: Sequence[tuple[int, str]]) -> None:
        """Keep events (time, message), on disk when this returns. What expired is removed, a piece at a time."""
        with self._lock, self._db:
            self._insert(group.id, stream.id, events)
            if group.retention is not None:
                self._db.execute(
                    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE grp = ? AND at < ? LIMIT ?)",
                    (group.id, group.floor(), EXPIRED_AT_ONCE),
                )

    def read(
        self,
        group: Group,
        streams: Iterable[Stream] | None,
        *,
        start: int = 0,
        end: int = 1 << 62,
        after: Position | None = None,
        before: Position | None = None,
        backwards: bool = False,
        most: int = 1000,
    ) -> list[Event]:
        """Up to `most` events with start <= time < end, in order, of these streams (None: of all).

        `after` and `before` are exclusive. `backwards` takes the last of them instead of the first.
        """
        where, values = ["e.at >= ?", "e.at < ?"], [max(start, group.floor()), end]
        chosen = None if streams is None else [stream.id for stream in streams]
        if chosen is None:
            where.append("e.grp = ?")
            values.append(group.id)
        else:
            where.append(f"e.stream IN ({', '.join('?' * len(chosen))})")
            values += chosen
        for sign, position in ((">", after), ("<", before)):
            if position is not None:
                where.append(f"(e.at, e.id) {sign} (?, ?)")
                values += position
        order = "DESC" if backwards else "ASC"
        rows = self._run(
            "SELECT e.id, s.name, e.at, e.taken, e.message FROM events e JOIN streams s ON s.id = e.stream"
            f" WHERE {' AND '.join(where)} ORDER BY e.at {order}, e.id {order} LIMIT ?",
            (*values, most),
        )
        found = [Event(*row) for row in rows]
        return found[::-1] if backwards else found

    def ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows of a statement on the database, for what else is kept in it."""
        return self._run(sql, values)

    # Functions' text logs.

    def take_in(self, name: str) -> None:
        """Copy what a function wrote since the last time into its group, which is made if it wrote anything."""
        if not name.startswith(PREFIX):
            return
        function = name.removeprefix(PREFIX)
        if "/" in function or not (self._functions / f"{function}.log").exists():
            return
        with self._lock:
            known = self._run("SELECT inode, offset FROM files WHERE name = ?", (function,))
            fresh = lines_since(self._functions / f"{function}.log", *(known[0] if known else (0, 0)))
            if fresh.lines:
                self._keep_lines(name, function, fresh)

    def _keep_lines(self, name: str, function: str, fresh: FileLines) -> None:
        with self._db:
            self._db.execute(
                "INSERT INTO groups(name, created, meta, tags) VALUES(?, ?, '{}', '{}') ON CONFLICT DO NOTHING",
                (name, now()),
            )
            group = self._group(name)
            self._db.execute(
                "INSERT INTO streams(grp, name, created) VALUES(?, ?, ?) ON CONFLICT DO NOTHING",
                (group.id, STREAM, now()),
            )
            self._insert(group.id, self.stream(group, STREAM).id, [_event(line) for line in fresh.lines])
            self._db.execute(
                "INSERT INTO files VALUES(?, ?, ?) ON CONFLICT DO UPDATE"
                " SET inode = excluded.inode, offset = excluded.offset",
                (function, fresh.inode, fresh.offset),
            )

    def _insert(self, group: int, stream: int, events: Sequence[tuple[int, str]]) -> None:
        taken = now()
        self._db.executemany(
            "INSERT INTO events(grp, stream, at, taken, message) VALUES(?, ?, ?, ?, ?)",
            [(group, stream, at, taken, message) for at, message in events],
        )
        times = [at for at, _ in events]
        self._db.execute(
            "UPDATE streams SET first = min(coalesce(first, ?1), ?1), last = max(coalesce(last, ?2), ?2),"
            " taken = ?3 WHERE id = ?4",
            (min(times), max(times), taken, stream),
        )
        size = sum(len(message.encode()) + 26 for _, message in events)
        self._db.execute("UPDATE groups SET bytes = bytes + ? WHERE id = ?", (size, group))

    def _group(self, name: str) -> Group:
        rows = self._run(
            "SELECT id, name, created, retention, bytes, meta, tags FROM groups WHERE name = ?", (name,)
        )
        if not rows:
            raise NotFound("NoSuchGroup", f"there is no log group {name}")
        return _group(rows[0])

    def _run(self, sql: str, values: Sequence[Any]) -> list[Any]:
        try:
            with self._lock:
                return self._db.execute(sql, values).fetchall()
        except apsw.ConstraintError:
            raise
        except apsw.Error as error:
            raise told(error, self._path) from error


def rebind(path: Path, inodes: Mapping[int, int]) -> None:
    """Make the database at `path`, if there is one, go on in copies of the text logs: old inode → new."""
    if not path.exists():
        return
    db = open_versioned(path, format=FORMAT, ddl=DDL)
    try:
        known: list[Any] = db.execute("SELECT name, inode FROM files").fetchall()
        with db:
            for name, inode in known:
                db.execute("UPDATE files SET inode = ? WHERE name = ?", (inodes.get(inode, inode), name))
    finally:
        db.close()


def _group(row: Sequence[Any]) -> Group:
    id, name, created, retention, size, meta, tags = row
    return Group(id, name, created, retention, size, json.loads(meta), json.loads(tags))


def _event(line: str) -> tuple[int, str]:
    """`2026-01-31T09:30:00.123456Z <request id> text` → (milliseconds, the text with its newline)."""
    stamp, _, rest = line.partition(" ")
    try:
        at = int(dt.datetime.fromisoformat(stamp).timestamp() * 1000)
    except ValueError:
        return now(), line + "\n"
    return at, rest.partition(" ")[2] + "\n"
