"""A request of HTTP/1.1 and its answer, as an RSGI application sees them: its scope and its protocol object.

The interface is granian's (https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md), so that an
application need not know which server it is behind.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Protocol

from forebay.errors import ClientGone

HIGH = 1 << 20
"""Bytes of a body that may wait to be taken before no more are read."""
_JOINED = 1 << 16
_BODILESS = {204, 304}

_STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}

_TITLED = (
    "accept-ranges access-control-allow-credentials access-control-allow-headers access-control-allow-methods"
    " access-control-allow-origin access-control-expose-headers access-control-max-age allow cache-control connection"
    " content-disposition content-encoding content-language content-range content-type expires last-modified location"
    " retry-after vary"
)
_SHOWN = {name: name.title() for name in _TITLED.split()} | {
    "etag": "ETag",
    "x-amzn-errortype": "x-amzn-ErrorType",
    "x-amzn-requestid": "x-amzn-RequestId",
}
"""The names of headers as AWS writes them over HTTP/1.1: they mean the same in any case, but not every client knows."""


class BadAnswer(RuntimeError):
    """The application answers what HTTP cannot say."""


class Headers:
    """A request's headers, in order, with names in lower case and values read as ISO-8859-1."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def get(self, key: str, default: Any = None) -> Any:
        """The first value of a name."""
        for name, value in self._pairs:
            if name == key:
                return value
        return default

    def items(self) -> list[tuple[str, str]]:
        """Names and values."""
        return list(self._pairs)

    def keys(self) -> list[str]:
        """All names."""
        return [name for name, _ in self._pairs]


class Scope:
    """What is asked: `path` decoded, `client` as `address:port`, `authority` where the request line names a host."""

    __slots__ = (
        *("authority", "client", "headers", "http_version", "method", "path", "proto", "query_string"),
        *("scheme", "server"),
    )

    def __init__(self, method: str, target: tuple[str, str, str | None], headers: Headers) -> None:
        self.proto = "http"
        self.scheme = "http"
        self.http_version = "1.1"
        self.method = method
        self.path, self.query_string, self.authority = target
        self.headers = headers
        self.client = self.server = ""


class Link(Protocol):
    """What an exchange needs of its connection."""

    def steer(self) -> None:
        """Read on, or not, by how much waits."""

    def write(self, data: bytes) -> None:
        """Send."""

    async def drain(self) -> None:
        """Return when there is room for more."""

    def ended(self, exchange: Exchange) -> None:
        """The answer is given, or will never be."""


