"""What lifecycle rules say is over, removed: objects, older versions, lone delete markers, unfinished uploads."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import apsw

from forebay.clock import SECOND
from forebay.errors import UsageError
from forebay.lake import uploads
from forebay.lake.lifecycle import ABORT, DAY, applies, due, prefixes
from forebay.lake.objects import Change, World, delete
from forebay.lake.settings import LIFECYCLE
from forebay.ports import Catalog

log = logging.getLogger(__name__)

AT_ONCE = 500
BY = "LifecycleExpiration"

Bounds = tuple[str, str, str]
"""A bucket, and the keys of a prefix: from, and below."""


def expire(catalog: Catalog, world: World, now: int) -> tuple[int, list[str]]:
    """One round: at most a few hundred things a rule; how many, and files that nobody needs any more."""
    count = 0
    unlink: list[str] = []
    for bucket, config in world.settings.buckets(LIFECYCLE):
        for rule, prefix in prefixes(config):
            try:
                wanted = list(_deletions(catalog.reader, bucket, rule, prefix, now))
                stale = list(_uploads(catalog.reader, bucket, rule, prefix, now))
                if wanted or stale:
                    unlink += catalog.write(partial(_act, world=world, wanted=wanted, stale=stale))
                    count += len(wanted) + len(stale)
            except Exception:  # whatever is wrong with one, the others act
                log.exception("lifecycle rule %r of bucket %s cannot act", rule.get("ID"), bucket)
    return count, unlink


def _act(db: apsw.Connection, *, world: World, wanted: list[dict[str, Any]], stale: list[str]) -> list[str]:
    files = [path for each in wanted for path in _delete(db, world, each)]
    return files + [path for id in stale for path in uploads.forget(db, id)]


def expire_older(catalog: Catalog, world: World, ages: Mapping[str, float], now: int, grace: float) -> int:
    """Delete what is older than its bucket's seconds, at most a few hundred objects a bucket; how many."""
    count = 0
    for bucket, seconds in ages.items():
        rows: Any = catalog.reader.execute(
            "SELECT key, etag FROM objects WHERE bucket = ? AND state = 'live' AND modified < ? LIMIT ?",
            (bucket, now - int(seconds * SECOND), AT_ONCE),
        ).fetchall()
        more = {"bucket": bucket, "by": BY, "grace": int(grace * SECOND)}
        wanted = [{"key": key, "etag": etag, **more} for key, etag in rows]
        if wanted:
            catalog.write(lambda db, wanted=wanted: [_delete(db, world, each) for each in wanted])  # type: ignore[misc]
            count += len(wanted)
    return count


def _delete(db: apsw.Connection, world: World, args: Mapping[str, Any]) -> list[str]:
    change = Change(db, world, args)
    if "etag" in args and (change.current is None or change.current.etag != args["etag"]):
        return []  # written again meanwhile
    try:
        delete(change)
    except UsageError:
        return []  # it is locked, and outlives the rule
    return change.unlink


def _deletions(
    db: apsw.Connection, bucket: str, rule: Mapping[str, Any], prefix: str, now: int
) -> Iterator[dict[str, Any]]:
    bounds = (bucket, prefix, prefix + "\U0010ffff")
    gone = rule.get("Expiration") or {}
    if "Date" in gone:
        if int(dt.datetime.fromisoformat(gone["Date"]).timestamp()) * SECOND <= now:
            yield from _objects(db, rule, bounds, now, None)
            yield from _lone_markers(db, rule, bounds, now, None)
    elif "Days" in gone:
        yield from _objects(db, rule, bounds, now, int(gone["Days"]))
        yield from _lone_markers(db, rule, bounds, now, int(gone["Days"]))
    elif gone.get("ExpiredObjectDeleteMarker"):
        yield from _lone_markers(db, rule, bounds, now, None)
    older = rule.get("NoncurrentVersionExpiration") or {}
    if "NoncurrentDays" in older:
        yield from _older(db, rule, bounds, now, older)


def _made_before(now: int, days: int | None) -> int:
    """What may be so many days old is older than this: a little more than what is `due`."""
    return now if days is None else max(0, now - days * DAY)


def _objects(
    db: apsw.Connection, rule: Mapping[str, Any], bounds: Bounds, now: int, days: int | None
) -> Iterator[dict[str, Any]]:
    rows: Any = db.execute(
        "SELECT key, size, etag, modified, meta FROM objects WHERE bucket = ? AND key >= ? AND key < ?"
        " AND state = 'live' AND modified < ?",
        (*bounds, _made_before(now, days)),
    )
    count = 0
    for key, size, etag, modified, meta in rows:
        if days is not None and due(modified, days) > now:
            continue
        if applies(rule, key, size, json.loads(meta).get("tags", {})):
            yield {"bucket": bounds[0], "key": key, "etag": etag, "by": BY}
            count += 1
            if count >= AT_ONCE:
                return


def _older(
    db: apsw.Connection, rule: Mapping[str, Any], bounds: Bounds, now: int, older: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Noncurrent versions, delete markers among them: the newest row of a key that has no live object is current."""
    kept = int(older.get("NewerNoncurrentVersions") or 0)
    rows: Any = db.execute(
        "SELECT key, version, size, max(retired, modified), meta FROM (SELECT *, row_number()"
        " OVER (PARTITION BY key ORDER BY seq DESC) - NOT EXISTS (SELECT 1 FROM objects o"
        " WHERE o.bucket = v.bucket AND o.key = v.key AND o.state = 'live') AS nth"
        " FROM lake_versions v WHERE bucket = ? AND key >= ? AND key < ?) WHERE nth > ? LIMIT ?",
        (*bounds, kept, 20 * AT_ONCE),
    )
    for key, version, size, retired, meta in rows:
        over = due(retired, int(older["NoncurrentDays"])) <= now
        if over and applies(rule, key, size, json.loads(meta).get("tags", {})):
            yield {"bucket": bounds[0], "key": key, "version": version, "by": BY}


def _lone_markers(
    db: apsw.Connection, rule: Mapping[str, Any], bounds: Bounds, now: int, days: int | None
) -> Iterator[dict[str, Any]]:
    rows: Any = db.execute(
        "SELECT key, version, modified FROM lake_versions v WHERE bucket = ? AND key >= ? AND key < ? AND marker = 1"
        " AND modified < ?"
        " AND NOT EXISTS (SELECT 1 FROM lake_versions o WHERE o.bucket = v.bucket AND o.key = v.key AND o.seq != v.seq)"
        " AND NOT EXISTS (SELECT 1 FROM objects o WHERE o.bucket = v.bucket AND o.key = v.key AND o.state = 'live')"
        " LIMIT ?",
        (*bounds, _made_before(now, days), AT_ONCE),
    )
    for key, version, modified in rows:
        if (days is None or due(modified, days) <= now) and applies(rule, key, 0, {}):
            yield {"bucket": bounds[0], "key": key, "version": version, "by": BY}


def _uploads(
    db: apsw.Connection, bucket: str, rule: Mapping[str, Any], prefix: str, now: int
) -> Iterator[str]:
    days = (rule.get(ABORT) or {}).get("DaysAfterInitiation")
    if days is None:
        return
    rows: Any = db.execute(
        "SELECT id, created FROM lake_uploads WHERE bucket = ? AND key >= ? AND key < ? LIMIT ?",
        (bucket, prefix, prefix + "\U0010ffff", AT_ONCE),
    )
    for id, created in rows:
        if due(created, int(days)) <= now:
            yield id
