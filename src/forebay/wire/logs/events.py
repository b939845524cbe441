"""Log events: put, read in order, filtered."""

from __future__ import annotations

import re
from itertools import pairwise

from forebay.errors import UsageError
from forebay.telemetry.filter import Predicate, matcher
from forebay.telemetry.groups import DAY, Event, Group, Groups, Position, Stream, now
from forebay.telemetry.meter import incoming
from forebay.wire.logs.base import SERVICE, group_name, invalid, kept, token_of, untoken
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

MOST_BYTES = 1_048_576
OVERHEAD = 26
TOO_OLD = 14 * DAY
TOO_NEW = 2 * 3_600_000
MOST = 10_000
SCANNED = 2_000
SCANNED_AT_MOST = 100_000
_TOKEN = re.compile(r"([fb])/([0-9]{20})([0-9]{36})")


@SERVICE.operation("PutLogEvents")
async def put_log_events(asked: Asked, given: Json) -> Json:
    """Keep events, which come in order; those that are too old or too new are refused, each told by its index."""
    events = [(event["timestamp"], event["message"]) for event in given["logEvents"]]
    if any(later < earlier for (earlier, _), (later, _) in pairwise(events)):
        raise invalid("Log events in a single PutLogEvents request must be in chronological order.")
    size = sum(len(message.encode()) + OVERHEAD for _, message in events)
    if size > MOST_BYTES:
        raise invalid(f"Upload too large: {size} bytes exceeds limit of {MOST_BYTES}")
    group, stream = await kept(
        asked, lambda store: _find(store, given["logGroupName"], given["logStreamName"])
    )
    present = now()
    expired = sum(at < group.floor() for at, _ in events)
    old = sum(at < present - TOO_OLD for at, _ in events)
    new = next((index for index, (at, _) in enumerate(events) if at > present + TOO_NEW), None)
    taken = events[max(expired, old) : new]
    if taken and taken[-1][0] - taken[0][0] > DAY:
        raise invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    if taken:
        await kept(asked, lambda store: store.put(group, stream, taken))
        incoming(asked.system.meter, group.name, taken)
    rejected = {
        **({"tooNewLogEventStartIndex": new} if new is not None else {}),
        **({"tooOldLogEventEndIndex": old} if old else {}),
        **({"expiredLogEventEndIndex": expired} if expired > old else {}),
    }
    answer: Json = {"nextSequenceToken": f"{present:056d}"}
    return {**answer, "rejectedLogEventsInfo": rejected} if rejected else answer


@SERVICE.operation("GetLogEvents")
async def get_log_events(asked: Asked, given: Json) -> Json:
    """A stream's events in order: the last ones, or from the head; tokens lead both ways."""
    name, limit = group_name(given), given.get("limit") or MOST
    start, end = given.get("startTime", 0), given.get("endTime", 1 << 62)
    if end < start:
        raise invalid("The endTime must not be before the startTime.")
    forward, position = bool(given.get("startFromHead")), None
    if (token := given.get("nextToken")) is not None:
        found = _TOKEN.fullmatch(token)
        if found is None:
            raise invalid("The specified nextToken is invalid.")
        forward, position = found[1] == "f", _known(int(found[2]), int(found[3]))

    def read(store: Groups) -> list[Event]:
        group, stream = _find(store, name, given["logStreamName"])
        return store.read(
            group,
            [stream],
            start=start,
            end=end,
            after=position if forward else None,
            before=None if forward else position,
            backwards=not forward,
            most=limit,
        )

    events = _fitting(await kept(asked, read), from_head=forward)
    first, last = (events[0], events[-1]) if events else (None, None)
    return {
        "events": [
            {"timestamp": event.at, "message": event.message, "ingestionTime": event.taken}
            for event in events
        ],
        "nextForwardToken": _token("f", last, position),
        "nextBackwardToken": _token("b", first, position),
    }


