"""PutRecord and PutRecords: durable before the answer, and no second event on an SDK's retry.

An SDK sends the same `amz-sdk-invocation-id` with every attempt at a call. With the body's hash it is the
idempotency key that commits with the records; a repeat is answered as the first attempt was.

The fast path reads the body with a typed decoder and writes the answer by hand. Whatever is not plainly right
is left to the usual way, which finds the words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, repeat
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

from forebay.clock import now_us
from forebay.streams import sequence
from forebay.streams.shards import Shard
from forebay.streams.writer import Once, Receipt
from forebay.wire.ahead import Ahead
from forebay.wire.fingerprint import fingerprint
from forebay.wire.kinesis import throttle
from forebay.wire.kinesis.base import MIB, SERVICE, Stream, find, invalid, shard_id, stream
from forebay.wire.protocol.message import AwsError, Response
from forebay.wire.service import Asked, Json

MOST = 500
LARGEST_CALL = 5 * MIB
LARGEST_CALL_OF_LARGE = 10 * MIB
"""Of a stream whose records may pass 1 MiB."""
RETRIED = 900.0
MANY = 64
"""Records of a call whose answer takes longer to write than a thread to be told."""
_SPACE = 1 << 128
_POWERS = [10**digits for digits in (28, 29, 30, 31, 32, 57)]

Places = Sequence[tuple[int, int, Sequence[int]]]


_Key = Annotated[str, Meta(min_length=1, max_length=256)]


class _Entry(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    Data: bytes
    PartitionKey: _Key


class _Hashed(msgspec.Struct, gc=False):
    Data: bytes
    PartitionKey: _Key
    ExplicitHashKey: str | None = None


E = TypeVar("E", _Entry, _Hashed)


class _Records(msgspec.Struct, Generic[E], gc=False):
    Records: Annotated[list[E], Meta(min_length=1, max_length=MOST)]
    StreamName: str | None = None
    StreamARN: str | None = None


class _Record(msgspec.Struct, gc=False):
    Data: bytes
    PartitionKey: _Key
    StreamName: str | None = None
    StreamARN: str | None = None
    ExplicitHashKey: str | None = None
    SequenceNumberForOrdering: str | None = None


_records = msgspec.json.Decoder(_Records[_Entry])
_hashed = msgspec.json.Decoder(_Records[_Hashed])
_record = msgspec.json.Decoder(_Record)
_kept = msgspec.msgpack.Decoder(tuple[int, list[tuple[int, int, list[int] | None]], list[int]])


@dataclass(slots=True)
class Placed:
    """Where the records of a call are. `refused` has, per record of a throttled call, -1 or the shard that had
    no room for it; `places` speak of the others.
    """

    arrival: int
    places: Places
    refused: Sequence[int] = ()


def _keep(refused: Sequence[int], arrival: int, places: Places) -> bytes:
    """What is kept of the first answer: it can be rendered again."""
    indexes = [None if isinstance(each, range) else list(each) for _, _, each in places]
    rows = [(shard, offset, at) for (shard, offset, _), at in zip(places, indexes, strict=True)]
    return msgspec.msgpack.encode((arrival, rows, refused))


def _once(asked: Asked, target: str, refused: Sequence[int]) -> Once | None:
    invocation = asked.request.headers.get("amz-sdk-invocation-id")
    if not invocation:
        return None
    body = fingerprint(asked.request.body)
    scope = f"kinesis\0{asked.principal}\0{asked.operation}\0{target}"
    key = f"{invocation}\0{body.hex()}"
    return Once(scope, key, body, lambda *_: b"", RETRIED, partial(_keep, refused))


async def _put(
    asked: Asked,
    found: Stream,
    records: Sequence[bytes],
    keys: Sequence[bytes],
    *,
    size: int,
    hashes: Mapping[int, bytes] | None = None,
    refused: Sequence[int] = (),
    foreseen: Callable[[Receipt], None] | None = None,
) -> Placed:
    once = _once(asked, found.name, refused)
    receipt = await found.log.submit(
        records, keys, once=once, size=size, hashes=hashes or None, foreseen=foreseen
    )
    if receipt.repeated and receipt.answer:
        arrival, rows, first = _kept.decode(receipt.answer)
        everything = range(first.count(-1) if first else len(records))
        return Placed(
            arrival, [(shard, offset, everything if at is None else at) for shard, offset, at in rows], first
        )
    return Placed(receipt.arrival, receipt.places, refused)


def _numbers(shard: Shard, offset: int, arrival: int, count: int) -> tuple[str, Iterator[str]]:
    """What the sequence numbers of `count` records from `offset` on begin with, and how each goes on.

    A number of 56 digits takes longer to write than its record to keep, and most of them are the same.
    """
    first = sequence.number(shard, offset, arrival)
    last = first + sequence.STEP * (count - 1)
    for power in _POWERS:
        if first // power == last // power and first % power >= power // 10:  # which has no zeros to lose
            break
    same, rest = divmod(first, power)
    return str(same or ""), map(str, accumulate(repeat(sequence.STEP, count - 1), initial=rest))


def _rendered(found: Stream, count: int, placed: Placed | Receipt) -> bytes:
    """The body of PutRecords' answer."""
    shards = found.log.map
    extra = ',"EncryptionType":"KMS"' if found.encrypted else ""
    parts = [""] * count
    for shard, offset, indexes in placed.places:
        same, numbers = _numbers(shards.shard(shard), offset, placed.arrival, len(indexes))
        head, tail = f'{{"SequenceNumber":"{same}', f'","ShardId":"{shard_id(shard)}"{extra}}}'
        if len(indexes) == count:
            parts = [head + f"{tail},{head}".join(numbers) + tail]
            break
        for index, number in zip(indexes, numbers, strict=True):
            parts[index] = f"{head}{number}{tail}"
    return f'{{"FailedRecordCount":0,"Records":[{",".join(parts)}]}}'.encode()


