"""The lake, where it is read: what the catalog says of buckets, objects, versions and uploads.

For processes that do not own the catalog. Every call is one or a few queries on a connection of the calling
thread's own, so it belongs in a thread. Until the flow has made the catalog, everything is Unavailable.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from forebay.db import open_db, told
from forebay.errors import NotFound, Unavailable
from forebay.lake.annotation import COLUMNS, Annotation, made
from forebay.lake.keys import above
from forebay.lake.lock import LOCK
from forebay.lake.objects import Json
from forebay.lake.settings import ENCRYPTION, LIFECYCLE, REPLICATION, VERSIONING
from forebay.lake.versions import NULL

BATCH = 1000
FIRST = 1 << 62
"""In a position: before every version of the key."""


@dataclass(frozen=True, slots=True)
class Object:
    """A version of an object, or a delete marker. `path` is where its bytes are."""

    key: str
    size: int
    etag: str
    modified: int
    path: Path
    meta: Json
    version: str = NULL
    marker: bool = False
    latest: bool = True
    stored: str | None = None

    @property
    def own(self) -> bool:
        """Whether its bytes lie at a path of its own, which never change."""
        return self.stored is not None

    @property
    def begun(self) -> int:
        """When it was made, as is shown (UTC us): of an upload in parts, when that began.

        `modified`, when it was done, is what versions are ordered by. Source: "Working with object metadata" (Amazon
        S3 User Guide).
        """
        return int(self.meta.get("begun", self.modified))


Position = tuple[str, int]
"""A key, and of which version of it all before are done with."""
Common = Callable[[str], str | None]
Batch = Iterator[tuple["Object", Position]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing: what is on it, in order; a str is a common prefix."""

    items: list[Object | str]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a multipart upload."""

    number: int
    size: int
    etag: str
    modified: int
    path: Path
    sums: dict[str, str]


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload under way."""

    id: str
    key: str
    created: int
    doc: Json


