"""PutEvents: durable before the answer, and no second event on an SDK's retry.

Each entry fails or succeeds by itself, as on AWS, but for an entry to a bus that does not exist: AWS answers
with an id and drops the event, here it fails. The fast path reads the body with a typed decoder; whatever is
not plainly right is left to the usual way, which finds the words.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from forebay.bus.envelope import compact, envelope, head, moment, new_ids
from forebay.clock import now_us
from forebay.errors import ForebayError
from forebay.streams.writer import Once
from forebay.wire.events.base import DEFAULT, SERVICE, bus_name, ensure, find_bus, invalid
from forebay.wire.fingerprint import fingerprint
from forebay.wire.protocol.message import Response
from forebay.wire.service import Asked, Json

LARGEST = 256 << 10
RETRIED = 900.0
MOST_HEADS = 4096


class _Entry(msgspec.Struct, gc=False):
    Source: str
    DetailType: str
    Detail: str
    EventBusName: str = DEFAULT
    Time: float | None = None
    Resources: list[str] | None = None
    TraceHeader: str | None = None


class _Entries(msgspec.Struct, gc=False):
    Entries: list[_Entry]
    EndpointId: str | None = None


_decode = msgspec.json.Decoder(_Entries).decode
_ids = msgspec.msgpack.Decoder(list[str]).decode
_heads: dict[tuple[str, str, str], tuple[bytes, bytes, bytes]] = {}


_EARLIEST, _BEYOND = -62_135_596_800, 253_402_300_800
"""Seconds of the years 1 to 9999, which a time can be of."""


@dataclass(slots=True)
class _Bound:
    """What goes to one bus: which entries, as events with their ids."""

    indexes: list[int] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def add(self, index: int, entry: _Entry, event: tuple[str, bytes], now: int, region: str) -> None:
        """One more; `event` is its id and its detail."""
        id, detail = event
        key = (entry.Source, entry.DetailType, region)
        shared = _heads.get(key) if not entry.Resources else None
        if shared is None:
            shared = head(entry.Source, entry.DetailType, region=region, resources=entry.Resources or ())
            if not entry.Resources:
                if len(_heads) >= MOST_HEADS:
                    _heads.clear()
                _heads[key] = shared
        at = now if entry.Time is None else int(entry.Time * 1_000_000)
        self.indexes.append(index)
        self.ids.append(id)
        self.events.append(envelope(shared, id, moment(at), detail))


async def _put(asked: Asked, bus: str, bound: _Bound) -> Sequence[str]:
    """Append to a bus; the ids of the events, those of the first attempt if this is a retry."""
    log = asked.system.logs[f"bus.{bus}"]
    invocation = asked.request.headers.get("amz-sdk-invocation-id")
    if not invocation:
        await log.submit(bound.events)
        return bound.ids
    body = fingerprint(asked.request.body)
    kept = msgspec.msgpack.encode(bound.ids)
    once = Once(
        f"events\0{asked.principal}\0{bus}", f"{invocation}\0{body.hex()}", body, lambda *_: kept, RETRIED
    )
    receipt = await log.submit(bound.events, once=once)
    return _ids(receipt.answer) if receipt.repeated and receipt.answer else bound.ids


@SERVICE.fast_path("PutEvents")
async def quick_events(asked: Asked) -> Response | None:
    """PutEvents, if nothing at all is wrong with it."""
    body = asked.request.body
    if asked.protocol != "json" or len(body) > LARGEST:
        return None
    try:
        given = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if not 0 < len(given.Entries) <= 10 or given.EndpointId is not None:
        return None
    SERVICE.locate(asked)
    now, fresh = now_us(), new_ids(len(given.Entries))
    bounds: dict[str, _Bound] = {}
    for index, entry in enumerate(given.Entries):
        bus = (
            entry.EventBusName if not entry.EventBusName.startswith("arn:") else bus_name(entry.EventBusName)
        )
        if (
            f"bus.{bus}" not in asked.system.logs
            or not entry.Source
            or not entry.DetailType
            or entry.Source.startswith("aws.")
            or len(entry.DetailType) > 128
            or not (entry.Time is None or _EARLIEST <= entry.Time < _BEYOND)
        ):
            return None
        detail = _detail(entry.Detail)
        if detail is None:
            return None
        bounds.setdefault(bus, _Bound()).add(index, entry, (fresh[index], detail), now, asked.region)
    ids = [""] * len(given.Entries)
    for bus, bound in bounds.items():
        for index, id in zip(bound.indexes, await _put(asked, bus, bound), strict=True):
            ids[index] = id
    answer = '{"FailedEntryCount":0,"Entries":[{"EventId":"' + '"},{"EventId":"'.join(ids) + '"}]}'
    headers = {"content-type": "application/x-amz-json-1.1", "x-amzn-requestid": asked.request.request_id}
    return Response(200, headers, answer.encode())


def _detail(text: str) -> bytes | None:
    """A detail without white space; None if it is no JSON object."""
    try:
        detail = compact(text.encode())
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return None
    return detail if detail.startswith(b"{") else None


def _size(entry: Json) -> int:
    """What an entry counts for, as AWS adds it up."""
    texts = [entry.get(name) or "" for name in ("Source", "DetailType", "Detail")]
    size = sum(len(text.encode(errors="replace")) for text in [*texts, *(entry.get("Resources") or ())])
    return size + (14 if entry.get("Time") is not None else 0)


def _wrong(entry: Json) -> tuple[str, str] | None:
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            return (
                "InvalidArgument",
                f"Parameter {name} is not valid. Reason: {name} is a required argument.",
            )
    if entry["Source"].startswith("aws."):
        return "NotAuthorizedForSourceException", "Not authorized for the source."
    if len(entry["DetailType"]) > 128:
        return (
            "InvalidArgument",
            "Parameter DetailType is not valid. Reason: It is longer than 128 characters.",
        )
    if _detail(entry["Detail"]) is None:
        return "MalformedDetail", "Detail is malformed."
    return None


@SERVICE.operation(
    "PutEvents",
    partial="an entry to a bus that does not exist fails, with ResourceNotFoundException (AWS answers an id and"
    " drops the event); EndpointId is refused",
)
async def put_events(asked: Asked, given: Json) -> Json:
    """Put up to ten events."""
    if given.get("EndpointId"):
        raise invalid("forebay has no global endpoints; leave EndpointId out.")
    entries: list[Json] = given["Entries"]
    if sum(map(_size, entries)) > LARGEST:
        raise invalid("Total size of the entries in the request is over the limit.")
    answers: list[Json] = [{} for _ in entries]
    bounds: dict[str, _Bound] = {}
    now, fresh = now_us(), new_ids(len(entries))
    for index, given_entry in enumerate(entries):
        wrong = _wrong(given_entry)
        bus = bus_name(given_entry.get("EventBusName"))
        if wrong is None and (found := find_bus(asked, bus)) is None:
            wrong = ("ResourceNotFoundException", f"Event bus {bus} does not exist.")
        if wrong is not None:
            answers[index] = {"ErrorCode": wrong[0], "ErrorMessage": wrong[1]}
            continue
        assert found is not None
        await ensure(asked, found)
        time = given_entry.get("Time")
        entry = _Entry(
            given_entry["Source"],
            given_entry["DetailType"],
            given_entry["Detail"],
            Time=time.timestamp() if isinstance(time, dt.datetime) else time,
            Resources=given_entry.get("Resources"),
        )
        detail = _detail(entry.Detail) or b"{}"
        bounds.setdefault(bus, _Bound()).add(index, entry, (fresh[index], detail), now, asked.region)
    for bus, bound in bounds.items():
        try:
            ids = await _put(asked, bus, bound)
        except ForebayError as error:
            for index in bound.indexes:
                answers[index] = {"ErrorCode": "InternalFailure", "ErrorMessage": error.message}
        else:
            for index, id in zip(bound.indexes, ids, strict=True):
                answers[index] = {"EventId": id}
    failed = sum(1 for answer in answers if "ErrorCode" in answer)
    return {"FailedEntryCount": failed, "Entries": answers}
