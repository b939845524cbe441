"""The JSON that a rejected record becomes: AWS's entry, with forebay's event id.

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html (failure handling), and for
format conversion the same shape under `format-conversion-failed`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

import orjson

from forebay.clock import now_us
from forebay.errors import ForebayError
from forebay.ports import Origin


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that is kept under the error prefix: what it was, and why it was not delivered."""

    data: bytes
    origin: Origin
    code: str
    reason: str


def error_entry(rejected: Rejected, *, attempts: int = 1, function: str | None = None) -> bytes:
    """One line of an error object, without its newline."""
    origin = rejected.origin
    entry = {
        "attemptsMade": attempts,
        "arrivalTimestamp": origin.arrival // 1000,
        "errorCode": rejected.code,
        "errorMessage": rejected.reason,
        "attemptEndingTimestamp": now_us() // 1000,
        "rawData": base64.b64encode(rejected.data).decode(),
        "eventId": {"log": origin.log, "shard": origin.shard, "offset": origin.offset},
    }
    if function is not None:
        entry["lambdaARN"] = function
    return orjson.dumps(entry)


def read_entry(line: bytes) -> Rejected:
    """Undo `error_entry`. Raises ForebayError `ErrorEntryUnreadable`."""
    try:
        entry = orjson.loads(line)
        event = entry["eventId"]
        origin = Origin(event["log"], event["shard"], event["offset"], entry["arrivalTimestamp"] * 1000)
        return Rejected(base64.b64decode(entry["rawData"]), origin, entry["errorCode"], entry["errorMessage"])
    except (ValueError, KeyError, TypeError) as error:
        raise ForebayError("ErrorEntryUnreadable", f"an error entry cannot be read: {error!r}") from error
