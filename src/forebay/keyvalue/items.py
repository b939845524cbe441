"""What is done to single items: read, written, changed, removed, each under its condition.

Every function here runs in the thread that writes (or reads), within its transaction; requests are checked
before, by `checked_item` and `checked_key`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forebay.keyvalue import rows
from forebay.keyvalue.conditions import Test
from forebay.keyvalue.errors import ConditionFailed, Invalid
from forebay.keyvalue.rows import Batch
from forebay.keyvalue.table import KeySchema, Table
from forebay.keyvalue.updates import Update
from forebay.keyvalue.values import MOST_BYTES, Item, item_size, kind_of, normal_item

MOST_HASH, MOST_RANGE = 2048, 1024
_INVALID = "One or more parameter values were invalid: "
_NOT_VALID = "One or more parameter values are not valid. "
_WRONG_KEY = "The provided key element does not match the schema"


@dataclass(frozen=True, slots=True)
class Write:
    """One change of one item: put (`item`), update (`update`), delete, or a mere check, under a condition."""

    table: Table
    key: Item
    item: Item | None = None
    update: Update | None = None
    delete: bool = False
    test: Test | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The item before and after a change; None where it was, or is, not there."""

    old: Item | None
    new: Item | None


def checked_key(schema: KeySchema, given: Mapping[str, Any]) -> Item:
    """The key of a table, in stored form. Raises Invalid unless it is exactly that."""
    key = normal_item(given)
    if set(key) != set(schema.names) or any(
        kind_of(key[each.name]) != each.type for each in schema.attributes
    ):
        raise Invalid(_WRONG_KEY)
    _check_sizes(schema, key)
    return key


def checked_item(table: Table, given: Mapping[str, Any]) -> Item:
    """An item in stored form. Raises Invalid for one without its key, with an index's key of another type, too big."""
    for each in table.schema.attributes:
        if each.name not in given:
            raise Invalid(f"{_INVALID}Missing the key {each.name} in the item")
    item = normal_item(given)
    for each in table.schema.attributes:
        if kind_of(item[each.name]) != each.type:
            raise Invalid(
                f"{_INVALID}Type mismatch for key {each.name} expected: {each.type} actual: {kind_of(item[each.name])}"
            )
    _check_sizes(table.schema, item)
    check_indexes(table, item)
    if item_size(item) > MOST_BYTES:
        raise Invalid("Item size has exceeded the maximum allowed size")
    return item


def _check_sizes(schema: KeySchema, item: Item) -> None:
    for each in schema.attributes:
        if each.type == "N":
            continue
        content = item[each.name][each.type]
        if not content:
            word = "string" if each.type == "S" else "binary"
            raise Invalid(
                f"{_NOT_VALID}The AttributeValue for a key attribute cannot contain an empty {word} value. Key: {each.name}"
            )
        length = len(content.encode() if each.type == "S" else content)
        if each is schema.hash and length > MOST_HASH:
            raise Invalid(f"{_INVALID}Size of hashkey has exceeded the maximum size limit of2048 bytes")
        if each is not schema.hash and length > MOST_RANGE:
            raise Invalid(
                f"{_INVALID}Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
            )


def check_indexes(table: Table, item: Item) -> None:
    """Raise Invalid for a value that an index of the table could not have as its key."""
    for index in table.indexes:
        for each in index.schema.attributes:
            value = item.get(each.name)
            if value is None or each.name in table.schema.names:
                continue
            if kind_of(value) != each.type:
                raise Invalid(
                    f"{_INVALID}Type mismatch for Index Key {each.name} Expected: {each.type}"
                    f" Actual: {kind_of(value)} IndexName: {index.name}"
                )
            if each.type != "N" and not value[each.type]:
                word = "string" if each.type == "S" else "binary"
                raise Invalid(
                    f"{_NOT_VALID}A value specified for a secondary index key is not supported. The AttributeValue for"
                    f" a key attribute cannot contain an empty {word} value. IndexName: {index.name}, IndexKey: {each.name}"
                )


def _check_changed(table: Table, old: Item, new: Item) -> None:
    """`check_indexes` of an update, in the words that are an update's."""
    for index in table.indexes:
        for each in index.schema.attributes:
            value = new.get(each.name)
            if value is None or value == old.get(each.name):
                continue
            if kind_of(value) != each.type:
                raise Invalid(
                    f"{_INVALID}The update expression attempted to update the secondary index key to unsupported type"
                )
            if each.type != "N" and not value[each.type]:
                word = "string" if each.type == "S" else "binary"
                raise Invalid(
                    f"{_NOT_VALID}The update expression attempted to update a secondary index key to a value that is"
                    f" not supported. The AttributeValue for a key attribute cannot contain an empty {word} value."
                )


def checked_update(table: Table, update: Update | None) -> Update | None:
    """An update, unless it would change the key. Raises Invalid."""
    for path in update.paths if update is not None else ():
        if path[0] in table.schema.names:
            raise Invalid(f"{_INVALID}Cannot update attribute {path[0]}. This attribute is part of the key")
    return update


def perform(batch: Batch, write: Write) -> Done:
    """Do one change. Raises ConditionFailed, Invalid: then nothing was changed."""
    return apply(batch, write, planned(batch, write))


def planned(batch: Batch, write: Write) -> Done:
    """What a change will do, with nothing done yet. Raises ConditionFailed, Invalid."""
    table = batch.current(write.table)
    old = rows.get(batch.db, table, rows.place(table.schema, write.key), batch.now)
    if write.test is not None and not write.test(old or {}):
        raise ConditionFailed(old)
    if write.item is not None:
        return Done(old, write.item)
    if write.delete:
        return Done(old, None)
    if write.update is None:  # a check
        return Done(old, old)
    new = write.update.apply(old if old is not None else write.key)
    _check_changed(table, old or {}, new)
    if item_size(new) > MOST_BYTES:
        raise Invalid("Item size to update has exceeded the maximum allowed size")
    return Done(old, new)


def apply(batch: Batch, write: Write, done: Done) -> Done:
    """Keep what was planned."""
    table = batch.current(write.table)
    at = rows.place(table.schema, write.key)
    if done.new is None:
        rows.delete(batch, table, at)
    elif done.new is not done.old:
        rows.put(batch, table, at, done.new)
    return done
