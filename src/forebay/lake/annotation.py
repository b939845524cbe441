"""Annotations of versions in the catalog: named texts that come to a version after it was made.

A row of `lake_annotations` belongs to the version of its key whose `seq` it has (`objects.modified` of the current
one), so it goes where the version goes: kept with it, promoted with it, forgotten with it. The text is a file below
`.objects` that is never written again; a copy's and a replica's annotations are rows that name the same file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import apsw

from forebay.errors import UsageError

MOST = 1000
"""Annotations of one version."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Annotation:
    """One of a version's annotations. `path` as in `objects.path`; `status` is that of its replication."""

    name: str
    size: int
    etag: str
    modified: int
    path: str
    sums: dict[str, str]
    status: str | None

    def told(self, **changed: Any) -> Json:
        """For whoever makes another of it: see `carry`."""
        names = ("name", "size", "etag", "modified", "path", "sums")
        return {**{name: getattr(self, name) for name in names}, **changed}


COLUMNS = "name, size, etag, modified, path, sums, status"


def made(row: Any) -> Annotation:
    """The annotation of a row's `COLUMNS`."""
    name, size, etag, modified, path, sums, status = row
    return Annotation(name, size, etag, modified, path, json.loads(sums), status)


def set_one(
    db: apsw.Connection,
    of: tuple[str, str, int],
    told: Mapping[str, Any],
    modified: int,
    status: str | None,
) -> list[str]:
    """Put what `Annotation.told` says on the version (bucket, key, seq); the files that nobody needs any more.

    Raises UsageError `AnnotationLimitExceeded`.
    """
    old = _paths(db, "AND name = ?4", (*of, told["name"]))
    if not old:
        count: Any = db.execute(
            "SELECT count(*) FROM lake_annotations WHERE bucket = ? AND key = ? AND seq = ?", of
        ).fetchone()
        if count[0] >= MOST:
            raise UsageError(
                "AnnotationLimitExceeded",
                "The request would exceed the maximum number of annotations allowed per object.",
            )
    db.execute(
        "INSERT OR REPLACE INTO lake_annotations(bucket, key, seq, name, size, etag, modified, path, sums, status)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(*of, told["name"], told["size"], told["etag"], modified, told["path"]),
            *(json.dumps(told["sums"], separators=(",", ":")), status),
        ),
    )
    return _unnamed(db, old)


def drop(db: apsw.Connection, bucket: str, key: str, seq: int, name: str | None = None) -> list[str]:
    """Forget a version's annotations, or the one of this name; the files that nobody needs any more."""
    where, values = ("", (bucket, key, seq)) if name is None else ("AND name = ?4", (bucket, key, seq, name))
    old = _paths(db, where, values)
    if old:
        db.execute(
            f"DELETE FROM lake_annotations WHERE bucket = ?1 AND key = ?2 AND seq = ?3 {where}", values
        )
    return _unnamed(db, old)


def _paths(db: apsw.Connection, where: str, values: tuple[Any, ...]) -> list[str]:
    rows: Any = db.execute(
        f"SELECT path FROM lake_annotations WHERE bucket = ?1 AND key = ?2 AND seq = ?3 {where}", values
    )
    return [path for (path,) in rows]


def _unnamed(db: apsw.Connection, paths: Iterable[str]) -> list[str]:
    """Those of the files that no row names."""
    named = "SELECT 1 FROM lake_annotations WHERE path = ? LIMIT 1"
    return [path for path in dict.fromkeys(paths) if db.execute(named, (path,)).fetchone() is None]


def check_unchanged(db: apsw.Connection, source: Mapping[str, Any]) -> None:
    """Raise UsageError `ConditionalRequestConflict` unless a version has the annotations that were read of it.

    `source` is {bucket, key, seq, carried: [`Annotation.told`]}: what a copy is to carry.
    """
    rows: Any = db.execute(
        "SELECT name, modified FROM lake_annotations WHERE bucket = ? AND key = ? AND seq = ?",
        (source["bucket"], source["key"], source["seq"]),
    )
    if dict(rows.fetchall()) != {each["name"]: each["modified"] for each in source["carried"]}:
        message = "The annotations of the copy's source were changed while it was copied. Please try again."
        raise UsageError("ConditionalRequestConflict", message, key=source["key"])


def carry(
    db: apsw.Connection, source: Mapping[str, Any], of: tuple[str, str, int], status: str | None
) -> None:
    """Put the annotations that `check_unchanged` was asked of on a version that is new."""
    for each in source["carried"]:
        set_one(db, of, each, of[2], status)


def seq_of(db: apsw.Connection, bucket: str, key: str, version: str) -> int | None:
    """The `seq` of a version that is no delete marker; None if there is none."""
    row: Any = db.execute(
        "SELECT modified FROM objects WHERE bucket = :b AND key = :k AND state = 'live'"
        " AND coalesce(json_extract(meta, '$.version'), 'null') = :v UNION ALL"
        " SELECT seq FROM lake_versions WHERE bucket = :b AND key = :k AND version = :v AND NOT marker",
        {"b": bucket, "k": key, "v": version},
    ).fetchone()
    return None if row is None else int(row[0])


def sweep(db: apsw.Connection) -> list[str]:
    """Forget annotations of what is no version any more, as of files that were merged; the files to remove."""
    rows: Any = db.execute(
        "SELECT DISTINCT bucket, key, seq FROM lake_annotations a WHERE NOT EXISTS"
        " (SELECT 1 FROM objects o WHERE o.bucket = a.bucket AND o.key = a.key AND o.state = 'live'"
        " AND o.modified = a.seq) AND NOT EXISTS"
        " (SELECT 1 FROM lake_versions v WHERE v.bucket = a.bucket AND v.key = a.key AND v.seq = a.seq)"
    ).fetchall()
    return [path for row in rows for path in drop(db, *row)]


def drop_bucket(db: apsw.Connection, bucket: str) -> list[str]:
    """Forget what is left of a bucket that has no versions; the files to remove."""
    rows: Any = db.execute(
        "SELECT DISTINCT key, seq FROM lake_annotations WHERE bucket = ?", (bucket,)
    ).fetchall()
    return [path for row in rows for path in drop(db, bucket, *row)]
