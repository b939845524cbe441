"""The deliveries' half of the catalog: positions, buffers, segments, intents, objects and the ledger.

Implements `ports.DeliveryStore`. The SQL here is where invariants 2 to 4 are kept: a position moves only
from where its consumer believes it to be, only by as many events as have an end or a segment in the same
commit, and counts are taken from the rows they count.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import apsw

from forebay.catalog.rewrites import commit_intent, commit_rewrite, drop_intent
from forebay.catalog.rows import insert_object, insert_rows
from forebay.catalog.store import Store
from forebay.catalog.tables import add_columns, get_table
from forebay.clock import now_us
from forebay.errors import ForebayError
from forebay.ports import BufferRow, ObjectRow, Progress, Registration, Rewrite, Seal, SegmentRow

NOUN = "delivery."
COPIES = "#copies"
"""Behind a log's name: the events that several rules gave to one consumer, beyond the first time each."""


class Deliveries:
    """`ports.DeliveryStore` on `catalog.db`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        row = store.reader.execute("SELECT seq FROM sqlite_sequence WHERE name = 'buffers'").fetchone()
        self._ids = itertools.count((row[0] if row else 0) + 1)
        self._lock = threading.Lock()
        self.on_object: OnObject | None = None
        """Told of each object that a delivery made, in the commit that registers it."""

    def attach(self, consumer: str, log: str, start: int, *, skip: bool = False) -> int:
        """The consumer's position, which is `start` the first time.

        With `skip` it is at least `start`: what lies before is none of the consumer's events.
        """

        def work(db: apsw.Connection) -> int:
            db.execute("INSERT OR IGNORE INTO positions VALUES (?, ?, ?, ?)", (consumer, log, start, start))
            db.execute("INSERT OR IGNORE INTO ledger(consumer) VALUES (?)", (consumer,))
            if skip:
                db.execute(
                    "UPDATE positions SET start = start + ?1 - position, position = ?1"
                    " WHERE consumer = ?2 AND log = ?3 AND position < ?1",
                    (start, consumer, log),
                )
            row = db.execute("SELECT position FROM positions WHERE consumer = ? AND log = ?", (consumer, log))
            return int(row.get)

        return self._store.write(work)

    def new_buffer(self) -> int:
        """An id for a buffer that is about to be opened; only this process makes buffers."""
        with self._lock:
            return next(self._ids)

    def buffers(self, delivery: str, state: str) -> list[tuple[BufferRow, int]]:
        """A delivery's buffers that are `open` or `flushing`, each with the bytes it holds."""
        rows = self._store.reader.execute(
            f"SELECT {_BUFFER}, {_BYTES} FROM buffers b WHERE delivery = ? AND state = ? ORDER BY id",
            (delivery, state),
        )
        return [(_buffer(row), int(row[-1])) for row in rows]

    def columns(self, database: str, table: str) -> list[tuple[str, str]]:
        """A table's columns and Athena types, partition keys apart; none if there is no such table."""
        doc = get_table(self._store.reader, database, table)
        return [] if doc is None else [(name, kind) for name, kind in doc["columns"]]

    def owners(self) -> set[str]:
        """The deliveries that have buffers, in the project or no longer."""
        return {row[0] for row in self._store.reader.execute("SELECT DISTINCT delivery FROM buffers")}

    def waiting(self, delivery: str) -> int:
        """How many events are in a delivery's segments."""
        rows = self._store.reader.execute(
            "SELECT coalesce(sum(s.inputs), 0) FROM buffers b JOIN segments s ON s.buffer = b.id"
            " WHERE b.delivery = ?",
            (delivery,),
        )
        return int(rows.get)

    def seals(self, delivery: str) -> list[tuple[BufferRow, Seal, int]]:
        """Intents of a delivery that are not registered yet, each with its buffer and the bytes in it."""
        rows = self._store.reader.execute(
            f"SELECT {_BUFFER}, i.bucket, i.key, i.path, {_BYTES} FROM intents i JOIN buffers b ON b.id = i.buffer"
            " WHERE b.delivery = ? ORDER BY i.id",
            (delivery,),
        )
        return [(_buffer(row), Seal(row[0], *row[-4:-1]), int(row[-1])) for row in rows]

    def all_seals(self) -> list[Seal]:
        """Every intent that is not registered, of compactions too (their `buffer` is 0)."""
        rows = self._store.reader.execute("SELECT buffer, bucket, key, path FROM intents ORDER BY id")
        return [Seal(*row) for row in rows]

    def segments(self, buffer: int) -> Iterator[SegmentRow]:
        """A buffer's segments, oldest first; one at a time in memory."""
        db = self._store.reader
        ids = [
            row[0] for row in db.execute("SELECT id FROM segments WHERE buffer = ? ORDER BY id", (buffer,))
        ]
        for id_ in ids:
            row = db.execute(
                "SELECT buffer, rows, inputs, bytes, encoding, payload FROM segments WHERE id = ?", (id_,)
            ).fetchone()
            if row is not None:
                yield SegmentRow(*row)

    def commit(self, progress: Progress) -> Future[None]:
        """Commit what a consumer did: its position and every event's end or segment, or nothing."""
        return self._store.submit(lambda db: commit_progress(db, progress, self.on_object))

    def seal(self, seals: Sequence[Seal]) -> Future[None]:
        """Commit the intents to make objects of these buffers."""
        return self._store.submit(lambda db: commit_seals(db, seals))

    def register(self, done: Sequence[Registration]) -> Future[None]:
        """Commit the objects: live, counted in the ledger, their buffers and intents gone."""
        return self._store.submit(lambda db: commit_registrations(db, done, self.on_object))

    def objects(self, consumer: str, kind: str) -> list[tuple[int, ObjectRow]]:
        """A consumer's live objects of a kind (`data`, `error`), with their ids, oldest first."""
        rows = self._store.reader.execute(
            "SELECT id, bucket, key, path, size, etag, format, compression, rows, inputs, source, meta"
            " FROM objects WHERE source = ? AND state = 'live' AND json_extract(meta, '$.kind') = ? ORDER BY id",
            (consumer, kind),
        )
        return [_object(row) for row in rows]

    def intend(self, intent: Seal) -> Future[None]:
        """Commit the intent to write an object that comes of no buffer."""
        return self._store.submit(lambda db: commit_intent(db, intent))

    def abandon(self, intent: Seal) -> Future[None]:
        """Commit that the intent comes to nothing."""
        return self._store.submit(lambda db: drop_intent(db, intent.bucket, intent.key))

    def rewrite(self, rewrite: Rewrite) -> Future[None]:
        """Commit that objects gave way to another."""
        return self._store.submit(lambda db: commit_rewrite(db, rewrite))

    def forget_intents(self) -> None:
        """Drop the intents that come of no buffer: what they were for has not happened."""
        self._store.write(lambda db: void(db.execute("DELETE FROM intents WHERE buffer = 0")))


