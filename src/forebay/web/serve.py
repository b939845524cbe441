"""The servers of the ports, each on a socket that is open already; several live in one event loop."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings, HTTP2Settings
from granian.net import SocketHolder  # type: ignore[attr-defined]  # not in its stubs
from granian.server.embed import Server

from forebay.runtime.doors import BACKLOG
from forebay.runtime.options import Options
from forebay.web.http1 import Listener
from forebay.web.relay import Relays

CONNECTIONS = 4096
"""Requests that one door works on at once; more wait in their sockets."""


PATIENCE = 30_000
"""Milliseconds for a request's headers to come, and until a silent peer is asked whether it lives."""

MAX_HEADERS = 64 << 10


class _OnSocket(Server):
    """The embedded server, told its socket instead of an address."""

    def __init__(self, fd: int, app: Any, **settings: Any) -> None:
        super().__init__(app, **settings)
        self._given = fd

    def _init_shared_socket(self) -> None:
        self._ssp = None
        holder: Any = SocketHolder(self._given, False, BACKLOG)  # type: ignore[call-arg]  # as above
        self._shd = holder


class Door:
    """One HTTP server: `start`, then `stop`, which lets requests under way finish.

    `http2`: clients may speak it without TLS too, by starting with it, as some SDKs do with some services.
    """

    def __init__(
        self,
        fd: int,
        app: Any,
        interface: Literal["rsgi", "asgi"],
        options: Options,
        *,
        websockets: bool,
        http2: bool = False,
    ) -> None:
        if options.behind_proxy:
            app = _only_rsgi(app, options) if interface == "rsgi" else _only_asgi(app, options)
        own = os.dup(fd)  # the server closes it when it stops
        socket.socket(fileno=os.dup(own)).close()  # raises here, and not in a thread, if it is no socket
        self._server = _OnSocket(
            own,
            app,
            interface=Interfaces.RSGI if interface == "rsgi" else Interfaces.ASGI,
            http=HTTPModes.auto if http2 or options.tls_cert else HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=PATIENCE),
            http2_settings=HTTP2Settings(keep_alive_interval=PATIENCE, max_headers_size=MAX_HEADERS),
            websockets=websockets,
            backlog=BACKLOG,
            backpressure=CONNECTIONS,
            log_enabled=False,
            ssl_cert=Path(options.tls_cert) if options.tls_cert else None,
            ssl_key=Path(options.tls_key) if options.tls_key else None,
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Serve from now on."""
        self._task = asyncio.create_task(self._server.serve())

    async def stop(self, patience: float) -> bool:
        """Accept nothing more and let what is under way finish; whether it did within `patience` seconds."""
        if self._task is None:
            return True
        self._server.stop()  # type: ignore[no-untyped-call]
        done, _ = await asyncio.wait({self._task}, timeout=patience)
        return bool(done)

    @property
    def failed(self) -> BaseException | None:
        """Why the server ended by itself, or None."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            return None
        return self._task.exception()


class AnyDoor(Protocol):
    """A server of one port, whichever it is."""

    def start(self) -> None:
        """Serve from now on."""

    async def stop(self, patience: float) -> bool:
        """Accept nothing more; whether what was under way finished within `patience` seconds."""

    @property
    def failed(self) -> BaseException | None:
        """Why the server ended by itself, or None."""


def sdk_door(fd: int, app: Any, options: Options) -> AnyDoor:
    """The server of a port that SDKs ask: an RSGI application, over HTTP/1.1 and 2."""

    if options.tls_cert:
        return Door(fd, app, "rsgi", options, websockets=False, http2=True)
    if options.behind_proxy:
        app = _only_rsgi(app, options)
    open_to_us = msgspec.structs.replace(options, behind_proxy=[])

    def http2(inner: int, application: Any) -> Door:
        return Door(inner, application, "rsgi", open_to_us, websockets=False, http2=True)

    return Listener(fd, app, relays=Relays(app, http2))


_REFUSED = b'{"code":"NotTheProxy","message":"this port answers its proxy only"}'


def _only_rsgi(app: Any, options: Options) -> Any:
    """`app` for requests that come from a trusted proxy; others could claim anything, TLS included."""

    async def guarded(scope: Any, proto: Any) -> None:
        if scope.client.rpartition(":")[0].strip("[]") in options.behind_proxy:
            await app.__rsgi__(scope, proto)
        elif scope.proto == "http":
            proto.response_bytes(403, [("content-type", "application/json")], _REFUSED)
        else:
            proto.close(403)

    return guarded


def _only_asgi(app: Any, options: Options) -> Any:
    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or (scope.get("client") or ("",))[0] in options.behind_proxy:
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": _REFUSED})

    return guarded
