"""What a Lambda handler sees and answers when it transforms a delivery's records.

The contract is Data Firehose's ("Required parameters for data transformation" in its developer guide):
the event has `records` of {recordId, approximateArrivalTimestamp (ms), data (base64)}; the answer has
`records` of {recordId, result: Ok | Dropped | ProcessingFailed, data (base64), metadata.partitionKeys}.

Where handlers in the wild depart from it and AWS lets them, so do we: `data` may be bytes (AWS's
runtime encodes bytes as text); recordIds that were not sent are ignored with a warning; of an id that
is answered twice the last answer counts.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

INVOCATION_RAW = 1 << 20
"""Raw bytes of records in one invocation: AWS's default buffer in front of a transforming function."""

INVOCATION_RECORDS = 10_000

PAYLOAD = 6 << 20
"""Lambda's bound of a request, and of an answer, in bytes."""

ENVELOPE = 160
"""About what a record costs in the event beside its data, in bytes."""

RECYCLE_ANSWER = PAYLOAD // 2
"""A worker whose answer passes this is replaced: a list that grows with each invocation is in it."""

MISSING = "Lambda.MissingRecordId"
NOT_JSON = "Lambda.JsonProcessingException"
FAILED = "Lambda.ProcessingFailedStatus"

Failed = tuple[int, str, str]


def payload_size(raw: int) -> int:
    """The bytes that a record of `raw` bytes takes in an event."""
    return (raw + 2) // 3 * 4 + ENVELOPE


