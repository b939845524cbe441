"""The schema registry's schemas: documents of their own, as are their versions (`schema_versions`)."""

from __future__ import annotations

from typing import Any

from forebay.arn import name_in
from forebay.catalog.evolution import FORMATS, MODES, parse
from forebay.clock import now_us
from forebay.wire.glue import registries
from forebay.wire.glue.base import SERVICE, invalid, not_found, page
from forebay.wire.glue.registries import (
    SCHEMAS,
    arn_checked,
    checked,
    described,
    name_checked,
    registry,
    registry_named,
    tags_checked,
    times,
)
from forebay.wire.glue.schema_versions import (
    latest_of,
    put_version,
    remove_versions,
    version,
    versions,
)
from forebay.wire.glue.tags import put_tags
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, present


def schema(asked: Asked, given: Json | None) -> tuple[str, Json]:
    """(`registry/schema`, document) of the schema that a SchemaId means. Raises AwsError."""
    place = schema_place(given)
    doc = asked.system.documents.get(SCHEMAS, place)
    if doc is None:
        raise missing(given or {})
    return place, doc


def missing(named: Json) -> AwsError:
    """That a SchemaId means none."""
    registry_name = named.get("RegistryName") or ("null" if named.get("SchemaArn") else registries.DEFAULT)
    return not_found(
        f"Schema is not found. RegistryName: {registry_name},"
        f" SchemaName: {named.get('SchemaName') or 'null'}, SchemaArn: {named.get('SchemaArn') or 'null'}"
    )


def schema_place(given: Json | None) -> str:
    """`registry/schema` of a SchemaId. Raises AwsError."""
    named = given or {}
    arn, name = named.get("SchemaArn"), named.get("SchemaName")
    if arn and (name or named.get("RegistryName")):
        raise invalid(
            "One of (registryName and schemaName) or schemaArn has to be provided, both cannot be provided."
        )
    if arn:
        return name_in(arn_checked(arn, "schemaArn"), "glue", "schema/")
    if not name:
        raise invalid("At least one of (registryName and schemaName) or schemaArn has to be provided.")
    return f"{registry_named(named)}/{name_checked(name, 'schemaName')}"


def format_checked(given: Json) -> str:
    """The data format. Raises AwsError."""
    if given.get("DataFormat") not in FORMATS:
        raise invalid("Data format is not valid.")
    return str(given["DataFormat"])


def definition_checked(format: str, text: str) -> str:
    """A definition. Raises AwsError."""
    checked(text, "schemaDefinition", 170_000)
    try:
        parse(format, text)
    except ValueError as error:
        raise invalid(f"Schema definition of {format} data format is invalid: {error}") from None
    return text


@SERVICE.operation("CreateSchema")
async def create_schema(asked: Asked, given: Json) -> Json:
    """Make a schema, and its first version if a definition is given."""
    home = registry_named(given.get("RegistryId"))
    name = name_checked(given.get("SchemaName") or "", "schemaName")
    format = format_checked(given)
    mode = given.get("Compatibility") or "NONE"
    if mode not in MODES:
        raise invalid("Compatibility is not valid.")
    description, tags, text = described(given), tags_checked(given), given.get("SchemaDefinition")
    if text is not None:
        definition_checked(format, text)
    if home != registries.DEFAULT:
        registry(asked, given.get("RegistryId"))
    elif asked.system.documents.get(registries.KIND, home) is None:
        registries.make(asked, home, None)
    place, now = f"{home}/{name}", now_us()
    if asked.system.documents.get(SCHEMAS, place) is not None:
        raise AwsError(
            "AlreadyExistsException",
            f"Schema already exists. SchemaName: {name}, RegistryName: {home}",
            http=400,
        )
    doc: Json = {
        "format": format,
        "compatibility": mode,
        "description": description,
        "checkpoint": 1,
        "next": 1,
        "created": now,
        "updated": now,
    }
    made = None
    if text is not None:
        made = put_version(asked, place, 1, text, "AVAILABLE")
        doc["next"] = 2
    asked.system.documents.put(SCHEMAS, place, doc)
    put_tags(asked, f"schema/{place}", tags)
    answer = {**shown(asked, place, doc), "Tags": tags}
    if made is not None:
        answer |= {"SchemaVersionId": made["id"], "SchemaVersionStatus": made["status"]}
    return {key: value for key, value in answer.items() if key not in ("CreatedTime", "UpdatedTime")}


