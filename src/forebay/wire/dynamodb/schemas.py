"""What CreateTable and UpdateTable say of keys and indexes, checked in DynamoDB's words, as the project would say it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from forebay.keyvalue.table import ALL, INCLUDE, WORDS
from forebay.wire.dynamodb.base import invalid
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Json

MOST_GLOBAL, MOST_LOCAL = 20, 5
_INVALID = "One or more parameter values were invalid: "
_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}")


def checked(given: Json) -> tuple[Json, Json]:
    """(spec, meta) of a table that is to be made. Raises AwsError."""
    _check_billing(given)
    for member in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        if given.get(member) == []:
            raise invalid(f"{_INVALID}List of {member} is empty")
    local, shared = given.get("LocalSecondaryIndexes") or [], given.get("GlobalSecondaryIndexes") or []
    types = _types(given["AttributeDefinitions"])
    _check_defined(given, [*local, *shared], types)
    spec = _key(given["KeySchema"], types)
    indexes: Json = {}
    details: Json = {}
    if len(local) > MOST_LOCAL:
        raise AwsError(
            "LimitExceededException",
            f"{_INVALID}Number of LocalSecondaryIndexes exceeds per-table limit of {MOST_LOCAL}",
        )
    if len(shared) > MOST_GLOBAL:
        raise AwsError(
            "LimitExceededException",
            f"{_INVALID}GlobalSecondaryIndex count exceeds the per-table limit of {MOST_GLOBAL}",
        )
    for each in (*local, *shared):
        name = each["IndexName"]
        if name in indexes:
            raise invalid(f"{_INVALID}Duplicate index name: {name}")
        own = any(each is one for one in local)
        indexes[name] = _key(each["KeySchema"], types)
        details[name] = _detail(each, local=own)
        if own:
            _check_local(spec, indexes[name], name)
    spec["indexes"] = indexes
    meta: Json = {
        "attributes": list(types),
        "billing": given.get("BillingMode", "PROVISIONED"),
        "throughput": given.get("ProvisionedThroughput"),
        "indexes": details,
        "tags": {each["Key"]: each["Value"] for each in given.get("Tags") or ()},
        "protected": bool(given.get("DeletionProtectionEnabled")),
        "class": given.get("TableClass"),
    }
    return spec, meta


def change_indexes(spec: Json, meta: Json, given: Json) -> None:
    """Add and remove the global indexes that an UpdateTable names. Raises AwsError."""
    updates = given.get("GlobalSecondaryIndexUpdates") or []
    types = _defined(spec) | _types(given.get("AttributeDefinitions") or [])
    indexes, details = dict(spec.get("indexes") or {}), dict(meta.get("indexes") or {})
    for each in updates:
        if "Create" in each:
            made = each["Create"]
            name = made["IndexName"]
            if name in indexes:
                raise invalid(f"{_INVALID}Attempting to create an index which already exists")
            missing = sorted({key["AttributeName"] for key in made["KeySchema"]} - types.keys())
            if missing:
                raise _undefined(missing, types)
            indexes[name], details[name] = _key(made["KeySchema"], types), _detail(made, local=False)
            continue
        name = (each.get("Delete") or each.get("Update") or {}).get("IndexName", "")
        if name not in indexes or details.get(name, {}).get("local"):
            raise AwsError("ResourceNotFoundException", "Requested resource not found")
        if "Delete" in each:
            del indexes[name]
            details.pop(name, None)
        else:
            details[name] = {
                **details.get(name, {}),
                "throughput": each["Update"].get("ProvisionedThroughput"),
            }
    spec["indexes"], meta["indexes"] = indexes, details
    meta["attributes"] = [*dict.fromkeys([*meta.get("attributes", ()), *types])]


def _check_billing(given: Json) -> None:
    on_demand = given.get("BillingMode") == "PAY_PER_REQUEST"
    if on_demand and "ProvisionedThroughput" in given:
        raise invalid(
            f"{_INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is"
            " PAY_PER_REQUEST"
        )
    if not on_demand and "ProvisionedThroughput" not in given:
        raise invalid(
            f"{_INVALID}ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )


def _types(definitions: Iterable[Json]) -> dict[str, str]:
    types: dict[str, str] = {}
    for each in definitions:
        if each["AttributeName"] in types:
            raise invalid(
                f"{_INVALID}Duplicate AttributeName in AttributeDefinitions: {each['AttributeName']}"
            )
        types[each["AttributeName"]] = each["AttributeType"]
    return types


def _defined(spec: Json) -> dict[str, str]:
    letters = {word: letter for letter, word in WORDS.items()}
    keys = [
        part
        for schema in (spec, *(spec.get("indexes") or {}).values())
        for part in (schema["partition_key"], schema.get("sort_key"))
        if part
    ]
    return {part["name"]: letters[part.get("type", "string")] for part in keys}


def _check_defined(given: Json, indexes: list[Json], types: dict[str, str]) -> None:
    own = [each["AttributeName"] for each in given["KeySchema"]]
    used = dict.fromkeys([*own, *(each["AttributeName"] for index in indexes for each in index["KeySchema"])])
    missing = [name for name in used if name not in types]
    if missing:
        if not indexes and len(own) > len(types) and any(name in types for name in own):
            raise invalid("Invalid KeySchema: Some index key attribute have no definition")
        raise _undefined(missing, types)
    if len(types) > len(used):
        if not indexes:
            raise invalid(
                f"{_INVALID}Number of attributes in KeySchema does not exactly match number of attributes"
                " defined in AttributeDefinitions"
            )
        raise invalid(
            f"{_INVALID}Some AttributeDefinitions are not used. AttributeDefinitions: "
            f"[{', '.join(sorted(types))}], keys used: [{', '.join(sorted(used))}]"
        )


def _undefined(missing: Iterable[str], types: Iterable[str]) -> AwsError:
    return invalid(
        f"{_INVALID}Some index key attributes are not defined in AttributeDefinitions. "
        f"Keys: [{', '.join(sorted(missing))}], AttributeDefinitions: [{', '.join(sorted(types))}]"
    )


def _key(schema: list[Json], types: dict[str, str]) -> Json:
    """`{partition_key, sort_key}` as a project has them."""
    if len(schema) > 2:
        raise invalid(
            f"1 validation error detected: Value '{schema}' at 'keySchema' failed to satisfy constraint: "
            "Member must have length less than or equal to 2"
        )
    if schema[0]["KeyType"] != "HASH":
        raise invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(schema) == 2 and schema[1]["KeyType"] != "RANGE":
        raise invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    if len(schema) == 2 and schema[0]["AttributeName"] == schema[1]["AttributeName"]:
        raise invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    parts: list[Any] = [
        {"name": each["AttributeName"], "type": WORDS[types[each["AttributeName"]]]} for each in schema
    ]
    return {"partition_key": parts[0], "sort_key": parts[1] if len(parts) == 2 else None}


def _detail(index: Json, *, local: bool) -> Json:
    name, projection = index["IndexName"], index.get("Projection") or {}
    if not _NAME.fullmatch(name):
        raise invalid(
            "Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may contain"
            " only the characters a-z, A-Z, 0-9, '_', '-', and '.'"
        )
    kind, include = projection.get("ProjectionType"), projection.get("NonKeyAttributes") or []
    if kind is None:
        raise invalid(f"{_INVALID}Unknown ProjectionType: null")
    if include and kind != INCLUDE:
        raise invalid(f"{_INVALID}ProjectionType is {kind}, but NonKeyAttributes is specified")
    if kind == INCLUDE and not include:
        raise invalid(f"{_INVALID}ProjectionType is {kind}, but NonKeyAttributes is not specified")
    found: Json = {"local": local, "projection": kind or ALL, "include": include}
    if not local and index.get("ProvisionedThroughput"):
        found["throughput"] = index["ProvisionedThroughput"]
    return found


def _check_local(spec: Json, index: Json, name: str) -> None:
    if spec["sort_key"] is None:
        raise invalid(
            f"{_INVALID}Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"
        )
    if index["sort_key"] is None:
        raise invalid(f"{_INVALID}Index KeySchema does not have a range key for index: {name}")
    if index["partition_key"] != spec["partition_key"]:
        raise invalid(
            f"{_INVALID}Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}. "
            f"index hash key: {index['partition_key']['name']}, table hash key: {spec['partition_key']['name']}"
        )
