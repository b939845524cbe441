"""What the catalog says at one moment: tables, partitions, objects, hot segments, in one read transaction.

Reads `catalog.db`, whose tables are the contract in `forebay/catalog/schema.py`. One snapshot holds both
the objects and the hot segments, and a flush replaces the one by the other in one commit, so that each
row is seen exactly once at every moment.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import apsw

from forebay.db import open_db, refuse_newer, stored_format, told
from forebay.errors import ForebayError, QueryFailed, Unavailable
from forebay.layout import SEALED
from forebay.query.decode.shape import Shape, shape
from forebay.query.types import Type, parse_type

FORMAT = 1
"""The catalog's format that this release reads."""


@dataclass(frozen=True)
class Table:
    """A row of `tables`, read once per version. `bucket` and `prefix` are its location."""

    id: int
    db: str
    name: str
    version: int
    kind: str
    doc: dict[str, Any]

    @cached_property
    def columns(self) -> tuple[tuple[str, Type], ...]:
        """The table's own columns."""
        return tuple((str(name).lower(), parse_type(str(kind))) for name, kind in self.doc.get("columns", ()))

    @cached_property
    def partition_keys(self) -> tuple[tuple[str, Type], ...]:
        """The columns that come from keys."""
        return tuple(
            (str(name).lower(), parse_type(str(kind))) for name, kind in self.doc.get("partition_keys") or ()
        )

    @cached_property
    def all_columns(self) -> dict[str, str]:
        """Every column with its DuckDB type, partition columns last, as `SELECT *` shows them."""
        return {name: kind.duckdb for name, kind in (*self.columns, *self.partition_keys)}

    @cached_property
    def location(self) -> tuple[str, str]:
        """Bucket and prefix (which ends in `/`, or is empty)."""
        return split_url(str(self.doc.get("location") or ""))

    @property
    def log(self) -> str | None:
        """The log of the stream that it is over; None where its rows are files."""
        scheme, _, rest = str(self.doc.get("location") or "").partition("://")
        return rest.strip("/") if scheme == "kinesis" and rest.startswith("streams.") else None

    @cached_property
    def parameters(self) -> dict[str, str]:
        """Table properties, their names in lower case."""
        return {str(k).lower(): str(v) for k, v in (self.doc.get("parameters") or {}).items()}

    @property
    def format(self) -> str:
        """json, csv, parquet or text."""
        return str(self.doc.get("format") or "json").lower()

    @cached_property
    def shape(self) -> Shape:
        """How its lines are read."""
        serde = self.doc.get("serde")
        return shape(
            self.format,
            self.columns,
            serde and str(serde),
            self.doc.get("serde_parameters") or {},
            self.parameters,
        )

    @property
    def key(self) -> tuple[int, int]:
        """What a decoded row is valid for."""
        return self.id, self.version


@dataclass(frozen=True, slots=True)
class Object:
    """A file of the lake that is rows of a table. `path` is absolute; `etag` changes with its content."""

    bucket: str
    key: str
    etag: str
    size: int
    path: str
    rows: int | None = None
    foreign: bool = False

    @property
    def url(self) -> str:
        """As `"$path"` shows it."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Buffer:
    """An object in the making, with the ids and row counts of its segments in order.

    `becomes` is the key that it is being written under, once nothing more can join it.
    """

    id: int
    delivery: str
    bucket: str
    prefix: str
    meta: dict[str, Any]
    segments: tuple[tuple[int, int], ...]
    becomes: str | None = None


def split_url(url: str) -> tuple[str, str]:
    """Bucket and prefix of `s3://bucket/prefix/`; the prefix gets its `/` where it lacks one."""
    rest = url.partition("://")[2] or url
    bucket, _, prefix = rest.partition("/")
    return bucket, prefix + "/" if prefix and not prefix.endswith("/") else prefix


def after(prefix: str) -> str:
    """The first text that sorts behind everything that begins with `prefix`."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else "\U0010ffff"


