"""What CloudWatch says of a table: how long requests took, and which failed."""

from __future__ import annotations

import re

from forebay.telemetry.metric_rows import Metric
from forebay.wire.dynamodb.base import SERVICE
from forebay.wire.protocol.message import Response
from forebay.wire.service import Asked

_TABLE = re.compile(rb'"TableName"\s*:\s*"(?:arn:[^"]*:table/)?([a-zA-Z0-9_.-]{3,255})"')
_HEAD = 64 << 10


async def note(asked: Asked, answer: Response, seconds: float) -> None:
    """Count an answer. An operation on several tables is counted for the first that it names."""
    count = asked.system.meter.count
    if answer.status >= 400:
        found = _TABLE.search(asked.request.body[:_HEAD])
        table = found[1].decode() if found else ""
        if answer.headers.get("x-amzn-errortype") == "ConditionalCheckFailedException":
            count(Metric.of("AWS/DynamoDB", "ConditionalCheckFailedRequests", {"TableName": table}))
            return
        count(Metric.of("AWS/DynamoDB", "UserErrors" if answer.status < 500 else "SystemErrors"))
        return
    found = _TABLE.search(asked.request.body[:_HEAD])
    if found is not None:
        dimensions = {"TableName": found[1].decode(), "Operation": asked.operation}
        metric = Metric.of("AWS/DynamoDB", "SuccessfulRequestLatency", dimensions)
        count(metric, round(seconds * 1000, 2), "Milliseconds")


SERVICE.answered = note
