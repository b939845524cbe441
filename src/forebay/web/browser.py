"""One browser's WebSocket (`/api/live`): what it watches, and a bounded outbox.

    browser → {"type": "subscribe", "view": 1, "dashboard": "evening", "range": "today", "filters": {}}
              {"type": "status"}       {"type": "pause"}       {"type": "resume"}       {"type": "leave"}
    server  → {"type": "tile", "view": 1, "data": {...}}      {"type": "status", "data": {...}}
              {"type": "error", "view": 1, "error": {...}}    {"type": "changed"} (the project was reloaded)

A browser that reads slowly gets the newest message of each tile and not those between: the outbox has at
most one entry a tile, so it cannot grow.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import msgspec
import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from forebay.dashboards.model import Dashboard
from forebay.errors import ForebayError, UsageError
from forebay.web.live import Hub, find

SEND_TIMEOUT = 30.0
"""Seconds after which a browser that takes nothing is hung up on."""
CLOSE_TIMEOUT = 2.0
MAX_MESSAGE = 16_384


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """A message from the browser."""

    type: Literal["subscribe", "status", "pause", "resume", "leave"]
    view: int = 0
    dashboard: str = ""
    range: str = ""
    filters: dict[str, str] = {}


class Statuses:
    """The system's status for all who watch it: asked for once a second, and only while somebody does."""

    def __init__(self, ask: Callable[[], Awaitable[bytes]]) -> None:
        self._ask = ask
        self._watchers: set[Browser] = set()
        self._loop: asyncio.Task[None] | None = None

    def watch(self, browser: Browser) -> None:
        """Send `browser` the status from now on."""
        self._watchers.add(browser)
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._run())

    def leave(self, browser: Browser) -> None:
        """Stop that."""
        self._watchers.discard(browser)

    async def close(self) -> None:
        """Stop for everybody."""
        self._watchers.clear()
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def _run(self) -> None:
        while self._watchers:
            message = await self._ask()
            for browser in self._watchers:
                browser.send("status", message)
            await asyncio.sleep(1.0)


class Browser:
    """One connection; a `live.Watcher`."""

    def __init__(
        self,
        socket: WebSocket,
        hub: Hub,
        statuses: Statuses,
        dashboards: Callable[[], Mapping[str, Dashboard]],
    ) -> None:
        self._socket = socket
        self._hub = hub
        self._statuses = statuses
        self._dashboards = dashboards
        self._outbox: dict[str, bytes] = {}
        self._wake = asyncio.Event()
        self._asked: Asked | None = None
        self._status = False
        self._paused = False
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def put(self, tile: str, message: bytes, brief: bytes | None) -> None:
        """Queue a tile's newest message; one that waits is replaced, in full."""
        key = f"tile {tile}"
        data = message if brief is None or key in self._outbox else brief
        assert self._asked is not None
        self.send(key, b'{"type":"tile","view":%d,"data":%s}' % (self._asked.view, data))

    def send(self, key: str, message: bytes) -> None:
        """Queue a message in the place of an earlier one with the same key."""
        self._outbox[key] = message
        self._wake.set()

    async def serve(self) -> None:
        """Talk until one of the two hangs up. The connection has been accepted."""
        self._tasks = asyncio.create_task(self._send_all()), asyncio.create_task(self._read_all())
        try:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._leave()
            self.hang_up()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            with contextlib.suppress(RuntimeError, OSError, TimeoutError):
                if self._socket.client_state is WebSocketState.CONNECTED:
                    async with asyncio.timeout(CLOSE_TIMEOUT):
                        await self._socket.close()

    def hang_up(self) -> None:
        """End the talk; the page connects again by itself if there is somebody to connect to."""
        for task in self._tasks:
            task.cancel()

    async def _send_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outbox:
                key = next(iter(self._outbox))
                text = self._outbox.pop(key).decode()
                async with asyncio.timeout(SEND_TIMEOUT):  # wait_for may lose a cancellation before 3.12
                    await self._socket.send_text(text)

    async def _read_all(self) -> None:
        while True:
            try:
                text = await self._socket.receive_text()
            except (WebSocketDisconnect, RuntimeError, KeyError):
                return
            try:
                if len(text) > MAX_MESSAGE:
                    raise UsageError("TooLarge", f"a message may have {MAX_MESSAGE} characters")
                asked = msgspec.json.decode(text, type=Asked)
            except (msgspec.MsgspecError, UsageError) as error:
                self._refuse(0, UsageError("BadMessage", str(error)))
                continue
            try:
                self._take(asked)
            except ForebayError as error:
                self._refuse(asked.view, error)

    def _take(self, asked: Asked) -> None:
        match asked.type:
            case "subscribe":
                self._asked = None
                self._leave_tiles()
                find(self._dashboards(), asked.dashboard)
                self._asked = asked
                self._watch()
            case "status":
                self._status = True
                self._watch()
            case "pause":
                self._paused = True
                self._leave()
            case "resume":
                self._paused = False
                self._watch()
            case "leave":
                self._asked, self._status = None, False
                self._leave()

    def _watch(self) -> None:
        if self._paused:
            return
        if self._status:
            self._statuses.watch(self)
        if self._asked is not None:
            board = find(self._dashboards(), self._asked.dashboard)
            self._hub.watch(self, board, self._asked.range or board.range, self._asked.filters)

    def _leave_tiles(self) -> None:
        self._hub.leave(self)
        self._outbox = {key: message for key, message in self._outbox.items() if key == "status"}

    def _leave(self) -> None:
        self._leave_tiles()
        self._statuses.leave(self)

    def _refuse(self, view: int, error: ForebayError) -> None:
        self.send("error", orjson.dumps({"type": "error", "view": view, "error": error.to_dict()}))
