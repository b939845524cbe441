"""Routes to functions: a request in, the function's answer out, as API Gateway's proxy integration has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from forebay.errors import ForebayError
from forebay.functions import gateway
from forebay.functions.gateway import HttpAnswer, HttpRequest
from forebay.ingest.door import Door

PATIENCE = 29.0
"""Seconds that a function has for an answer, as behind API Gateway."""

Call = Callable[[str, bytes, float], Awaitable[dict[str, Any]]]
"""Calls a function by name with an event, within so many seconds: {payload, error, ...}."""


async def proxy(call: Call, door: Door, request: HttpRequest) -> HttpAnswer:
    """Answer `request` by the function that `door` leads to; what goes wrong has API Gateway's words."""
    version = door.spec.version
    try:
        result = await call(door.spec.to.name, gateway.event(request, version), PATIENCE)
    except ForebayError as error:
        door.counts.refused += 1
        return _failed(version, 504 if error.code == "Timeout" else 503)
    if result["error"] is not None:
        door.counts.refused += 1
        return _failed(version, 502)
    try:
        answer = gateway.answer(result["payload"], version)
    except (ValueError, TypeError, AttributeError):
        door.counts.refused += 1
        return _failed(version, 502)
    door.counts.accepted += 1
    return answer


_SAID = {
    ("1.0", 502): (502, "Internal server error"),
    ("1.0", 503): (503, "Service Unavailable"),
    ("1.0", 504): (504, "Endpoint request timed out"),
    ("2.0", 502): (500, "Internal Server Error"),
    ("2.0", 503): (503, "Service Unavailable"),
    ("2.0", 504): (503, "Service Unavailable"),
}


def _failed(version: str, what: int) -> HttpAnswer:
    status, text = _SAID[version, what]
    return HttpAnswer(status, [("content-type", "application/json")], b'{"message":"%s"}' % text.encode())
