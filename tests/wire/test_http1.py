"""The AWS port's HTTP/1.1, spoken by hand: what SDKs do, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import socket
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest

from forebay.errors import ClientGone
from forebay.web import http1
from forebay.web.exchange import HIGH, Exchange, Scope
from forebay.web.http1 import Listener
from forebay.web.relay import Relays
from tests.harness import System, until
from tests.wire.sdk import serving, speaking

system = serving("name: plain\nlake: {shelf: {}}\n")
s3 = speaking("s3")

LIST = "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: Kinesis_20131202.ListStreams\r\n"
HEALTH = "GET /_forebay/health HTTP/1.1\r\nHost: localhost\r\n"


@contextlib.contextmanager
def connected(system: System) -> Iterator[tuple[socket.socket, BinaryIO]]:
    host, port = system.urls["aws"].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as made, made.makefile("rb") as file:
        yield made, file


def answer(file: BinaryIO, *, head: bool = False) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the next answer."""
    line = file.readline()
    assert line.startswith(b"HTTP/1.1 "), line
    lines = iter(lambda: file.readline().decode().strip(), "")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(line.split()[1]), headers, b"" if head else file.read(int(headers["content-length"]))


def said(system: System, text: str) -> tuple[int, dict[str, str], bytes]:
    """The answer to what is sent at once."""
    with connected(system) as (connection, file):
        connection.sendall(text.encode())
        return answer(file)


def test_requests_in_one_packet_are_answered_in_their_order(system: System) -> None:
    with connected(system) as (connection, file):
        body = '{"Limit":1}'
        asked = f"{LIST}Content-Length: {len(body)}\r\n\r\n{body}"
        nowhere = "GET /shelf/nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.sendall((asked + nowhere + asked + HEALTH + "\r\n").encode())
        found = [answer(file) for _ in range(4)]
    assert [status for status, _, _ in found] == [200, 404, 200, 200]
    assert b"StreamNames" in found[2][2]
    assert all("connection" not in headers for _, headers, _ in found)


def test_a_request_that_comes_byte_by_byte_is_one(system: System) -> None:
    with connected(system) as (connection, file):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for each in f"{LIST}Content-Length: 2\r\n\r\n{{}}".encode():
            connection.sendall(bytes([each]))
        assert answer(file)[0] == 200


def test_a_body_in_chunks_is_one(system: System) -> None:
    with connected(system) as (connection, file):
        chunks = '3\r\n{"L\r\n8\r\nimit":1}\r\n0\r\nx-trailer: yes\r\n\r\n'
        connection.sendall(f"{LIST}Transfer-Encoding: chunked\r\n\r\n{chunks}".encode())
        assert answer(file)[0] == 200
        connection.sendall(f"{HEALTH}\r\n".encode())
        assert answer(file)[0] == 200


def test_the_connection_ends_where_the_client_says_so(system: System) -> None:
    for text in (
        f"{HEALTH}Connection: close\r\n\r\n",
        "GET /_forebay/health HTTP/1.0\r\nHost: localhost\r\n\r\n",
        f"{HEALTH}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ):
        with connected(system) as (connection, file):
            connection.sendall(text.encode())
            status, headers, _ = answer(file)
            assert (status, headers["connection"]) == (200, "close")
            assert file.read() == b""


def test_what_is_no_http_is_refused(system: System) -> None:
    many = "".join(f"X-{n}: {'y' * 1000}\r\n" for n in range(140))
    for text, wanted in (
        ("hello\r\n\r\n", 400),
        ("GET / HTTP/9\r\n\r\n", 400),
        (f"{LIST}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (f"{LIST}Content-Length: x\r\n\r\n", 400),
        (f"{LIST}Transfer-Encoding: gzip\r\n\r\nbar", 400),
        (f"{LIST}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}3\r\n", 400),
        (HEALTH.replace("health", "h\u00e9alth") + "\r\n", 400),
        (HEALTH + many + "\r\n", 431),
    ):
        with connected(system) as (connection, file):
            connection.sendall(text.encode())
            assert (answer(file)[0], file.read()) == (wanted, b""), text[:40]


PUT = "PUT /shelf/after HTTP/1.1\r\nHost: localhost\r\n"
NONE = f"x-amz-content-sha256: {hashlib.sha256(b'').hexdigest()}\r\n"
HIDDEN = "PUT /shelf/hidden HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"{PUT}\r\nbar", [411]),
        (f"{PUT}{NONE}Content-Length: 2\r\n\r\nbar", [400]),
        (f"{PUT}Content-Length: 2\r\nConnection: close\r\n\r\nbar", [200]),
        (f"{HEALTH}\r\n{PUT}Content-Length: 2\r\n\r\nbar{HIDDEN}", [200, 200]),
        (f"{HEALTH}\r\n{LIST}Transfer-Encoding: chunked\r\n\r\nbar\r\n{HIDDEN}", [200]),
        (f"{LIST}Transfer-Encoding: chunked\r\n\r\nbar\r\n{HIDDEN}", [400]),
        (f"{HEALTH}\r\n{LIST}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{HIDDEN}", [200]),
        (f"{PUT}\r\n" + "bar" * 300_000, [411]),
    ],
)
def test_what_comes_whole_is_answered_before_what_is_no_http_and_nothing_after_it(
    system: System, s3: Any, text: str, wanted: list[int]
) -> None:
    with connected(system) as (connection, file):
        connection.sendall(text.encode())
        assert [answer(file)[0] for _ in wanted] == wanted
        assert file.read() == b""
    assert s3.list_objects_v2(Bucket="shelf", Prefix="hidden")["KeyCount"] == 0


