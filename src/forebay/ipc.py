"""How forebay's processes talk: request and answer over a local (Unix) socket.

A frame is a 4-byte big-endian length and a MessagePack map. A request is `{id, op, args}`; its answer
`{id, ok}` or `{id, error: {kind, ...}}`, where `error` rebuilds the ForebayError that was raised.
Answers may come in any order. Values are what MessagePack has: None, bool, int, float, str, bytes,
list, dict.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from forebay.errors import ForebayError, NoServer, Unavailable

Handler = Callable[[dict[str, Any]], Awaitable[Any]]

_LENGTH = struct.Struct(">I")
MAX_FRAME = 1 << 30
_AGAIN = 0.05  # seconds between two looks for one that is waited for
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def _frame(message: dict[str, Any]) -> bytes:
    body = _encode(message)
    if len(body) > MAX_FRAME:
        raise ForebayError(
            "FrameTooLarge", f"a message of {len(body)} bytes between processes passes {MAX_FRAME}"
        )
    return _LENGTH.pack(len(body)) + body


def _unpack(answer: dict[str, Any]) -> Any:
    error = answer.get("error")
    if error is not None:
        kind = error.pop("kind", "ForebayError")
        raise ForebayError.from_dict(kind, error)
    return answer.get("ok")


class _Link(asyncio.Protocol):
    """A connection: `got` is told of each message that came, `lost` of the end.

    A reader that is a task of its own would cost each message a turn of the loop more.
    """

    def __init__(self, got: Callable[[_Link, dict[str, Any]], None], lost: Callable[[_Link], None]) -> None:
        self._got = got
        self._lost = lost
        self._buffer = bytearray()
        self._wanted = _LENGTH.size
        self._room = asyncio.Event()
        self._room.set()
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self._room.set()
        self._lost(self)

    def pause_writing(self) -> None:
        """The other side does not keep up."""
        self._room.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._room.set()

    def data_received(self, data: bytes) -> None:
        """Some bytes of messages."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= self._wanted:
            end = _LENGTH.size + _LENGTH.unpack_from(buffer)[0]
            if len(buffer) < end:
                self._wanted = end
                return
            message = _decode(bytes(buffer[_LENGTH.size : end]))
            del buffer[:end]
            self._wanted = _LENGTH.size
            self._got(self, message)

    async def send(self, frame: bytes) -> None:
        """Send, and return when there is room for more. Raises ConnectionError where nobody is there."""
        if self.transport.is_closing():
            raise ConnectionResetError("closed")
        self.transport.write(frame)
        if not self._room.is_set():
            await self._room.wait()


