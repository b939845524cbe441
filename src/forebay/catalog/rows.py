"""Rows of `buffers`, `segments` and `objects`, as they are inserted."""

from __future__ import annotations

import json
from collections.abc import Sequence

import apsw

from forebay.clock import now_us
from forebay.errors import ForebayError
from forebay.ports import BufferRow, ObjectRow, SegmentRow


def insert_rows(db: apsw.Connection, buffers: Sequence[BufferRow], segments: Sequence[SegmentRow]) -> None:
    """New buffers and what joins them. Raises ForebayError `BufferSealed`."""
    for b in buffers:
        meta = json.dumps({"since": b.since, **b.meta}, separators=(",", ":"))
        db.execute(
            "INSERT INTO buffers(id, delivery, kind, bucket, prefix, opened, meta) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (b.id, b.delivery, b.kind, b.bucket, b.prefix, b.opened, meta),
        )
    for s in segments:
        db.execute(
            "INSERT INTO segments(buffer, rows, inputs, bytes, encoding, payload)"
            " SELECT id, ?, ?, ?, ?, ? FROM buffers WHERE id = ? AND state = 'open'",
            (s.rows, s.inputs, s.size, s.encoding, s.payload, s.buffer),
        )
        if db.changes() != 1:
            raise ForebayError("BufferSealed", f"buffer {s.buffer} takes no more rows")


def insert_object(db: apsw.Connection, o: ObjectRow) -> None:
    """Register a file of the lake."""
    db.execute(
        "INSERT INTO objects(bucket, key, size, etag, modified, path, format, compression, rows, inputs, source, meta)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(o.bucket, o.key, o.size, o.etag, now_us(), o.path, o.format, o.compression),
            *(o.rows, o.inputs, o.source, json.dumps(o.meta, separators=(",", ":"))),
        ),
    )
