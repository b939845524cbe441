"""What a policy's conditions may ask of a call of DynamoDB: whose items, and which of their attributes.

Source: "Using IAM policy conditions for fine-grained access control", Amazon DynamoDB Developer Guide.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from forebay.keyvalue import legacy
from forebay.keyvalue.conditions import paths_in
from forebay.keyvalue.errors import Invalid
from forebay.keyvalue.key_conditions import key_condition
from forebay.keyvalue.section import KeyValueSpec
from forebay.keyvalue.table import KeySchema, schema
from forebay.keyvalue.tokens import Placeholders
from forebay.project.model import Ref
from forebay.wire.dynamodb.base import EXPRESSIONS, table_name
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

_MEMBERS = ("Key", "Item", "Expected", "AttributeUpdates", "KeyConditions", "QueryFilter", "ScanFilter")


def conditions(asked: Asked, given: Json) -> dict[str, list[str] | str]:
    """`dynamodb:LeadingKeys`, `Attributes`, `Select`, `ReturnValues` and `ReturnConsumedCapacity` of a call."""
    found: dict[str, list[str] | str] = {}
    keys: dict[str, None] = {}
    names: dict[str, None] = {}
    for name, part in _parts(given):
        try:
            keys |= dict.fromkeys(_leading(asked, name, part))
            names |= dict.fromkeys(_attributes(part))
        except (Invalid, AwsError):  # what is wrong with it is said when it is done
            continue
    if keys:
        found["dynamodb:leadingkeys"] = list(keys)
    if names:
        found["dynamodb:attributes"] = list(names)
    projected = "ProjectionExpression" in given or "AttributesToGet" in given
    if "Select" in given or projected:
        found["dynamodb:select"] = str(given.get("Select", "SPECIFIC_ATTRIBUTES"))
    for member in ("ReturnValues", "ReturnConsumedCapacity"):
        if member in given:
            found[f"dynamodb:{member.lower()}"] = str(given[member])
    return found


def _parts(given: Json) -> Iterator[tuple[str, Json]]:
    """(table, what is asked of it), for every part of a call."""
    if isinstance(given.get("TableName"), str):
        yield given["TableName"], given
    for name, asked in (given.get("RequestItems") or {}).items():
        if isinstance(asked, Mapping):
            yield from ((name, {**asked, "Key": key}) for key in asked.get("Keys") or () if key)
            continue
        for request in filter(None, asked or ()):
            yield from ((name, each) for each in request.values())
    for item in filter(None, given.get("TransactItems") or ()):
        yield from ((each["TableName"], each) for each in item.values() if "TableName" in each)


def _leading(asked: Asked, name: str, part: Json) -> Iterator[str]:
    spec = asked.system.project().get(Ref("keyvalue", table_name(name)))
    if not isinstance(spec, KeyValueSpec):
        return
    key = schema(spec)
    for member in ("Key", "Item"):
        if (value := (part.get(member) or {}).get(key.hash.name)) is not None:
            yield _text(value)
    if "IndexName" in part:
        if part["IndexName"] not in spec.indexes:
            return
        key = schema(spec.indexes[part["IndexName"]])
    if "KeyConditionExpression" in part or "KeyConditions" in part:
        yield _text(_partition(part, key))


def _partition(part: Json, key: KeySchema) -> Mapping[str, Any]:
    if "KeyConditions" in part:
        return legacy.key_condition(part["KeyConditions"], key).partition
    return key_condition(part["KeyConditionExpression"], _words(part), key).partition


def _attributes(part: Json) -> Iterator[str]:
    for member in _MEMBERS:
        yield from part.get(member) or ()
    yield from part.get("AttributesToGet") or ()
    for member in EXPRESSIONS:
        if member in part:
            for name in sorted(paths_in(member, part[member], _words(part))):
                if name.upper() not in (
                    "AND",
                    "OR",
                    "NOT",
                    "IN",
                    "BETWEEN",
                    "SET",
                    "ADD",
                    "REMOVE",
                    "DELETE",
                ):
                    yield name


def _words(part: Json) -> Placeholders:
    return Placeholders.of(part.get("ExpressionAttributeNames"), part.get("ExpressionAttributeValues"))


def _text(value: Mapping[str, Any]) -> str:
    content = next(iter(value.values()), "")
    return base64.b64encode(content).decode() if isinstance(content, bytes) else str(content)