class Snapshot:
    """Reads inside one transaction."""

    def __init__(self, db: apsw.Connection | None, root: Path, tables: dict[tuple[int, int], Table]) -> None:
        self._db = db
        self._root = root
        self._tables = tables

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return list(self._db.execute(sql, tuple(values))) if self._db is not None else []

    def revision(self) -> str:
        """Which revision of the project the tables are those of; empty before the first."""
        if not self._rows("SELECT 1 FROM sqlite_schema WHERE name = 'declared'"):
            return ""
        return "".join(text for (text,) in self._rows("SELECT revision FROM declared"))

    def databases(self) -> list[str]:
        """Every database's name."""
        return [name for (name,) in self._rows("SELECT name FROM databases ORDER BY name")]

    def names(self, database: str) -> list[str]:
        """The tables of a database."""
        return [n for (n,) in self._rows("SELECT name FROM tables WHERE db = ? ORDER BY name", (database,))]

    def tables(self, database: str | None = None) -> list[Table]:
        """Every table (of a database), by name."""
        where, values = ("WHERE db = ?", (database,)) if database else ("", ())
        rows = self._rows(
            f"SELECT id, db, name, version, kind, doc FROM tables {where} ORDER BY db, name", values
        )
        return [self._table(row) for row in rows]

    def table(self, database: str, name: str) -> Table | None:
        """One table."""
        rows = self._rows(
            "SELECT id, db, name, version, kind, NULL FROM tables WHERE db = ? AND name = ?", (database, name)
        )
        if not rows:
            return None
        known = self._tables.get((rows[0][0], rows[0][3]))
        if known is not None and known.name == name and known.db == database:
            return known
        (doc,) = self._rows("SELECT doc FROM tables WHERE id = ?", (rows[0][0],))[0]
        return self._table((*rows[0][:5], doc))

    def _table(self, row: tuple[Any, ...]) -> Table:
        key = (int(row[0]), int(row[3]))
        known = self._tables.get(key)
        if known is None or (known.db, known.name, known.kind) != (row[1], row[2], row[4]):
            known = Table(key[0], row[1], row[2], key[1], row[4], json.loads(row[5]))
            if len(self._tables) > 4096:
                self._tables.clear()
            self._tables[key] = known
        return known

    def partitions(self, table: Table) -> list[tuple[tuple[str | None, ...], str]]:
        """The partitions that are listed: values and location."""
        rows = self._rows(
            "SELECT vals, location FROM partitions WHERE table_id = ? ORDER BY vals", (table.id,)
        )
        return [(tuple(str(v) for v in json.loads(values)), location) for values, location in rows]

    def objects_mark(self, bucket: str, prefix: str) -> tuple[Any, ...]:
        """Changes whenever the live objects under a prefix do."""
        rows = self._rows(
            "SELECT count(*), coalesce(sum(id), 0), coalesce(max(id), 0) FROM objects INDEXED BY objects_key"
            " WHERE bucket = ? AND key >= ? AND key < ? AND state = 'live'",
            (bucket, prefix, after(prefix)),
        )
        return rows[0] if rows else (0, 0, 0)

    def objects(self, bucket: str, prefix: str) -> list[Object]:
        """The live objects under a prefix, by key."""
        lake = self._root / "lake"
        rows = self._rows(
            "SELECT key, etag, size, path, rows, modified FROM objects"
            " WHERE bucket = ? AND key >= ? AND key < ? AND state = 'live' ORDER BY key",
            (bucket, prefix, after(prefix)),
        )
        for key, _, _, path, *_ in rows:
            if path is not None and path.endswith(SEALED):
                message = (
                    f"s3://{bucket}/{key} is encrypted under a key of its owner's (SSE-C): SQL cannot read it"
                )
                raise QueryFailed("HIVE_FILESYSTEM_ERROR", f"HIVE_FILESYSTEM_ERROR: {message}")
        return [
            Object(
                bucket,
                key,
                f"{etag}-{modified}",
                size,
                f"{self._root}/{path}" if path else f"{lake}/{bucket}/{key}",
                count,
            )
            for key, etag, size, path, count, modified in rows
        ]

    def passing(self, bucket: str, prefix: str) -> frozenset[str]:
        """Keys whose files are there without being live: replaced, or about to be registered."""
        bounds = (bucket, prefix, after(prefix))
        rows = self._rows(
            "SELECT key FROM objects INDEXED BY objects_replaced"
            " WHERE state = 'replaced' AND bucket = ? AND key >= ? AND key < ?",
            bounds,
        )
        rows += self._rows("SELECT key FROM intents WHERE bucket = ? AND key >= ? AND key < ?", bounds)
        return frozenset(key for (key,) in rows)

    def buffers(self, bucket: str, prefix: str) -> list[Buffer]:
        """Buffers whose rows a location shows, with their segments."""
        rows = self._rows(
            "SELECT b.id, b.delivery, b.prefix, b.meta, i.key FROM buffers b LEFT JOIN intents i ON i.buffer = b.id"
            " WHERE b.bucket = ? AND b.prefix >= ? AND b.prefix < ? ORDER BY b.id",
            (bucket, prefix, after(prefix)),
        )
        found = []
        for id_, delivery, own, meta, becomes in rows:
            segments = self._rows("SELECT id, rows FROM segments WHERE buffer = ? ORDER BY id", (id_,))
            if segments:
                own_segments: Any = tuple(segments)
                found.append(Buffer(id_, delivery, bucket, own, json.loads(meta), own_segments, becomes))
        return found

    def hot_mark(self, bucket: str, prefix: str) -> tuple[Any, ...]:
        """Changes whenever the hot rows under a prefix do."""
        rows = self._rows(
            "SELECT count(*), coalesce(sum(s.id), 0), coalesce(max(s.id), 0) FROM buffers b JOIN segments s ON s.buffer = b.id"
            " WHERE b.bucket = ? AND b.prefix >= ? AND b.prefix < ?",
            (bucket, prefix, after(prefix)),
        )
        return rows[0] if rows else (0, 0, 0)

    def payloads(self, ids: Sequence[int]) -> dict[int, tuple[str, bytes]]:
        """Encoding and bytes of segments."""
        found: dict[int, tuple[str, bytes]] = {}
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            marks = ",".join("?" * len(part))
            for id_, encoding, payload in self._rows(
                f"SELECT id, encoding, payload FROM segments WHERE id IN ({marks})", part
            ):
                found[id_] = (encoding, payload)
        return found


