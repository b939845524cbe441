"""The policies of streams and of their consumers: who else may call. They count beside the policies of who calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from forebay.access.policy import MalformedPolicy, parse_policy
from forebay.arn import ACCOUNT
from forebay.wire.kinesis.base import SERVICE, changing, check_region, find, invalid, no_stream, save
from forebay.wire.kinesis.consumers import KIND, consumer_of
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

_ARN = re.compile(
    r"arn:aws[\w-]*:kinesis:[\w-]+:(?P<account>\d{12}):stream/(?P<name>[\w.-]+)(?P<consumer>/consumer/.+)?"
)
_STREAM = frozenset(
    f"kinesis:{name}"
    for name in (
        "DescribeStream",
        "DescribeStreamSummary",
        "GetRecords",
        "GetShardIterator",
        "ListShards",
        "PutRecord",
        "PutRecords",
    )
)
_CONSUMER = frozenset({"kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"})
_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(slots=True)
class Holder:
    """What has a policy: a stream, or with `consumer` one of its consumers. `doc` is where it is kept."""

    name: str
    consumer: str | None
    doc: Json


def _meant(asked: Asked, arn: str, policy: str | None = None) -> Holder:
    """The stream or consumer of this ARN; with `policy` it may have that. Raises AwsError."""
    said = _ARN.fullmatch(arn)
    if said is None:
        raise invalid(f"Invalid ARN: {arn}")
    check_region(asked, arn)
    if said["account"] != ACCOUNT:
        raise AwsError("UnrecognizedClientException", "No account found for the given parameters")
    if policy is not None:
        _check(policy, arn, _CONSUMER if said["consumer"] else _STREAM)
    found = find(asked, said["name"])
    if found is None:
        raise no_stream(asked, said["name"])
    if said["consumer"]:
        name, consumer, doc = consumer_of(asked, {"ConsumerARN": arn})
        return Holder(name, consumer, doc)
    return Holder(found.name, None, found.meta)


def _save(asked: Asked, holder: Holder) -> None:
    if holder.consumer is not None:
        asked.system.documents.put(KIND, f"{holder.name}/{holder.consumer}", holder.doc)
        return
    found = changing(asked, {"StreamName": holder.name})
    found.meta = holder.doc
    save(asked, found)


@SERVICE.operation("PutResourcePolicy")
async def put_resource_policy(asked: Asked, given: Json) -> None:
    """Set who else may call."""
    holder = _meant(asked, given["ResourceARN"], given["Policy"])
    holder.doc["policy"] = given["Policy"]
    _save(asked, holder)


@SERVICE.operation("GetResourcePolicy")
async def get_resource_policy(asked: Asked, given: Json) -> Json:
    """The policy; `{}` where there is none."""
    return {"Policy": _meant(asked, given["ResourceARN"]).doc.get("policy", "{}")}


@SERVICE.operation("DeleteResourcePolicy")
async def delete_resource_policy(asked: Asked, given: Json) -> None:
    """Forget the policy."""
    holder = _meant(asked, given["ResourceARN"])
    if holder.doc.pop("policy", None) is None:
        message = f"No resource policy found for resource ARN {given['ResourceARN']}."
        raise AwsError("ResourceNotFoundException", message)
    _save(asked, holder)


def _check(text: str, arn: str, actions: frozenset[str]) -> None:
    """Refuse what is no policy of this resource, in Kinesis's words. Raises InvalidArgumentException."""
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError):
        policy = None
    if not isinstance(policy, dict):
        raise _refused("This policy contains invalid Json")
    for name in ("Version", "Statement"):
        if name not in policy:
            raise _refused(f"Missing required field {name}")
    for at, statement in _statements(text):
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        where = f"Resource policy contains invalid statement at line {line}, column {column}: "
        wrong = [f'"{name}"' for name in _several(statement, "Action") if str(name) not in actions]
        if wrong:
            raise _refused(f"{where}The following action names are invalid: {', '.join(wrong)}")
        if any(each != arn for each in _several(statement, "Resource")):
            raise _refused(f"{where}The resource policy's resource must be the same as the resource ARN.")
        if isinstance(statement, dict) and "NotPrincipal" in statement:
            raise _refused("Has prohibited field NotPrincipal")
        if isinstance(statement, dict) and "Principal" not in statement:
            raise _refused("Missing required field Principal")
    try:
        parse_policy(text, resource_policy=True)
    except MalformedPolicy as error:
        raise _refused(str(error)) from None


def _refused(message: str) -> AwsError:
    return invalid(f"Policy validation error: {message}")


def _several(statement: Any, name: str) -> list[Any]:
    found = statement.get(name, []) if isinstance(statement, dict) else []
    return found if isinstance(found, list) else [found]


def _statements(text: str) -> Iterator[tuple[int, Any]]:
    """Each statement, and at which character of the policy it begins."""
    for name, begins, value in _members(text, _after(text, 0)):
        if name != "Statement":
            continue
        if not isinstance(value, list):
            yield begins, value
            continue
        at = begins
        for item in value:
            at = _after(text, at + 1)  # past the bracket, or the comma
            yield at, item
            at = _after(text, _DECODER.raw_decode(text, at)[1])


def _members(text: str, at: int) -> Iterator[tuple[str, int, Any]]:
    """The members of the object that begins at `at`: name, where the value begins, value."""
    at = _after(text, at + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        at = _after(text, _after(text, at) + 1)
        value, end = _DECODER.raw_decode(text, at)
        yield name, at, value
        at = _after(text, end)
        if text[at] == ",":
            at = _after(text, at + 1)


def _after(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return at if found is None else found.end()
