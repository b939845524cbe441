"""The schema registry's registries, and how registries and schemas are named."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from forebay.arn import name_in
from forebay.clock import now_us
from forebay.wire.glue.base import SERVICE, invalid, not_found, page
from forebay.wire.glue.tags import put_tags
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, present

KIND = "glue.registry"
SCHEMAS = "glue.schema"
VERSIONS = "glue.schema.version"
DEFAULT = "default-registry"
MOST = 100
_NAME = re.compile(r"[a-zA-Z0-9\-_$#.]+")
_ARN = re.compile(r"arn:aws[a-z-]*:glue:.*")

SERVICE.own = SERVICE.own | {
    "CreateRegistry",
    "GetRegistry",
    "UpdateRegistry",
    "DeleteRegistry",
    "CreateSchema",
    "GetSchema",
    "UpdateSchema",
    "DeleteSchema",
    "ListSchemas",
    "CheckSchemaVersionValidity",
    "RegisterSchemaVersion",
    "GetSchemaVersion",
    "GetSchemaByDefinition",
    "ListSchemaVersions",
    "DeleteSchemaVersions",
    "PutSchemaVersionMetadata",
    "RemoveSchemaVersionMetadata",
    "QuerySchemaVersionMetadata",
}


def checked(text: str, name: str, most: int, pattern: re.Pattern[str] | None = None) -> str:
    """`text`, if it is of the length and the characters that parameter `name` may have. Raises AwsError."""
    if not 0 < len(text) <= most:
        raise invalid(f"The resource name contains too many or too few characters. Parameter Name: {name}")
    if pattern is not None and not pattern.fullmatch(text):
        raise not_valid(name)
    return text


def not_valid(name: str) -> AwsError:
    """That parameter `name` has other characters than it may have."""
    return invalid(
        f"The parameter value contains one or more characters that are not valid. Parameter Name: {name}"
    )


def name_checked(text: str, name: str) -> str:
    """A registry's or a schema's name."""
    return checked(text, name, 255, _NAME)


def arn_checked(text: str, name: str) -> str:
    """An ARN of Glue's."""
    return checked(text, name, 10240, _ARN)


def limit(what: str) -> AwsError:
    """More than there may be."""
    return AwsError("ResourceNumberLimitExceededException", what, http=400)


def described(given: Json) -> str | None:
    """The description, if one is given."""
    text: str | None = given.get("Description")
    return None if text is None else text if text == "" else checked(text, "description", 2048)


def tags_checked(given: Json) -> dict[str, str]:
    """The tags of what is made."""
    tags: dict[str, str] = given.get("Tags") or {}
    if len(tags) > 50:
        raise invalid("New Tags cannot be empty or more than 50")
    return tags


def moment(us: int) -> str:
    """A time as the registry says it: text."""
    return datetime.fromtimestamp(us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def times(doc: Json) -> Json:
    """When a registry or a schema was made and changed."""
    return {"CreatedTime": moment(doc["created"]), "UpdatedTime": moment(doc["updated"])}


def registry_named(given: Json | None) -> str:
    """The name that a RegistryId means; the default registry's for none. Raises AwsError."""
    named = given or {}
    if named.get("RegistryName") and named.get("RegistryArn"):
        raise invalid("One of registryName or registryArn has to be provided, both cannot be provided.")
    if arn := named.get("RegistryArn"):
        return name_in(arn_checked(arn, "registryArn"), "glue", "registry/")
    return name_checked(named.get("RegistryName") or DEFAULT, "registryName")


def arn_of(asked: Asked, name: str) -> str:
    """A registry's ARN."""
    return asked.arn(f"registry/{name}")


def registry(asked: Asked, given: Json | None) -> tuple[str, Json]:
    """(name, document) of the registry that a RegistryId means. Raises EntityNotFoundException."""
    name = registry_named(given)
    doc = asked.system.documents.get(KIND, name)
    if doc is None:
        arn = (given or {}).get("RegistryArn")
        said = f"RegistryArn: {arn}" if arn else f"RegistryName: {name}"
        raise not_found(f"Registry is not found. {said}")
    return name, doc


def make(asked: Asked, name: str, description: str | None) -> None:
    """Make a registry. Raises ResourceNumberLimitExceededException."""
    if sum(1 for _ in asked.system.documents.all(KIND)) >= MOST:
        raise limit("More registries cannot be created. The maximum limit has been reached.")
    now = now_us()
    doc = {"description": description, "created": now, "updated": now}
    asked.system.documents.put(KIND, name, doc)


@SERVICE.operation("CreateRegistry")
async def create_registry(asked: Asked, given: Json) -> Json:
    """Make a registry."""
    name = name_checked(given.get("RegistryName") or "", "registryName")
    description, tags = described(given), tags_checked(given)
    if asked.system.documents.get(KIND, name) is not None:
        raise AwsError("AlreadyExistsException", f"Registry already exists. RegistryName: {name}", http=400)
    make(asked, name, description)
    put_tags(asked, f"registry/{name}", tags)
    answer = {"RegistryArn": arn_of(asked, name), "RegistryName": name, "Description": description}
    return present({**answer, "Tags": tags})


def _shown(asked: Asked, name: str, doc: Json) -> Json:
    return present(
        {
            "RegistryName": name,
            "RegistryArn": arn_of(asked, name),
            "Description": doc["description"],
            "Status": "AVAILABLE",
            **times(doc),
        }
    )


@SERVICE.operation("GetRegistry")
async def get_registry(asked: Asked, given: Json) -> Json:
    """One registry."""
    return _shown(asked, *registry(asked, given.get("RegistryId")))


@SERVICE.operation("ListRegistries")
async def list_registries(asked: Asked, given: Json) -> Json:
    """All of them, by name."""
    found: list[tuple[str, Any]] = list(asked.system.documents.all(KIND))
    shown, more = page(found, given, 100, key=lambda item: item[0])
    return {"Registries": [_shown(asked, name, doc) for name, doc in shown], **more}


@SERVICE.operation("UpdateRegistry")
async def update_registry(asked: Asked, given: Json) -> Json:
    """Change what is said of a registry."""
    name, doc = registry(asked, given.get("RegistryId"))
    doc |= {"description": described(given), "updated": now_us()}
    asked.system.documents.put(KIND, name, doc)
    return {"RegistryName": name, "RegistryArn": arn_of(asked, name)}


@SERVICE.operation("DeleteRegistry")
async def delete_registry(asked: Asked, given: Json) -> Json:
    """Remove a registry with its schemas."""
    name, _ = registry(asked, given.get("RegistryId"))
    documents = asked.system.documents
    for schema, _doc in list(documents.all(SCHEMAS, f"{name}/")):
        put_tags(asked, f"schema/{schema}", {})
    for kind in (SCHEMAS, VERSIONS):
        documents.delete_all(kind, f"{name}/")
    documents.delete(KIND, name)
    put_tags(asked, f"registry/{name}", {})
    return {"RegistryName": name, "RegistryArn": arn_of(asked, name), "Status": "DELETING"}