def firehose_event(
    records: Sequence[bytes],
    ids: Sequence[str],
    arrivals: Sequence[int],
    *,
    invocation_id: str,
    delivery_arn: str,
    region: str,
    source: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The event for `records`; `arrivals` are milliseconds since 1970.

    `source`, for a delivery that reads a stream, has its `arn` and, per record, `shards`, `keys` and
    `sequences`.
    """
    encode = binascii.b2a_base64
    rows: list[dict[str, Any]] = [
        {
            "recordId": i,
            "approximateArrivalTimestamp": at,
            "data": encode(record, newline=False).decode("ascii"),
        }
        for i, at, record in zip(ids, arrivals, records, strict=True)
    ]
    event: dict[str, Any] = {
        "invocationId": invocation_id,
        "deliveryStreamArn": delivery_arn,
        "region": region,
    }
    if source is not None:
        event["sourceKinesisStreamArn"] = source["arn"]
        columns = zip(rows, source["shards"], source["keys"], source["sequences"], strict=True)
        for row, shard, key, sequence in columns:
            row["kinesisRecordMetadata"] = {
                "sequenceNumber": str(sequence),
                "subsequenceNumber": 0,
                "partitionKey": key,
                "shardId": f"shardId-{shard:012d}",
                "approximateArrivalTimestamp": row["approximateArrivalTimestamp"],
            }
    event["records"] = rows
    return event


class Answer:
    """A handler's answer, read: what came of each record, and how big the answer was."""

    def __init__(self, ids: Sequence[str], answer: Any) -> None:
        """Raises ValueError, saying what is wrong, if `answer` is no list of records at all."""
        self.data: list[bytes] = []
        self.source: list[int] = []
        self.partition_keys: list[dict[str, str] | None] = []
        self.dropped: list[int] = []
        self.failed: list[Failed] = []
        self.unknown = 0
        self.size = 0
        if not isinstance(answer, dict) or not isinstance(answer.get("records"), list):
            raise ValueError(f"the handler returned {_describe(answer)} instead of {{'records': [...]}}")
        records = answer["records"]
        index = {record_id: i for i, record_id in enumerate(ids)}
        last: list[Any] = [None] * len(ids)
        size = 0
        for entry in records:
            size += ENVELOPE
            try:
                at = index.get(entry.get("recordId"), -1)
                data = entry.get("data")
            except (AttributeError, TypeError):  # no dict, or no string for an id: nobody's answer
                at, data = -1, None
            if isinstance(data, str | bytes | bytearray):
                size += len(data)
            if at < 0:
                self.unknown += 1
            else:
                last[at] = entry
        self.size = size
        for i, entry in enumerate(last):
            if entry is None:
                self.failed.append((i, MISSING, "the handler did not return this recordId"))
            else:
                self._take(i, entry)
        if not any(self.partition_keys):
            self.partition_keys = []

    def _take(self, i: int, entry: dict[str, Any]) -> None:
        match entry.get("result"):
            case "Ok":
                try:
                    data, keys = _decode(entry.get("data")), _partition_keys(entry.get("metadata"))
                except ValueError as error:
                    self.failed.append((i, NOT_JSON, str(error)))
                else:
                    self.data.append(data)
                    self.source.append(i)
                    self.partition_keys.append(keys)
            case "Dropped":
                self.dropped.append(i)
            case "ProcessingFailed":
                self.failed.append((i, FAILED, "the handler answered ProcessingFailed"))
            case other:
                reason = f"result is {_describe(other)}, not Ok, Dropped or ProcessingFailed"
                self.failed.append((i, NOT_JSON, reason))


def _decode(data: Any) -> bytes:
    if not isinstance(data, str | bytes | bytearray):
        raise ValueError(f"data is {_describe(data)}, not base64 text")
    try:
        return binascii.a2b_base64(data, strict_mode=True)
    except ValueError:  # encoders in the wild break lines
        try:
            text = data.encode() if isinstance(data, str) else bytes(data)
            return binascii.a2b_base64(text.translate(None, b"\r\n \t"), strict_mode=True)
        except ValueError as error:
            raise ValueError(f"data is not base64: {error}") from None


def _partition_keys(metadata: Any) -> dict[str, str] | None:
    if metadata is None:
        return None
    keys = metadata.get("partitionKeys") if isinstance(metadata, dict) else metadata
    if keys is None:
        return None
    if not isinstance(keys, dict) or not all(isinstance(v, str) for pair in keys.items() for v in pair):
        raise ValueError("metadata.partitionKeys must map strings to strings")
    return keys


def _describe(value: Any) -> str:
    text = repr(value)
    kind = type(value).__name__
    return kind if value is None else f"{kind} {text[:80]}{'…' if len(text) > 80 else ''}"


def kinesis_event(
    records: Sequence[KinesisRecord], *, stream_arn: str, function_role: str, region: str
) -> dict[str, Any]:
    """The event of an event source mapping on a stream ("Using Lambda to process records from Kinesis")."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": record.key,
                    "sequenceNumber": record.sequence,
                    "data": binascii.b2a_base64(record.data, newline=False).decode("ascii"),
                    "approximateArrivalTimestamp": record.arrival // 1000 / 1000,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{shard_id(record.shard)}:{record.sequence}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": function_role,
                "awsRegion": region,
                "eventSourceARN": stream_arn,
            }
            for record in records
        ]
    }


NO_RECORDS = "No records processed"
"""The last result of an event source mapping that has had none."""

KINESIS_ENVELOPE = 700
"""About what a record costs in a stream's event beside its data and key, in bytes."""


def shard_id(number: int) -> str:
    """`shardId-000000000003`."""
    return f"shardId-{number:012d}"


@dataclass(frozen=True, slots=True)
class KinesisRecord:
    """A record of a stream, for its event; `arrival` in UTC microseconds, `sequence` as Kinesis writes it."""

    shard: int
    offset: int
    arrival: int
    sequence: str
    key: str
    data: bytes


def scheduled_event(*, id: str, time: str, rule_arn: str, account: str, region: str) -> dict[str, Any]:
    """What a schedule sends; `time` is `2024-01-01T00:00:00Z`."""
    return {
        "version": "0",
        "id": id,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": time,
        "region": region,
        "resources": [rule_arn],
        "detail": {},
    }


def batch_failures(payload: bytes, sequences: Sequence[str]) -> int | None:
    """Where an answer with `batchItemFailures` says that the first failure is: an index into `sequences`.

    None if none failed. Raises ValueError for an answer that cannot be meant; such a batch failed whole.
    "Reporting batch item failures": no answer, or an empty list, is a success.
    """
    answer = json.loads(payload)
    if not isinstance(answer, dict):
        return None
    failures = answer.get("batchItemFailures")
    if not failures:
        return None
    if not isinstance(failures, list):
        raise ValueError("batchItemFailures is no list")
    at = {sequence: index for index, sequence in enumerate(sequences)}
    lowest = len(sequences)
    for failure in failures:
        identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not identifier or identifier not in at:
            raise ValueError(f"batchItemFailures names {identifier!r}, which was not sent")
        lowest = min(lowest, at[identifier])
    return lowest
