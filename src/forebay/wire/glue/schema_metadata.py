"""What is said of versions of schemas: pairs of key and value, at most ten a version."""

from __future__ import annotations

import re

from forebay.clock import now_us
from forebay.wire.glue.base import SERVICE, not_found
from forebay.wire.glue.registries import checked, limit, moment
from forebay.wire.glue.schema_evolution import find
from forebay.wire.glue.schema_versions import keep_version
from forebay.wire.glue.schemas import names
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

_KEY = re.compile(r"[a-zA-Z0-9+\-=._./@]+")
MOST_PAIRS = 10


def _pair(given: Json) -> tuple[str, str]:
    pair = given.get("MetadataKeyValue") or {}
    found = []
    for name, most, label in (("MetadataKey", 128, "key"), ("MetadataValue", 256, "value")):
        found.append(checked(pair.get(name) or "", label, most, _KEY))
    return found[0], found[1]


def _answer(asked: Asked, given: Json, place: str, number: int, made: Json) -> Json:
    """How a change of metadata is answered: by id, without saying which schema and version that is."""
    answer: Json = {"SchemaVersionId": made["id"], "LatestVersion": False, "VersionNumber": 0}
    if not given.get("SchemaVersionId"):
        latest = bool((given.get("SchemaVersionNumber") or {}).get("LatestVersion"))
        answer |= {**names(asked, place), "LatestVersion": latest, "VersionNumber": number}
    pair = given["MetadataKeyValue"]
    return {**answer, "MetadataKey": pair["MetadataKey"], "MetadataValue": pair["MetadataValue"]}


@SERVICE.operation("PutSchemaVersionMetadata")
async def put_schema_version_metadata(asked: Asked, given: Json) -> Json:
    """Say something of a version: a key may have several values."""
    key, value = _pair(given)
    place, _, number, made = find(asked, given)
    kept = made["metadata"]
    if any(one["key"] == key and one["value"] == value for one in kept):
        raise AwsError(
            "AlreadyExistsException",
            f"Resource already exist for schema version id: {made['id']},"
            f" metadata key: {key}, metadata value: {value}",
            http=400,
        )
    if len(kept) >= MOST_PAIRS:
        raise limit("Your resource limits for Schema Version Metadata have been exceeded.")
    kept.append({"key": key, "value": value, "created": now_us()})
    keep_version(asked, place, number, made)
    return _answer(asked, given, place, number, made)


@SERVICE.operation("RemoveSchemaVersionMetadata")
async def remove_schema_version_metadata(asked: Asked, given: Json) -> Json:
    """Take it back."""
    key, value = _pair(given)
    place, _, number, made = find(asked, given)
    rest = [one for one in made["metadata"] if (one["key"], one["value"]) != (key, value)]
    if len(rest) == len(made["metadata"]):
        raise not_found(
            f"Resource not found for schema version id: {made['id']},"
            f" metadata key: {key}, metadata value: {value}"
        )
    keep_version(asked, place, number, {**made, "metadata": rest})
    return _answer(asked, given, place, number, made)


@SERVICE.operation("QuerySchemaVersionMetadata")
async def query_schema_version_metadata(asked: Asked, given: Json) -> Json:
    """What is said of a version, by key: the latest value, and the others."""
    _, _, _, made = find(asked, {name: value for name, value in given.items() if name != "MetadataList"})
    wanted = [(p.get("MetadataKey"), p.get("MetadataValue")) for p in given.get("MetadataList") or ()]
    shown: dict[str, Json] = {}
    for one in made["metadata"]:
        if wanted and not any(k in (None, one["key"]) and v in (None, one["value"]) for k, v in wanted):
            continue
        now: Json = {"MetadataValue": one["value"], "CreatedTime": moment(one["created"])}
        before = shown.get(one["key"])
        if before is not None:
            others = before.pop("OtherMetadataValueList", [])
            now["OtherMetadataValueList"] = [*others, before]
        shown[one["key"]] = now
    return {"MetadataInfoMap": shown, "SchemaVersionId": made["id"]}
