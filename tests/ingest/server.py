"""An RSGI application on a real granian server, in a thread of the test's process."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from granian import net
from granian.constants import Interfaces
from granian.server.embed import Server


class _OnSocket(Server):
    def __init__(self, listening: socket.socket, app: Any) -> None:
        super().__init__(app, interface=Interfaces.RSGI, log_enabled=False)
        self._listening = listening

    def _init_shared_socket(self) -> None:
        holder: Any = vars(net)["SocketHolder"]  # its stubs say less than it has
        self._ssp = None
        vars(self)["_shd"] = holder(os.dup(self._listening.fileno()), False, 128)


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks a port; every request on a connection of its own."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __call__(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Answer:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body.encode() if isinstance(body, str) else body
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, raw, names)
            answer = connection.getresponse()
            said = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, said, answer.read())
        finally:
            connection.close()

    def post(self, path: str, body: bytes | str, **headers: str) -> Answer:
        return self("POST", path, body, **headers)

    @contextlib.contextmanager
    def raw(self, sent: bytes) -> Iterator[socket.socket]:
        """A bare connection on which `sent` was sent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(sent)
            yield connection


@contextlib.contextmanager
def served(make: Callable[[], Any]) -> Iterator[Client]:
    """Serve the application that `make` returns (called in the server's event loop)."""
    listening = socket.create_server(("127.0.0.1", 0))
    up = threading.Event()
    holder: dict[str, Any] = {}

    async def main() -> None:
        server = _OnSocket(listening, make())
        holder["loop"], holder["server"] = asyncio.get_running_loop(), server
        asyncio.get_running_loop().call_soon(up.set)
        await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert up.wait(60)
    try:
        yield Client(listening.getsockname()[1])
    finally:
        holder["loop"].call_soon_threadsafe(holder["server"].stop)
        thread.join(60)
        listening.close()
        assert not thread.is_alive()