class Server:
    """Serves `handlers` (op → coroutine function of its args) on a Unix socket of mode 0600."""

    def __init__(
        self, path: Path, handlers: Mapping[str, Handler], *, on_error: Callable[[str, Exception], None]
    ) -> None:
        self._path = path
        self._handlers = dict(handlers)
        self._on_error = on_error
        self._server: asyncio.AbstractServer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._links: set[_Link] = set()
        self._gone = asyncio.Event()

    async def start(self) -> None:
        """Listen; a socket file that a killed process left behind is replaced."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.get_running_loop().create_unix_server(self._accepted, self._path)
        self._path.chmod(0o600)

    async def stop(self) -> None:
        """Stop listening, let requests under way finish, close."""
        if self._server is not None:
            self._server.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        for link in tuple(self._links):
            link.transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                while self._links:
                    self._gone.clear()
                    await self._gone.wait()
        self._path.unlink(missing_ok=True)

    def _accepted(self) -> _Link:
        link = _Link(self._asked, self._left)
        self._links.add(link)
        return link

    def _left(self, link: _Link) -> None:
        self._links.discard(link)
        self._gone.set()

    def _asked(self, link: _Link, request: dict[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(request, link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: dict[str, Any], link: _Link) -> None:
        answer: dict[str, Any] = {"id": request["id"]}
        try:
            handler = self._handlers.get(request["op"])
            if handler is None:
                raise ForebayError("UnknownOperation", f"no local operation is named {request['op']}")
            answer["ok"] = await handler(request.get("args") or {})
            frame = _frame(answer)
        except ForebayError as error:
            frame = _frame({"id": request["id"], "error": {"kind": type(error).__name__, **error.to_dict()}})
        except Exception as error:  # a bug must not take the process with it; it is said in its log
            self._on_error(request["op"], error)
            parts = {"kind": "ForebayError", "code": "Internal", "message": f"{request['op']}: {error!r}"}
            frame = _frame({"id": request["id"], "error": parts})
        with contextlib.suppress(ConnectionError):
            await link.send(frame)


def _give_up(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(TimeoutError())


class AsyncClient:
    """Calls another process from an event loop; connects when needed, again after the other restarted.

    `patience` is how long, in seconds, one that is down is waited for. What was sent is never sent again: who
    goes down with a call in hand may have done it. `before` is what every call waits for, if anything.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        *,
        patience: float = 0.0,
        before: Callable[[], Awaitable[None] | None] | None = None,
    ) -> None:
        self._path = path
        self._name = name
        self._patience = patience
        self._before = before
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._link: _Link | None = None
        self._connecting = asyncio.Lock()

    async def call(self, op: str, /, timeout: float = 30.0, **args: Any) -> Any:
        """The answer of `op`. Raises what it raised, or Unavailable if the process is down or silent."""
        if self._before is not None and (first := self._before()) is not None:
            await first
        link = await self._connect()
        request_id = next(self._ids)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting[request_id] = future
        patience = loop.call_later(timeout, _give_up, future)
        try:
            await link.send(_frame({"id": request_id, "op": op, "args": args}))
            answer = await future
        except TimeoutError:
            raise Unavailable("Timeout", f"{self._name} did not answer {op} within {timeout:g} s") from None
        except ConnectionError:
            raise self._down() from None
        finally:
            patience.cancel()
            self._waiting.pop(request_id, None)
        return _unpack(answer)

    def _down(self) -> Unavailable:
        return Unavailable(
            "ProcessDown", f"{self._name} is not running", fix="it is restarted by itself; try again"
        )

    async def _connect(self) -> _Link:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return await self._connected()
            except Unavailable:
                if time.monotonic() >= deadline:
                    raise
            await asyncio.sleep(_AGAIN)

    async def _connected(self) -> _Link:
        link = self._link
        if link is not None and not link.transport.is_closing():
            return link
        async with self._connecting:
            if self._link is not None and not self._link.transport.is_closing():
                return self._link
            loop = asyncio.get_running_loop()
            try:
                _, self._link = await loop.create_unix_connection(
                    lambda: _Link(self._got, self._lost), str(self._path)
                )
            except OSError:
                raise self._down() from None
            return self._link

    def _got(self, _: _Link, answer: dict[str, Any]) -> None:
        future = self._waiting.get(answer["id"])
        if future is not None and not future.done():
            future.set_result(answer)

    def _lost(self, link: _Link) -> None:
        if link is self._link:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionError(self._name))

    async def close(self) -> None:
        """Hang up."""
        if self._link is not None:
            self._link.transport.close()


class Client:
    """Calls another process without an event loop: one request at a time over one connection."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._socket: socket.socket | None = None
        self._ids = itertools.count(1)

    def call(self, op: str, /, timeout: float = 30.0, **args: Any) -> Any:
        """The answer of `op`. Raises what it raised, or NoServer if nothing answers."""
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._socket.connect(str(self._path))
            self._socket.settimeout(timeout)
            self._socket.sendall(_frame({"id": next(self._ids), "op": op, "args": args}))
            (size,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
            answer = _decode(self._exactly(size))
        except OSError as error:
            self.close()
            raise NoServer(
                "NoServer", f"{self._name} does not answer ({error})", fix="start it: forebay run"
            ) from None
        return _unpack(answer)

    def _exactly(self, size: int) -> bytes:
        assert self._socket is not None
        parts = bytearray()
        while len(parts) < size:
            part = self._socket.recv(min(size - len(parts), 1 << 20))
            if not part:
                raise ConnectionError("closed")
            parts += part
        return bytes(parts)

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
