"""Who is told that an object was made or removed, and what. The contract for those who tell them.

A bucket's notification configuration (the setting `notification`) is

    {"rules": [{"id", "kind": "function"|"topic"|"queue", "target": "arn:...", "events": ["s3:ObjectCreated:*"],
                "prefix": "", "suffix": ""}], "bus": true where EventBridge is told of everything}

In the transaction that registers or removes an object, one row per matching rule is added to `lake_notices`:
what happened and that somebody is to be told commit together, so none is lost and none is told of what did
not happen. A row is

    id        ascending; never used twice
    kind      function, topic, queue, bus
    target    the ARN; of the bus, `default`
    event     JSON. For function, topic and queue: AWS's event message structure, {"Records": [{...}]}, one
              record. For the bus: an EventBridge event (`source: aws.s3`, `detail-type: Object Created`, ...)

Whoever serves a kind reads `Notices.read(kind, after)`, tells the target, and says `Notices.done(ids)`, or
lets a row be and comes back: at least once, the `sequencer` (and the bus event's `id`) being the same on
every try.

Source of the record: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
and .../ev-events.html for the bus.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import apsw

from forebay.arn import ACCOUNT, REGION
from forebay.clock import iso
from forebay.lake.settings import NOTIFICATION, Settings

if TYPE_CHECKING:  # it brings Arrow, which who puts objects does not need
    from forebay.ports import Catalog


@dataclass(frozen=True, slots=True)
class Happened:
    """What is told of: `name` is `ObjectCreated:Put` and the like; `caller` may have `ip`, `principal`, `request`.

    `annotation` is the one that came (name, size, etag) or went (name); `annotated` is whether a copy has any.
    """

    name: str
    bucket: str
    key: str
    size: int | None
    etag: str | None
    version: str | None
    at: int
    caller: Mapping[str, str]
    annotation: Mapping[str, Any] | None = None
    annotated: bool | None = None


_DETAIL = {
    "ObjectCreated": ("Object Created", {"Put": "PutObject", "Copy": "CopyObject", "Post": "POST Object"}),
    "ObjectRemoved": ("Object Deleted", {}),
    "LifecycleExpiration": ("Object Deleted", {}),
    "ObjectTagging": ("", {}),
    "ObjectAcl": ("Object ACL Updated", {}),
    "ObjectAnnotation": ("", {"Put": "Object Annotation Created", "Delete": "Object Annotation Removed"}),
    "ObjectRestore": ("", {"Post": "Object Restore Initiated", "Completed": "Object Restore Completed"}),
}


def tell(db: apsw.Connection, settings: Settings, happened: Happened) -> int:
    """Add the rows for whom the bucket's configuration names; how many."""
    config = settings.get(happened.bucket, NOTIFICATION) or {}
    count = 0
    for rule in (*settings.declared.get(happened.bucket, ()), *config.get("rules", ())):
        if _matches(rule, happened):
            event = {"Records": [_record(happened, str(rule.get("id", "")))]}
            _add(db, str(rule["kind"]), str(rule["target"]), happened, event)
            count += 1
    if config.get("bus"):
        _add(db, "bus", "default", happened, _bus_event(happened))
        count += 1
    return count


def _add(db: apsw.Connection, kind: str, target: str, happened: Happened, event: Any) -> None:
    db.execute(
        "INSERT INTO lake_notices(kind, target, bucket, created, event) VALUES (?, ?, ?, ?, ?)",
        (kind, target, happened.bucket, happened.at, json.dumps(event, separators=(",", ":"))),
    )


def _matches(rule: Mapping[str, Any], happened: Happened) -> bool:
    name = "s3:" + happened.name
    wanted = any(
        name == event or (event.endswith(":*") and name.startswith(event[:-1])) for event in rule["events"]
    )
    key = happened.key
    return wanted and key.startswith(rule.get("prefix", "")) and key.endswith(rule.get("suffix", ""))


def sequencer(at: int) -> str:
    """Ascending hexadecimal digits: the order of what happened to one key."""
    return f"00{at:016X}"


