"""Multipart uploads in the catalog: begun, parts added, completed into an object, or aborted.

The parts are files below `.objects`, durable before they are registered here; the front joins them into one
file, and completing registers that and forgets the parts in one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import apsw

from forebay.clock import now_us
from forebay.errors import NotFound, UsageError
from forebay.lake.objects import Change, Json, compact, live, put

ABORTED = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."


def no_such_upload(id: str) -> NotFound:
    """The error for an upload that is not, or no longer."""
    return NotFound("NoSuchUpload", ABORTED, upload=id)


def begin(db: apsw.Connection, args: Mapping[str, Any]) -> int:
    """Begin upload `id` of `key` in `bucket`; `doc` is what completing it will need, and whether it covers an object.

    Answers when (UTC us).
    """
    now = now_us()
    doc = {**args["doc"], "covers": live(db, args["bucket"], args["key"]) is not None}
    db.execute(
        "INSERT INTO lake_uploads(id, bucket, key, created, doc) VALUES (?, ?, ?, ?, ?)",
        (args["id"], args["bucket"], args["key"], now, compact(doc)),
    )
    return now


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
    row: Any = change.db.execute("SELECT created, doc FROM lake_uploads WHERE id = ?", (upload,)).fetchone()
    if row is None:
        raise no_such_upload(upload)
    change.check_conditions()
    _check_undisturbed(change, row[0], json.loads(row[1]))
    answer = put(change)
    change.unlink += forget(change.db, upload)
    return answer


def _check_undisturbed(change: Change, begun: int, doc: Json) -> None:
    """Raise UsageError `ConditionalRequestConflict` where a condition holds only for what came meanwhile."""
    current = change.current
    if change.args.get("if_match") is not None and current is not None and current.modified > begun:
        raise conflict("If-Match", change.key)
    if change.args.get("if_none_match") is not None and doc.get("covers"):
        raise conflict("If-None-Match", change.key)


def conflict(condition: str, key: str) -> UsageError:
    """The refusal of a conditional write that another came in the way of."""
    message = "The conditional request cannot succeed due to a conflicting operation against this resource."
    return UsageError("ConditionalRequestConflict", message, condition=condition, key=key)


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
