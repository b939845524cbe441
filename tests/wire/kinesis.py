"""What the Kinesis tests share: streams of their own, and reading them as a consumer does."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any

from tests.harness import Answer, System, request
from tests.wire.sdk import failure

TOP = 2**128 - 1


def call(system: System, operation: str, body: dict[str, Any], **headers: str) -> Answer:
    """An operation, asked for without an SDK."""
    given = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"Kinesis_20131202.{operation}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return request(system.urls["aws"] + "/", "POST", json.dumps(body).encode(), given)


def refused(code: str, call: Any, **given: Any) -> str:
    """The message of the error that a call raises, which has this code and status 400."""
    answer = failure(call, **given)
    assert answer["Error"]["Code"] == code, answer["Error"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(answer["Error"]["Message"])


def new_stream(kinesis: Any, shards: int = 1, **more: Any) -> str:
    """A stream of the test's own."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    kinesis.create_stream(StreamName=name, ShardCount=shards, **more)
    return name


def arn(kinesis: Any, stream: str) -> str:
    found: str = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    return found


def shards(kinesis: Any, stream: str, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = kinesis.list_shards(StreamName=stream, **more)["Shards"]
    return found


def open_shards(kinesis: Any, stream: str) -> list[dict[str, Any]]:
    found = shards(kinesis, stream)
    return [each for each in found if "EndingSequenceNumber" not in each["SequenceNumberRange"]]


def iterator(kinesis: Any, stream: str, shard: str = "shardId-000000000000", **more: Any) -> str:
    given = {"ShardIteratorType": "TRIM_HORIZON", **more}
    found: str = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **given)["ShardIterator"]
    return found


def read(kinesis: Any, at: str | None, **more: Any) -> list[dict[str, Any]]:
    """All records from an iterator on, until the tip or the shard's end."""
    found: list[dict[str, Any]] = []
    while at is not None:
        answer = kinesis.get_records(ShardIterator=at, **more)
        found += answer["Records"]
        if not answer["Records"] or answer["MillisBehindLatest"] == 0:
            break
        at = answer.get("NextShardIterator")
    return found


def everything(kinesis: Any, stream: str) -> list[dict[str, Any]]:
    """All records of all shards, parents before children."""
    return [
        record
        for shard in shards(kinesis, stream)
        for record in read(kinesis, iterator(kinesis, stream, shard["ShardId"]))
    ]


def data(records: Iterable[dict[str, Any]]) -> list[bytes]:
    return [record["Data"] for record in records]