@SERVICE.operation(
    "FilterLogEvents",
    partial="patterns of terms, quoted terms, `?` and `-`, and of JSON (`{ $.code = 404 }`);"
    " no regular expressions, no space-delimited patterns",
)
async def filter_log_events(asked: Asked, given: Json) -> Json:
    """A group's events over its streams, in order, that match a pattern. A page may be short of its limit."""
    name, limit = group_name(given), given.get("limit") or MOST
    if given.get("logStreamNames") and given.get("logStreamNamePrefix"):
        raise invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
    start, end = given.get("startTime", 0), given.get("endTime", (1 << 62) - 1)
    if end < start:
        raise invalid("The endTime must not be before the startTime.")
    try:
        wanted = matcher(given.get("filterPattern") or "")
    except UsageError as error:
        if error.code == "FilterNotOffered":
            raise AwsError("NotImplemented", f"forebay: {error.message}", http=501) from None
        raise invalid(error.message) from None
    after = _position(given["nextToken"]) if "nextToken" in given else None

    def search(store: Groups) -> tuple[list[Event], Position | None]:
        group = store.group(name)
        streams = _streams(store, group, given)
        return _search(
            store, group, streams, wanted, start=start, end=min(end, _MOST - 1) + 1, after=after, limit=limit
        )

    events, onward = await kept(asked, search)
    return {
        "events": [
            {
                "logStreamName": event.stream,
                "timestamp": event.at,
                "message": event.message,
                "ingestionTime": event.taken,
                "eventId": f"{event.id:056d}",
            }
            for event in events
        ],
        "searchedLogStreams": [],  # AWS stopped to fill this in
        **({"nextToken": token_of(f"{onward[0]}:{onward[1]}")} if onward else {}),
    }


def _search(
    store: Groups,
    group: Group,
    streams: list[Stream] | None,
    wanted: Predicate,
    *,
    start: int,
    end: int,
    after: Position | None,
    limit: int,
) -> tuple[list[Event], Position | None]:
    """Matching events of at most `SCANNED_AT_MOST`, and where to go on if there is more to look at."""
    found: list[Event] = []
    size = 0
    for _ in range(SCANNED_AT_MOST // SCANNED):
        some = store.read(group, streams, start=start, end=end, after=after, most=SCANNED)
        for index, event in enumerate(some):
            after = (event.at, event.id)
            if wanted(event.message):
                found.append(event)
                size += len(event.message) + OVERHEAD
                if len(found) == limit or size > MOST_BYTES:
                    rest = some[index + 1 :] or store.read(
                        group, streams, start=start, end=end, after=after, most=1
                    )
                    return found, after if rest else None
        if len(some) < SCANNED:
            return found, None
    return found, after


def _streams(store: Groups, group: Group, given: Json) -> list[Stream] | None:
    if names := given.get("logStreamNames"):
        return [store.stream(group, name) for name in names]
    if prefix := given.get("logStreamNamePrefix"):
        return store.streams(group, prefix)[:100]
    return None


def _find(store: Groups, group: str, stream: str) -> tuple[Group, Stream]:
    found = store.group(group)
    return found, store.stream(found, stream)


def _fitting(events: list[Event], *, from_head: bool) -> list[Event]:
    """As many as fit into one answer: the first, or the last of them."""
    size, ordered = 0, events if from_head else events[::-1]
    for count, event in enumerate(ordered):
        size += len(event.message.encode()) + OVERHEAD
        if count and size > MOST_BYTES:
            return ordered[:count] if from_head else ordered[:count][::-1]
    return events


def _token(direction: str, event: Event | None, position: Position | None) -> str:
    at, id = (event.at, event.id) if event is not None else position or (0, 0)
    return f"{direction}/{at:020d}{id:036d}"


def _position(token: str) -> Position:
    at, colon, id = untoken(token).partition(":")
    if not (colon and at.isdecimal() and id.isdecimal() and len(at + id) < 60):
        raise invalid("The specified nextToken is invalid.")
    return _known(int(at), int(id))


_MOST = 2**63 - 1


def _known(at: int, id: int) -> Position:
    if max(at, id) > _MOST:
        raise invalid("The specified nextToken is invalid.")
    return at, id
