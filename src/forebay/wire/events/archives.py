"""Archives: a bus's events, or some of them, kept to be replayed. They stay in the bus's log, and are counted."""

from __future__ import annotations

from typing import Any

import msgspec

from forebay.bus.section import ArchiveSpec
from forebay.clock import now_us
from forebay.wire.events.base import (
    PART,
    SERVICE,
    bus_arn,
    bus_of,
    ensure,
    exists,
    flow,
    invalid,
    missing,
    page,
)
from forebay.wire.events.rules import check_pattern
from forebay.wire.service import Asked, Json, present, seconds

DAY = 86400.0
FOR_EVER = 36_500
"""Days that stand for 0, which keeps events without end."""
FILTERS = ("State", "EventSourceArn", "NamePrefix")


def find(asked: Asked, name: str) -> tuple[str, Json] | None:
    """(bus, document) of an archive, if there is one."""
    for id, doc in asked.system.documents.all(PART):
        bus, kind, its = id.split("/", 2)
        if kind == "archive" and its == name:
            return bus, doc
    return None


def archive(asked: Asked, name: str) -> tuple[str, Json]:
    """(bus, document) of an archive. Raises ResourceNotFoundException."""
    found = find(asked, name)
    if found is None:
        raise missing(f"Archive {name} does not exist.")
    return found


def one_filter(given: Json, operation: str) -> None:
    """Raise ValidationException for more than one filter."""
    if sum(1 for name in FILTERS if given.get(name)) > 1:
        raise invalid(
            f"At most one filter is allowed for {operation}. Use either : State, EventSourceArn, or NamePrefix."
        )


def _spec(doc: Json | None, given: Json) -> tuple[ArchiveSpec, Json]:
    meta = dict(doc["meta"]) if doc else {"created": now_us()}
    for name, own in _KEPT.items():
        if given.get(name) is not None:
            meta[own] = given[name]
    pattern: Any = meta.get("pattern") or None
    spec = ArchiveSpec(
        pattern=None if pattern is None else check_pattern(pattern),
        keep=(meta.get("days") or FOR_EVER) * DAY,
        since=doc["spec"]["since"] if doc else 0,
    )
    return spec, meta


_KEPT = {
    "Description": "description",
    "EventPattern": "pattern",
    "RetentionDays": "days",
    "KmsKeyIdentifier": "kms",
}


@SERVICE.operation("CreateArchive", partial="KmsKeyIdentifier is kept and shown, without effect")
async def create_archive(asked: Asked, given: Json) -> Json:
    """Begin to keep a bus's events."""
    name = given["ArchiveName"]
    if find(asked, name) is not None:
        raise exists(f"Archive {name} already exists.")
    spec, meta = _spec(None, given)
    bus = bus_of(asked, given["EventSourceArn"])
    await ensure(asked, bus)
    spec = msgspec.structs.replace(spec, since=asked.system.logs[f"bus.{bus.name}"].head)
    meta["source"] = given["EventSourceArn"]
    doc = {"spec": msgspec.to_builtins(spec), "meta": meta}
    asked.system.documents.put(PART, f"{bus.name}/archive/{name}", doc)
    await asked.system.apply()
    return _answer(asked, name, meta)


def _answer(asked: Asked, name: str, meta: Json) -> Json:
    return {
        "ArchiveArn": asked.arn(f"archive/{name}"),
        "State": "ENABLED",
        "CreationTime": seconds(meta["created"]),
    }


async def _shown(asked: Asked, bus: str, name: str, doc: Json, counts: Json | None = None) -> Json:
    counted: Any = counts or await flow(asked, "counts", bus=bus)
    mine = counted["archives"].get(name) or {"events": 0, "bytes": 0}
    meta = doc["meta"]
    return {
        "ArchiveName": name,
        "EventSourceArn": meta.get("source") or bus_arn(asked, bus),
        "State": "ENABLED",
        "RetentionDays": meta.get("days") or 0,
        "SizeBytes": mine["bytes"],
        "EventCount": mine["events"],
        "CreationTime": seconds(meta["created"]),
    }


@SERVICE.operation(
    "DescribeArchive", partial="counts what was ever archived; what has expired is not taken off"
)
async def describe_archive(asked: Asked, given: Json) -> Json:
    """An archive, with what is in it by now."""
    name = given["ArchiveName"]
    bus, doc = archive(asked, name)
    names = ("Description", "EventPattern", "KmsKeyIdentifier")
    more = {member: doc["meta"].get(_KEPT[member]) for member in names}
    more["KmsKeyIdentifier"] = more["KmsKeyIdentifier"] or None  # "" is the service's own key
    return present(
        {**await _shown(asked, bus, name, doc), "ArchiveArn": asked.arn(f"archive/{name}"), **more}
    )


@SERVICE.operation("ListArchives")
async def list_archives(asked: Asked, given: Json) -> Json:
    """All archives, or those that one filter lets through."""
    one_filter(given, "ListArchives")
    source = given.get("EventSourceArn")
    wanted = None if source is None else bus_of(asked, source).name
    prefix = given.get("NamePrefix") or ""
    found = []
    for id, doc in asked.system.documents.all(PART):
        bus, kind, name = id.split("/", 2)
        if (
            kind == "archive"
            and name.startswith(prefix)
            and wanted in (None, bus)
            and given.get("State") in (None, "ENABLED")
        ):
            found.append((name, bus, doc))
    chosen, more = page(sorted(found, key=lambda each: each[0]), given)
    counts = {bus: await flow(asked, "counts", bus=bus) for bus in {bus for _, bus, _ in chosen}}
    return {
        "Archives": [await _shown(asked, bus, name, doc, counts[bus]) for name, bus, doc in chosen],
        **more,
    }


@SERVICE.operation("UpdateArchive", partial="KmsKeyIdentifier is kept and shown, without effect")
async def update_archive(asked: Asked, given: Json) -> Json:
    """Change what an archive keeps, and how long."""
    name = given["ArchiveName"]
    bus, doc = archive(asked, name)
    spec, meta = _spec(doc, given)
    asked.system.documents.put(
        PART, f"{bus}/archive/{name}", {"spec": msgspec.to_builtins(spec), "meta": meta}
    )
    await asked.system.apply()
    return _answer(asked, name, meta)


@SERVICE.operation("DeleteArchive")
async def delete_archive(asked: Asked, given: Json) -> Json:
    """Forget an archive."""
    name = given["ArchiveName"]
    bus, _ = archive(asked, name)
    asked.system.documents.delete(PART, f"{bus}/archive/{name}")
    await asked.system.apply()
    await flow(asked, "forget", bus=bus, archive=name)
    return {}