_BYTES = "(SELECT total(bytes) FROM segments WHERE buffer = b.id)"
_BUFFER = "b.id, b.delivery, b.kind, b.bucket, b.prefix, b.opened, b.meta"


def _object(row: tuple[Any, ...]) -> tuple[int, ObjectRow]:
    names = ("bucket", "key", "path", "size", "etag", "format", "compression", "rows", "inputs", "source")
    return row[0], ObjectRow(**dict(zip(names, row[1:11], strict=True)), meta=json.loads(row[11]))


def _buffer(row: tuple[Any, ...]) -> BufferRow:
    meta = json.loads(row[6])
    id_, delivery, kind, bucket, prefix, opened = row[:6]
    return BufferRow(id_, delivery, kind, bucket, prefix, opened, meta.pop("since", opened), meta)


OnObject = Callable[[apsw.Connection, ObjectRow], None]


def commit_progress(db: apsw.Connection, progress: Progress, on_object: OnObject | None = None) -> None:
    """Move a position with what it produced. Raises ForebayError `LedgerMismatch`, `PositionMoved`, `NoIntent`."""
    ended = sum(segment.inputs for segment in progress.segments) + progress.dropped
    if progress.object is not None:
        ended += progress.object.inputs - _inputs(db, progress.sealed)
    if ended != progress.position - progress.before + progress.copies:
        raise ForebayError(
            "LedgerMismatch",
            f"{progress.consumer} read {progress.position - progress.before} events of {progress.log} "
            f"and has an end for {ended}",
        )
    db.execute(
        "UPDATE positions SET position = ? WHERE consumer = ? AND log = ? AND position = ?",
        (progress.position, progress.consumer, progress.log, progress.before),
    )
    if db.changes() != 1:
        raise ForebayError(
            "PositionMoved", f"{progress.consumer} is no longer at {progress.before} of {progress.log}"
        )
    if progress.copies:  # as events of a log of their own: accepted once more, and with an end each
        db.execute(
            "INSERT INTO positions VALUES (?, ?, 0, ?) ON CONFLICT DO UPDATE SET position = position + excluded.position",
            (progress.consumer, progress.log + COPIES, progress.copies),
        )
    insert_rows(db, progress.buffers, progress.segments)
    if progress.object is not None:
        _deliver(db, progress.consumer, progress.object, progress.sealed, on_object)
    if progress.dropped:
        db.execute(
            "UPDATE ledger SET dropped = dropped + ? WHERE consumer = ?",
            (progress.dropped, progress.consumer),
        )
    if progress.change is not None:
        add_columns(db, progress.change)


