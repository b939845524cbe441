"""HTTP/1.1 for callers who ask one thing after another: read, answered and sent in the event loop's own thread.

granian reads and writes in threads of its own, which is quickest for many at once; but waking a thread on the way in
and on the way out is a third of a little call's time when one caller waits for each answer, as SDKs do. Clients that
begin with HTTP/2 are handed to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import unquote

import httptools

from forebay.errors import ClientGone
from forebay.runtime.doors import BACKLOG
from forebay.web.exchange import HIGH, Exchange, Headers, Scope
from forebay.web.relay import Relays

logger = logging.getLogger("forebay.web")

MAX_HEAD = 128 << 10
"""Bytes of a request line and its headers."""
HEAD_PATIENCE = 30.0
"""Seconds for a request's head to come."""
IDLE_PATIENCE = 600.0
"""Seconds that a connection is kept on which nothing is asked."""
LINGER = 2.0
"""Seconds for a refused body to come, so that its sender gets to reading why."""
_LOOK = 5.0
_HTTP2 = b"PRI"

Application = Callable[[Scope, Exchange], Any]


class Listener:
    """One port: `start`, then `stop`, which lets requests under way finish. `app` is an RSGI application."""

    def __init__(self, fd: int, app: Any, *, relays: Relays) -> None:
        self.app: Application = getattr(app, "__rsgi__", app)
        self.relays = relays
        self.connections: set[Connection] = set()
        self._socket = socket.socket(fileno=os.dup(fd))
        self._server: asyncio.Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()

    def start(self) -> None:
        """Serve from now on."""
        self._task = asyncio.create_task(self._serve())

    async def stop(self, patience: float) -> bool:
        """Accept nothing more and let what is under way finish; whether it did within `patience` seconds."""
        if self._server is not None:
            self._server.close()
        for each in tuple(self.connections):
            each.finish()
        relayed = asyncio.create_task(self.relays.stop(patience))
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._socket.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self.connections:
                    self._gone.clear()
                    await self._gone.wait()
        done = not self.connections
        for each in tuple(self.connections):
            each.abort()
        return await relayed and done

    @property
    def failed(self) -> BaseException | None:
        """Why the server ended by itself, or None."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            return None
        return self._task.exception()

    def left(self, connection: Connection) -> None:
        """A connection is no more."""
        self.connections.discard(connection)
        self._gone.set()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        self._socket.setblocking(False)
        self._server = await loop.create_server(lambda: Connection(self), sock=self._socket, backlog=BACKLOG)
        while True:
            await asyncio.sleep(_LOOK)
            now = loop.time()
            for each in tuple(self.connections):
                each.look(now)


class Connection(asyncio.Protocol):
    """One client's connection: its requests are answered in turn, one at a time."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._client = self._server = ""
        self._first: bytes | None = b""
        self._since = self._loop.time()
        self._patience = HEAD_PATIENCE
        self._size = 0
        self._target = b""
        self._pairs: list[tuple[str, str]] = []
        self._in_head = False
        self._too_large = False
        self._incoming: Exchange | None = None
        self._current: Exchange | None = None
        self._queue: deque[Exchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._full = False
        self._ending = False
        self._broken = False

    # asyncio's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._client = _address(transport.get_extra_info("peername"))
        self._server = _address(transport.get_extra_info("sockname"))
        self._listener.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is."""
        self._ending = True
        for each in {self._current, self._incoming, *self._queue} - {None}:
            cast("Exchange", each).lose()
        self._queue.clear()
        self.resume_writing()
        self._listener.left(self)

    def data_received(self, data: bytes) -> None:
        """Some bytes of requests."""
        if self._first is not None:
            data = self._first + data
            if len(data) < len(_HTTP2) and _HTTP2.startswith(data):
                self._first = data
                return
            self._first = None
            if data.startswith(_HTTP2):
                self._hand_over(data)
                return
        if self._broken:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # none is offered: it is answered as if it had not been asked for
            last = self._queue[-1] if self._queue else self._current
            if last is not None:
                last.keep = False
            self._transport.pause_reading()
        except httptools.HttpParserError:
            self._refuse()

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self._full = True

    def resume_writing(self) -> None:
        """It does again."""
        self._full = False
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    # The parser's side.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head = True
        self._size = 0
        self._target = b""
        self._pairs = []
        self._since, self._patience = self._loop.time(), HEAD_PATIENCE

    def on_url(self, url: bytes) -> None:
        """What its first line asks for."""
        self._target += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which nobody needs."""
        if not self._in_head:
            return
        self._count(len(name) + len(value))
        self._pairs.append((name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")))

    def on_headers_complete(self) -> None:
        """All but its body is there."""
        self._in_head = False
        headers = Headers(self._pairs)
        scope = Scope(self._parser.get_method().decode(), _parsed(self._target), headers)
        scope.client, scope.server = self._client, self._server
        scope.http_version = self._parser.get_http_version()
        expects = "100-continue" in headers.get("expect", "").lower() and scope.http_version == "1.1"
        keep = self._parser.should_keep_alive() and scope.http_version == "1.1"
        self._incoming = Exchange(self, scope, keep=keep, expects=expects)
        if self._current is None:
            self._begin(self._incoming)
        else:
            self._queue.append(self._incoming)
            self.steer()

    def on_body(self, body: bytes) -> None:
        """Some of its body."""
        if self._incoming is not None:
            self._incoming.feed(body)
            if self._incoming.waiting > HIGH:
                self.steer()

    def on_message_complete(self) -> None:
        """That was the request."""
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            incoming.completed()
        if self._ending:
            self._transport.close()

    # The exchange's side.

    def steer(self) -> None:
        """Read on, or not, by how much waits."""
        incoming = self._incoming
        much = incoming is not None and incoming.waiting > HIGH and not incoming.greedy
        if much or self._queue or self._broken:
            self._transport.pause_reading()
        elif not self._transport.is_closing():
            self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Send."""
        self._transport.write(data)

    async def drain(self) -> None:
        """Return when there is room for more."""
        if self._full and not self._ending:
            self._room = self._loop.create_future()
            try:
                await self._room
            finally:
                self._room = None

    def ended(self, exchange: Exchange) -> None:
        """The answer is given, or will never be."""
        self._current = None
        if self._transport.is_closing() or self._ending:
            return
        if not exchange.keep:
            self._ending = True
            if self._broken:
                self._leave()
            elif exchange.complete:
                self._transport.close()
            else:
                self._transport.resume_reading()
                self._loop.call_later(LINGER, self._transport.close)
        elif self._queue:
            self._begin(self._queue.popleft())
            self.steer()
        elif self._incoming is None:
            self._since, self._patience = self._loop.time(), IDLE_PATIENCE

    # The listener's side.

    def finish(self) -> None:
        """Be gone when what is under way is answered."""
        if self._current is None:
            self._transport.close()
        else:
            self._current.keep = False
            self._queue.clear()

    def abort(self) -> None:
        """Be gone."""
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()

    def look(self, now: float) -> None:
        """Be gone if what is waited for does not come: a head, or another request."""
        if self._current is None and not self._ending and now - self._since > self._patience:
            self._transport.close()

    @property
    def held(self) -> int:
        """Bytes of a body that came and that nobody took yet."""
        return self._incoming.waiting if self._incoming is not None else 0

    # Its own.

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > MAX_HEAD:
            self._too_large = True
            raise ValueError("the head is too large")

    def _begin(self, exchange: Exchange) -> None:
        self._current = exchange
        self._task = self._loop.create_task(self._answer(exchange))

    async def _answer(self, exchange: Exchange) -> None:
        failed = True
        try:
            await self._listener.app(exchange.scope, exchange)
            failed = False
        except ClientGone:
            pass  # who asked has gone
        except Exception:
            logger.exception("%s %s failed", exchange.scope.method, exchange.scope.path)
        finally:
            exchange.end(failed=failed)

    def _refuse(self) -> None:
        """What came is no HTTP, and nothing can be read any more; what came whole before it is answered."""
        self._broken = True
        self._transport.pause_reading()
        if (torn := self._incoming) is not None and torn in self._queue:
            self._queue.remove(torn)
            torn.lose()
        last = self._queue[-1] if self._queue else self._current
        if last is not None and last.complete:
            last.keep = False
            return
        if not self._ending:
            status = "431 Request Header Fields Too Large" if self._too_large else "400 Bad Request"
            said = f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode()
            if last is None:
                self.write(said)
            else:
                last.refuse(said)
        self._leave()

    def _leave(self) -> None:
        """Close when what was said could be read: bytes that are not read would take it along."""
        self._ending = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._loop.call_later(LINGER, self._transport.close)

    def _hand_over(self, data: bytes) -> None:
        self._ending = True
        self._transport.pause_reading()
        self._task = self._loop.create_task(self._listener.relays.take(self._transport, data, self._client))
        self._task.add_done_callback(lambda _: self._listener.left(self))


def _address(name: Any) -> str:
    """`address:port`."""
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else ""


def _parsed(target: bytes) -> tuple[str, str, str | None]:
    """Path, decoded, query, and the host if one is named. Raises ValueError, which is the parser's error then."""
    authority = None
    if target.startswith(b"/") or target == b"*":
        path, _, query = target.decode("ascii").partition("?")
    else:
        url = httptools.parse_url(target)
        path, query = (url.path or b"/").decode("ascii"), (url.query or b"").decode("ascii")
        host = (url.host or b"").decode("ascii")
        authority = f"{host}:{url.port}" if url.port else host or None
    query = query.partition("#")[0]
    return unquote(path) if "%" in path else path, query, authority
