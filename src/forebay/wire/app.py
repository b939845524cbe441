"""The AWS port: requests in AWS's protocols in, answers in the same protocol out.

    Host, Origin → body (bounded) → dispatch: service, operation, protocol → the operation → answer

Nothing here ever answers success without having done it: what is not offered answers 501 and is named.
`/_forebay/health` says that the port is up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import uuid
from importlib import import_module
from typing import Any, cast
from urllib.parse import quote

import msgspec

from forebay.access.guard import Guard
from forebay.runtime.system import System
from forebay.wire.protocol.message import MAX_BODY, Request, Response

logger = logging.getLogger("forebay.wire")

HEALTH = "/_forebay/health"
MAX_DRAINED = 16 << 20
DRAIN_TIMEOUT = 5.0
BODY_TIMEOUT = 30.0
_BUCKET_HOST = re.compile(
    r"([a-z0-9][a-z0-9.-]{1,61}?[a-z0-9])(?:\.s3(?:[.-][a-z]{2}-[a-z]+-\d)?)?\.localhost(?::\d+)?"
)


class WireApp:
    """The RSGI application of the AWS port."""

    def __init__(self, guard: Guard, system: System) -> None:
        self._guard = guard
        self._system = system
        self._dispatch: Any = None

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        """Answer one request."""
        if scope.proto != "http":
            proto.close(403)
            return
        headers = scope.headers
        host = headers.get("host") or scope.authority
        id = str(uuid.uuid4())
        if (refusal := self._guard.check(host, headers.get("origin"))) is not None:
            said = {"code": refusal.code, "message": refusal.message, "fix": refusal.fix, "request_id": id}
            _json(proto, refusal.status, {"error": said})
            return
        if scope.path == HEALTH:
            _json(proto, 200, {"status": "ok", "services": {}})
            return
        # What is put may be large, and is not read before it is known what is asked, and of what.
        kind = headers.get("content-type") or ""
        streamed = scope.method == "PUT" or (
            scope.method == "POST" and kind.startswith("multipart/form-data")
        )
        body = b"" if streamed else await _body(proto, headers)
        if body is None:
            said = {"__type": "RequestEntityTooLarge", "message": f"the body passes {MAX_BODY:,} bytes"}
            _json(proto, 413, said)
            return
        # The server decodes paths; encoded again as SDKs do, `%41` and `A` stay apart, and `?` and `#` in keys.
        path = sent = quote(scope.path, safe="/-._~")
        bucket = _BUCKET_HOST.fullmatch(host.lower())
        if bucket is not None and bucket[1] != "s3":
            path = f"/{bucket[1]}{path}"
        given = {name.lower(): value for name, value in headers.items()}
        # The server leaves out values that are not ASCII: they are seen, as what cannot be read.
        given |= {name: "\ufffd" for name in headers.keys() if name not in given}  # noqa: SIM118
        given.setdefault("host", host)
        if self._dispatch is None:
            # In a thread: botocore takes a while to load, and only who speaks AWS needs it.
            self._dispatch = (await asyncio.to_thread(import_module, "forebay.wire.dispatch")).dispatch
        request = Request(scope.method, path, scope.query_string, given, body, id)
        request.client = scope.client.rpartition(":")[0]
        request.sent = sent
        request.secure = scope.scheme == "https"
        if streamed:
            request.stream = aiter(proto)
        answer: Response = await self._dispatch(self._system, request)
        if request.stream is not None:
            await _drain(request)
        await _send(proto, scope.method, answer)


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


async def _body(proto: Any, headers: Any) -> bytes | None:
    """The whole body; None if it is too large or does not come."""
    length = headers.get("content-length")
    if length is not None and (not length.isdigit() or int(length) > MAX_BODY):
        return None
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
