"""What a report of `lake/inventory.py` has: its rows, its columns, and how they are written in each format."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote

import apsw

from forebay.arn import CANONICAL_USER
from forebay.clock import iso
from forebay.lake.keys import above
from forebay.lake.lifecycle import expiry
from forebay.lake.versions import NULL

BATCH = 10_000
ENDINGS = {"CSV": ".csv.gz", "Parquet": ".parquet", "ORC": ".orc"}
_SSE = {"aws:kms": "SSE-KMS", "aws:kms:dsse": "DSSE-KMS"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A version of an object, or a delete marker."""

    key: str
    version: str
    marker: bool
    latest: bool
    size: int
    etag: str
    modified: int
    meta: Json


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a report: its name in a CSV's schema and in others, its type, and what a row has of it."""

    name: str
    snake: str
    kind: str
    of: Callable[[Row], Any]


def _retain(row: Row) -> Any:
    return row.meta.get("retain") or {}


def _encryption(row: Row) -> str:
    return "SSE-C" if "ssec" in row.meta else _SSE.get(row.meta.get("sse", ""), "SSE-S3")


def _bucket_key(row: Row) -> str | None:
    return ("ENABLED" if row.meta.get("bucket_key") else "DISABLED") if "kms" in row.meta else None


_FIELDS = (
    Column("Size", "size", "int", lambda row: None if row.marker else row.size),
    Column("LastModifiedDate", "last_modified_date", "time", lambda row: row.meta.get("begun", row.modified)),
    Column("ETag", "e_tag", "text", lambda row: row.etag or None),
    Column(
        "StorageClass",
        "storage_class",
        "text",
        lambda row: None if row.marker else row.meta.get("class", "STANDARD"),
    ),
    Column("IsMultipartUploaded", "is_multipart_uploaded", "bool", lambda row: "parts" in row.meta),
    Column("ReplicationStatus", "replication_status", "text", lambda row: row.meta.get("replication")),
    Column(
        "EncryptionStatus", "encryption_status", "text", lambda row: None if row.marker else _encryption(row)
    ),
    Column(
        "ObjectLockRetainUntilDate",
        "object_lock_retain_until_date",
        "time",
        lambda row: _retain(row).get("until"),
    ),
    Column("ObjectLockMode", "object_lock_mode", "text", lambda row: _retain(row).get("mode")),
    Column(
        "ObjectLockLegalHoldStatus",
        "object_lock_legal_hold_status",
        "text",
        lambda row: "On" if row.meta.get("hold") else "Off",
    ),
    Column("ObjectLockEventHoldStatus", "object_lock_event_hold_status", "text", lambda row: None),
    Column("ObjectLockEventHoldDuration", "object_lock_event_hold_duration", "text", lambda row: None),
    Column("IntelligentTieringAccessTier", "intelligent_tiering_access_tier", "text", lambda row: None),
    Column("BucketKeyStatus", "bucket_key_status", "text", _bucket_key),
    Column(
        "ChecksumAlgorithm",
        "checksum_algorithm",
        "text",
        lambda row: ",".join(row.meta.get("sums") or ()) or None,
    ),
    Column("ObjectAccessControlList", "object_access_control_list", "text", lambda row: None),
    Column("ObjectOwner", "object_owner", "text", lambda row: CANONICAL_USER),
    Column("LifecycleExpirationDate", "lifecycle_expiration_date", "time", lambda row: None),
    Column("IntelligentTieringReferenceDate", "intelligent_tiering_reference_date", "time", lambda row: None),
)
FIELDS = frozenset(each.name for each in _FIELDS)
"""The optional fields that a configuration may name."""


def rows(db: apsw.Connection, bucket: str, config: Mapping[str, Any]) -> Iterator[Row]:
    """What a report has, by key and then newest first."""
    prefix = (config.get("Filter") or {}).get("Prefix") or ""
    end = above(prefix)
    where = f"WHERE bucket = :b AND key >= :p {'AND key < :e' if end is not None else ''}"
    live = (
        "SELECT key, coalesce(json_extract(meta, '$.version'), 'null'), 0, size, etag, modified, meta"
        f" FROM objects {where} AND state = 'live'"
    )
    older = f" UNION ALL SELECT key, version, marker, size, etag, modified, meta FROM lake_versions {where}"
    every = config["IncludedObjectVersions"] == "All"
    order = " ORDER BY key, modified DESC" if every else " ORDER BY key"
    found: Any = db.execute(live + (older if every else "") + order, {"b": bucket, "p": prefix, "e": end})
    seen = None
    for key, version, marker, size, etag, modified, meta in found:
        yield Row(*(key, version, bool(marker), key != seen, size, etag or "", modified, json.loads(meta)))
        seen = key


