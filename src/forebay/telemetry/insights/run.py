"""A query, run over the events of log groups: bounded in time, in rows held and in rows answered.

Reads `logs.db` beside its owner. Events come newest first, so that a query that only selects ends as soon as it has
enough.
"""

from __future__ import annotations

import base64
import heapq
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from forebay.arn import ACCOUNT
from forebay.db import open_db, told
from forebay.errors import DataRejected, ForebayError
from forebay.telemetry.insights.commands import read
from forebay.telemetry.insights.values import Row, Stamp, of_function, shown

CHUNK = 2000
LARGEST = 64 << 20
LONGEST = 60.0
"""Seconds that a query may take."""
FUNCTIONS = "/aws/lambda/"


class Stopped(ForebayError):
    """A query was stopped, or took too long (`Timeout`)."""


class Event(NamedTuple):
    """An event of a log group; times in UTC milliseconds."""

    id: int
    group: str
    at: int
    taken: int
    stream: str
    message: str


@dataclass(slots=True)
class Scanned:
    """How much was read."""

    records: int = 0
    bytes: int = 0


def run(
    path: Path,
    groups: Sequence[str],
    text: str,
    *,
    start: int,
    end: int,
    limit: int | None = None,
    stop: threading.Event | None = None,
    longest: float = LONGEST,
) -> dict[str, Any]:
    """{results: [[[field, value], ...], ...], matched, scanned, bytes}; times in UTC milliseconds, both included.

    Raises Malformed, DataRejected `TooMuch`, Stopped, and what disks do.
    """
    query = read(text, limit)
    scanned = Scanned()
    deadline = time.monotonic() + longest
    db = open_db(path, readonly=True)
    try:
        bounds = _Bounds(scanned, stop, deadline)
        rows: Iterable[Row] = bounds.kept(_of_groups(db, groups, start, end))
        for command in query.commands:
            rows = command(rows)
        names = query.shown if query.shown is not None else ["@timestamp", "@message"]
        results, size = [], 0
        for row in rows:
            results.append(_answered(row, names, pointed=not query.aggregated))
            size += sum(len(value) for _, value in results[-1])
            if size > LARGEST:
                raise DataRejected("TooMuch", f"the results pass {LARGEST >> 20} MiB", fix="ask for less")
    except apsw.Error as error:
        raise told(error, path) from error
    finally:
        db.close()
    return {
        "results": results,
        "matched": query.counted[0],
        "scanned": scanned.records,
        "bytes": scanned.bytes,
    }


@dataclass(slots=True)
class _Bounds:
    scanned: Scanned
    stop: threading.Event | None
    deadline: float

    def kept(self, events: Iterable[Event]) -> Iterator[Row]:
        """The rows of events, while there is time."""
        scanned = self.scanned
        for event in events:
            if scanned.records % 500 == 0:
                if self.stop is not None and self.stop.is_set():
                    raise Stopped("Cancelled", "the query was stopped")
                if time.monotonic() > self.deadline:
                    raise Stopped("Timeout", "the query took too long")
            scanned.records += 1
            scanned.bytes += len(event.message)
            yield row_of(event)


def _of_groups(db: apsw.Connection, groups: Sequence[str], start: int, end: int) -> Iterable[Event]:
    several = [_of_group(db, name, start, end) for name in groups]
    if len(several) == 1:
        return several[0]
    return heapq.merge(*several, key=lambda each: (-each.at, -each.id))


def _of_group(db: apsw.Connection, name: str, start: int, end: int) -> Iterator[Event]:
    row: Any = db.execute("SELECT id, retention FROM groups WHERE name = ?", (name,)).fetchone()
    if row is None:
        return
    group, retention = int(row[0]), row[1]
    if retention is not None:
        start = max(start, int(time.time() * 1000) - retention * 86_400_000)
    at, id = end, (1 << 63) - 1
    sql = (
        "SELECT e.id, e.at, e.taken, s.name, e.message FROM events e JOIN streams s ON s.id = e.stream"
        " WHERE e.grp = ? AND e.at >= ? AND (e.at, e.id) <= (?, ?) ORDER BY e.at DESC, e.id DESC LIMIT ?"
    )
    while True:
        rows: list[Any] = db.execute(sql, (group, start, at, id, CHUNK)).fetchall()
        for event, moment, taken, stream, message in rows:
            yield Event(event, name, moment, taken, stream, message)
        if len(rows) < CHUNK:
            return
        at, id = rows[-1][1], rows[-1][0] - 1


def row_of(event: Event) -> Row:
    """An event as queries see it."""
    own: dict[str, Any] = {
        "@timestamp": Stamp(event.at),
        "@message": event.message,
        "@ingestionTime": Stamp(event.taken),
        "@logStream": event.stream,
        "@log": f"{ACCOUNT}:{event.group}",
        "@ptr": pointer(event.id),
    }
    if event.group.startswith(FUNCTIONS):
        own |= of_function(event.message)
    return Row(own, event.message)


def _answered(row: Row, names: Sequence[str], *, pointed: bool) -> list[list[str]]:
    found = [[name, shown(value)] for name in names if (value := row.get(name)) is not None]
    if pointed and "@ptr" not in names:
        found.append(["@ptr", shown(row.get("@ptr"))])
    return found


def pointer(id: int) -> str:
    """What an event is found again by."""
    return base64.urlsafe_b64encode(f"forebay-event-{id}".encode()).decode()


def pointed(text: str) -> int | None:
    """The event's id in a pointer; None if it is none."""
    try:
        found = base64.urlsafe_b64decode(text.encode()).decode()
    except ValueError:
        return None
    kind, _, id = found.rpartition("-")
    return int(id) if kind == "forebay-event" and id.isdigit() else None


def found_again(path: Path, id: int) -> Event | None:
    """An event by its id; None if it is gone."""
    db = open_db(path, readonly=True)
    try:
        row: Any = db.execute(
            "SELECT e.id, g.name, e.at, e.taken, s.name, e.message FROM events e JOIN streams s ON s.id = e.stream"
            " JOIN groups g ON g.id = e.grp WHERE e.id = ?",
            (id,),
        ).fetchone()
    finally:
        db.close()
    return None if row is None else Event(*row)
