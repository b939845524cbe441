"""Run a handler with any event, as Lambda's Invoke does: JSON in, JSON or an error's JSON out.

The shapes are those of AWS's Python runtime: an error is `{errorMessage, errorType, requestId, stackTrace}`,
an answer is what `json.dumps` makes of what the handler returned.
"""

from __future__ import annotations

import base64
import json
import os
import traceback
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from forebay.functions.worker.context import LambdaContext
from forebay.functions.worker.load import describe, load, say

ANSWER = 6_291_556
"""Bytes of an answer at most, as AWS says it."""


class InvokeRunner:
    """Decodes the event, calls the handler (or the plain function, which takes the event alone)."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Raises LoadFailed."""
        self._root = Path(config["root"])
        region = os.environ.get("AWS_REGION", "")
        self._context = LambdaContext(config["name"], config["memory"], region)
        self._plain = config["kind"] == "invoke-plain"
        self._handler = load(self._root, config["handler"])

    def run(self, head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """`head` has request_id, timeout and perhaps client_context; the body is the event."""
        request_id = head["request_id"]
        self._context.begin(request_id, head["timeout"], head.get("client_context"))
        os.environ["_X_AMZN_TRACE_ID"] = f"Root=1-{request_id[:8]}-{request_id.replace('-', '')[8:]}"
        try:
            event = json.loads(body)
        except ValueError as error:
            text = f"Unable to unmarshal input: {error}"
            return self._failed(request_id, "Runtime.UnmarshalError", text, [])
        call: Callable[..., Any] = self._handler
        try:
            returned = _each(call, event) if self._plain else call(event, self._context)
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
            text = f"RequestId: {request_id} Error: Runtime exited "
            text += f"with error: exit status {status}" if status else "without providing a reason"
            say(text)
            return self._failed(request_id, "Runtime.ExitError", text)
        except BaseException as error:
            return self._raised(request_id, error)
        try:
            answer = returned if isinstance(returned, bytes) else _marshal(returned)
        except Exception as error:  # a default() or __str__ of the user's own may raise anything
            text = f"Unable to marshal response: {error}"
            say(f"[ERROR] Runtime.MarshalError: {text}")
            return self._failed(request_id, "Runtime.MarshalError", text, [])
        if len(answer) > ANSWER:
            text = f"Response payload size exceeded maximum allowed payload size ({ANSWER} bytes)."
            say(f"[ERROR] Function.ResponseSizeTooLarge: {text}")
            failed, body = self._failed(None, "Function.ResponseSizeTooLarge", text)
            return {**failed, "size": len(answer)}, body
        return {"size": len(answer)}, answer

    def _raised(self, request_id: str, error: BaseException) -> tuple[dict[str, Any], bytes]:
        name = type(error).__name__
        try:
            message = str(error)
        except Exception as broken:
            message = f"<str() raised {type(broken).__name__}>"
        frames = traceback.extract_tb(error.__traceback__)[1:]
        try:
            stack = traceback.format_list(frames)
            trace = "".join(traceback.format_exception_only(error)) if not stack else "".join(stack)
        except Exception:  # an exception that cannot be shown as text
            stack, trace = [], ""
        say(f"[ERROR] {name}: {message}\nTraceback (most recent call last):\n{trace}")
        answer, body = self._failed(request_id, name, message, stack)
        answer["error"][1] = describe(error, self._root)
        return answer, body

    @staticmethod
    def _failed(
        request_id: str | None, kind: str, message: str, stack: list[str] | None = None
    ) -> tuple[dict[str, Any], bytes]:
        payload: dict[str, Any] = {"errorMessage": message, "errorType": kind}
        if request_id is not None and stack is not None:
            payload["requestId"] = request_id
        if stack is not None:
            payload["stackTrace"] = stack
        text = json.dumps(payload).encode("utf-8", "backslashreplace")
        return {"error": [kind, f"{kind}: {message}"]}, text


def _marshal(returned: Any) -> bytes:
    text = json.dumps(returned, ensure_ascii=False, default=_plain)
    return text.encode("utf-8", "surrogatepass") if text.isascii() else _encoded(returned, text)


def _encoded(returned: Any, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can only say with an escape
        return json.dumps(returned, default=_plain).encode()


def _plain(value: Any) -> int | float:
    """A Decimal, of which DynamoDB's items are full, as a number; what else JSON has not is not answered."""
    if not isinstance(value, Decimal):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    whole = value.is_finite() and value == value.to_integral_value()
    return int(value) if whole else float(value)


def _each(function: Callable[[Any], Any], event: Any) -> Any:
    """A plain function takes one event: of a stream's records each in turn, else the event itself.

    The first record that it fails on ends the batch, and what comes from there on is tried again.
    """
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list) or not records or "kinesis" not in records[0]:
        return function(event)
    for record in records:
        data = base64.b64decode(record["kinesis"]["data"])
        try:
            function(json.loads(data))
        except Exception as error:
            name = type(error).__name__
            say(f"[ERROR] {name}: {error}\n" + "".join(traceback.format_tb(error.__traceback__)[1:]))
            number = record["kinesis"]["sequenceNumber"]
            return {"batchItemFailures": [{"itemIdentifier": number}], "errorType": name}
    return {"batchItemFailures": []}
