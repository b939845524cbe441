"""PutRecord and PutRecordBatch: into the delivery's own log, acknowledged once on disk.

A retry of the SDK carries the invocation id of the first try (`amz-sdk-invocation-id`); with the body's
hash it is the idempotency key, so it is answered the same and is no second event.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Annotated

import msgspec

from forebay.streams.writer import Once
from forebay.wire.fingerprint import fingerprint
from forebay.wire.firehose.base import SERVICE, delivery, encrypted, invalid, reads
from forebay.wire.protocol.message import AwsError, Response
from forebay.wire.service import Asked, Json

MAX_RECORD = 1_024_000
MAX_CALL = 4 << 20
MOST = 500
WITHIN = 15 * 60.0

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_.-]+$")]


class _Record(msgspec.Struct, gc=False):
    Data: bytes


class _Put(msgspec.Struct):
    DeliveryStreamName: Name
    Record: _Record


class _Batch(msgspec.Struct):
    DeliveryStreamName: Name
    Records: Annotated[list[_Record], msgspec.Meta(min_length=1, max_length=MOST)]


_put = msgspec.json.Decoder(_Put)
_batch = msgspec.json.Decoder(_Batch)


Render = Callable[[str, int, bool], bytes]
"""An answer's body, of what its record ids begin with, how many records there are, and whether they are encrypted."""

_JSON = ("false", "true")
_ENDS = [f"{at:06d}" for at in range(MOST)]


def _put_body(seed: str, _: int, encrypted: bool) -> bytes:
    return f'{{"RecordId":"{seed}{_ENDS[0]}","Encrypted":{_JSON[encrypted]}}}'.encode()


def _batch_body(seed: str, n: int, encrypted: bool) -> bytes:
    head = f'{{"RecordId":"{seed}'
    ids = head + f'"}},{head}'.join(_ENDS[:n])
    return f'{{"FailedPutCount":0,"Encrypted":{_JSON[encrypted]},"RequestResponses":[{ids}"}}]}}'.encode()


async def _keep(asked: Asked, name: str, records: list[bytes], body: Render) -> Response:
    spec = delivery(asked, name)
    if reads(spec) is not None:
        raise invalid("This operation is not permitted on KinesisStreamAsSource delivery stream type.")
    log = asked.system.logs.get(f"delivery.{name}")
    if log is None:
        raise AwsError("ServiceUnavailableException", "Slow down.", http=503)
    seed = secrets.token_urlsafe(96)  # record ids are opaque, unguessable and unique
    once = None
    invocation = asked.request.headers.get("amz-sdk-invocation-id")
    if invocation:
        digest = fingerprint(asked.request.body)
        scope = f"{asked.principal}\0delivery.{name}\0{asked.operation}"
        once = Once(scope, invocation + digest.hex(), digest, lambda *_: seed.encode(), WITHIN)
    receipt = await log.append(records, once=once)
    if receipt.answer is not None:
        seed = receipt.answer.decode()
    headers = {"content-type": "application/x-amz-json-1.1", "x-amzn-requestid": asked.request.request_id}
    return Response(200, headers, body(seed, len(records), encrypted(asked, name)))


def _checked(records: list[bytes]) -> list[bytes]:
    for at, record in enumerate(records):
        if len(record) > MAX_RECORD:
            place = f"records.{at + 1}.member.data" if len(records) > 1 else "record.data"
            raise AwsError(
                "ValidationException",
                f"1 validation error detected: Value at '{place}' failed to satisfy constraint:"
                f" Member must have length less than or equal to {MAX_RECORD}",
                http=400,
            )
    if sum(map(len, records)) > MAX_CALL:
        raise invalid("Records size exceeds 4 MB limit")
    return records


@SERVICE.fast_path("PutRecord")
async def put_record_fast(asked: Asked) -> Response | None:
    """The usual case, without the model."""
    try:
        given = _put.decode(asked.request.body)
    except msgspec.MsgspecError:
        return None
    return await _keep(asked, given.DeliveryStreamName, _checked([given.Record.Data]), _put_body)


@SERVICE.fast_path("PutRecordBatch")
async def put_record_batch_fast(asked: Asked) -> Response | None:
    """The usual case, without the model."""
    try:
        given = _batch.decode(asked.request.body)
    except msgspec.MsgspecError:
        return None
    records = [record.Data for record in given.Records]
    if len(asked.request.body) > MAX_RECORD:  # or none of them can be too large
        _checked(records)
    return await _keep(asked, given.DeliveryStreamName, records, _batch_body)


@SERVICE.operation("PutRecord")
async def put_record(asked: Asked, given: Json) -> Json | Response:
    """Put one record."""
    records = _checked([given["Record"]["Data"]])
    return await _keep(asked, given["DeliveryStreamName"], records, _put_body)


@SERVICE.operation("PutRecordBatch")
async def put_record_batch(asked: Asked, given: Json) -> Json | Response:
    """Put up to 500 records; all of them are kept, or none."""
    records = _checked([record["Data"] for record in given["Records"]])
    return await _keep(asked, given["DeliveryStreamName"], records, _batch_body)
