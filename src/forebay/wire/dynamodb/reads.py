"""Query and Scan."""

from __future__ import annotations

import dataclasses
import time

from forebay.keyvalue import legacy
from forebay.keyvalue.errors import Invalid
from forebay.keyvalue.key_conditions import key_condition
from forebay.keyvalue.paths import Path, project
from forebay.keyvalue.reading import Asked as Reading
from forebay.keyvalue.reading import Page, checked_start, key_schema, page
from forebay.keyvalue.table import ALL, Index, Table
from forebay.wire.dynamodb.base import (
    SERVICE,
    capacity,
    check_filter,
    condition_in,
    one,
    paths_of,
    placeholders,
    read_units,
    table,
)
from forebay.wire.service import Asked, Json

_INVALID = "One or more parameter values were invalid: "


@SERVICE.operation("Query")
async def query(asked: Asked, given: Json) -> Json:
    """Items of one partition, in the order of their sort keys."""
    words = placeholders(given)
    if "KeyConditionExpression" not in given and not given.get("KeyConditions"):
        raise Invalid(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
        )
    found = await table(asked, given["TableName"])
    index = _index(found, given)
    schema = key_schema(found, index)
    if given.get("KeyConditions"):
        condition = legacy.key_condition(given["KeyConditions"], schema)
    else:
        condition = key_condition(given["KeyConditionExpression"], words, schema)
    check_filter(given, words, schema.names)
    test, paths = condition_in(given, words, "FilterExpression"), paths_of(given, words)
    words.check_all_met()
    reading = Reading(
        found,
        int(time.time()),
        index,
        condition,
        limit=given.get("Limit"),
        backwards=not given.get("ScanIndexForward", True),
        test=test,
        whole=_whole(found, given, index, paths),
    )
    return await _read(asked, given, reading, paths)


@SERVICE.operation("Scan")
async def scan(asked: Asked, given: Json) -> Json:
    """All items of a table or an index, or those of one segment."""
    words = placeholders(given)
    found = await table(asked, given["TableName"])
    index = _index(found, given)
    test, paths = condition_in(given, words, "FilterExpression"), paths_of(given, words)
    words.check_all_met()
    reading = Reading(
        found,
        int(time.time()),
        index,
        segment=_segment(given),
        limit=given.get("Limit"),
        test=test,
        whole=_whole(found, given, index, paths),
    )
    return await _read(asked, given, reading, paths)


async def _read(asked: Asked, given: Json, reading: Reading, paths: tuple[Path, ...] | None) -> Json:
    if given.get("ExclusiveStartKey"):
        reading = dataclasses.replace(reading, start=checked_start(reading, given["ExclusiveStartKey"]))
    found: Page = await asked.system.tables.read(lambda db: page(db, reading))
    used = read_units(found.size, consistent=given.get("ConsistentRead", False))
    index = None if reading.index is None else reading.index.name
    answer: Json = {"Count": len(found.items), "ScannedCount": found.scanned}
    answer |= one(capacity(given, {reading.table.name: used}, index))
    if given.get("Select") != "COUNT":
        answer["Items"] = found.items if paths is None else [project(item, paths) for item in found.items]
    if found.last is not None:
        answer["LastEvaluatedKey"] = found.last
    return answer


def _index(found: Table, given: Json) -> Index | None:
    """The index that is meant. Raises Invalid."""
    select = given.get("Select")
    if select == "SPECIFIC_ATTRIBUTES" and not {"ProjectionExpression", "AttributesToGet"} & given.keys():
        raise Invalid(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
        )
    if select not in (None, "SPECIFIC_ATTRIBUTES") and "ProjectionExpression" in given:
        raise Invalid(f"Cannot specify the ProjectionExpression when choosing to get {select}")
    name = given.get("IndexName")
    if name is None:
        if select == "ALL_PROJECTED_ATTRIBUTES":
            raise Invalid(
                f"{_INVALID}ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"
            )
        return None
    index = found.index(name)
    if index is None:
        raise Invalid(f"The table does not have the specified index: {name}")
    if not index.local and given.get("ConsistentRead"):
        raise Invalid("Consistent reads are not supported on global secondary indexes")
    if select == "ALL_ATTRIBUTES" and not index.local and index.projection != ALL:
        raise Invalid(
            f"{_INVALID}Select type ALL_ATTRIBUTES is not supported for global secondary index {name}"
            " because its projection type is not ALL"
        )
    return index


def _whole(found: Table, given: Json, index: Index | None, paths: tuple[Path, ...] | None) -> bool:
    """Whether a local index fetches from its table what it has not itself; a global one cannot. Raises Invalid."""
    if index is None:
        return False
    if index.local:
        return given.get("Select") == "ALL_ATTRIBUTES" or paths is not None
    visible = index.visible(found.schema)
    unseen = [str(path[0]) for path in paths or () if visible is not None and path[0] not in visible]
    if unseen:
        raise Invalid(f"{_INVALID}Global secondary index {index.name} does not project [{', '.join(unseen)}]")
    return False


def _segment(given: Json) -> tuple[int, int] | None:
    at, of = given.get("Segment"), given.get("TotalSegments")
    if at is None and of is None:
        return None
    if at is None:
        raise Invalid(
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is present"
        )
    if of is None:
        raise Invalid(
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is present"
        )
    if at >= of:
        raise Invalid(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {at} is not less than TotalSegments: {of}"
        )
    return at, of