def _answer(asked: Asked, body: bytes) -> Response:
    headers = {"content-type": "application/x-amz-json-1.1", "x-amzn-requestid": asked.request.request_id}
    return Response(200, headers, body)


def _plainly(asked: Asked, name: str | None, arn: str | None) -> Stream | None:
    if name is None or arn is not None:
        return None
    found = find(asked, name)
    return None if found is None or found.spec.throttled else found


def _is_json(asked: Asked) -> bool:
    return asked.protocol == "json"


def _decoded(body: bytes) -> tuple[_Records[Any], dict[int, bytes]] | None:
    """PutRecords' body, with the hash keys that its records say; None if something is wrong with it."""
    try:
        return _records.decode(body), {}
    except msgspec.ValidationError:  # as where a record says its hash key
        pass
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    hashes = {}
    try:
        given = _hashed.decode(body)
        for index, entry in enumerate(given.Records):
            if entry.ExplicitHashKey is not None:
                hashes[index] = _explicit(entry.ExplicitHashKey)
    except (msgspec.MsgspecError, UnicodeDecodeError, AwsError):
        return None
    return given, hashes


@SERVICE.fast_path("PutRecords")
async def quick_records(asked: Asked) -> Response | None:
    """PutRecords, if nothing at all is wrong with it."""
    if not _is_json(asked):
        return None
    decoded = _decoded(asked.request.body)
    if decoded is None:
        return None
    given, hashes = decoded
    found = _plainly(asked, given.StreamName, given.StreamARN)
    if found is None:
        return None
    records = [entry.Data for entry in given.Records]
    keys = [entry.PartitionKey.encode() for entry in given.Records]
    # Records and their keys take more room in the body than by themselves: of a little one none is too large.
    size = len(asked.request.body)
    if size > found.max_record:
        sizes = [len(data) + len(key) for data, key in zip(records, keys, strict=True)]
        size = sum(sizes)
        if size > LARGEST_CALL or max(sizes) > found.max_record:
            return None
    ahead = Ahead(partial(_rendered, found, len(records)))
    foreseen = ahead.foresee if len(records) >= MANY else None
    placed = await _put(asked, found, records, keys, size=size, hashes=hashes, foreseen=foreseen)
    return _answer(asked, ahead.body(placed))


@SERVICE.fast_path("PutRecord")
async def quick_record(asked: Asked) -> Response | None:
    """PutRecord, if nothing at all is wrong with it."""
    if not _is_json(asked):
        return None
    try:
        given = _record.decode(asked.request.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    found = _plainly(asked, given.StreamName, given.StreamARN)
    if found is None or given.ExplicitHashKey is not None or given.SequenceNumberForOrdering is not None:
        return None
    key, data = given.PartitionKey.encode(), given.Data
    if len(data) + len(key) > found.max_record:
        return None
    placed = await _put(asked, found, [data], [key], size=len(data) + len(key))
    answer = _one(found, placed)
    return _answer(asked, msgspec.json.encode(answer))


def _hash_key(text: str) -> bytes | None:
    """An explicit hash key as 16 bytes; None if it is none."""
    if not text.isdecimal() or not text.isascii() or (text[0] == "0" and text != "0") or len(text) > 39:
        return None
    value = int(text)
    return value.to_bytes(16, "big") if value < _SPACE else None


def _one(found: Stream, placed: Placed) -> Json:
    ((shard, offset, _),) = placed.places
    number = sequence.number(found.log.map.shard(shard), offset, placed.arrival)
    answer = {"ShardId": shard_id(shard), "SequenceNumber": str(number)}
    return {**answer, "EncryptionType": "KMS"} if found.encrypted else answer


def _too_large(found: Stream, path: str) -> AwsError:
    return AwsError(
        "ValidationException",
        f"1 validation error detected: Value at '{path}' failed to satisfy constraint:"
        f" Member must have length less than or equal to {found.max_record}",
    )


def _explicit(text: str) -> bytes:
    hashed = _hash_key(text)
    if hashed is None:
        raise invalid(
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]."
            f" Specified value was {text}"
        )
    return hashed