class Exchange:
    """RSGI's protocol object. The connection feeds it; the application takes the body and answers, once.

    Bodies that break off, and answers to who has gone, raise ClientGone.
    """

    def __init__(self, link: Link, scope: Scope, *, keep: bool, expects: bool) -> None:
        self.scope = scope
        self.keep = keep
        """Whether the connection goes on after it."""
        self.complete = False
        """Whether the whole body has come."""
        self.greedy = False
        """Whether the body is wanted whole, however much of it waits."""
        self.waiting = 0
        """Bytes of the body that nobody took yet."""
        self._link = link
        self._expects = expects
        self._pieces: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._lost = False
        self._started = False
        self._chunked = False
        self._left: int | None = None

    # The connection's side.

    def feed(self, piece: bytes) -> None:
        """More of the body."""
        self._expects = False
        if self._started and not self.greedy:  # it is answered: who sends on is read, and not listened to
            return
        self._pieces.append(piece)
        self.waiting += len(piece)
        self._wake()

    def completed(self) -> None:
        """That was the body."""
        self.complete = True
        self._wake()

    def lose(self) -> None:
        """The client has gone."""
        self._lost = True
        self._wake()

    def refuse(self, answer: bytes) -> None:
        """The rest of the body cannot be read: `answer` in the application's place, if it said nothing yet."""
        if not self._started:
            self._started = True
            self._link.write(answer)
        self.lose()

    def end(self, *, failed: bool) -> None:
        """The application has ended; `failed` if by an error."""
        if not self._lost:
            if not self._started:
                self.keep = False
                self.response_bytes(500, [("content-type", "text/plain")], b"Internal Server Error")
            elif failed or self._left:
                self.keep = False  # the answer ends before its time, and is seen to
            elif self._chunked:
                self._link.write(b"0\r\n\r\n")
        self._pieces.clear()
        self.waiting = 0
        self._link.ended(self)

    @property
    def lost(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._lost

    # The application's side.

    async def __call__(self) -> bytes:
        """The whole body, or what is left of it."""
        self.greedy = True
        while not self.complete:
            await self._more()
        body = b"".join(self._pieces)
        self._pieces.clear()
        self.waiting = 0
        self.greedy = False
        return body

    def __aiter__(self) -> Exchange:
        return self

    async def __anext__(self) -> bytes:
        while not self._pieces:
            if self.complete:
                raise StopAsyncIteration
            await self._more()
        piece = self._pieces.popleft()
        self.waiting -= len(piece)
        self._link.steer()
        return piece

    def response_empty(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Answer without a body; to HEAD, `content-length` says what GET would have."""
        self._answer(status, headers, b"")

    def response_bytes(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        """Answer."""
        self._answer(status, headers, body)

    def response_stream(self, status: int, headers: Iterable[tuple[str, str]]) -> Stream:
        """Begin an answer whose body comes in pieces: as many bytes as `content-length` says, if it does."""
        head, length = self._head(status, headers)
        if length is not None:
            self._left = length
            head += f"Content-Length: {length}\r\n"
        elif self.scope.http_version == "1.1":
            self._chunked = True
            head += "Transfer-Encoding: chunked\r\n"
        else:
            self.keep = False  # its end is the connection's
        self._link.write(self._closed(head))
        return Stream(self)

    async def send(self, piece: bytes) -> None:
        """Send a piece of the body, once there is room."""
        self._check()
        if not piece:
            return
        if self._chunked:
            self._link.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        else:
            if self._left is not None:
                if len(piece) > self._left:
                    raise BadAnswer(f"{len(piece) - self._left} bytes more than content-length says")
                self._left -= len(piece)
            self._link.write(piece)
        await self._link.drain()

    async def _more(self) -> None:
        self._check()
        if self._expects:
            self._expects = False
            self._link.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._link.steer()
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if not self.complete:
            self._check()

    def _check(self) -> None:
        if self._lost:
            raise ClientGone("the client has gone")

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _answer(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        head, length = self._head(status, headers)
        if self.scope.method == "HEAD":
            if length is None and body:
                length = len(body)
            body = b""
        elif status in _BODILESS:
            length, body = None, b""
        else:
            length = len(body)
        if length is not None:
            head += f"Content-Length: {length}\r\n"
        told = self._closed(head)
        if len(body) <= _JOINED:
            self._link.write(told + body)
        else:
            self._link.write(told)
            self._link.write(body)

    def _head(self, status: int, headers: Iterable[tuple[str, str]]) -> tuple[str, int | None]:
        """The head but for what says where the body ends, and what `content-length` says."""
        if self._started:
            self._check()
            raise BadAnswer("it is answered")
        length: int | None = None
        count, lines = 1, [_STATUS.get(status) or f"HTTP/1.1 {status} \r\n"]
        for name, value in headers:
            if name == "content-length":
                length = int(value)
                continue
            if name == "connection" and value == "close":
                self.keep = False
                continue
            count += 1
            lines.append(f"{_SHOWN.get(name, name)}: {value}\r\n")
        head = "".join(lines)
        if head.count("\n") != count or head.count("\r") != count or "\0" in head:
            raise BadAnswer("a header of the answer has a line break in it")
        self._started = True
        return head + _CLOCK.line(), length

    def _closed(self, head: str) -> bytes:
        """The head as sent: the connection does not go on where the rest of the request would be in its way."""
        if not self.complete:
            self.keep = False
        head += "\r\n" if self.keep else "Connection: close\r\n\r\n"
        try:
            return head.encode("latin-1")
        except UnicodeEncodeError:
            return head.encode()


class Stream:
    """RSGI's transport of an answer in pieces."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def send_bytes(self, data: bytes) -> None:
        """Send a piece, once there is room. Raises ClientGone when the client has gone."""
        await self._exchange.send(data)

    async def send_str(self, data: str) -> None:
        """Send a piece of text."""
        await self._exchange.send(data.encode())


class _Clock:
    """The headers that every answer has, made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = ""

    def line(self) -> str:
        """`date` and `server`."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._line = f"Server: forebay\r\nDate: {formatdate(now, usegmt=True)}\r\n"
        return self._line


_CLOCK = _Clock()
