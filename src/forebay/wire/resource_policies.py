"""The policies that resources have of their own: of buckets, functions, buses and streams."""

from __future__ import annotations

import functools
import json
from typing import Any

from forebay.access.policy import MalformedPolicy, Statement, parse_policy
from forebay.wire.service import Asked


async def policy_of(asked: Asked, resource: str) -> tuple[Statement, ...]:
    """The statements of a resource's own policy, by its ARN; none where it has none."""
    _, _, service, _, _, rest = (resource.split(":", 5) + [""] * 6)[:6]
    match service:
        case "s3":
            return await _bucket(asked, rest.partition("/")[0])
        case "lambda" if rest.startswith("function:"):
            return _parsed(_function(asked, rest.removeprefix("function:")))
        case "events" if rest.startswith("event-bus/"):
            return _parsed(_meta(asked, "bus", rest.removeprefix("event-bus/")))
        case "sns":
            name = rest.partition(":")[0]
            return _parsed(_meta(asked, "topics", name) or _declared_topic(asked, name))
        case "kinesis" if rest.startswith("stream/"):
            return _parsed(_stream(asked, rest.removeprefix("stream/")))
    return ()


async def _bucket(asked: Asked, bucket: str) -> tuple[Statement, ...]:
    if not bucket or bucket == "*":
        return ()
    from forebay.wire.s3.base import setting  # noqa: PLC0415 - only who asks S3 needs it
    from forebay.wire.s3.public import is_public  # noqa: PLC0415 - as above

    text = await setting(asked, bucket, "policy")
    if text and asked.identity.kind == "anonymous":
        blocked = await setting(asked, bucket, "public_access") or {}
        if blocked.get("RestrictPublicBuckets") and is_public(text):
            return ()  # a public policy lets in nobody outside the account
    return _parsed(text)


def _function(asked: Asked, name: str) -> Any:
    doc = asked.system.documents.get("lambda.policy", name.removesuffix(":$LATEST")) or {}
    statements = doc.get("statements")
    return {"Version": "2012-10-17", "Statement": statements} if statements else None


def _declared_topic(asked: Asked, name: str) -> Any:
    return (asked.system.documents.get("sns.meta", name) or {}).get("policy")


def _meta(asked: Asked, kind: str, name: str) -> Any:
    doc = asked.system.documents.get(kind, name) or {}
    return (doc.get("meta") or {}).get("policy")


def _stream(asked: Asked, name: str) -> Any:
    """The policy of a stream, or of its consumer where `name` is `stream/consumer/name:created`."""
    name, _, consumer = name.partition("/consumer/")
    if not consumer:
        return _meta(asked, "streams", name)
    doc = asked.system.documents.get("kinesis.consumer", f"{name}/{consumer.partition(':')[0]}") or {}
    return doc.get("policy")


def _parsed(given: Any) -> tuple[Statement, ...]:
    """A policy as it is kept: its text, or its document."""
    if not given:
        return ()
    return _read(given if isinstance(given, str) else json.dumps(given))


@functools.lru_cache(maxsize=256)
def _read(text: str) -> tuple[Statement, ...]:
    try:
        return parse_policy(text, resource_policy=True)
    except MalformedPolicy:  # it was looked at when it was put; what it denies is not known
        return (_NOTHING,)


_NOTHING = Statement(False, ("*",), False, None, False, (("*", "*"),), False, ())
