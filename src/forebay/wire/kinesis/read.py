"""GetShardIterator and GetRecords: a shard read by offset, in a thread, within AWS's bounds."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cbor2
import orjson

from forebay.clock import now_us
from forebay.streams import sequence
from forebay.streams.shard_reader import Found, Record, ShardReader
from forebay.streams.shards import Shard
from forebay.telemetry.metric_rows import Metric
from forebay.wire.kinesis import iterators, throttle
from forebay.wire.kinesis.base import SERVICE, Stream, find, invalid, named, shard_id, shard_number, stream_in
from forebay.wire.kinesis.iterators import ShardIterator
from forebay.wire.protocol import cbor11
from forebay.wire.protocol.message import AwsError, Response
from forebay.wire.service import Asked, Json

MOST = 10_000
SKEW = 2_000
"""So many milliseconds may a caller's clock be ahead."""
MOST_BYTES = 10 << 20
_IDLE = 2


class Readers:
    """Open readers by log, lent to one thread at a time; a few of each are kept."""

    def __init__(self) -> None:
        self._idle: dict[Path, list[ShardReader]] = {}

    @contextmanager
    def of(self, found: Stream) -> Iterator[ShardReader]:
        """A reader of a stream's log."""
        path = found.log.path
        idle = self._idle.setdefault(path, [])
        try:
            reader = idle.pop()
        except IndexError:
            reader = ShardReader(path, found.log.name)
        try:
            yield reader
        finally:
            if len(idle) < _IDLE:
                idle.append(reader)
            else:
                reader.close()


readers = Readers()


@SERVICE.operation("GetShardIterator")
async def get_shard_iterator(asked: Asked, given: Json) -> Json:
    """An iterator of one of the five types."""
    name = named(given)
    number = shard_number(asked, name, given["ShardId"])
    found, shard = _shard(asked, name, number)
    kind, text = given["ShardIteratorType"], given.get("StartingSequenceNumber")
    by_number = kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")
    if by_number != (text is not None) and kind != "AT_TIMESTAMP":
        raise invalid(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or"
            " (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified"
            f" {kind} and {'no' if by_number else 'also a'} StartingSequenceNumber."
        )
    match kind:
        case "TRIM_HORIZON":
            offset = found.log.start
        case "LATEST":
            offset = found.log.head
        case "AT_TIMESTAMP":
            if given.get("Timestamp") is None:
                raise invalid(
                    "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP."
                    " Current request has no timestamp parameter."
                )
            _refuse_future(given["Timestamp"].timestamp())
            offset = await asyncio.to_thread(_since, found, int(given["Timestamp"].timestamp() * 1e6))
        case _:
            offset = numbered(asked, found, shard, str(text), after=kind == "AFTER_SEQUENCE_NUMBER")
    return {"ShardIterator": _written(asked, ShardIterator(found.name, number, offset))}


def _refuse_future(seconds: float) -> None:
    then, now = int(seconds * 1000), now_us() // 1000
    if then > now + SKEW:
        raise invalid(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis."
            f" timestampInMillis: {then}, currentTimestampInMillis: {now}"
        )


def _written(asked: Asked, iterator: ShardIterator) -> str:
    return iterators.write(iterator, iterators.secret_of(asked.system.documents))


def _since(found: Stream, stamp: int) -> int:
    with readers.of(found) as reader:
        return reader.since(stamp)


def since(found: Stream, seconds: float) -> int:
    """The offset of the first event at a time or later. Blocks."""
    return _since(found, int(seconds * 1e6))


def numbered(asked: Asked, found: Stream, shard: Shard, text: str, *, after: bool) -> int:
    """The offset that a sequence number stands for, or the next. Raises InvalidArgumentException."""
    where = (
        f"used in GetShardIterator on shard {shard_id(shard.number)} in stream {found.name}"
        f" under account {asked.account} is invalid"
    )
    try:
        told = sequence.parse(text)
    except ValueError:
        told = None
    if told is None:
        raise invalid(f"StartingSequenceNumber {sequence.normal(text)} {where}.")
    if told.shard != shard.number:
        raise invalid(
            f"Invalid StartingSequenceNumber. It encodes {shard_id(told.shard)},"
            f" while it was used in a call to a shard with {shard_id(shard.number)}"
        )
    if told.created != shard.created:
        text = sequence.normal(text)
        raise invalid(f"StartingSequenceNumber {text} {where} because it did not come from this stream.")
    end = found.log.head if shard.closed is None else shard.closed
    return min(max(told.offset, 0) if told.offset < 0 or not after else told.offset + 1, end)


def _shard(asked: Asked, name: str, number: int) -> tuple[Stream, Shard]:
    found = find(asked, name)
    if found is not None:
        shard = next((each for each in found.live() if each.number == number), None)
        if shard is not None:
            return found, shard
    raise AwsError(
        "ResourceNotFoundException",
        f"Shard {shard_id(number)} in stream {name} under account {asked.account} does not exist",
    )