def names(asked: Asked, place: str) -> Json:
    """How a schema is called in answers."""
    home, _, name = place.partition("/")
    return {"SchemaName": name, "RegistryName": home, "SchemaArn": asked.arn(f"schema/{place}")}


def shown(asked: Asked, place: str, doc: Json) -> Json:
    """What GetSchema answers."""
    return present(
        {
            **names(asked, place),
            "RegistryArn": registries.arn_of(asked, place.partition("/")[0]),
            "Description": doc["description"],
            "DataFormat": doc["format"],
            "Compatibility": doc["compatibility"],
            "SchemaCheckpoint": doc["checkpoint"],
            "LatestSchemaVersion": latest_of(asked, place, doc),
            "NextSchemaVersion": doc["next"],
            "SchemaStatus": "AVAILABLE",
            **times(doc),
        }
    )


@SERVICE.operation("GetSchema")
async def get_schema(asked: Asked, given: Json) -> Json:
    """One schema."""
    return shown(asked, *schema(asked, given.get("SchemaId")))


@SERVICE.operation("ListSchemas")
async def list_schemas(asked: Asked, given: Json) -> Json:
    """The schemas of a registry, or all."""
    within = ""
    if given.get("RegistryId"):
        within = registry(asked, given["RegistryId"])[0] + "/"
    found: list[tuple[str, Any]] = list(asked.system.documents.all(SCHEMAS, within))
    some, more = page(found, given, 100, key=lambda item: item[0])
    listed = []
    for place, doc in some:
        item = {**names(asked, place), "Description": doc["description"], "SchemaStatus": "AVAILABLE"}
        listed.append(present({**item, **times(doc)}))
    return {"Schemas": listed, **more}


@SERVICE.operation("UpdateSchema")
async def update_schema(asked: Asked, given: Json) -> Json:
    """Change a schema's description, its compatibility, or the version from which on that is asked."""
    place, doc = schema(asked, given.get("SchemaId"))
    mode, number = given.get("Compatibility"), given.get("SchemaVersionNumber")
    if mode is not None and mode not in MODES:
        raise invalid("Compatibility is not valid.")
    if given.get("Description") is not None:
        doc["description"] = described(given)
    if number is not None:
        doc["checkpoint"] = version(asked, place, doc, given.get("SchemaId") or {}, number)[0]
    elif mode is not None and mode != doc["compatibility"]:
        doc["checkpoint"] = latest_of(asked, place, doc) or 1
    doc |= {"compatibility": mode or doc["compatibility"], "updated": now_us()}
    asked.system.documents.put(SCHEMAS, place, doc)
    return names(asked, place)


@SERVICE.operation("DeleteSchema")
async def delete_schema(asked: Asked, given: Json) -> Json:
    """Remove a schema with its versions."""
    place, _ = schema(asked, given.get("SchemaId"))
    remove_versions(asked, place, [number for number, _ in versions(asked, place)])
    asked.system.documents.delete(SCHEMAS, place)
    put_tags(asked, f"schema/{place}", {})
    answer = names(asked, place)
    return {"SchemaArn": answer["SchemaArn"], "SchemaName": answer["SchemaName"], "Status": "DELETING"}


@SERVICE.operation("CheckSchemaVersionValidity")
async def check_schema_version_validity(asked: Asked, given: Json) -> Json:
    """Whether a definition is one."""
    try:
        parse(format_checked(given), given.get("SchemaDefinition") or "")
    except ValueError as error:
        return {"Valid": False, "Error": str(error)}
    return {"Valid": True}
