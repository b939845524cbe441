"""Clients that begin with HTTP/2 on a port of ours, handed to a server that speaks it on a port that only we know."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Protocol

FORBIDDEN = b"this port is for requests that were handed on"


class Server(Protocol):
    """A server of an RSGI application."""

    def start(self) -> None:
        """Serve from now on."""

    async def stop(self, patience: float) -> bool:
        """End."""


class Relays:
    """`made(fd, app)` is the server at a socket; it is begun when the first client needs it."""

    def __init__(self, app: Any, made: Callable[[int, Any], Server]) -> None:
        self._app: Callable[[Any, Any], Any] = getattr(app, "__rsgi__", app)
        self._made = made
        self._server: Server | None = None
        self._address: tuple[str, int] = ("", 0)
        self._clients: dict[str, str] = {}
        self._open: set[asyncio.Transport] = set()

    async def take(self, transport: asyncio.Transport, data: bytes, client: str) -> None:
        """Hand on a connection, paused, of which `data` was read: in and out, until one of the two ends closes."""
        if self._server is None:
            self._server = self._begin()
        loop = asyncio.get_running_loop()
        try:
            there, end = await loop.create_connection(lambda: _End(transport), *self._address)
        except OSError:
            transport.close()
            raise
        name = there.get_extra_info("sockname")
        inner = f"{name[0]}:{name[1]}"
        self._clients[inner] = client
        self._open.add(transport)

        def gone() -> None:
            self._clients.pop(inner, None)
            self._open.discard(transport)

        end.closed = gone
        transport.set_protocol(_End(there))
        there.write(data)
        if transport.is_closing():
            there.close()
        else:
            transport.resume_reading()

    async def stop(self, patience: float) -> bool:
        """End; whether all were done within `patience` seconds."""
        done = await self._server.stop(patience) if self._server is not None else True
        for each in tuple(self._open):
            each.close()
        return done

    def _begin(self) -> Server:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self._address = listening.getsockname()
            listening.setblocking(False)
            server = self._made(listening.fileno(), self._named)
        server.start()
        return server

    async def _named(self, scope: Any, proto: Any) -> None:
        """The application, told who really asks."""
        client = self._clients.get(scope.client)
        if client is None:
            proto.response_bytes(403, [("content-type", "text/plain")], FORBIDDEN)
        else:
            await self._app(_Named(scope, client), proto)


class _Named:
    """A scope with another client."""

    __slots__ = ("_scope", "client")

    def __init__(self, scope: Any, client: str) -> None:
        self._scope = scope
        self.client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scope, name)


class _End(asyncio.Protocol):
    """One of two connections: what comes is sent on the other, no faster than it takes it."""

    def __init__(self, other: asyncio.Transport) -> None:
        self._other = other
        self.closed: Callable[[], None] = lambda: None

    def data_received(self, data: bytes) -> None:
        self._other.write(data)

    def pause_writing(self) -> None:
        self._other.pause_reading()

    def resume_writing(self) -> None:
        if not self._other.is_closing():
            self._other.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._other.close()
        self.closed()
