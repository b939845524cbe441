"""One browser's live question in Flink SQL (`/api/follow`).

    browser → {"sql": "SELECT ... TUMBLE ...", "begin": "latest"}
    server  → {"type": "columns", "columns": [["user_id", "BIGINT"]], "log": "streams.activity"}
              {"type": "rows", "rows": [{...}], "watermark": 1772366692120, "lag": 0, "late": 0, ...}
                  of rows that change with "ops": ["+I", "-U", "+U", "-D"], "groups": [which row], "order": [all rows]
              {"type": "error", "error": {...}}, and the end

The question ends when the browser hangs up, and a browser that takes nothing is hung up on.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec
import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from forebay.errors import ForebayError, UsageError
from forebay.web.browser import SEND_TIMEOUT
from forebay.web.live import Asks

WAIT = 2.0
MAX_MESSAGE = 65_536


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The browser's one message."""

    sql: str
    begin: str = "latest"


async def serve(websocket: WebSocket, flow: Asks) -> None:
    """Answer one question until the browser goes."""
    name: str | None = None
    try:
        text = await websocket.receive_text()
        asked = _read(text)
        opened = await flow.call("follow_open", sql=asked.sql, begin=asked.begin)
        name = opened.pop("id")
        await _send(websocket, {"type": "columns", **opened})
        gone = asyncio.create_task(_gone(websocket))
        try:
            while not gone.done():
                answer = await flow.call("follow_next", id=name, wait=WAIT, timeout=60.0)
                rows = b"[" + b",".join(answer.pop("rows")) + b"]"
                await _send(websocket, {"type": "rows", "rows": orjson.Fragment(rows), **answer})
        finally:
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone
    except ForebayError as error:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await _send(websocket, {"type": "error", "error": error.to_dict()})
            await websocket.close()
    except (WebSocketDisconnect, TimeoutError, RuntimeError):
        pass
    finally:
        if name is not None:
            with contextlib.suppress(ForebayError):
                await flow.call("follow_close", id=name)


def _read(text: str) -> Asked:
    if len(text) > MAX_MESSAGE:
        raise UsageError("MessageTooLong", f"a question has at most {MAX_MESSAGE} bytes")
    try:
        return msgspec.json.decode(text, type=Asked)
    except msgspec.MsgspecError as error:
        raise UsageError("InvalidMessage", str(error)) from None


async def _gone(websocket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await websocket.receive_text()


async def _send(websocket: WebSocket, message: dict[str, Any]) -> None:
    async with asyncio.timeout(SEND_TIMEOUT):
        await websocket.send_text(orjson.dumps(message).decode())
