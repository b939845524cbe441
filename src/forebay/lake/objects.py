"""What a put or a delete is in the catalog: one transaction each, with who is told of it.

Every function here runs inside a transaction of the catalog's one writer. Errors are ForebayErrors whose
codes are S3's (`NoSuchKey`, `PreconditionFailed`, ...): those are the words this noun has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import apsw

from forebay.clock import SECOND, now_us
from forebay.errors import NotFound, UsageError
from forebay.lake import annotation, lock, replication
from forebay.lake.files import Files
from forebay.lake.notifications import Happened, tell
from forebay.lake.schema import GONE, ROW_OUTLIVES
from forebay.lake.settings import ENCRYPTION, LIFECYCLE, Settings
from forebay.lake.versions import NULL, new_version

GRACE = 900 * SECOND
"""A file outlives its object by this at most, for queries that planned it (`Lake` looks whether there are any)."""

Json = dict[str, Any]


@dataclass(slots=True)
class World:
    """What changes are made in, beside the database."""

    settings: Settings
    files: Files
    last: int = 0
    closed: set[str] = field(default_factory=set)

    def tick(self) -> int:
        """The present (UTC us), later than any tick before: the order of versions and events."""
        self.last = max(now_us(), self.last + 1)
        return self.last


@dataclass(frozen=True, slots=True)
class Live:
    """The current version of a key."""

    id: int
    size: int
    etag: str
    modified: int
    path: str | None
    inputs: int | None
    source: str | None
    meta: Json

    @property
    def version(self) -> str:
        """Its version id."""
        return str(self.meta.get("version", NULL))


def live(db: apsw.Connection, bucket: str, key: str) -> Live | None:
    """The current version of a key; None if there is none or it is a delete marker."""
    row: Any = db.execute(
        "SELECT id, size, etag, modified, path, inputs, source, meta FROM objects"
        " WHERE bucket = ? AND key = ? AND state = 'live'",
        (bucket, key),
    ).fetchone()
    if row is None:
        return None
    id, size, etag, modified, path, inputs, source, meta = row
    return Live(id, size, etag, modified, path, inputs, source, json.loads(meta))


class Change:
    """One change of one key under way, inside a transaction.

    `args` says which (`bucket`, `key`, `version`), for whom (`caller`: ip, principal, request), and what a
    function below documents. `unlink` collects files that nobody needs once it is committed.
    """

    def __init__(self, db: apsw.Connection, world: World, args: Mapping[str, Any]) -> None:
        self.db = db
        self.world = world
        self.args = args
        self.bucket: str = args["bucket"]
        self.key: str = args["key"]
        self.versioning = world.settings.versioning(self.bucket)
        self.now = world.tick()
        self.unlink: list[str] = []
        self.current = live(db, self.bucket, self.key)

    def tell(
        self,
        name: str,
        *,
        size: int | None = None,
        etag: str | None = None,
        version: str | None,
        **more: Any,
    ) -> None:
        """Add the notices of what happened; `more` of it as `Happened` says."""
        caller = self.args.get("caller") or {}
        happened = Happened(name, self.bucket, self.key, size, etag, version, self.now, caller, **more)
        tell(self.db, self.world.settings, happened)

    def outdated(self) -> None:
        """Note that the key's name in the bucket's folder is to be brought up to date."""
        self.db.execute("INSERT INTO lake_views(bucket, key) VALUES (?, ?)", (self.bucket, self.key))

    def check_open(self) -> None:
        """Raise NotFound if the bucket is being removed."""
        if self.bucket in self.world.closed:
            raise NotFound("NoSuchBucket", "The specified bucket does not exist")

    def check_conditions(self) -> None:
        """Hold `if_match` and `if_none_match` (ETags, or *) against what is there now."""
        wanted, unwanted = self.args.get("if_match"), self.args.get("if_none_match")
        current = self.current
        if wanted is not None:
            if current is None:
                raise NotFound("NoSuchKey", "The specified key does not exist.", key=self.key)
            if wanted not in ("*", current.etag):
                raise precondition_failed("If-Match")
        if unwanted is not None and current is not None and unwanted in ("*", current.etag):
            raise precondition_failed("If-None-Match")

    def check_unlocked(self, meta: Json) -> None:
        """Raise UsageError `AccessDenied` if a version may not be deleted; `bypass` sets governance aside."""
        if lock.is_locked(meta, self.now, bypass=bool(self.args.get("bypass"))):
            raise lock.protected()

    def make_room(self, version: str) -> None:
        """Let the current version go, or be kept as an older one, for another that will be `version`."""
        keeps = self.versioning != ""
        if self.current is not None:
            if keeps and self.current.version != version:
                self._keep(self.current)
            else:
                self.retire(self.current)
        elif keeps:  # a delete marker may have been it
            self.db.execute(
                "UPDATE lake_versions SET retired = ?1 WHERE bucket = ?2 AND key = ?3 AND seq ="
                " (SELECT max(seq) FROM lake_versions WHERE bucket = ?2 AND key = ?3)",
                (self.now, self.bucket, self.key),
            )
        if keeps and version == NULL:  # there is one null version at most
            this = (self.bucket, self.key, NULL)
            where = "FROM lake_versions WHERE bucket = ? AND key = ? AND version = ?"
            rows: Any = self.db.execute(f"SELECT path, seq {where}", this).fetchall()
            self.unlink += [path for path, _ in rows if path is not None]
            self.db.execute(f"DELETE {where}", this)
            for _, seq in rows:
                self.bare(seq)

    def _keep(self, current: Live) -> None:
        """The current version becomes an older one; its bytes have a path of their own from now on."""
        path = current.path
        if path is None:
            files = self.world.files
            path = files.keep(files.at(self.bucket, self.key, None))
        self.db.execute(
            "INSERT INTO lake_versions(bucket, key, seq, version, marker, size, etag, modified, path, meta, retired)"
            " VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?)",
            (
                *(self.bucket, self.key, current.modified, current.version, current.size, current.etag),
                *(current.modified, path, compact(current.meta), self.now),
            ),
        )
        self._gone(current, GONE, ROW_OUTLIVES)

    def retire(self, current: Live, *, asked: bool = True) -> None:
        """The current version is no more. Its file goes when no query that planned it lives.

        A file that has the object's own name goes at once where somebody `asked` for it, as he then sees.
        """
        self.bare(current.modified)
        if current.path is None and asked:
            self._gone(current, GONE, ROW_OUTLIVES)
        else:
            self._gone(current, current.etag, self.args.get("grace", GRACE))
            if current.path is not None:
                self.unlink.append(current.path)

    def _gone(self, current: Live, etag: str, lives: int) -> None:
        self.db.execute(
            "UPDATE objects SET state = 'replaced', etag = ?, gone_after = ? WHERE id = ?",
            (etag, self.now + lives, current.id),
        )
        if current.inputs and current.source:
            self.db.execute(
                "UPDATE ledger SET removed = removed + ? WHERE consumer = ?", (current.inputs, current.source)
            )

    def bare(self, seq: int) -> None:
        """A version is no more: nor are its annotations."""
        self.unlink += annotation.drop(self.db, self.bucket, self.key, seq)

    def promote(self) -> None:
        """With no current version left, the newest older one is it, unless that is a delete marker."""
        row: Any = self.db.execute(
            "SELECT seq, marker, size, etag, modified, path, meta FROM lake_versions WHERE bucket = ? AND key = ?"
            " ORDER BY seq DESC LIMIT 1",
            (self.bucket, self.key),
        ).fetchone()
        if row is None or row[1]:
            return
        self.drop_version(row[0])
        self.db.execute(
            "INSERT INTO objects(bucket, key, size, etag, modified, path, source, meta)"
            " VALUES (?, ?, ?, ?, ?, ?, 'wire', ?)",
            (self.bucket, self.key, *row[2:]),
        )

    def drop_version(self, seq: int) -> None:
        """Forget an older version or a delete marker."""
        self.db.execute(
            "DELETE FROM lake_versions WHERE bucket = ? AND key = ? AND seq = ?", (self.bucket, self.key, seq)
        )


def compact(doc: Any) -> str:
    """JSON without spaces."""
    return json.dumps(doc, separators=(",", ":"))


def precondition_failed(condition: str) -> UsageError:
    """The refusal of what was asked under a condition that does not hold."""
    message = "At least one of the pre-conditions you specified did not hold"
    return UsageError("PreconditionFailed", message, condition=condition)


def put(change: Change) -> Json:
    """Make an object of a file that is on disk: `path`, `size`, `etag`, `meta`.

    `how` names the event, `source` who made it; `if_match` and `if_none_match` are conditions; `annotated` is what
    `annotation.check_unchanged` takes. Answers {version, modified, lifecycle: the bucket's rules or None, encrypted: what `meta` has by the bucket's default}. Raises NotFound `NoSuchBucket`, `NoSuchKey`, UsageError `PreconditionFailed`.
    """
    args = change.args
    change.check_open()
    change.check_conditions()
    meta = dict(args["meta"])
    version = args.get("replica") or (new_version() if change.versioning == "Enabled" else NULL)
    shown = None
    if version != NULL:
        meta["version"] = shown = version
    world = change.world.settings
    lock.by_default(world.get(change.bucket, lock.LOCK), meta, change.now)
    encrypted = (world.get(change.bucket, ENCRYPTION) or {}).get("told", {})
    if "sse" in meta or "ssec" in meta:
        encrypted = {}
    meta |= encrypted
    replicas = [] if args.get("replica") else replication.targets(world, change.bucket, change.key, meta)
    if replicas:
        meta["replication"] = replication.DONE if all(each.open for each in replicas) else replication.FAILED
    annotated = args.get("annotated")
    if annotated:  # before those go that they may be copies of
        if not args.get("replica"):
            annotation.check_unchanged(change.db, annotated)
        status = replication.REPLICA if args.get("replica") else meta.get("replication")
        annotation.carry(change.db, annotated, (change.bucket, change.key, change.now), status)
    change.make_room(version)
    change.db.execute(
        "INSERT INTO objects(bucket, key, size, etag, modified, path, source, meta) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(change.bucket, change.key, args["size"], args["etag"], change.now, args["path"]),
            *(args.get("source", "wire"), compact(meta)),
        ),
    )
    change.outdated()
    name = f"ObjectCreated:{args.get('how', 'Put')}"
    more = {"annotated": bool(annotated and annotated["carried"])} if args.get("how") == "Copy" else {}
    change.tell(name, size=args["size"], etag=args["etag"], version=shown, **more)
    for each in replicas:
        if each.open:
            _replicate(change, each, version, meta)
    lifecycle = world.get(change.bucket, LIFECYCLE)
    return {"version": shown, "modified": change.now, "lifecycle": lifecycle, "encrypted": encrypted}


def overwritten(change: Change) -> None:
    """Tell of an object that was put, and overwritten before anybody saw it. Raises NotFound `NoSuchBucket`."""
    change.check_open()
    change.tell("ObjectCreated:Put", size=change.args["size"], etag=change.args["etag"], version=None)


def _replicate(change: Change, to: replication.Target, version: str, meta: Json) -> None:
    """Make the version that was just put a version of another bucket, too."""
    files, args = change.world.files, change.args
    kept = {name: value for name, value in meta.items() if name not in ("version", "replication")}
    more = {"path": files.keep(files.at(change.bucket, change.key, args["path"])), "replica": version}
    kept |= {"replication": replication.REPLICA, **to.more}
    replica = Change(change.db, change.world, {**args, **more, "bucket": to.bucket, "meta": kept})
    put(replica)
    change.unlink += replica.unlink


def delete(change: Change) -> Json:
    """Delete a key, or with `version` that version of it for good. Raises UsageError `AccessDenied` where it is locked.

    Answers {version, marker}: of the delete marker made or removed, or of the version removed.
    """
    by = change.args.get("by", "ObjectRemoved")
    if change.args.get("version") is not None:
        return _delete_version(change, change.args["version"], by)
    if change.args.get("if_match") is not None:
        change.check_conditions()
    if change.versioning == "":
        if change.current is not None:
            change.retire(change.current, asked=by == "ObjectRemoved")
            change.outdated()
            change.tell(f"{by}:Delete", version=None)
        return {"version": None, "marker": False}
    made = change.args.get("replica") or (new_version() if change.versioning == "Enabled" else NULL)
    change.make_room(made)
    change.db.execute(
        "INSERT INTO lake_versions(bucket, key, seq, version, marker, size, etag, modified, path, meta)"
        " VALUES (?, ?, ?, ?, 1, 0, '', ?, NULL, '{}')",
        (change.bucket, change.key, change.now, made, change.now),
    )
    if change.current is not None:
        change.outdated()
    change.tell(f"{by}:DeleteMarkerCreated", version=made)
    if not change.args.get("replica"):
        for each in replication.marker_targets(change.world.settings, change.bucket, change.key):
            if each.open:
                args = {"bucket": each.bucket, "key": change.key, "replica": made}
                replica = Change(change.db, change.world, args)
                delete(replica)
                change.unlink += replica.unlink
    return {"version": made, "marker": True}


def _delete_version(change: Change, version: str, by: str) -> Json:
    marker = False
    current = change.current
    if current is not None and current.version == version:
        change.check_unlocked(current.meta)
        change.retire(current)
        change.promote()
    else:
        row: Any = change.db.execute(
            "SELECT seq, marker, path, meta FROM lake_versions WHERE bucket = ? AND key = ? AND version = ?",
            (change.bucket, change.key, version),
        ).fetchone()
        if row is None:
            return {"version": version, "marker": False}
        change.check_unlocked(json.loads(row[3]))
        change.drop_version(row[0])
        change.bare(row[0])
        marker = bool(row[1])
        if row[2] is not None:
            change.unlink.append(row[2])
        if current is None:
            change.promote()
    change.outdated()
    change.tell(f"{by}:Delete", version=version if change.versioning else None)
    return {"version": version, "marker": marker}
