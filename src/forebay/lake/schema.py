"""The lake's own tables of `catalog.db`, beside `objects`, and what an object's `meta` holds.

`objects` has one live row per key: the current version. What came before it, where the bucket keeps
versions, and delete markers are rows of `lake_versions`. An object that was put lies at a path of its own
below `lake/.objects/` which never changes and is never written again; `lake/<bucket>/<key>` is a second
name (a hard link) of the same file, made afterwards for people to look at. So a commit is all that an
overwrite or a deletion is, and who still reads the old file is not disturbed.

`meta` of an object, all optional:

    type, encoding, language, disposition, cache, expires, redirect, class   headers that are kept
    user {name: value}, tags {key: value}
    sums {CRC32: base64, ...}, composite: true where a sum is one of the parts' sums
    parts [[size, {CRC32: ...}], ...]      of a multipart upload
    version                                its version id; none is S3's `null` version
    upload                                 the multipart upload that it was
    acl, sse, kms, bucket_key              kept and given back: how it may be read, and how it is said to be encrypted
    retain {mode, until}, hold             locks: lake/lock.py
    restored UTC us                        until when an object of an archive's class may be read
    stat mtime in ns                       of the file, by which a change by hand is noticed
"""

from __future__ import annotations

import apsw

from forebay.clock import SECOND

DDL = """
CREATE INDEX IF NOT EXISTS objects_path ON objects(path) WHERE path IS NOT NULL;
CREATE TABLE IF NOT EXISTS lake_settings(
  bucket TEXT NOT NULL, name TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY(bucket, name)
) WITHOUT ROWID;
-- `seq` orders the versions of a key, the newest being the greatest; it is the time of their making, UTC us.
-- `retired` is when a version was no longer the current one; without a live object the newest row is that, a marker.
CREATE TABLE IF NOT EXISTS lake_versions(
  bucket TEXT NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, version TEXT NOT NULL, marker INTEGER NOT NULL,
  size INTEGER NOT NULL, etag TEXT NOT NULL, modified INTEGER NOT NULL, path TEXT, meta TEXT NOT NULL,
  retired INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(bucket, key, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lake_versions_path ON lake_versions(path) WHERE path IS NOT NULL;
-- A version's annotations: `seq` is the version's. Several rows may have one file: lake/annotation.py.
CREATE TABLE IF NOT EXISTS lake_annotations(
  bucket TEXT NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL,
  etag TEXT NOT NULL, modified INTEGER NOT NULL, path TEXT NOT NULL, sums TEXT NOT NULL, status TEXT,
  PRIMARY KEY(bucket, key, seq, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lake_annotations_path ON lake_annotations(path);
CREATE TABLE IF NOT EXISTS lake_uploads(
  id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, created INTEGER NOT NULL, doc TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lake_uploads_key ON lake_uploads(bucket, key, id);
CREATE TABLE IF NOT EXISTS lake_parts(
  upload TEXT NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
  modified INTEGER NOT NULL, path TEXT NOT NULL, sums TEXT NOT NULL, PRIMARY KEY(upload, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lake_parts_path ON lake_parts(path);
-- Keys whose name in the bucket's folder is not yet what `objects` says; lake/view.py mends it.
CREATE TABLE IF NOT EXISTS lake_views(
  id INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL, key TEXT NOT NULL
);
-- One row per event and target, until whoever serves that kind of target says that it is done.
CREATE TABLE IF NOT EXISTS lake_notices(
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, target TEXT NOT NULL, bucket TEXT NOT NULL,
  created INTEGER NOT NULL, event TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS lake_notices_kind ON lake_notices(kind, id);
-- The journal of the front that was last told of, and up to which number all in it is taken; lake/journaled.py.
CREATE TABLE IF NOT EXISTS lake_journal(journal TEXT PRIMARY KEY, known INTEGER NOT NULL) WITHOUT ROWID;
"""

STORE = ".objects"
"""Below the lake: where the bytes of objects lie that were put."""

GONE = "unlinked"
"""The `etag` of a replaced object whose file needs no removing by `catalog/sweep.py`; its row goes by itself."""

ROW_OUTLIVES = 60 * SECOND
"""So long a row outlives its file: who lists folders first and reads the catalog afterwards still finds it."""


def make(db: apsw.Connection) -> None:
    """Make the tables that are missing."""
    db.execute(DDL)
