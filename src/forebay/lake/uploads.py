"""Multipart uploads in the catalog: begun, parts added, completed into an object, or aborted.

The parts are files below `.objects`, durable before they are registered here; the front joins them into one
file, and completing registers that and forgets the parts in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import apsw

from forebay.clock import now_us
from forebay.errors import NotFound
from forebay.lake.objects import Change, Json, compact, put

ABORTED = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."


def no_such_upload(id: str) -> NotFound:
    """The error for an upload that is not, or no longer."""
    return NotFound("NoSuchUpload", ABORTED, upload=id)


def begin(db: apsw.Connection, args: Mapping[str, Any]) -> None:
    """Begin upload `id` of `key` in `bucket`; `doc` is what completing it will need."""
    db.execute(
        "INSERT INTO lake_uploads(id, bucket, key, created, doc) VALUES (?, ?, ?, ?, ?)",
        (args["id"], args["bucket"], args["key"], now_us(), compact(args["doc"])),
    )


def add_part(db: apsw.Connection, args: Mapping[str, Any]) -> list[str]:
    """Add part `number` (path, size, etag, sums); one of that number gives way. Returns files to remove."""
    upload, number = args["upload"], args["number"]
    if db.execute("SELECT 1 FROM lake_uploads WHERE id = ?", (upload,)).fetchone() is None:
        raise no_such_upload(upload)
    old: Any = db.execute(
        "SELECT path FROM lake_parts WHERE upload = ? AND number = ?", (upload, number)
    ).fetchall()
    db.execute(
        "INSERT OR REPLACE INTO lake_parts(upload, number, size, etag, modified, path, sums) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (upload, number, args["size"], args["etag"], now_us(), args["path"], compact(args["sums"])),
    )
    return [path for (path,) in old]


def complete(change: Change) -> Json:
    """Make an object (as `objects.put`) and forget `upload`. Raises NotFound `NoSuchUpload` too."""
    upload = change.args["upload"]
    if change.db.execute("SELECT 1 FROM lake_uploads WHERE id = ?", (upload,)).fetchone() is None:
        raise no_such_upload(upload)
    answer = put(change)
    change.unlink += forget(change.db, upload)
    return answer


def forget(db: apsw.Connection, upload: str) -> list[str]:
    """Remove an upload and its parts' rows; the files that were theirs."""
    rows: Any = db.execute("SELECT path FROM lake_parts WHERE upload = ?", (upload,)).fetchall()
    db.execute("DELETE FROM lake_parts WHERE upload = ?", (upload,))
    db.execute("DELETE FROM lake_uploads WHERE id = ?", (upload,))
    return [path for (path,) in rows]


def abort(db: apsw.Connection, upload: str) -> list[str]:
    """Forget an upload. Raises NotFound `NoSuchUpload`. Returns the files to remove."""
    if db.execute("SELECT 1 FROM lake_uploads WHERE id = ?", (upload,)).fetchone() is None:
        raise no_such_upload(upload)
    return forget(db, upload)
