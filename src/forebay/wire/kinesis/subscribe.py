"""SubscribeToShard: records pushed as they come, for five minutes, in AWS's event-stream framing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import cbor2
import orjson

from forebay.errors import ForebayError
from forebay.streams import sequence
from forebay.streams.shard_reader import Found
from forebay.streams.shards import Shard
from forebay.wire.kinesis.base import SERVICE, Stream, find, invalid, shard_id, shard_number
from forebay.wire.kinesis.consumers import KIND, consumer_of
from forebay.wire.kinesis.read import behind, cborable, children, jsonable, numbered, read_shard, since
from forebay.wire.protocol import cbor11
from forebay.wire.protocol.eventstream import CONTENT_TYPE, message
from forebay.wire.protocol.message import AwsError, Response
from forebay.wire.service import Asked, Json

LASTS = 300.0
LOOK_EVERY = 0.05
SAY_EVERY = 1.0
"""Without records an event says how far the reader is, so that both sides know the other to be there."""
MOST = 1000

_active: dict[tuple[int, str, int], float] = {}


def _event(kind: str, payload: Any, protocol: str) -> bytes:
    json = protocol == "json"
    content = "application/json" if json else cbor11.CONTENT_TYPE
    headers = {":message-type": "event", ":event-type": kind, ":content-type": content}
    return message(headers, orjson.dumps(payload) if json else cbor2.dumps(payload))


def _exception(error: ForebayError) -> bytes:
    headers = {
        ":message-type": "exception",
        ":exception-type": "InternalFailureException",
        ":content-type": "application/json",
    }
    return message(headers, orjson.dumps({"message": error.message}))


@SERVICE.operation("SubscribeToShard", partial="over HTTP/1.1 only")
async def subscribe_to_shard(asked: Asked, given: Json) -> Response:
    """Push a shard's records to a registered consumer; a later subscription of it takes over."""
    name, consumer, doc = consumer_of(asked, given)
    found = find(asked, name)
    number = shard_number(asked, name, given["ShardId"])
    shard = None
    if found is not None:
        shard = next((each for each in found.live() if each.number == number), None)
    if found is None or shard is None:
        raise AwsError(
            "ResourceNotFoundException",
            f"Shard {shard_id(number)} in stream {name} under account {asked.account} does not exist",
        )
    offset = await _position(asked, found, shard, given["StartingPosition"])
    key = (id(asked.system), f"{name}/{consumer}", number)
    if time.monotonic() - _active.get(key, -1e9) < 5.0:
        raise AwsError(
            "ResourceInUseException",
            f"Another active subscription exists for this consumer: {consumer} on {shard_id(number)}.",
        )
    headers = {
        "content-type": CONTENT_TYPE,
        "x-amzn-requestid": asked.request.request_id,
    }
    return Response(
        200, headers, stream=_pushed(asked, found.name, shard.number, offset, key, made=doc["created"])
    )


async def _position(asked: Asked, found: Stream, shard: Shard, given: Json) -> int:
    match given["Type"]:
        case "TRIM_HORIZON":
            return found.log.start
        case "LATEST":
            return found.log.head
        case "AT_TIMESTAMP":
            if given.get("Timestamp") is None:
                raise invalid("Timestamp must be provided in StartingPosition of type AT_TIMESTAMP.")
            return await asyncio.to_thread(since, found, given["Timestamp"].timestamp())
        case kind:
            if given.get("SequenceNumber") is None:
                raise invalid(f"SequenceNumber must be provided in StartingPosition of type {kind}.")
            after = kind == "AFTER_SEQUENCE_NUMBER"
            return numbered(asked, found, shard, given["SequenceNumber"], after=after)


async def _pushed(
    asked: Asked, name: str, number: int, offset: int, key: tuple[int, str, int], *, made: int
) -> AsyncIterator[bytes]:
    begun = time.monotonic()
    _active[key] = begun
    said = 0.0
    try:
        yield _event("initial-response", {}, asked.protocol)
        while _active.get(key) == begun and time.monotonic() - begun < LASTS:
            found = find(asked, name)
            if found is None or (asked.system.documents.get(KIND, key[1]) or {}).get("created") != made:
                return
            shard = found.log.map.shard(number)
            read = Found(offset)
            if offset < found.log.head and (shard.closed is None or offset < shard.closed):
                read = await asyncio.to_thread(read_shard, found, shard, offset, MOST)
                offset = read.next
            ended = not shard.open and not read.more
            if read.records or ended or time.monotonic() - said > SAY_EVERY:
                said = time.monotonic()
                last = _continuation(read, shard, offset)
                event: Json = {"MillisBehindLatest": behind(read), "ContinuationSequenceNumber": str(last)}
                if ended:
                    event["ChildShards"] = children(found, shard)
                yield await asyncio.to_thread(_pushable, read, found, shard, event, asked.protocol)
            if ended:
                return
            if not read.more:
                await asyncio.sleep(LOOK_EVERY)
    except ForebayError as error:
        yield _exception(error)
    finally:
        if _active.get(key) == begun:
            del _active[key]


def _continuation(read: Found, shard: Shard, offset: int) -> int:
    """The sequence number after which to go on."""
    if read.records:
        return sequence.number(shard, read.records[-1].offset, read.records[-1].arrival)
    if offset <= shard.first:
        return sequence.starting(shard)
    return sequence.number(shard, offset - 1, shard.created * 1_000_000)


def _pushable(read: Found, found: Stream, shard: Shard, event: Json, protocol: str) -> bytes:
    rows = jsonable if protocol == "json" else cborable
    return _event("SubscribeToShardEvent", {**event, "Records": rows(read, found, shard)}, protocol)
