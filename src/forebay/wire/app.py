"""The AWS port: what is not offered is refused in the protocol in which it was asked, and named.

    Host, Origin → body (bounded) → service, operation, protocol → 501 NotImplemented

Nothing here ever answers success without having done it. `/_forebay/health` says that the port is up.
"""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from typing import Any

import msgspec

from forebay.access.guard import Guard
from forebay.wire.protocol.message import Request, Response

logger = logging.getLogger("forebay.wire")

HEALTH = "/_forebay/health"
# A body is read, and forgotten, so that its sender gets to the answer; one larger than this is not.
MAX_BODY = 16 << 20
BODY_TIMEOUT = 30.0
_BUCKET_HOST = re.compile(r"([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\.s3)?\.localhost(?::\d+)?")
_FORM = 64 << 10


class WireApp:
    """The RSGI application of the AWS port."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

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
            _json(proto, refusal.status, said)
            return
        if scope.path == HEALTH:
            _json(proto, 200, {"status": "ok", "services": {}})
            return
        body = await _body(proto, headers)
        path = scope.path
        bucket = _BUCKET_HOST.fullmatch(host.lower())
        if bucket is not None and bucket[1] != "s3":
            path = f"/{bucket[1]}{path}"
        given = {name.lower(): value for name, value in headers.items()}
        request = Request(scope.method, path, scope.query_string, given, body, id)
        try:
            # In a thread: botocore's models take a while to load, and only who speaks AWS needs them.
            answer = await asyncio.to_thread(_refuse, request)
        except Exception:
            logger.exception("request %s could not be understood", id)
            _json(
                proto, 501, {"__type": "NotImplemented", "message": "forebay does not offer this operation"}
            )
            return
        proto.response_bytes(
            answer.status, list(answer.headers.items()), b"" if scope.method == "HEAD" else answer.body
        )


def _json(proto: Any, status: int, body: dict[str, Any]) -> None:
    proto.response_bytes(status, [("content-type", "application/json")], msgspec.json.encode(body))


async def _body(proto: Any, headers: Any) -> bytes:
    """The body up to what a form may have; the rest is read and forgotten, within bounds."""
    length = headers.get("content-length")
    if length is not None and (not length.isdigit() or int(length) > MAX_BODY):
        return b""
    kept = b""
    size = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for part in proto:
                size += len(part)
                if len(kept) < _FORM:
                    kept += part
                if size > MAX_BODY:
                    break
    except TimeoutError:
        return b""
    return kept


def _refuse(request: Request) -> Response:
    """501, naming service and operation; 400 for an operation that AWS itself does not know."""
    from botocore.exceptions import UnknownServiceError  # noqa: PLC0415 - see where this is called

    from forebay.wire.protocol.detect import detect, rest_operation  # noqa: PLC0415
    from forebay.wire.protocol.encode import encode_error  # noqa: PLC0415
    from forebay.wire.protocol.message import AwsError, not_offered  # noqa: PLC0415

    protocol, service, resource = "json", "kinesis", request.path
    try:
        call = detect(request)
        protocol, service, operation = call.protocol, call.service, call.operation
        if not operation:
            try:
                operation = rest_operation(service, request)
            except UnknownServiceError:
                operation = ""
        if "x-amz-copy-source" not in request.headers:  # a header is all that sets these apart
            operation = {"CopyObject": "PutObject", "UploadPartCopy": "UploadPart"}.get(operation, operation)
        error = not_offered(service or "this service", operation or f"{request.method} {request.path}")
    except AwsError as unknown:
        error = unknown
    try:
        return encode_error(service, protocol, error, request.request_id, resource=resource)
    except UnknownServiceError:  # its error shapes are not known either, its protocol is
        return encode_error(
            _STAND_IN.get(protocol, "kinesis"), protocol, error, request.request_id, resource=resource
        )


_STAND_IN = {"query": "sns", "rest-json": "lambda", "rest-xml": "s3", "smithy-rpc-v2-cbor": "cloudwatch"}
