"""One item: GetItem, PutItem, UpdateItem, DeleteItem."""

from __future__ import annotations

import time

from forebay.keyvalue import items as keep
from forebay.keyvalue import legacy, rows
from forebay.keyvalue.errors import ConditionFailed, Invalid
from forebay.keyvalue.items import Done, Write, checked_item, checked_key, checked_update
from forebay.keyvalue.paths import find, project
from forebay.keyvalue.table import Table
from forebay.keyvalue.tokens import Placeholders
from forebay.keyvalue.updates import Update, update
from forebay.keyvalue.values import Item, item_size
from forebay.wire.dynamodb.base import (
    SERVICE,
    capacity,
    condition_in,
    one,
    paths_of,
    placeholders,
    read_units,
    table,
    write_units,
)
from forebay.wire.service import Asked, Json


@SERVICE.operation("GetItem")
async def get_item(asked: Asked, given: Json) -> Json:
    """An item by its key."""
    words = placeholders(given)
    paths = paths_of(given, words)
    words.check_all_met()
    found = await table(asked, given["TableName"])
    place = rows.place(found.schema, checked_key(found.schema, given["Key"]))
    now = int(time.time())
    item = await asked.system.tables.read(lambda db: rows.get(db, found, place, now))
    used = read_units(item_size(item or {}), consistent=given.get("ConsistentRead", False))
    answer: Json = one(capacity(given, {found.name: used}))
    if item is not None:
        answer["Item"] = item if paths is None else project(item, paths)
    return answer


@SERVICE.operation("PutItem", partial="item collection metrics are not kept")
async def put_item(asked: Asked, given: Json) -> Json:
    """Keep an item in the place of one with its key."""
    _check_returns(given, "NONE", "ALL_OLD")
    found = await table(asked, given["TableName"])
    done = await _do(asked, given, put(found, given))
    answer = one(capacity(given, {found.name: _written(done)}))
    if given.get("ReturnValues") == "ALL_OLD" and done.old is not None:
        answer["Attributes"] = done.old
    return answer


@SERVICE.operation("DeleteItem", partial="item collection metrics are not kept")
async def delete_item(asked: Asked, given: Json) -> Json:
    """Remove an item."""
    _check_returns(given, "NONE", "ALL_OLD")
    found = await table(asked, given["TableName"])
    done = await _do(asked, given, delete(found, given))
    answer = one(capacity(given, {found.name: _written(done)}))
    if given.get("ReturnValues") == "ALL_OLD" and done.old is not None:
        answer["Attributes"] = done.old
    return answer


@SERVICE.operation("UpdateItem", partial="item collection metrics are not kept")
async def update_item(asked: Asked, given: Json) -> Json:
    """Change an item's attributes; it is made if it is not there."""
    found = await table(asked, given["TableName"])
    write = updated(found, given)
    done = await _do(asked, given, write)
    answer = one(capacity(given, {found.name: _written(done)}))
    attributes = _returned(given.get("ReturnValues", "NONE"), write, done)
    if attributes:
        answer["Attributes"] = attributes
    return answer


async def _do(asked: Asked, given: Json, write: Write) -> Done:
    try:
        return await asked.system.tables.write(lambda batch: keep.perform(batch, write))
    except ConditionFailed as error:
        if given.get("ReturnValuesOnConditionCheckFailure") != "ALL_OLD":
            error.item = None
        raise


def _returned(wanted: str, write: Write, done: Done) -> Item | None:
    match wanted:
        case "ALL_OLD":
            return done.old
        case "ALL_NEW":
            return done.new
        case "UPDATED_OLD" | "UPDATED_NEW":
            item = (done.old if wanted == "UPDATED_OLD" else done.new) or {}
            paths = write.update.paths if write.update is not None else []
            return project(item, [path for path in paths if find(item, path) is not None])
    return None


def _check_returns(given: Json, *allowed: str) -> None:
    if given.get("ReturnValues", "NONE") not in allowed:
        raise Invalid("Return values set to invalid value")


def _written(done: Done) -> float:
    return write_units(max(item_size(done.old or {}), item_size(done.new or {})))


# The same writes, as transactions have them.


def put(found: Table, given: Json) -> Write:
    """The write of a put. Raises Invalid."""
    words = placeholders(given, "ConditionExpression")
    test = condition_in(given, words)
    words.check_all_met()
    item = checked_item(found, given["Item"])
    return Write(found, {name: item[name] for name in found.schema.names}, item=item, test=test)


def delete(found: Table, given: Json) -> Write:
    """The write of a delete. Raises Invalid."""
    words = placeholders(given, "ConditionExpression")
    test = condition_in(given, words)
    words.check_all_met()
    return Write(found, checked_key(found.schema, given["Key"]), delete=True, test=test)


def checked(found: Table, given: Json) -> Write:
    """A check that writes nothing. Raises Invalid."""
    words = placeholders(given, "ConditionExpression")
    test = condition_in(given, words)
    words.check_all_met()
    return Write(found, checked_key(found.schema, given["Key"]), test=test)


def updated(found: Table, given: Json) -> Write:
    """The write of an update. Raises Invalid."""
    words = placeholders(given, "UpdateExpression", "ConditionExpression")
    change = _change(given, words)
    test = condition_in(given, words)
    words.check_all_met()
    key = checked_key(found.schema, given["Key"])
    return Write(found, key, update=checked_update(found, change), test=test)


def _change(given: Json, words: Placeholders) -> Update:
    if given.get("AttributeUpdates"):
        return legacy.update(given["AttributeUpdates"])
    return update(given["UpdateExpression"], words) if "UpdateExpression" in given else Update()
