"""Versions of schemas on the wire: registered where they are compatible, asked for, compared, removed."""

from __future__ import annotations

import asyncio
import difflib
import json
import re

from forebay.catalog.evolution import evolves
from forebay.clock import now_us
from forebay.wire.glue.base import SERVICE, invalid, page
from forebay.wire.glue.registries import SCHEMAS, limit, moment, not_valid
from forebay.wire.glue.schema_versions import (
    by_id,
    put_version,
    remove_versions,
    version,
    versions,
)
from forebay.wire.glue.schemas import definition_checked, missing, schema
from forebay.wire.service import Asked, Json

MOST = 10_000


def canonical(format: str, text: str) -> str:
    """A definition without what does not tell it from another."""
    if format == "PROTOBUF":
        return text.strip()
    try:
        return json.dumps(json.loads(text), separators=(",", ":"))
    except ValueError:
        return text


@SERVICE.operation("RegisterSchemaVersion")
async def register_schema_version(asked: Asked, given: Json) -> Json:
    """Add a version, FAILURE where it is not compatible; one that is there already is answered again."""
    named = given.get("SchemaId") or {}
    place, doc = schema(asked, named)
    text: str = given.get("SchemaDefinition") or ""
    if doc["compatibility"] == "DISABLED":
        told = ", ".join(
            f"{label}={named.get(key) or 'null'}"
            for label, key in (
                ("schemaArn", "SchemaArn"),
                ("schemaName", "SchemaName"),
                ("registryName", "RegistryName"),
            )
        )
        raise invalid(f"Compatibility DISABLED does not allow versioning. SchemaId: SchemaId({told})")
    format = doc["format"]
    definition_checked(format, text)
    known = versions(asked, place)
    wanted = canonical(format, text)
    for number, made in known:
        if made["status"] == "AVAILABLE" and canonical(format, made["definition"]) == wanted:
            return {"SchemaVersionId": made["id"], "VersionNumber": number, "Status": made["status"]}
    if len(known) >= MOST:
        raise limit("More schema versions cannot be created. The maximum limit has been reached.")
    before = [
        made["definition"]
        for number, made in known
        if number >= doc["checkpoint"] and made["status"] == "AVAILABLE"
    ]
    fits = await asyncio.to_thread(evolves, format, doc["compatibility"], text, before)
    number = doc["next"]
    made = put_version(asked, place, number, text, "AVAILABLE" if fits else "FAILURE")
    asked.system.documents.put(SCHEMAS, place, {**doc, "next": number + 1, "updated": now_us()})
    return {"SchemaVersionId": made["id"], "VersionNumber": number, "Status": made["status"]}


def find(asked: Asked, given: Json) -> tuple[str, Json, int, Json]:
    """(place, schema, number, version) by the version's id or by its number. Raises AwsError."""
    id = given.get("SchemaVersionId")
    if id:
        if given.get("SchemaId") or given.get("SchemaVersionNumber"):
            raise invalid("No other input parameters can be specified when fetching by SchemaVersionId.")
        place, number, made = by_id(asked, id)
        doc = asked.system.documents.get(SCHEMAS, place)
        if doc is None:
            raise missing({})
        return place, doc, number, made
    named = given.get("SchemaId") or {}
    place, doc = schema(asked, named)
    return place, doc, *version(asked, place, doc, named, given.get("SchemaVersionNumber"))


@SERVICE.operation("GetSchemaVersion")
async def get_schema_version(asked: Asked, given: Json) -> Json:
    """One version with its definition."""
    place, doc, number, made = find(asked, given)
    more = {"SchemaDefinition": made["definition"], "DataFormat": doc["format"], "VersionNumber": number}
    return {**_shown(asked, place, made), **more}


def _shown(asked: Asked, place: str, made: Json) -> Json:
    """What every answer says of a version."""
    return {
        "SchemaVersionId": made["id"],
        "SchemaArn": asked.arn(f"schema/{place}"),
        "Status": made["status"],
        "CreatedTime": moment(made["created"]),
    }


@SERVICE.operation("GetSchemaByDefinition")
async def get_schema_by_definition(asked: Asked, given: Json) -> Json:
    """The version that has this definition."""
    named = given.get("SchemaId") or {}
    place, doc = schema(asked, named)
    wanted = canonical(doc["format"], given.get("SchemaDefinition") or "")
    for _, made in versions(asked, place):
        if made["status"] == "AVAILABLE" and canonical(doc["format"], made["definition"]) == wanted:
            return {**_shown(asked, place, made), "DataFormat": doc["format"]}
    raise missing(named)


@SERVICE.operation("ListSchemaVersions")
async def list_schema_versions(asked: Asked, given: Json) -> Json:
    """All versions of a schema, oldest first."""
    place, _ = schema(asked, given.get("SchemaId"))
    found, more = page(versions(asked, place), given, 100, key=lambda item: f"{item[0]:09d}")
    shown = [{**_shown(asked, place, made), "VersionNumber": number} for number, made in found]
    return {"Schemas": shown, **more}


@SERVICE.operation("DeleteSchemaVersions")
async def delete_schema_versions(asked: Asked, given: Json) -> Json:
    """Remove versions, given as `3` or `2-5`: neither the first nor, of others than NONE, the checkpoint."""
    place, doc = schema(asked, given.get("SchemaId"))
    text = str(given.get("Versions") or "")
    match = re.fullmatch(r"([1-9]\d{0,5})(?:-([1-9]\d{0,5}))?", text)
    if match is None:
        raise not_valid("versions")
    first, last = int(match[1]), int(match[2] or match[1])
    known = {number for number, _ in versions(asked, place)}
    errors, going = [], []
    for number in range(first, min(last, doc["next"]) + 1) or [first]:
        problem = None
        if number not in known:
            problem = ("EntityNotFoundException", f"Schema version is not found. VersionNumber: {number}")
        elif number == 1 and len(known) > 1:
            problem = ("InvalidInputException", "The first version of a schema cannot be deleted.")
        elif number == doc["checkpoint"] and doc["compatibility"] not in ("NONE", "DISABLED"):
            problem = ("InvalidInputException", "The checkpoint version of a schema cannot be deleted.")
        if problem is None:
            going.append(number)
        else:
            detail = {"ErrorCode": problem[0], "ErrorMessage": problem[1]}
            errors.append({"VersionNumber": number, "ErrorDetails": detail})
    remove_versions(asked, place, going)
    return {"SchemaVersionErrors": errors}


@SERVICE.operation("GetSchemaVersionsDiff", partial="the difference is a unified diff of the definitions")
async def get_schema_versions_diff(asked: Asked, given: Json) -> Json:
    """What two versions differ in."""
    named = given["SchemaId"]
    place, doc = schema(asked, named)
    texts = []
    for key in ("FirstSchemaVersionNumber", "SecondSchemaVersionNumber"):
        _, made = version(asked, place, doc, named, given[key])
        shown = made["definition"]
        if doc["format"] != "PROTOBUF":
            shown = json.dumps(json.loads(shown), indent=2)
        texts.append(shown.splitlines())
    return {"Diff": "\n".join(difflib.unified_diff(texts[0], texts[1], "first", "second", lineterm=""))}
