"""Calls of functions."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from forebay.errors import ForebayError
from forebay.wire.awslambda.base import LATEST, SERVICE, Named, error, find, named, refused, said
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

REQUEST = 6_291_456
ASYNC = 1_048_576
PATIENCE = 60.0
"""Seconds beyond the function's own timeout: it may wait for a worker, and for its code to be loaded."""


def _checked(payload: bytes, most: int, operation: str) -> bytes:
    if len(payload) > most:
        raise error(
            "RequestTooLargeException",
            f"{len(payload)} byte payload is too large for the {operation} invocation type (limit {most} bytes)",
            413,
        )
    try:
        json.loads(payload or b"{}")
    except (ValueError, RecursionError) as trouble:
        text = f"Could not parse request body into json: Could not parse payload into json: {trouble}"
        raise error("InvalidRequestContentException", text, 400) from None
    return payload or b"{}"


def _client_context(given: Json) -> Json | None:
    text = given.get("ClientContext")
    if not text:
        return None
    try:
        context: Any = json.loads(base64.b64decode(text, validate=True))
        if not isinstance(context, dict):
            raise ValueError(text)
    except (ValueError, binascii.Error):
        raise error(
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
            400,
        ) from None
    return context


@SERVICE.operation("Invoke", partial="no durable executions, no tenants")
async def invoke(asked: Asked, given: Json) -> Json:
    """Call a function: with its answer, without, or only to see whether it could be."""
    if given.get("DurableExecutionName") or given.get("TenantId"):
        raise refused("durable executions and tenants of functions")
    kind = given.get("InvocationType") or "RequestResponse"
    which = named(asked, given)
    found, whole = find(asked, which), find(asked, Named(which.name, None))
    most = ASYNC if kind == "Event" else REQUEST
    payload = _checked(given.get("Payload") or b"", most, kind)
    context = _client_context(given)
    if min(found.spec.workers, whole.spec.workers) < 1:  # the bound is on all versions of a function
        raise error(
            "TooManyRequestsException",
            "Rate Exceeded.",
            429,
            Reason="ReservedFunctionConcurrentInvocationLimitExceeded",
        )
    if kind == "DryRun":
        return {"StatusCode": 204}
    try:
        answer = await asked.system.flow.call(
            "invoke",
            timeout=max(15.0, found.spec.timeout) * 2 + PATIENCE,
            function=found.id,
            payload=payload,
            wait=kind == "RequestResponse",
            client_context=context,
            request_id=asked.request.request_id if kind == "Event" else None,
        )
    except AwsError:
        raise
    except ForebayError as trouble:
        raise said(trouble) from None
    if kind == "Event":
        return {"StatusCode": 202}
    result: Json = {
        "StatusCode": 200,
        "ExecutedVersion": found.version,
        "Payload": answer["payload"],
    }
    if answer["error"]:
        result["FunctionError"] = answer["error"]
    if given.get("LogType") == "Tail":
        result["LogResult"] = base64.b64encode(answer["log"]).decode()
    return result


@SERVICE.operation("InvokeAsync")
async def invoke_async(asked: Asked, given: Json) -> Json:
    """The old way to call without an answer."""
    payload = _checked(given.get("InvokeArgs") or b"", ASYNC, "Event")
    found = find(asked, named(asked, {**given, "Qualifier": LATEST}))
    try:
        await asked.system.flow.call("invoke", function=found.id, payload=payload, wait=False)
    except ForebayError as trouble:
        raise said(trouble) from None
    return {"Status": 202}
