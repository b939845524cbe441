"""What comes to a version after it was made: tags, ACLs, locks, annotations; one transaction each.

As in `lake/objects.py`, every function runs inside a transaction of the catalog's one writer.
"""

from __future__ import annotations

import json
from typing import Any

from forebay.errors import NotFound, UsageError
from forebay.lake import annotation, lock, replication
from forebay.lake.objects import Change, Json, compact, precondition_failed


def tag(change: Change) -> Json:
    """Put `tags` on an object or on `version` of it, or take them off where None. Answers {version}.

    Instead of tags, what `_KEPT` names: an ACL, a legal hold (`hold`), a retention (`retain`, None for none, under
    `bypass`), the time to which it is `restored`. Raises NotFound `NoSuchKey`, `NoSuchVersion`, UsageError `AccessDenied`.
    """
    version, tags = change.args.get("version"), change.args.get("tags")
    current = change.current
    if current is not None and version in (None, current.version):
        found = current.version
        change.db.execute(
            "UPDATE objects SET meta = ? WHERE id = ?", (_told(change, current.meta), current.id)
        )
    else:
        row = _version(change, version)
        found = row[1]
        change.db.execute(
            "UPDATE lake_versions SET meta = ? WHERE bucket = ? AND key = ? AND seq = ?",
            (_told(change, json.loads(row[3])), change.bucket, change.key, row[0]),
        )
    shown = found if change.versioning else None
    size, etag = (current.size, current.etag) if current is not None else (None, None)
    names = {
        "tags": ("ObjectTagging:Put" if tags is not None else "ObjectTagging:Delete",),
        "acl": ("ObjectAcl:Put",),
        "restored": ("ObjectRestore:Post", "ObjectRestore:Completed"),
    }
    for kept, told in names.items():
        for name in told if kept in change.args else ():
            change.tell(name, size=size if kept == "restored" else None, etag=etag, version=shown)
    return {"version": shown}


def _version(change: Change, version: str | None) -> Any:
    """(seq, version, marker, meta, size, etag) of an older version, or of the newest. Raises NotFound, UsageError."""
    row: Any = change.db.execute(
        "SELECT seq, version, marker, meta, size, etag FROM lake_versions WHERE bucket = :bucket AND key = :key"
        " AND (version = :version OR :version IS NULL) ORDER BY seq DESC LIMIT 1",
        {"bucket": change.bucket, "key": change.key, "version": version},
    ).fetchone()
    if row is None:
        if version is not None:
            message = "The specified version does not exist."
            raise NotFound("NoSuchVersion", message, key=change.key, version=version)
        raise NotFound("NoSuchKey", "The specified key does not exist.", key=change.key)
    if row[2]:
        message = "The specified method is not allowed against this resource."
        raise UsageError("MethodNotAllowed", message)
    return row


_KEPT = ("acl", "hold", "restored")


def _told(change: Change, meta: Json) -> str:
    args = change.args
    for name in _KEPT:
        if name in args:
            meta[name] = args[name]
    if "retain" in args:
        lock.retained(meta, args["retain"], change.now, bypass=bool(args.get("bypass")))
    if args.get("tags"):
        meta["tags"] = dict(args["tags"])
    elif "tags" in args:
        meta.pop("tags", None)
    return compact(meta)


# Annotations.


def annotate(change: Change) -> Json:
    """Put the annotation `told` (`annotation.Annotation.told`) on an object or on `version` of it.

    `if_match` is the object's ETag; `bypass` sets governance aside. Answers {version, meta: the version's}.
    Raises NotFound `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`, UsageError `AccessDenied`, `InvalidRequest`,
    `PreconditionFailed`, `AnnotationLimitExceeded`.
    """
    change.check_open()
    told = change.args["told"]
    seq, version, size, etag, meta = _held(change)
    if "ssec" in meta:
        message = "Objects that are encrypted with customer-provided keys (SSE-C) cannot have annotations."
        raise UsageError("InvalidRequest", message)
    status = _replicate(change, version, meta)
    change.unlink += annotation.set_one(change.db, (change.bucket, change.key, seq), told, change.now, status)
    shown = version if change.versioning else None
    named = {"name": told["name"], "size": told["size"], "etag": told["etag"]}
    change.tell("ObjectAnnotation:Put", size=size, etag=etag, version=shown, annotation=named)
    return {"version": shown, "meta": meta}


def unannotate(change: Change) -> Json:
    """Take the annotation `name` off an object or off `version` of it; one that is not there may go, too.

    Conditions, answer and errors as of `annotate`.
    """
    change.check_open()
    name = change.args["name"]
    seq, version, size, etag, meta = _held(change)
    of = (change.bucket, change.key, seq, name)
    there = change.db.execute(
        "SELECT 1 FROM lake_annotations WHERE bucket = ? AND key = ? AND seq = ? AND name = ?", of
    ).fetchone()
    shown = version if change.versioning else None
    if there is not None:
        change.unlink += annotation.drop(change.db, *of)
        change.tell("ObjectAnnotation:Delete", size=size, etag=etag, version=shown, annotation={"name": name})
    return {"version": shown, "meta": meta}


def _held(change: Change) -> tuple[int, str, int, str, Json]:
    """(seq, version, size, etag, meta) of the version that is asked for, which may be written to."""
    wanted, current = change.args.get("version"), change.current
    if current is not None and wanted in (None, current.version):
        found = (current.modified, current.version, current.size, current.etag, current.meta)
    elif wanted is None:
        raise NotFound("NoSuchKey", "The specified key does not exist.", key=change.key)
    else:
        seq, version, _, meta, size, etag = _version(change, wanted)
        found = (seq, version, size, etag, json.loads(meta))
    if change.args.get("if_match") not in (None, "*", found[3]):
        raise precondition_failed("x-amz-object-if-match")
    if lock.is_locked(found[4], change.now, bypass=bool(change.args.get("bypass"))):
        what = "legal hold" if found[4].get("hold") else "retention"
        raise UsageError("AccessDenied", f"Access Denied because object protected by object lock {what}.")
    return found


def _replicate(change: Change, version: str, meta: Json) -> str | None:
    """Put the annotation on the version's replicas, too; what it says of that."""
    if meta.get("replication") in (None, replication.REPLICA):
        return None
    done = True
    for to in replication.targets(change.world.settings, change.bucket, change.key, meta):
        seq = annotation.seq_of(change.db, to.bucket, change.key, version) if to.open else None
        if seq is None:
            done = False
            continue
        of = (to.bucket, change.key, seq)
        told = change.args["told"]
        change.unlink += annotation.set_one(change.db, of, told, change.now, replication.REPLICA)
    return replication.DONE if done else replication.FAILED