def columns_of(config: Mapping[str, Any], bucket: str, lifecycle: Mapping[str, Any] | None) -> list[Column]:
    """The columns that a configuration asks for."""
    columns = [
        Column("Bucket", "bucket", "text", lambda row: bucket),
        Column("Key", "key", "text", lambda row: row.key),
    ]
    if config["IncludedObjectVersions"] == "All":
        columns += [
            Column(
                "VersionId", "version_id", "text", lambda row: row.version if row.version != NULL else None
            ),
            Column("IsLatest", "is_latest", "bool", lambda row: row.latest),
            Column("IsDeleteMarker", "is_delete_marker", "bool", lambda row: row.marker),
        ]

    def over(row: Row) -> int | None:
        if row.marker or not row.latest:
            return None
        when = expiry(lifecycle, row.key, row.size, row.modified, row.meta.get("tags", {}))
        return when[0] if when is not None else None

    wanted = set(config.get("OptionalFields") or ())
    for each in _FIELDS:
        if each.name in wanted:
            ends = each.name == "LifecycleExpirationDate"
            columns.append(Column(each.name, each.snake, each.kind, over) if ends else each)
    return columns


def schema_of(form: str, columns: Sequence[Column]) -> str:
    """A manifest's `fileSchema`."""
    if form == "CSV":
        return ", ".join(each.name for each in columns)
    if form == "ORC":
        types = {"text": "string", "bool": "boolean", "int": "bigint", "time": "timestamp"}
        return f"struct<{','.join(f'{each.snake}:{types[each.kind]}' for each in columns)}>"
    types = {"text": "binary {} (UTF8)", "bool": "boolean {}", "int": "int64 {}"}
    types["time"] = "int64 {} (TIMESTAMP_MILLIS)"
    found = (
        f"{'required' if each.name in ('Bucket', 'Key') else 'optional'} {types[each.kind].format(each.snake)};"
        for each in columns
    )
    return f"message s3.inventory {{ {' '.join(found)} }}"


class _Writer(Protocol):
    def write(self, table: Any) -> None: ...

    def close(self) -> None: ...


def write(file: BinaryIO, form: str, columns: Sequence[Column], found: Iterator[Row]) -> None:
    """Write the rows in a format."""
    if form == "CSV":
        _csv_into(file, columns, found)
        return
    import pyarrow as pa  # noqa: PLC0415 - only such reports need it

    types = {
        "text": pa.string(),
        "bool": pa.bool_(),
        "int": pa.int64(),
        "time": pa.timestamp("ms", None if form == "ORC" else "UTC"),
    }
    schema = pa.schema(
        [
            pa.field(each.snake, types[each.kind], nullable=each.name not in ("Bucket", "Key"))
            for each in columns
        ]
    )
    writer: _Writer
    if form == "ORC":
        from pyarrow import orc  # noqa: PLC0415

        writer = orc.ORCWriter(file)
    else:
        from pyarrow import parquet  # noqa: PLC0415

        writer = parquet.ParquetWriter(file, schema)
    with closing(writer):
        first = True
        while (batch := list(islice(found, BATCH))) or first:
            first = False
            values = [[_in_ms(each, each.of(row)) for row in batch] for each in columns]
            arrays = [pa.array(each, field.type) for each, field in zip(values, schema, strict=True)]
            writer.write(pa.Table.from_arrays(arrays, schema=schema))


def _in_ms(column: Column, value: Any) -> Any:
    return value // 1000 if column.kind == "time" and value is not None else value


def _csv_into(file: BinaryIO, columns: Sequence[Column], found: Iterator[Row]) -> None:
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=5, mtime=0) as packed:
        lines = io.TextIOWrapper(packed, "utf-8", newline="")
        writer = csv.writer(lines, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for row in found:
            writer.writerow([_text(each, each.of(row)) for each in columns])
        lines.flush()


def _text(column: Column, value: Any) -> str:
    if value is None:
        return ""
    if column.name == "Key":
        return quote(value)
    match column.kind:
        case "bool":
            return "true" if value else "false"
        case "time":
            return iso(value)[:23] + "Z"
    return str(value)
