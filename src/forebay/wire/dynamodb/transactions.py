"""TransactWriteItems and TransactGetItems: all or none, of one moment."""

from __future__ import annotations

import json
import time

from forebay.keyvalue import transactions
from forebay.keyvalue.errors import Cancelled, Invalid, Reason
from forebay.keyvalue.items import Write, checked_key
from forebay.keyvalue.paths import project
from forebay.keyvalue.values import item_size
from forebay.wire.dynamodb import items
from forebay.wire.dynamodb.base import (
    SERVICE,
    capacity,
    paths_of,
    placeholders,
    plain,
    read_units,
    table,
    write_units,
)
from forebay.wire.service import Asked, Json

_KINDS = {"ConditionCheck": items.checked, "Put": items.put, "Delete": items.delete, "Update": items.updated}
_NOT_VALID = "One or more parameter values are not valid"
_ONE = "TransactItems can only contain one of Check, Put, Update or Delete"


@SERVICE.operation("TransactWriteItems", partial="item collection metrics are not kept")
async def transact_write_items(asked: Asked, given: Json) -> Json:
    """Check, put, update and delete items: all of it, or nothing."""
    writes: list[Write] = []
    shown: list[bool] = []
    problems: list[Reason] = []
    for each in given["TransactItems"]:
        if len(each) != 1:
            raise Invalid(_ONE)
        ((kind, action),) = each.items()
        found = await table(asked, action["TableName"])
        try:
            writes.append(_KINDS[kind](found, action))
            problems.append(Reason())
        except Invalid as error:
            if kind != "Put" or "Expression" in error.message or _NOT_VALID in error.message:
                raise
            problems.append(Reason(transactions.VALIDATION, error.message))
        shown.append(action.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD")
    if any(problem.code for problem in problems):
        raise Cancelled(problems)
    transactions.check_once([(write.table, write.key) for write in writes])
    token = given.get("ClientRequestToken")
    same = json.dumps(plain({"items": given["TransactItems"]}), sort_keys=True).encode()
    done = await asked.system.tables.write(
        lambda batch: transactions.perform(batch, writes, shown, token, same)
    )
    used: dict[str, float] = {}
    for write, each in zip(writes, done or [], strict=False):
        size = max(item_size(each.old or {}), item_size(each.new or {}))
        used[write.table.name] = used.get(write.table.name, 0.0) + 2 * write_units(size)
    consumed = capacity(given, used, also="WriteCapacityUnits")
    return {"ConsumedCapacity": consumed} if consumed else {}


@SERVICE.operation("TransactGetItems")
async def transact_get_items(asked: Asked, given: Json) -> Json:
    """Items of one moment, in the order in which they are asked for."""
    wanted, projections = [], []
    for each in given["TransactItems"]:
        get: Json = each["Get"]
        words = placeholders(get)
        projections.append(paths_of(get, words))
        words.check_all_met()
        found = await table(asked, get["TableName"])
        wanted.append((found, checked_key(found.schema, get["Key"])))
    transactions.check_once(wanted)
    now = int(time.time())
    answers = await asked.system.tables.read(lambda db: transactions.read(db, wanted, now))
    responses: list[Json] = []
    used: dict[str, float] = {}
    for (found, _), item, paths in zip(wanted, answers, projections, strict=True):
        used[found.name] = used.get(found.name, 0.0) + 2 * read_units(item_size(item or {}), consistent=True)
        responses.append({} if item is None else {"Item": item if paths is None else project(item, paths)})
    consumed = capacity(given, used, also="ReadCapacityUnits")
    return {"Responses": responses, **({"ConsumedCapacity": consumed} if consumed else {})}
