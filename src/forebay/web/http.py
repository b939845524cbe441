"""What every RSGI application here says the same way: JSON errors, request ids, bounded bodies."""

from __future__ import annotations

import asyncio
import itertools
import math
import re
import secrets
from collections.abc import Mapping
from typing import Any, Protocol, cast

import msgspec

from forebay.errors import ForebayError
from forebay.ingest.gunzip import BodyTooLarge

Headers = list[tuple[str, str]]

JSON = "application/json"
_encode = msgspec.json.Encoder().encode
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_PREFIX = secrets.token_hex(6)
_counter = itertools.count(1)


class Timeout(ForebayError):
    """A body took too long to come (HTTP 408)."""

    status = 408


class RequestHeaders(Protocol):
    """The part of granian's `RSGIHeaders` that is used."""

    def get(self, key: str, default: Any = None) -> Any:
        """The header's value, by its lower-case name."""

    def items(self) -> list[tuple[str, str]]:
        """All headers."""


class Scope(Protocol):
    """The part of an RSGI scope that is used
    (https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md).
    """

    proto: str
    method: str
    path: str
    query_string: str
    authority: str | None
    client: str

    @property
    def headers(self) -> RequestHeaders:
        """The request's headers."""


def request_id(headers: RequestHeaders) -> str:
    """The caller's `x-request-id` if it is a sane one, else a new one."""
    given = headers.get("x-request-id")
    if given is not None and _SANE_ID.fullmatch(given):
        return str(given)
    return f"{_PREFIX}-{next(_counter):x}"


def error_body(error: ForebayError, id: str) -> bytes:
    """`{"error": {code, message, where?, why?, fix?, ..., request_id}}`, as every JSON error reads."""
    return _encode({"error": {**error.to_dict(), "request_id": id}})


def retry_after(error: ForebayError) -> str | None:
    """The Retry-After header that an error calls for: whole seconds, at least one."""
    seconds = error.extra.get("retry_after")
    if seconds is None:
        return "1" if error.status == 503 else None
    return str(max(1, math.ceil(seconds)))


def respond(proto: Any, method: str, status: int, headers: Headers, body: bytes) -> None:
    """Answer; to HEAD without the body."""
    if method == "HEAD":
        proto.response_empty(status, headers)
    else:
        proto.response_bytes(status, headers, body)


def respond_error(
    proto: Any, error: ForebayError, id: str, *, status: int | None = None, headers: Headers | None = None
) -> None:
    """Answer with a JSON error, its Retry-After, and Allow where it has one."""
    out: Headers = [("content-type", JSON), ("x-request-id", id), *(headers or ())]
    after = retry_after(error)
    if after is not None:
        out.append(("retry-after", after))
    allow = error.extra.get("allow")
    if allow:
        out.append(("allow", ", ".join(allow)))
    proto.response_bytes(status or error.status, out, error_body(error, id))


class Watch:
    """Ends requests whose body does not come: one timer for all, not one for each.

    `waiting` has the tasks that wait for a body, with the tick at which they began; a tick is a quarter
    of the time that a body may take, and at the fifth a task is cancelled.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.waiting: dict[asyncio.Task[Any], int] = {}
        self.late: set[asyncio.Task[Any]] = set()
        self.tick = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look after the tasks that wait; stops by itself when there are none."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.seconds / 4, self._look)

    def _look(self) -> None:
        self._timer = None
        self.tick += 1
        for task, began in self.waiting.items():
            if self.tick - began > 4 and task not in self.late:
                self.late.add(task)
                task.cancel()
        if self.waiting:
            self.start()


async def read_body(proto: Any, headers: RequestHeaders, limit: int, watch: Watch) -> bytes:
    """The request's body, of at most `limit` bytes.

    A Content-Length beyond it is refused before anything is read. Raises BodyTooLarge, Timeout.
    """
    length = headers.get("content-length")
    if length is not None and (not length.isdigit() or int(length) > limit):
        raise BodyTooLarge(
            "BodyTooLarge",
            f"the body has {length[:20]} bytes, the most taken here are {limit:,}",
            fix="send it in several requests, or raise the route's max_body",
        )
    task = cast("asyncio.Task[Any]", asyncio.current_task())
    waiting = watch.waiting
    if not waiting:
        watch.start()
    waiting[task] = watch.tick
    try:
        if length is not None:
            return cast("bytes", await proto())
        return await _chunks(proto, limit)
    except asyncio.CancelledError:
        if task not in watch.late:
            raise
        task.uncancel()
        raise Timeout(
            "BodyTimeout", f"the body did not come within {watch.seconds:g} s", fix="send it faster, or less"
        ) from None
    finally:
        del waiting[task]
        if watch.late:
            watch.late.discard(task)


async def _chunks(proto: Any, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in proto:
        size += len(part)
        if size > limit:
            raise BodyTooLarge("BodyTooLarge", f"the body passes {limit:,} bytes")
        parts.append(part)
    return b"".join(parts)


def bearer(headers: Mapping[str, str] | RequestHeaders) -> str | None:
    """The API key of a request: `x-api-key`, or `Authorization: Bearer`."""
    key = headers.get("x-api-key")
    if key is not None:
        return str(key)
    authorization = headers.get("authorization")
    if authorization is not None and authorization[:7].lower() == "bearer ":
        return str(authorization[7:].strip())
    return None
