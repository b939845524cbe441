"""A state folder for a test: a catalog made with the real DDL, objects, hot segments, an engine over it."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw
import pyarrow as pa

from forebay.catalog.schema import DDL, FORMAT
from forebay.db import open_versioned
from forebay.event import encode_records
from forebay.layout import Layout
from forebay.query.engine import QueryEngine
from forebay.query.result import Result
from forebay.streams.reader import opener

CLICKS = [
    ("element_clicked", "string"),
    ("time_spent", "int"),
    ("source_menu", "string"),
    ("created_at", "string"),
]
HOURS = {
    "projection.enabled": "true",
    "projection.datehour.type": "date",
    "projection.datehour.format": "yyyy/MM/dd/HH",
    "projection.datehour.range": "2021/01/01/00,NOW",
    "projection.datehour.interval": "1",
    "projection.datehour.interval.unit": "HOURS",
    "storage.location.template": "s3://lake/clicks/${datehour}/",
}


def line(**event: Any) -> bytes:
    """One event as JSON."""
    return json.dumps(event).encode()


class World:
    """Writes what flow would write, and asks."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self.layout.make()
        self.db: apsw.Connection = open_versioned(self.layout.catalog, format=FORMAT, ddl=DDL)
        self.db.execute("PRAGMA synchronous = OFF")  # a test's lake need not survive
        self.engine = QueryEngine(
            self.layout, memory_bytes=256 << 20, threads=2, timeout=30, open_log=opener(self.layout)
        )
        self._buffers = 0
        self.database("shop")

    def close(self) -> None:
        self.engine.close()
        self.db.close()

    def database(self, name: str) -> None:
        self.db.execute("INSERT OR IGNORE INTO databases VALUES (?, '{}')", (name,))

    def declared(self, revision: str) -> None:
        """Say which revision of the project the tables are those of."""
        self.db.execute(
            "CREATE TABLE IF NOT EXISTS declared(one INTEGER PRIMARY KEY CHECK (one = 1), revision TEXT NOT NULL)"
        )
        self.db.execute("INSERT OR REPLACE INTO declared VALUES (1, ?)", (revision,))

    def table(
        self,
        name: str,
        columns: Sequence[tuple[str, str]],
        location: str = "",
        *,
        format: str = "json",
        keys: Sequence[tuple[str, str]] = (),
        parameters: Mapping[str, str] | None = None,
        serde: str | None = None,
        serde_parameters: Mapping[str, str] | None = None,
        kind: str = "external",
        owner: str = "project",
        view_sql: str | None = None,
        db: str = "shop",
    ) -> int:
        doc = {
            "columns": [list(column) for column in columns],
            "partition_keys": [list(key) for key in keys],
            "location": location or f"s3://lake/{name}/",
            "format": format,
            "serde": serde,
            "serde_parameters": dict(serde_parameters or {}),
            "parameters": dict(parameters or {}),
            "owner": owner,
            "view_sql": view_sql,
        }
        self.db.execute(
            "INSERT INTO tables(db, name, kind, doc, created, updated) VALUES (?, ?, ?, ?, 0, 0)"
            " ON CONFLICT DO UPDATE SET doc = excluded.doc, kind = excluded.kind, version = version + 1",
            (db, name, kind, json.dumps(doc)),
        )
        return int(self.db.execute("SELECT id FROM tables WHERE db = ? AND name = ?", (db, name)).get)

    def clicks(self, **more: Any) -> int:
        """The restaurant's table, with hour projection."""
        return self.table("clicks", CLICKS, keys=[("datehour", "string")], parameters=HOURS, **more)

    def partition(self, table: int, values: Sequence[str], location: str) -> None:
        self.db.execute(
            "INSERT INTO partitions(table_id, vals, location) VALUES (?, ?, ?)",
            (table, json.dumps(list(values)), location),
        )
        self.db.execute("UPDATE tables SET version = version + 1 WHERE id = ?", (table,))

    def file(self, key: str, data: bytes, *, bucket: str = "lake") -> Path:
        """A file that nobody registered."""
        path = self.layout.lake / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def object(self, key: str, data: bytes, *, bucket: str = "lake", rows: int | None = None) -> Path:
        """A file that the catalog knows."""
        path = self.file(key, data, bucket=bucket)
        self.register(key, data, bucket=bucket, rows=rows)
        return path

    def register(self, key: str, data: bytes, *, bucket: str = "lake", rows: int | None = None) -> None:
        self.db.execute("DELETE FROM objects WHERE bucket = ? AND key = ?", (bucket, key))
        self.db.execute(
            "INSERT INTO objects(bucket, key, size, etag, modified, rows) VALUES (?, ?, ?, ?, 0, ?)",
            (bucket, key, len(data), hashlib.md5(data, usedforsecurity=False).hexdigest(), rows),
        )

    def events(self, key: str, events: Sequence[Mapping[str, Any]]) -> Path:
        """An object of JSON lines, gzipped if its name says so."""
        data = b"".join(line(**event) + b"\n" for event in events)
        return self.object(key, gzip.compress(data) if key.endswith(".gz") else data, rows=len(events))

    def buffer(
        self,
        prefix: str,
        *,
        delivery: str = "clicks",
        bucket: str = "lake",
        meta: Mapping[str, Any] | None = None,
    ) -> int:
        self._buffers += 1
        self.db.execute(
            "INSERT INTO buffers(id, delivery, kind, bucket, prefix, opened, meta) VALUES (?, ?, 'data', ?, ?, 0, ?)",
            (self._buffers, delivery, bucket, prefix, json.dumps({"format": "json", **(meta or {})})),
        )
        return self._buffers

    def segment(self, buffer: int, records: Sequence[bytes] | pa.Table) -> None:
        if isinstance(records, pa.Table):
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, records.schema) as writer:
                writer.write_table(records)
            payload, count, encoding = sink.getvalue().to_pybytes(), records.num_rows, "arrow"
        else:
            payload, count, encoding = encode_records(records), len(records), "lines"
        self.db.execute(
            "INSERT INTO segments(buffer, rows, inputs, bytes, encoding, payload) VALUES (?, ?, ?, 0, ?, ?)",
            (buffer, count, count, encoding, payload),
        )

    def ask(self, sql: str, *, db: str = "shop", **more: Any) -> Result:
        return self.engine.query(sql, db, **more)

    def cells(self, sql: str, *, db: str = "shop") -> list[list[str | None]]:
        """Rows as GetQueryResults prints them."""
        return list(self.ask(sql, db=db).cells())

    def one(self, sql: str) -> str | None:
        """The only cell."""
        ((cell,),) = self.cells(sql)
        return cell