class Catalog:
    """Opens `catalog.db` read-only and hands out snapshots; a connection serves one at a time."""

    def __init__(self, path: Path, root: Path) -> None:
        self._path = path
        self._root = root
        self._idle: list[apsw.Connection] = []
        self._lock = threading.Lock()
        self._tables: dict[tuple[int, int], Table] = {}
        self._closed = False
        self._watcher: apsw.Connection | None = None
        self._watching = threading.Lock()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """A consistent view. A catalog that does not exist yet is empty."""
        db = self._take()
        if db is None:
            yield Snapshot(None, self._root, self._tables)
            return
        try:
            db.execute("BEGIN")
            db.execute("SELECT 1 FROM tables LIMIT 1").fetchall()  # the snapshot begins with the first read
            try:
                yield Snapshot(db, self._root, self._tables)
            finally:
                db.execute("ROLLBACK")
        except apsw.Error as error:
            db.close()
            raise told(error, self._path) from error
        except BaseException:
            self._give(db)
            raise
        self._give(db)

    def version(self) -> int | None:
        """Another number after every commit to the catalog; None while there is none."""
        with self._watching:
            if self._watcher is None:
                self._watcher = self._take()
            return None if self._watcher is None else int(self._watcher.pragma("data_version"))

    def _take(self) -> apsw.Connection | None:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        try:
            refuse_newer(self._path, stored_format(self._path), FORMAT)
            db = open_db(self._path, readonly=True)
            if int(db.pragma("user_version")) == 0:
                db.close()
                return None
            return db
        except Unavailable as error:
            if error.code == "DatabaseMissing":
                return None
            raise

    def _give(self, db: apsw.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(db)
                return
        db.close()

    def close(self) -> None:
        """Close what is idle; what is in use closes when it is given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        with self._watching:
            watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.close()
        for db in idle:
            db.close()


__all__ = ["Buffer", "Catalog", "ForebayError", "Object", "Snapshot", "Table", "split_url"]
