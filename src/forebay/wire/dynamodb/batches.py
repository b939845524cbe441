"""BatchGetItem and BatchWriteItem: up to 100 reads, up to 25 writes, of several tables."""

from __future__ import annotations

import time
from typing import Any

from forebay.keyvalue import items, rows
from forebay.keyvalue.errors import Invalid
from forebay.keyvalue.items import Write, checked_item, checked_key
from forebay.keyvalue.paths import Path, project
from forebay.keyvalue.reading import PAGE_BYTES
from forebay.keyvalue.table import Table
from forebay.keyvalue.values import Item, item_size
from forebay.wire.dynamodb.base import (
    SERVICE,
    capacity,
    paths_of,
    placeholders,
    read_units,
    table,
    write_units,
)
from forebay.wire.service import Asked, Json

MOST_WRITES, MOST_READS = 25, 100
MOST_BYTES = 16 * PAGE_BYTES
_TWICE = "Provided list of item keys contains duplicates"


@SERVICE.operation("BatchWriteItem", partial="item collection metrics are not kept")
async def batch_write_item(asked: Asked, given: Json) -> Json:
    """Put and delete items of several tables; all of them are done, in one commit."""
    requests: Json = given["RequestItems"]
    if not requests:
        raise Invalid("The batch write request list cannot be empty")
    if sum(map(len, requests.values())) > MOST_WRITES:
        raise Invalid("Too many items requested for the BatchWriteItem call")
    writes: list[Write] = []
    for name, some in requests.items():
        found = await table(asked, name)
        writes += [_write(found, each) for each in some]
    places = {(write.table.id, *rows.place(write.table.schema, write.key)) for write in writes}
    if len(places) < len(writes):
        raise Invalid(_TWICE)
    done = await asked.system.tables.write(lambda batch: [items.perform(batch, write) for write in writes])
    used: dict[str, float] = {}
    for write, each in zip(writes, done, strict=True):
        size = max(item_size(each.old or {}), item_size(each.new or {}))
        used[write.table.name] = used.get(write.table.name, 0.0) + write_units(size)
    answer: Json = {"UnprocessedItems": {}}
    return answer | _consumed(capacity(given, used))


def _write(found: Table, request: Json) -> Write:
    if len(request) != 1:
        raise Invalid(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
            if request
            else "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
        )
    if "DeleteRequest" in request:
        return Write(found, checked_key(found.schema, request["DeleteRequest"]["Key"]), delete=True)
    item = checked_item(found, request["PutRequest"]["Item"])
    return Write(found, {name: item[name] for name in found.schema.names}, item=item)


@SERVICE.operation("BatchGetItem")
async def batch_get_item(asked: Asked, given: Json) -> Json:
    """Items of several tables by their keys; past 16 MiB the rest is left to another call."""
    requests: Json = given["RequestItems"]
    if sum(len(each["Keys"]) for each in requests.values()) > MOST_READS:
        raise Invalid("Too many items requested for the BatchGetItem call")
    wanted: list[tuple[str, Table, tuple[Path, ...] | None, list[tuple[Json, Item]]]] = []
    for name, each in requests.items():
        words = placeholders(each)
        paths = paths_of(each, words)
        words.check_all_met()
        found = await table(asked, name)
        keys = [(key, checked_key(found.schema, key)) for key in each["Keys"]]
        if len({rows.place(found.schema, key) for _, key in keys}) < len(keys):
            raise Invalid(_TWICE)
        wanted.append((name, found, paths, keys))
    now = int(time.time())

    def read(db: Any) -> tuple[Json, Json, dict[str, float]]:
        answers: Json = {}
        left: Json = {}
        used: dict[str, float] = {}
        size = 0
        for name, found, paths, keys in wanted:
            answers[name] = []
            consistent = requests[name].get("ConsistentRead", False)
            for key, checked in keys:
                item = rows.get(db, found, rows.place(found.schema, checked), now) if not left else None
                own = item_size(item or {})
                if left or size + own > MOST_BYTES:
                    left.setdefault(name, {**requests[name], "Keys": []})["Keys"].append(key)
                    continue
                size += own
                used[found.name] = used.get(found.name, 0.0) + read_units(own, consistent=consistent)
                if item is not None:
                    answers[name].append(item if paths is None else project(item, paths))
        return answers, left, used

    answers, left, used = await asked.system.tables.read(read)
    return {"Responses": answers, "UnprocessedKeys": left} | _consumed(capacity(given, used))


def _consumed(found: list[Json]) -> Json:
    return {"ConsumedCapacity": found} if found else {}
