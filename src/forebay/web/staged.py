"""The longer form of a route's URL, `/STAGE/path`, which answers as API Gateway does in front of the same target.

    /prod/clicks ─▶ stage prod, route /clicks ─▶ one body, one record ─▶ Firehose's, Kinesis', EventBridge's answer

A body is handed on as it came, so it is one record whatever it holds; the plain form splits arrays and lines.
Errors are API Gateway's, in the words of a REST API or of an HTTP API. Contracts: "Gateway response types", "Create
AWS service integrations for HTTP APIs" (API Gateway developer guide), and the services' own answers.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from forebay.errors import ForebayError, Throttled
from forebay.functions.gateway import HttpAnswer
from forebay.ingest.door import Admitted, Door
from forebay.ingest.gunzip import BodyTooLarge
from forebay.ingest.mapping import Seen
from forebay.ingest.routes import Router
from forebay.streams import sequence
from forebay.streams.shards import ShardMap
from forebay.web.http import JSON, Headers, retry_after
from forebay.web.mapped import Unfit, detail_of

Api = Literal["rest", "http"]

_FORM = re.compile(r"/([A-Za-z0-9_-]{1,128})(/.*)")
USUAL = frozenset({"prod", "production", "dev", "test", "stage", "staging", "default", "beta", "live", "v1"})
"""What stages are commonly called: where no route declares any, a path below one of these is a stage's."""
_encode = msgspec.json.Encoder().encode