def _record(happened: Happened, rule: str) -> dict[str, Any]:
    caller = happened.caller
    principal = caller.get("principal", ACCOUNT)
    found: dict[str, Any] = {"key": quote_plus(happened.key, safe="/"), "sequencer": sequencer(happened.at)}
    if happened.size is not None:
        found["size"] = happened.size
    if happened.etag is not None:
        found["eTag"] = happened.etag
    if happened.version is not None:
        found["versionId"] = happened.version
    if happened.annotated is not None:
        found["hasObjectAnnotation"] = happened.annotated
    request = caller.get("request", "")
    record: dict[str, Any] = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": iso(happened.at)[:23] + "Z",
        "eventName": happened.name,
        "userIdentity": {"principalId": f"AWS:{principal}"},
        "requestParameters": {"sourceIPAddress": caller.get("ip", "127.0.0.1")},
        "responseElements": {"x-amz-request-id": request, "x-amz-id-2": request},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": rule,
            "bucket": {
                "name": happened.bucket,
                "ownerIdentity": {"principalId": ACCOUNT},
                "arn": f"arn:aws:s3:::{happened.bucket}",
            },
            "object": found,
        },
    }
    if happened.annotation is not None:
        shown = {"etag": "eTag"}
        record["objectAnnotation"] = [
            {shown.get(name, name): value for name, value in happened.annotation.items()}
        ]
    return record


def _bus_event(happened: Happened) -> dict[str, Any]:
    family, _, how = happened.name.partition(":")
    kind, reasons = _DETAIL[family]
    caller = happened.caller
    found: dict[str, Any] = {"key": happened.key, "sequencer": sequencer(happened.at)}
    if happened.size is not None and family == "ObjectCreated":
        found["size"] = happened.size
    if happened.etag is not None:
        found["etag"] = happened.etag
    if happened.version is not None:
        found["version-id"] = happened.version
    if happened.annotated is not None:
        found["has-object-annotation"] = happened.annotated
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": happened.bucket},
        "object": found,
        "request-id": caller.get("request", ""),
        "requester": ACCOUNT,
        "source-ip-address": caller.get("ip", "127.0.0.1"),
    }
    match family:
        case "ObjectCreated":
            detail["reason"] = reasons.get(how, how)
        case "ObjectTagging":
            kind = "Object Tags Added" if how == "Put" else "Object Tags Deleted"
        case "ObjectAcl":
            pass
        case "ObjectRestore":
            kind = reasons[how]
        case "ObjectAnnotation":
            kind = reasons[how]
            detail["reason"] = f"{how}ObjectAnnotation"
            detail["object-annotation"] = dict(happened.annotation or {})
        case _:
            detail["reason"] = "DeleteObject" if family == "ObjectRemoved" else "Lifecycle Expiration"
            marked = how == "DeleteMarkerCreated"
            detail["deletion-type"] = "Delete Marker Created" if marked else "Permanently Deleted"
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": kind,
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": iso(happened.at)[:19] + "Z",
        "region": REGION,
        "resources": [f"arn:aws:s3:::{happened.bucket}"],
        "detail": detail,
    }


class Notices:
    """The rows of `lake_notices`, for who tells the targets."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def read(self, kind: str, after: int = 0, most: int = 100) -> list[dict[str, Any]]:
        """Rows of a kind whose id is above `after`, oldest first."""
        rows: Any = self._catalog.reader.execute(
            "SELECT id, kind, target, bucket, created, event FROM lake_notices WHERE kind = ? AND id > ?"
            " ORDER BY id LIMIT ?",
            (kind, after, most),
        ).fetchall()
        names = ("id", "kind", "target", "bucket", "created", "event")
        return [{**dict(zip(names, row, strict=True)), "event": json.loads(row[5])} for row in rows]

    def done(self, ids: Sequence[int]) -> Future[None]:
        """These need no more telling."""

        def work(db: apsw.Connection) -> None:
            db.executemany("DELETE FROM lake_notices WHERE id = ?", [(id,) for id in ids])

        return self._catalog.submit(work)