class Shelf:
    """Reads `catalog.db` beside the state folder's lake."""

    def __init__(self, catalog: Path, lake: Path) -> None:
        self._catalog = catalog
        self._lake = lake
        self._local = threading.local()

    def _rows(self, sql: str, values: Any = ()) -> list[Any]:
        try:
            db: apsw.Connection | None = getattr(self._local, "db", None)
            if db is None:
                db = self._local.db = open_db(self._catalog, readonly=True)
            return db.execute(sql, values).fetchall()
        except apsw.SQLError as error:
            raise Unavailable("NoCatalog", f"the catalog is not ready: {error}") from None
        except apsw.Error as error:
            raise told(error, self._catalog) from error

    # Objects.

    def find(self, bucket: str, key: str, version: str | None = None) -> Object:
        """A version of a key, the current one unless said; it may be a delete marker.

        Raises NotFound `NoSuchKey` or `NoSuchVersion`.
        """
        rows = self._rows(
            "SELECT size, etag, modified, path, meta FROM objects WHERE bucket = ? AND key = ? AND state = 'live'",
            (bucket, key),
        )
        if rows:
            size, etag, modified, stored, meta = rows[0]
            doc = json.loads(meta)
            own = doc.get("version", NULL)
            if version in (None, own):
                path = self._at(bucket, key, stored)
                return Object(key, size, etag, modified, path, doc, own, stored=stored)
        older = self._rows(
            "SELECT size, etag, modified, path, meta, version, marker, seq FROM lake_versions"
            " WHERE bucket = :b AND key = :k AND (version = :v OR (:v IS NULL AND marker)) ORDER BY seq DESC LIMIT 1",
            {"b": bucket, "k": key, "v": version},
        )
        if not older:
            if version is not None and version != NULL:
                message = "The specified version does not exist."
                raise NotFound("NoSuchVersion", message, key=key, version=version)
            raise NotFound("NoSuchKey", "The specified key does not exist.", key=key)
        size, etag, modified, stored, meta, found, marker, seq = older[0]
        path = self._at(bucket, key, stored)
        latest = not rows and self._newest(bucket, key) == seq
        return Object(key, size, etag, modified, path, json.loads(meta), found, bool(marker), latest, stored)

    def _newest(self, bucket: str, key: str) -> int | None:
        found = self._rows("SELECT max(seq) FROM lake_versions WHERE bucket = ? AND key = ?", (bucket, key))
        newest: int | None = found[0][0]
        return newest

    def _at(self, bucket: str, key: str, stored: str | None) -> Path:
        return self._lake / bucket / key if stored is None else self._lake.parent / stored

    def keys(
        self, bucket: str, prefix: str, delimiter: str, after: str, most: int, *, begun: bool = True
    ) -> Page:
        """Up to `most` objects and common prefixes after the key or prefix `after`.

        With `begun`, a common prefix that `after` itself begins with is behind us.
        """
        end = above(prefix)
        size = min(BATCH, most + 1)

        def fetch(at: Position) -> Batch:
            sign = ">=" if at[1] == FIRST else ">"
            rows = self._rows(
                f"SELECT key, size, etag, modified, meta FROM objects WHERE bucket = :b AND key {sign} :s"
                f" AND state = 'live' {'AND key < :e' if end is not None else ''} ORDER BY key LIMIT :n",
                {"b": bucket, "s": at[0], "e": end, "n": size},
            )
            for key, length, etag, modified, text in rows:
                meta = json.loads(text)
                version = meta.get("version", NULL)
                yield Object(key, length, etag, modified, self._lake, meta, version), (key, -1)

        start = (prefix, FIRST) if after < prefix else (after, -1)
        return _page(fetch, start, _rolling(prefix, delimiter), most, after if begun else "")

    def versions(
        self, bucket: str, prefix: str, delimiter: str, after: tuple[str, str | None], most: int
    ) -> Page:
        """Versions and delete markers, by key and then newest first, after a key or after a version of it."""
        marker, version = after
        end = above(prefix)
        bound = "AND key < :e" if end is not None else ""
        where = f"WHERE bucket = :b AND (key > :s OR (key = :s AND {{}} < :q)) {bound}"
        seen = marker if version is not None else ""

        def fetch(at: Position) -> Batch:
            nonlocal seen
            rows = self._rows(
                "SELECT key, coalesce(json_extract(meta, '$.version'), 'null'), 0, size, etag, modified, meta,"
                f" modified AS seq, 1 FROM objects {where.format('modified')} AND state = 'live'"
                " UNION ALL SELECT key, version, marker, size, etag, modified, meta, seq, 0 FROM lake_versions"
                f" {where.format('seq')} ORDER BY key, seq DESC LIMIT :n",
                {"b": bucket, "s": at[0], "q": at[1], "e": end, "n": BATCH},
            )
            for key, name, deleted, size, etag, modified, text, seq, live in rows:
                latest = bool(live) or seen != key
                seen = key
                meta = json.loads(text)
                found = Object(key, size, etag, modified, self._lake, meta, name, bool(deleted), latest)
                yield found, (key, seq)

        if marker < prefix:
            start = (prefix, FIRST)
        else:
            start = (marker, -1 if version is None else self._seq(bucket, marker, version))
        return _page(fetch, start, _rolling(prefix, delimiter), most, marker)

    def _seq(self, bucket: str, key: str, version: str) -> int:
        rows = self._rows(
            "SELECT seq FROM lake_versions WHERE bucket = :b AND key = :k AND version = :v UNION ALL"
            " SELECT modified FROM objects WHERE bucket = :b AND key = :k AND state = 'live'"
            " AND coalesce(json_extract(meta, '$.version'), 'null') = :v",
            {"b": bucket, "k": key, "v": version},
        )
        return int(rows[0][0]) if rows else -1

    # Annotations.

    def annotations(
        self, bucket: str, found: Object, prefix: str = "", begin: str = "", most: int = -1
    ) -> list[Annotation]:
        """A version's annotations, by name: those with a prefix, from the name `begin` on, at `most` so many."""
        end = above(prefix)
        rows = self._rows(
            f"SELECT {COLUMNS} FROM lake_annotations WHERE bucket = :b AND key = :k AND seq = :q AND name >= :s"
            f" {'AND name < :e' if end is not None else ''} ORDER BY name LIMIT :n",
            {
                "b": bucket,
                "k": found.key,
                "q": found.modified,
                "e": end,
                "n": most,
                "s": max(prefix, begin, key=str.encode),
            },
        )
        return [made(row) for row in rows]

    def annotation(self, bucket: str, found: Object, name: str) -> Annotation | None:
        """A version's annotation of this name; None if there is none."""
        rows = self._rows(
            f"SELECT {COLUMNS} FROM lake_annotations WHERE bucket = ? AND key = ? AND seq = ? AND name = ?",
            (bucket, found.key, found.modified, name),
        )
        return made(rows[0]) if rows else None

    # Buckets.

    def setting(self, bucket: str, name: str) -> Any:
        """A bucket's setting; None if there is none."""
        rows = self._rows("SELECT doc FROM lake_settings WHERE bucket = ? AND name = ?", (bucket, name))
        return json.loads(rows[0][0]) if rows else None

    def plain(self, bucket: str) -> dict[str, Any] | None:
        """What a put's answer says of a bucket's settings, where an object is only put; None where there is more to it.

        More: versions, locks and replicas. {lifecycle, default_encryption} otherwise, those that there are.
        """
        rows = self._rows(
            "SELECT name, doc FROM lake_settings WHERE bucket = ? AND name IN (?, ?, ?, ?, ?)",
            (bucket, VERSIONING, LOCK, REPLICATION, LIFECYCLE, ENCRYPTION),
        )
        found = {name: json.loads(doc) for name, doc in rows}
        return None if found.keys() - {LIFECYCLE, ENCRYPTION} else found

    def settings(self, bucket: str) -> dict[str, Any]:
        """A bucket's settings that its objects depend on: versioning and lifecycle, where there are any."""
        rows = self._rows(
            "SELECT name, doc FROM lake_settings WHERE bucket = ? AND name IN ('versioning', 'lifecycle')",
            (bucket,),
        )
        return {name: json.loads(doc) for name, doc in rows}

    # Uploads.

    def upload(self, bucket: str, key: str, id: str) -> Upload | None:
        """A multipart upload; None if there is none of this id for this key."""
        rows = self._rows(
            "SELECT id, key, created, doc FROM lake_uploads WHERE id = ? AND bucket = ? AND key = ?",
            (id, bucket, key),
        )
        return next((Upload(id, key, created, json.loads(doc)) for id, key, created, doc in rows), None)

    def uploads(self, bucket: str, prefix: str) -> list[Upload]:
        """The multipart uploads of keys with a prefix, by key and then by time."""
        end = above(prefix)
        rows = self._rows(
            "SELECT id, key, created, doc FROM lake_uploads WHERE bucket = :b AND key >= :p"
            f" {'AND key < :e' if end is not None else ''} ORDER BY key, created, id LIMIT 20000",
            {"b": bucket, "p": prefix, "e": end},
        )
        return [Upload(id, key, created, json.loads(doc)) for id, key, created, doc in rows]

    def parts(self, upload: str) -> list[Part]:
        """An upload's parts, by number."""
        rows = self._rows(
            "SELECT number, size, etag, modified, path, sums FROM lake_parts WHERE upload = ? ORDER BY number",
            (upload,),
        )
        root = self._lake.parent
        return [
            Part(number, size, etag, modified, root / path, json.loads(sums))
            for number, size, etag, modified, path, sums in rows
        ]


def _page(
    fetch: Callable[[Position], Batch], at: Position, common_of: Common, most: int, passed: str
) -> Page:
    """One page after `at`; a common prefix that `passed` begins with was on an earlier one."""
    items: list[Object | str] = []
    if most <= 0:
        return Page(items, truncated=False)
    common: str | None = None
    while batch := list(fetch(at)):
        for found, _ in batch:
            if common is not None and found.key.startswith(common):
                continue
            common = common_of(found.key)
            if common is not None and passed.startswith(common):
                continue
            if len(items) == most:
                return Page(items, truncated=True)
            items.append(found if common is None else common)
        last, at = batch[-1]
        if common is not None and last.key.startswith(common):  # all that it holds is behind us
            beyond = above(common)
            if beyond is None:
                break
            at = (beyond, FIRST)
    return Page(items, truncated=False)


def _rolling(prefix: str, delimiter: str) -> Common:
    """Tells the common prefix that a key is rolled up into."""

    def common(key: str) -> str | None:
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        return None if at < 0 else key[: at + len(delimiter)]

    return common
