"""What DynamoDB's operations share: the table that is meant, expressions, capacity, errors in its words."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.model import OperationModel

from forebay.arn import name_in
from forebay.keyvalue import legacy
from forebay.keyvalue.conditions import Test, condition, paths_in
from forebay.keyvalue.errors import Cancelled, ConditionFailed, Invalid, NoTable, Reason, TokenReused
from forebay.keyvalue.paths import Path
from forebay.keyvalue.table import Table
from forebay.keyvalue.tokens import Placeholders, projection
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, Operation, Service

NOT_FOUND = "Requested resource not found"
_NAME = re.compile(r"[a-zA-Z0-9_.-]+")
_LEGACY = (
    "AttributesToGet",
    "AttributeUpdates",
    "ConditionalOperator",
    "Expected",
    "KeyConditions",
    "QueryFilter",
    "ScanFilter",
)
_REPEATED = re.compile(r"Value '.*' at 'requestItems", re.DOTALL)
EXPRESSIONS = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)


class DynamoDb(Service):
    """DynamoDB, whose refusals come up from the tables and are put in its own words here."""

    def check(self, model: OperationModel, given: Json, asked: Asked) -> None:
        """Refuse what breaks the model's constraints, and expressions beside what was there before them."""
        try:
            super().check(model, given, asked)
        except AwsError as error:  # the service does not repeat what is in a batch
            raise AwsError(error.code, _REPEATED.sub("Value at 'requestItems", error.message)) from None
        older = [name for name in _LEGACY if name in given]
        modern = [name for name in EXPRESSIONS if name in given]
        if older and modern:
            raise invalid(
                "Can not use both expression and non-expression parameters in the same request: Non-expression"
                f" parameters: {{{', '.join(older)}}} Expression parameters: {{{', '.join(modern)}}}"
            )

    def operation(self, name: str, *, partial: str | None = None) -> Callable[[Operation], Operation]:
        """Offer the decorated function as operation `name`, its errors translated."""
        register = super().operation(name, partial=partial)

        def worded(function: Operation) -> Operation:
            async def answer(asked: Asked, given: Json) -> Any:
                try:
                    return await function(asked, given)
                except Exception as error:
                    said = _worded(error)
                    if said is None:
                        raise
                    raise said from None

            register(answer)
            return function

        return worded


SERVICE = DynamoDb("dynamodb")


def _worded(error: Exception) -> AwsError | None:
    match error:
        case RecursionError():
            return invalid("Invalid expression: The expression is nested too deeply")
        case Invalid():
            return invalid(error.message)
        case NoTable():
            return AwsError("ResourceNotFoundException", NOT_FOUND)
        case ConditionFailed():
            members: Json = {} if error.item is None else {"Item": plain(error.item)}
            return AwsError("ConditionalCheckFailedException", error.message, **members)
        case Cancelled():
            reasons = [_reason(each) for each in error.reasons]
            return AwsError(
                "TransactionCanceledException",
                error.message,
                Message=error.message,
                CancellationReasons=reasons,
            )
        case TokenReused():
            return AwsError("IdempotentParameterMismatchException", error.message, Message=error.message)
    return None


def _reason(reason: Reason) -> Json:
    if reason.code is None:
        return {"Code": "None"}
    item = {} if reason.item is None else {"Item": plain(reason.item)}
    return {"Code": reason.code, "Message": reason.message, **item}


def plain(item: Mapping[str, Any]) -> Json:
    """An item as JSON has it: errors are encoded by no model."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def invalid(message: str) -> AwsError:
    """ValidationException."""
    return AwsError("ValidationException", message)


def table_name(given: str) -> str:
    """The name in a table's name or ARN. Raises AwsError."""
    name = name_in(given, "dynamodb", "table/") if given.startswith("arn:") else given
    if not 3 <= len(name) <= 255 or not _NAME.fullmatch(name):
        raise invalid(
            "Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may contain"
            " only the characters a-z, A-Z, 0-9, '_', '-', and '.'"
        )
    return name


async def table(asked: Asked, given: str) -> Table:
    """The table that is meant. Raises NoTable, AwsError."""
    return await asked.system.tables.find(table_name(given))


def placeholders(given: Json, *needed_by: str) -> Placeholders:
    """The placeholders of a request. Raises Invalid where they are empty, or no expression could use them."""
    has_expression = any(name in given for name in EXPRESSIONS)
    for member in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        if member not in given:
            continue
        uses = has_expression and (
            member == "ExpressionAttributeNames" or any(each in given for each in needed_by or EXPRESSIONS)
        )
        if not uses:
            why = f": {needed_by[0]} is null" if len(needed_by) == 1 and member.endswith("Values") else ""
            raise Invalid(f"{member} can only be specified when using expressions{why}")
        if not given[member]:
            raise Invalid(f"{member} must not be empty")
    return Placeholders.of(given.get("ExpressionAttributeNames"), given.get("ExpressionAttributeValues"))


def condition_in(given: Json, words: Placeholders, member: str = "ConditionExpression") -> Test | None:
    """The condition of a request, if it has one; an older request has `Expected` or a filter. Raises Invalid."""
    for older in ("Expected",) if member == "ConditionExpression" else ("QueryFilter", "ScanFilter"):
        if given.get(older):
            return legacy.condition(given[older], given.get("ConditionalOperator"))
    return condition(member, given[member], words) if member in given else None


def paths_of(given: Json, words: Placeholders) -> tuple[Path, ...] | None:
    """The projection of a request, if it has one. Raises Invalid."""
    if given.get("AttributesToGet"):
        return tuple((name,) for name in dict.fromkeys(given["AttributesToGet"]))
    return projection(given["ProjectionExpression"], words) if "ProjectionExpression" in given else None


def check_filter(given: Json, words: Placeholders, keys: Iterable[str]) -> None:
    """A query's filter may not speak of what it is found by. Raises Invalid."""
    named = (
        paths_in("FilterExpression", given["FilterExpression"], words) if "FilterExpression" in given else ()
    )
    found = next((key for key in keys if key in named), None)
    if found is not None:
        raise Invalid(
            f"Filter Expression can only contain non-primary key attributes: Primary key attribute: {found}"
        )


def capacity(
    given: Json, units: Mapping[str, float], index: str | None = None, *, also: str | None = None
) -> list[Json]:
    """ConsumedCapacity by table, as asked for; empty if it was not. `also` is a second name for the units."""
    wanted = given.get("ReturnConsumedCapacity", "NONE")
    found: list[Json] = []
    for name, amount in units.items() if wanted != "NONE" else ():
        more = {also: amount} if also else {}
        entry: Json = {"TableName": name, "CapacityUnits": amount, **more}
        if wanted == "INDEXES":
            entry["Table"] = {"CapacityUnits": 0.0 if index else amount, **more}
            if index:
                entry["GlobalSecondaryIndexes"] = {index: {"CapacityUnits": amount}}
        found.append(entry)
    return found


def one(found: list[Json]) -> Json:
    """`ConsumedCapacity` of an operation on one table."""
    return {"ConsumedCapacity": found[0]} if found else {}


def read_units(size: int, *, consistent: bool = False) -> float:
    """Half a unit for 4 KiB, a whole one where the read is consistent."""
    return max(1, math.ceil(size / 4096)) * (1.0 if consistent else 0.5)


def write_units(size: int) -> float:
    """A unit for a KiB."""
    return float(max(1, math.ceil(size / 1024)))