@SERVICE.operation("GetRecords")
async def get_records(asked: Asked, given: Json) -> Response:
    """The records from an iterator on, and the iterator to go on with."""
    at = iterators.read(given["ShardIterator"], iterators.secret_of(asked.system.documents))
    if given.get("StreamARN") and stream_in(given["StreamARN"]) != at.stream:
        raise invalid("The ShardIterator is not one of the stream that StreamARN names.")
    found, shard = _shard(asked, at.stream, at.shard)
    budget = throttle.admit_read(asked, found, at.shard) if found.spec.throttled else None
    if at.offset >= found.log.head or (shard.closed is not None and at.offset >= shard.closed):
        read = Found(at.offset)
    else:
        most = given.get("Limit") or MOST
        read = await asyncio.to_thread(read_shard, found, shard, at.offset, most)
    if budget is not None:
        budget.add(sum(len(record.data) for record in read.records))
    late = behind(read)
    _count(asked, at.stream, read, late)
    answer: Json = {"MillisBehindLatest": late}
    if shard.open or read.more:
        answer["NextShardIterator"] = _written(asked, ShardIterator(at.stream, at.shard, read.next))
    else:
        answer["ChildShards"] = children(found, shard)
    if asked.protocol == "json":
        body = await _perhaps_in_thread(_json, read, found, shard, answer)
        kind = "application/x-amz-json-1.1"
    else:
        body = await _perhaps_in_thread(_cbor, read, found, shard, answer)
        kind = cbor11.CONTENT_TYPE
    return Response(200, {"content-type": kind, "x-amzn-requestid": asked.request.request_id}, body)


def _count(asked: Asked, stream: str, read: Found, late: int) -> None:
    """What GetRecords gave, as CloudWatch has it of a stream."""
    dimensions, count = {"StreamName": stream}, asked.system.meter.count
    count(Metric.of("AWS/Kinesis", "GetRecords.Success", dimensions))
    count(Metric.of("AWS/Kinesis", "GetRecords.Records", dimensions), len(read.records))
    size = sum(len(record.data) for record in read.records)
    count(Metric.of("AWS/Kinesis", "GetRecords.Bytes", dimensions), size, "Bytes")
    count(Metric.of("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", dimensions), late, "Milliseconds")


async def _perhaps_in_thread(render: Any, read: Found, *args: Any) -> bytes:
    if len(read.records) < 100:
        rendered: bytes = render(read, *args)
        return rendered
    return bytes(await asyncio.to_thread(render, read, *args))


def read_shard(found: Stream, shard: Shard, offset: int, most: int) -> Found:
    """The next events of a shard. Blocks."""
    with readers.of(found) as reader:
        return reader.shard(shard.number, offset, most=most, max_bytes=MOST_BYTES)


def behind(read: Found) -> int:
    """Milliseconds that the last record read is behind the present, while there are more; 0 at the tip."""
    if not read.more or not read.records:
        return 0
    return max(1, (now_us() - read.records[-1].arrival) // 1000)


def children(found: Stream, shard: Shard) -> list[Json]:
    """What a closed shard was split or merged into, for who has read it to its end."""
    return [
        {
            "ShardId": shard_id(child.number),
            "ParentShards": [
                shard_id(number) for number in (child.parent, child.adjacent) if number is not None
            ],
            "HashKeyRange": {"StartingHashKey": str(child.low), "EndingHashKey": str(child.high)},
        }
        for child in found.log.map.children(shard.number)
    ]


def rows(read: Found, found: Stream, shard: Shard) -> Iterator[tuple[Record, Json]]:
    """Each record and what is answered of it, but for its data and time."""
    extra = {"EncryptionType": "KMS"} if found.encrypted else {}
    for record in read.records:
        yield (
            record,
            {
                "SequenceNumber": str(sequence.number(shard, record.offset, record.arrival)),
                "PartitionKey": record.key.decode("utf-8", "replace"),
                **extra,
            },
        )


def jsonable(read: Found, found: Stream, shard: Shard) -> list[Json]:
    """The records as JSON has them."""
    return [
        {
            **row,
            "ApproximateArrivalTimestamp": record.arrival // 1000 / 1000,
            "Data": base64.b64encode(record.data).decode(),
        }
        for record, row in rows(read, found, shard)
    ]


def _json(read: Found, found: Stream, shard: Shard, answer: Json) -> bytes:
    return orjson.dumps({**answer, "Records": jsonable(read, found, shard)})


def cborable(read: Found, found: Stream, shard: Shard) -> list[Json]:
    """The records as CBOR has them."""
    return [
        {**row, "ApproximateArrivalTimestamp": record.arrival // 1000, "Data": record.data}
        for record, row in rows(read, found, shard)
    ]


def _cbor(read: Found, found: Stream, shard: Shard, answer: Json) -> bytes:
    return cbor2.dumps({**answer, "Records": cborable(read, found, shard)})