def test_a_target_may_name_its_host_as_proxies_have_it(system: System) -> None:
    text = "GET http://localhost:4566/_forebay/health?a=b HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert said(system, text)[0] == 200


def test_head_says_what_get_would_and_sends_nothing(system: System, s3: Any) -> None:
    s3.put_object(Bucket="shelf", Key="k", Body=b"four")
    with connected(system) as (connection, file):
        for path, wanted in (("/shelf/k", 200), ("/shelf/none", 404)):
            connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            status, headers, _ = answer(file, head=True)
            assert status == wanted
            assert wanted == 404 or headers["content-length"] == "4"
        connection.sendall(f"{HEALTH}\r\n".encode())
        assert answer(file)[0] == 200


def test_no_value_makes_a_header_of_its_own(system: System, s3: Any) -> None:
    s3.put_object(Bucket="shelf", Key="k", Body=b"four")
    signed = s3.generate_presigned_url(
        "get_object",
        Params={"Bucket": "shelf", "Key": "k", "ResponseContentDisposition": "a\r\nx-made: up"},
    )
    path = signed.partition(system.urls["aws"])[2]
    _, headers, _ = said(system, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert "x-made" not in headers


def test_an_upload_that_breaks_off_leaves_nothing(system: System, s3: Any) -> None:
    with connected(system) as (connection, _):
        connection.sendall(
            b"PUT /shelf/broken HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n"
        )
        connection.sendall(b"x" * 3_000_000)
    s3.put_object(Bucket="shelf", Key="whole", Body=b"x")
    assert "broken" not in [each["Key"] for each in s3.list_objects_v2(Bucket="shelf")["Contents"]]


def test_who_reads_slowly_keeps_nobody_waiting(system: System, s3: Any) -> None:
    body = os.urandom(1 << 20) * 24
    s3.put_object(Bucket="shelf", Key="large", Body=body)
    with connected(system) as (connection, file):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connection.sendall(b"GET /shelf/large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in range(20):
            s3.put_object(Bucket="shelf", Key="small", Body=b"x")
        assert answer(file)[2] == body


def test_who_goes_while_reading_is_let_go(system: System, s3: Any) -> None:
    s3.put_object(Bucket="shelf", Key="large", Body=bytes(24 << 20))
    for _ in range(3):
        with connected(system) as (connection, file):
            connection.sendall(b"GET /shelf/large HTTP/1.1\r\nHost: localhost\r\n\r\n")
            file.readline()
    assert s3.get_object(Bucket="shelf", Key="large")["ContentLength"] == 24 << 20


# The server by itself, with an application of the test's own.


@contextlib.asynccontextmanager
async def listening(app: Any) -> Any:
    def none(fd: int, app: Any) -> Any:
        raise AssertionError("nobody speaks HTTP/2 here")

    with socket.create_server(("127.0.0.1", 0)) as made:
        address = made.getsockname()
        listener = Listener(made.fileno(), app, relays=Relays(app, none))
    listener.start()
    try:
        yield listener, address
    finally:
        await listener.stop(5)


async def _gone(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(20):
        return await reader.read()


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHo"])
def test_a_head_that_does_not_come_is_not_waited_for(begun: bytes) -> None:
    async def app(scope: Scope, proto: Exchange) -> None:
        proto.response_empty(200, [])

    async def go() -> None:
        async with listening(app) as (listener, address):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(begun or b"GET / HTTP/1.1\r\n\r\n")
            if not begun:
                await reader.readuntil(b"\r\n\r\n")
            while not listener.connections:
                await asyncio.sleep(0.01)
            (connection,) = listener.connections
            now = asyncio.get_running_loop().time()
            connection.look(now + http1.HEAD_PATIENCE - 5)
            if not begun:  # it may ask again, much later
                connection.look(now + http1.IDLE_PATIENCE - 5)
                writer.write(b"GET / HTTP/1.1\r\n\r\n")
                await reader.readuntil(b"\r\n\r\n")
            connection.look(now + http1.IDLE_PATIENCE + 60)
            assert await _gone(reader) == b""
            writer.close()

    asyncio.run(go())


def test_a_request_under_way_is_answered_before_the_end() -> None:
    asked, may = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, proto: Exchange) -> None:
        asked.set()
        await may.wait()
        proto.response_bytes(200, [], await proto())

    async def go() -> None:
        async with listening(app) as (listener, address):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody")
            await asked.wait()
            stopping = asyncio.create_task(listener.stop(20))
            await asyncio.sleep(0)
            may.set()
            found = await _gone(reader)
            assert found.endswith(b"Connection: close\r\n\r\nbody")
            assert await stopping
            writer.close()

    asyncio.run(go())


@pytest.mark.parametrize("body", [b"body", b""])
def test_no_http_ends_a_request_under_way_only_where_the_rest_of_it_is_missing(body: bytes) -> None:
    asked, may = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, proto: Exchange) -> None:
        asked.set()
        await may.wait()
        try:
            proto.response_bytes(200, [], await proto())
        except ClientGone:
            proto.response_bytes(500, [], b"twice")

    async def go() -> None:
        async with listening(app) as (_, address):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
            await asked.wait()
            writer.write(b"4\r\n%b\r\n0\r\n\r\nno HTTP\r\n\r\n" % body)
            found = b"" if body else await reader.readuntil(b"\r\n\r\n")
            may.set()
            found += await _gone(reader)
            assert found.count(b"HTTP/1.1 ") == 1
            assert found.startswith(b"HTTP/1.1 200 " if body else b"HTTP/1.1 400 ")
            assert found.lower().endswith(b"\r\n\r\n" + body)
            writer.close()

    asyncio.run(go())


def test_an_answer_that_fails_half_way_is_seen_to() -> None:
    async def app(scope: Scope, proto: Exchange) -> None:
        stream = proto.response_stream(200, [("content-length", "9")] if scope.path == "/known" else [])
        await stream.send_bytes(b"half")
        if scope.path != "/whole":
            raise OSError("the disk is gone")

    async def go() -> None:
        async with listening(app) as (_, address):
            found = {}
            for path in (b"/known", b"/unknown", b"/whole"):
                reader, writer = await asyncio.open_connection(*address)
                writer.write(b"GET %b HTTP/1.1\r\nConnection: close\r\n\r\n" % path)
                found[path] = (await _gone(reader)).partition(b"\r\n\r\n")[2]
                writer.close()
            assert found == {
                b"/known": b"half",
                b"/unknown": b"4\r\nhalf\r\n",
                b"/whole": b"4\r\nhalf\r\n0\r\n\r\n",
            }

    asyncio.run(go())


def test_a_sender_waits_while_nobody_takes_what_it_sends() -> None:
    taking = asyncio.Event()

    async def app(scope: Scope, proto: Exchange) -> None:
        size = len(await anext(aiter(proto)))
        await taking.wait()
        async for piece in proto:
            size += len(piece)
        proto.response_bytes(200, [], b"%d" % size)

    async def go() -> None:
        async with listening(app) as (listener, address):
            reader, writer = await asyncio.open_connection(*address)
            size = 64 << 20
            writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % size)
            writer.write(bytes(size))
            await asyncio.to_thread(until, lambda: _paused(listener), patience=20)
            assert all(each.held < 4 << 20 for each in listener.connections)
            taking.set()
            assert (await _gone(reader)).endswith(b"\r\n\r\n%d" % size)
            writer.close()

    def _paused(listener: Listener) -> bool:
        return any(each.held > HIGH for each in listener.connections)

    asyncio.run(go())