class Gateway(Exception):
    """An answer in API Gateway's words, `api` being whose."""

    def __init__(
        self, status: int, message: str, kind: str, api: Api, headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.api: Api = api
        self.headers = list(headers)

    def answer(self, id: str) -> HttpAnswer:
        """What goes back."""
        headers = [("content-type", JSON), *identified(self.api, id), *self.headers]
        if self.api == "rest":
            headers.append(("x-amzn-errortype", self.kind))
        return HttpAnswer(self.status, headers, _encode({"message": self.message}))


def identified(api: Api, id: str) -> Headers:
    """The headers that name a request."""
    own = [("x-amzn-requestid", id), ("x-amz-apigw-id", id)] if api == "rest" else [("apigw-requestid", id)]
    return [*own, ("x-request-id", id)]


class Stages:
    """Finds the route of a longer URL."""

    def __init__(self, router: Router[Door], doors: Sequence[Door]) -> None:
        self._router = router
        self._doors = doors
        self._named = frozenset(stage for door in doors for stage in door.spec.stages)

    def _api(self, stage: str) -> Api:
        """Whose words a stage has where no route is: a REST API's if all its routes are of one."""
        served = [
            door.spec.gateway for door in self._doors if not door.spec.stages or stage in door.spec.stages
        ]
        return "http" if "http" in served else "rest"

    def find(self, method: str, path: str) -> tuple[Door, dict[str, str], str] | None:
        """Door, path parameters and stage; None for what is no longer URL of ours. Raises Gateway for what is
        below a stage and leads nowhere.
        """
        form = _FORM.fullmatch(path)
        if form is None:
            return None
        stage, rest = form[1], form[2]
        found = self._router.match(method, rest)
        if found is not None and (not found[0].spec.stages or stage in found[0].spec.stages):
            return *found, stage
        known = stage in self._named or (not self._named and stage in USUAL)
        others = [self._router.match(each, rest) for each in self._router.methods(rest)]
        door = next((each[0] for each in others if each is not None), None)
        if door is None and not known:
            return None
        api = self._api(stage) if door is None else door.spec.gateway
        if api == "rest" and self._named and not known:
            raise Gateway(403, "Forbidden", "ForbiddenException", api)
        raise nowhere(api)


def nowhere(api: Api) -> Gateway:
    """The answer where no route is."""
    if api == "rest":
        return Gateway(403, "Missing Authentication Token", "MissingAuthenticationTokenException", api)
    return Gateway(404, "Not Found", "NotFoundException", api)


# What went wrong, by the error's code or status: status, REST's words, HTTP's, and the type that REST names.
_BY_CODE = {
    "KeyMissing": (403, "Forbidden", "Forbidden", "ForbiddenException"),
    "KeyInvalid": (403, "Forbidden", "Forbidden", "ForbiddenException"),
    "KeyNotForRoute": (403, "Forbidden", "Forbidden", "ForbiddenException"),
    "OriginNotAllowed": (403, "Forbidden", "Forbidden", "ForbiddenException"),
    "BodyTooLarge": (413, "Request Too Long", "Request Entity Too Large", "RequestTooLargeException"),
    "BodyTimeout": (408, "Request Timeout", "Request Timeout", "RequestTimeoutException"),
}
_BY_STATUS = {
    400: (400, "Bad Request", "Bad Request", "BadRequestException"),
    415: (415, "Unsupported Media Type", "Unsupported Media Type", "UnsupportedMediaTypeException"),
    422: (409, "Conflict", "Conflict", "ConflictException"),
    429: (429, "Too Many Requests", "Too Many Requests", "TooManyRequestsException"),
    503: (503, "Service Unavailable", "Service Unavailable", "ServiceUnavailableException"),
}
_INTERNAL = (500, "Internal server error", "Internal Server Error", "InternalServerErrorException")


def translated(error: ForebayError, api: Api, status: int) -> Gateway:
    """An error of the door, in API Gateway's words; `status` is what the plain form answers."""
    code = "BodyTooLarge" if isinstance(error, BodyTooLarge) else error.code
    if isinstance(error, Throttled):
        status = 429
    http, rest, other, kind = _BY_CODE.get(code) or _BY_STATUS.get(status) or _INTERNAL
    after = retry_after(error)
    headers = [] if after is None else [("retry-after", after)]
    return Gateway(http, rest if api == "rest" else other, kind, api, headers)


def admitted(door: Door, admitted: Admitted, seen: Seen) -> Admitted:
    """One body as its target keeps it. Raises Gateway if it is not fit, Unfit if its event is not."""
    api = door.spec.gateway
    if admitted.refused:
        (why,) = admitted.refused
        if api == "rest" and door.schema is None and why.code in ("InvalidJson", "InvalidUtf8", "TooDeep"):
            message = f"Could not parse request body into json: {why.reason}"
        else:
            message = "Invalid request body"
        raise Gateway(400, message, "BadRequestException", api)
    if door.mapped is not None:
        door.mapped(admitted, seen)
        return admitted
    if door.spec.to.noun == "bus":
        detail_of(bytes(admitted.records[0]))
    return door.wrapped(admitted)


# Answers of the services behind.


Places = Sequence[tuple[int, int, Sequence[int]]]
Tell = Callable[[int, Places], bytes]
"""(arrival, places of a receipt) → an answer."""


def told(door: Door, kept: Admitted, map: ShardMap) -> Tell:
    """What the target's service answers for the one record that is `kept`.

    A repeat by the route's unique field is answered as the first was; of a stream its number is not known any
    more, and that before all of its shard's stands for it.
    """
    unique = kept.unique[0] if kept.unique else None
    match door.spec.to.noun:
        case "bus":
            if unique is not None:
                kept.records = [_same_id(kept.records[0], door, unique)]
            id = kept.records[0][21:57].decode()  # {"version":"0","id":"...
            body = events_said([{"EventId": id}])
        case "streams":
            key = kept.keys[0] if kept.keys else b""
            return lambda arrival, places: _placed(map, key, arrival, places)
        case _:
            name = secrets.token_urlsafe(96) + "000000"
            if unique is not None:
                name = hashlib.sha512(door.name.encode() + b"\0" + unique).hexdigest()
            body = _encode({"RecordId": name, "Encrypted": False})
    return lambda _arrival, _places: body


def _placed(map: ShardMap, key: bytes, arrival: int, places: Places) -> bytes:
    shard = places[0][0] if places else map.of_key(key)
    at = map.shard(shard)
    number = sequence.number(at, places[0][1], arrival) if places else sequence.starting(at)
    return _encode({"SequenceNumber": str(number), "ShardId": f"shardId-{shard:012d}"})


def events_said(entries: Sequence[Mapping[str, Any]]) -> bytes:
    """EventBridge's answer to PutEvents."""
    failed = sum("ErrorCode" in entry for entry in entries)
    return _encode({"Entries": entries, "FailedEntryCount": failed})


def unfit(door: Door, error: Unfit) -> HttpAnswer:
    """What the target's service says of an event that it does not take."""
    if door.spec.to.noun == "bus":
        entry = {"ErrorCode": error.code, "ErrorMessage": error.message}
        return HttpAnswer(200, [("content-type", JSON)], events_said([entry]))
    said = {"__type": error.code, "message": error.message}
    return HttpAnswer(400, [("content-type", JSON)], _encode(said))


def _same_id(record: bytes, door: Door, unique: bytes) -> bytes:
    """An event of a bus under an id that its unique field gives it: a repeat has the same."""
    id = uuid.uuid5(uuid.NAMESPACE_URL, f"{door.name}\0{unique.hex()}")
    return record[:21] + str(id).encode() + record[57:]