def _inputs(db: apsw.Connection, buffer: int) -> int:
    return int(db.execute("SELECT coalesce(sum(inputs), 0) FROM segments WHERE buffer = ?", (buffer,)).get)


def _deliver(
    db: apsw.Connection, consumer: str, made: ObjectRow, buffer: int, on_object: OnObject | None
) -> None:
    """Make an object live, in place of a sealed buffer if it is not 0."""
    db.execute(
        "DELETE FROM intents WHERE buffer = ? AND bucket = ? AND key = ?", (buffer, made.bucket, made.key)
    )
    if db.changes() != 1:
        raise ForebayError("NoIntent", f"nobody intended to write {made.key}")
    insert_object(db, made)
    if on_object is not None:
        on_object(db, made)
    db.execute("DELETE FROM segments WHERE buffer = ?", (buffer,))
    db.execute("DELETE FROM buffers WHERE id = ?", (buffer,))
    db.execute("UPDATE ledger SET delivered = delivered + ? WHERE consumer = ?", (made.inputs, consumer))


def void(_: object) -> None:
    """Let a result go."""


def commit_seals(db: apsw.Connection, seals: Sequence[Seal]) -> None:
    """Mark buffers as becoming objects, with the keys those will have."""
    now = now_us()
    for seal in seals:
        db.execute("UPDATE buffers SET state = 'flushing' WHERE id = ? AND state = 'open'", (seal.buffer,))
        if db.changes() != 1:
            raise ForebayError("BufferSealed", f"buffer {seal.buffer} is not open")
        db.execute(
            "INSERT INTO intents(buffer, bucket, key, path, created) VALUES (?, ?, ?, ?, ?)",
            (seal.buffer, seal.bucket, seal.key, seal.path, now),
        )


def commit_registrations(
    db: apsw.Connection, done: Sequence[Registration], on_object: OnObject | None = None
) -> None:
    """Make written objects live in place of their buffers. Raises ForebayError `LedgerMismatch`."""
    for registration in done:
        row = db.execute(
            "SELECT b.delivery, b.kind, (SELECT count(*) FROM intents WHERE buffer = b.id),"
            " coalesce(sum(s.rows), 0), coalesce(sum(s.inputs), 0)"
            " FROM buffers b LEFT JOIN segments s ON s.buffer = b.id WHERE b.id = ? AND b.state = 'flushing'"
            " GROUP BY b.id",
            (registration.buffer,),
        ).fetchone()
        if row is None or row[2] != 1:
            raise ForebayError("NoIntent", f"buffer {registration.buffer} was not sealed")
        delivery, kind, _, rows, inputs = row
        written = registration.object
        if (written.rows, written.inputs) != (rows, inputs) if written else rows and not registration.posted:
            raise ForebayError(
                "LedgerMismatch",
                f"an object of {delivery} has {written.rows if written else 0} rows, its buffer {rows}",
            )
        if written is not None:
            insert_object(db, written)
            if on_object is not None:
                on_object(db, written)
        db.execute("DELETE FROM segments WHERE buffer = ?", (registration.buffer,))
        db.execute("DELETE FROM intents WHERE buffer = ?", (registration.buffer,))
        db.execute("DELETE FROM buffers WHERE id = ?", (registration.buffer,))
        end = "delivered" if kind == "data" or registration.posted else "rejected"
        gone = 0 if written is not None else inputs  # no row to count them by: nothing of them is kept here
        db.execute(
            f"UPDATE ledger SET {end} = {end} + ?, removed = removed + ? WHERE consumer = ?",
            (inputs, gone, NOUN + delivery),
        )