@SERVICE.operation("PutRecord")
async def put_record(asked: Asked, given: Json) -> Json:
    """Put one record."""
    found = stream(asked, given)
    key, data = given["PartitionKey"].encode(), given["Data"]
    if len(data) + len(key) > found.max_record:
        raise _too_large(found, "data")
    hashes = {0: _explicit(given["ExplicitHashKey"])} if "ExplicitHashKey" in given else {}
    _check_ordering(asked, found, given.get("SequenceNumberForOrdering"))
    size = len(data) + len(key)
    if found.spec.throttled and (shard := throttle.admit(found, [key], [size], hashes)[0]) >= 0:
        raise throttle.exceeded(asked, found.name, shard)
    return _one(found, await _put(asked, found, [data], [key], size=size, hashes=hashes))


def _check_ordering(asked: Asked, found: Stream, text: str | None) -> None:
    """Numbers grow anyway, so that one which was given out before is all that has to be told from others."""
    if text is None:
        return
    try:
        wrong = sequence.parse(text).arrived > now_us() // 1_000_000 + 1
    except ValueError:
        wrong = True
    if wrong:
        raise invalid(
            f"ExclusiveMinimumSequenceNumber {sequence.normal(text)} used in PutRecord on stream {found.name}"
            f" under account {asked.account} is invalid."
        )


@SERVICE.operation(
    "PutRecords",
    partial="single records fail only where the stream is throttled; what cannot be kept fails as a whole call;"
    " up to 5 MiB a call (10 MiB where MaxRecordSizeInKiB is above 1024)",
)
async def put_records(asked: Asked, given: Json) -> Json:
    """Put up to 500 records."""
    found = stream(asked, given)
    entries: list[Json] = given["Records"]
    records = [entry["Data"] for entry in entries]
    keys = [entry["PartitionKey"].encode() for entry in entries]
    sizes = [len(data) + len(key) for data, key in zip(records, keys, strict=True)]
    most = LARGEST_CALL if found.max_record <= MIB else LARGEST_CALL_OF_LARGE
    if sum(sizes) > most:
        raise invalid(f"Records size exceeds {most // MIB} MB limit")
    for at, size in enumerate(sizes, 1):
        if size > found.max_record:
            raise _too_large(found, f"records.{at}.member.data")
    hashes = {
        index: _explicit(entry["ExplicitHashKey"])
        for index, entry in enumerate(entries)
        if "ExplicitHashKey" in entry
    }
    if not found.spec.throttled:
        placed = await _put(asked, found, records, keys, size=sum(sizes), hashes=hashes)
        answered = _answered(found, placed, len(records))
        return _said(found, answered)
    refused = throttle.admit(found, keys, sizes, hashes)
    taken = [index for index, shard in enumerate(refused) if shard < 0]
    placed = await _put(
        asked,
        found,
        [records[index] for index in taken],
        [keys[index] for index in taken],
        size=sum(sizes[index] for index in taken),
        hashes={at: hashes[index] for at, index in enumerate(taken) if index in hashes},
        refused=refused,
    )
    kept = iter(_answered(found, placed, placed.refused.count(-1)))
    return _said(
        found, [next(kept) if shard < 0 else _refusal(asked, found, shard) for shard in placed.refused]
    )


def _refusal(asked: Asked, found: Stream, shard: int) -> Json:
    error = throttle.exceeded(asked, found.name, shard)
    return {"ErrorCode": error.code, "ErrorMessage": error.message}


def _answered(found: Stream, placed: Placed, count: int) -> list[Json]:
    answered: list[Json] = [{}] * count
    shards = found.log.map
    for shard, offset, indexes in placed.places:
        same, numbers = _numbers(shards.shard(shard), offset, placed.arrival, len(indexes))
        for index, number in zip(indexes, numbers, strict=True):
            answered[index] = {"SequenceNumber": same + number, "ShardId": shard_id(shard)}
            if found.encrypted:
                answered[index]["EncryptionType"] = "KMS"
    return answered


def _said(found: Stream, answered: list[Json]) -> Json:
    return {
        "FailedRecordCount": sum(1 for each in answered if "ErrorCode" in each),
        "Records": answered,
        **({"EncryptionType": "KMS"} if found.encrypted else {}),
    }
