"""The AWS port: requests in AWS's protocols in, answers in the same protocol out.

    Host, Origin (or a bucket's CORS rules) → body (bounded) → dispatch: service, operation, protocol → the operation → answer

Nothing here ever answers success without having done it: what is not offered answers 501 and is named.
`/_forebay/health` says that the port is up; below `/_forebay/code/` is the code of functions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import uuid
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any, cast
from urllib.parse import quote

import msgspec

from forebay.access.guard import Guard, Refusal
from forebay.runtime.system import System
from forebay.wire.protocol.message import CODE, MAX_BODY, Request, Response

logger = logging.getLogger("forebay.wire")

HEALTH = "/_forebay/health"
SMALL = 1 << 17
MAX_DRAINED = 16 << 20
_BODILESS = {"GET", "HEAD"}
_BODY_HEADERS = {"content-length", "transfer-encoding"}
DRAIN_TIMEOUT = 5.0
BODY_TIMEOUT = 30.0
_BUCKET_HOST = re.compile(
    r"([a-z0-9][a-z0-9.-]{1,61}?[a-z0-9])(?:\.s3(?:[.-][a-z]{2}-[a-z]+-\d)?)?\.localhost(?::\d+)?"
)


_WEBSITE_HOST = re.compile(
    r"([a-z0-9][a-z0-9.-]{1,61}?[a-z0-9])\.s3-website(?:[.-][a-z]{2}-[a-z]+-\d)?\.localhost(?::\d+)?"
)


class WireApp:
    """The RSGI application of the AWS port."""

    def __init__(self, guard: Guard, system: System) -> None:
        self._guard = guard
        self._system = system

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        """Answer one request."""
        if scope.proto != "http":
            proto.close(403)
            return
        headers = scope.headers
        host = headers.get("host") or scope.authority
        origin = headers.get("origin")
        id = str(uuid.uuid4())
        refusal = self._guard.check(host, origin)
        if refusal is not None and refusal.code != "OriginNotAllowed":
            _refuse(proto, refusal, id)
            return
        if scope.path == HEALTH and refusal is None:
            _json(proto, 200, {"status": "ok", "services": {}})
            return
        request = _request(scope, host, id)
        if scope.path.startswith(CODE) and refusal is None:
            serve = (await _loaded("forebay.wire.awslambda.code")).serve
            await _send(proto, scope.method, await serve(self._system, request))
            return
        shared = None
        if origin is not None or scope.method == "OPTIONS":
            cors = await _loaded("forebay.wire.s3.cors")
            if scope.method == "OPTIONS":
                await _send(proto, "OPTIONS", await cors.preflight(self._system, request))
                return
            shared = await cors.shared(self._system, request)
            if refusal is None:
                request.foreign = False
            elif shared is None and cors.reads(self._system, request):
                request.foreign = True
            elif shared is None:
                await _send(proto, scope.method, cors.refused(request, refusal))
                return
        # What is put may be large, and is not read before it is known what is asked, and of what.
        if scope.method == "PUT" or request.is_form:
            length = request.headers.get("content-length", "")
            small = length.isdigit() and int(length) <= SMALL
            request.stream = _at_once(proto) if small else aiter(proto)
        elif scope.method not in _BODILESS or not request.headers.keys().isdisjoint(_BODY_HEADERS):
            body = await _body(proto, headers)
            if body is None:
                said = {"__type": "RequestEntityTooLarge", "message": f"the body passes {MAX_BODY:,} bytes"}
                _json(proto, 413, said)
                return
            request.body = body
        dispatch = (await _loaded("forebay.wire.dispatch")).dispatch
        answer: Response = await dispatch(self._system, request)
        if shared is not None:
            answer.headers |= shared
        if request.stream is not None:
            await _drain(request)
        if scope.http_version.startswith("1") and _was_not_told_to_go_on(request):
            answer.headers["connection"] = "close"
        await _send(proto, scope.method, answer)


_modules: dict[str, Any] = {}


async def _loaded(name: str) -> Any:
    """A module that loads botocore, which takes a while and which only who speaks AWS needs: in a thread."""
    if name not in _modules:
        _modules[name] = await asyncio.to_thread(import_module, name)
    return _modules[name]


def _request(scope: Any, host: str, id: str) -> Request:
    """What is asked, but for its body."""
    # The server decodes paths; encoded again as SDKs do, `%41` and `A` stay apart, and `?` and `#` in keys.
    path = sent = quote(scope.path, safe="/-._~")
    website = _WEBSITE_HOST.fullmatch(host.lower())
    bucket = _BUCKET_HOST.fullmatch(host.lower())
    if website is None and bucket is not None and bucket[1] != "s3":
        path = f"/{bucket[1]}{path}"
    given: dict[str, str] = {}
    for name, value in scope.headers.items():
        name = name.lower()  # noqa: PLW2901
        given[name] = f"{given[name]},{value}" if name in given else value  # as one header, which they are
    # The server behind TLS leaves out values that are not ASCII: they are seen, as what cannot be read.
    given |= {name: "\ufffd" for name in scope.headers.keys() if name not in given}  # noqa: SIM118
    given.setdefault("host", host)
    request = Request(scope.method, path, scope.query_string, given, b"", id)
    request.client = scope.client.rpartition(":")[0]
    request.sent = sent
    request.secure = scope.scheme == "https"
    request.website = website[1] if website is not None else ""
    return request


def _refuse(proto: Any, refusal: Refusal, id: str) -> None:
    said = {"code": refusal.code, "message": refusal.message, "fix": refusal.fix, "request_id": id}
    _json(proto, refusal.status, {"error": said})


async def _send(proto: Any, method: str, answer: Response) -> None:
    headers = list(answer.headers.items())
    if method == "HEAD":
        if answer.stream is not None:
            await cast("Any", answer.stream).aclose()
        proto.response_empty(answer.status, headers)
    elif answer.stream is None:
        proto.response_bytes(answer.status, headers, answer.body)
    else:
        async with contextlib.aclosing(cast("Any", answer.stream)) as pieces:
            transport = proto.response_stream(answer.status, headers)
            async for piece in pieces:
                await transport.send_bytes(piece)


def _was_not_told_to_go_on(request: Request) -> bool:
    """Whether a client that expected `100 Continue` got none: the server sends it when the body is first asked for.

    botocore takes such a connection's next answer for the last one's body, so it may have no next: as S3 has it.
    """
    return "expect" in request.headers and (
        request.stream is not None or request.headers.get("content-length") == "0"
    )


async def _drain(request: Request) -> None:
    """Take what is still coming of a refused body, if it is little: who sends it reads no answer before."""
    length = request.headers.get("content-length", "")
    if request.headers.get("expect") or not length.isdigit() or int(length) > MAX_DRAINED:
        return
    with contextlib.suppress(Exception):
        async with asyncio.timeout(DRAIN_TIMEOUT):
            async for _ in request.pieces():
                pass


def _json(proto: Any, status: int, body: dict[str, Any]) -> None:
    proto.response_bytes(status, [("content-type", "application/json")], msgspec.json.encode(body))


async def _at_once(proto: Any) -> AsyncIterator[bytes]:
    """A little body in one piece: every piece that is waited for costs a turn of the loop."""
    yield await proto()


async def _body(proto: Any, headers: Any) -> bytes | None:
    """The whole body; None if it is too large or does not come."""
    length = headers.get("content-length")
    if length is not None and (not length.isdigit() or int(length) > MAX_BODY):
        return None
    if length is not None and getattr(proto, "complete", False):  # nothing is waited for
        there: bytes = await proto()
        return there
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            if length is not None:
                whole: bytes = await proto()
                return whole
            async for part in proto:
                size += len(part)
                if size > MAX_BODY:
                    return None
                parts.append(part)
    except TimeoutError:
        return None
    return b"".join(parts)
