"""Clients that send a body only when they are told to go on: `Expect: 100-continue`."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import BinaryIO

from tests.harness import System
from tests.wire.s3 import raw
from tests.wire.sdk import serving

system = serving("name: plain\nlake: {shelf: {}}\n")


@contextlib.contextmanager
def connected(system: System) -> Iterator[tuple[socket.socket, BinaryIO]]:
    host, port = system.urls["aws"].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as made, made.makefile("rb") as file:
        yield made, file


def put(path: str, length: int) -> bytes:
    return (
        f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def head(file: BinaryIO) -> tuple[int, dict[str, str]]:
    """Status and headers of the next answer."""
    status = int(file.readline().split()[1])
    lines = iter(lambda: file.readline().decode().strip(), "")
    return status, dict(line.lower().split(": ", 1) for line in lines)


def test_who_is_told_to_go_on_sends_and_asks_again_on_the_same_connection(system: System) -> None:
    with connected(system) as (connection, file):
        for body in (b"one", b"the second"):
            connection.sendall(put("/shelf/k", len(body)))
            assert head(file) == (100, {})
            connection.sendall(body)
            status, headers = head(file)
            assert (status, "connection" in headers) == (200, False)


def test_who_goes_before_the_body_is_no_failure(system: System) -> None:
    for gone in (0, 3):
        with connected(system) as (connection, file):
            connection.sendall(put("/shelf/gone", 5))
            assert head(file) == (100, {})
            connection.sendall(b"x" * gone)
    test_who_is_told_to_go_on_sends_and_asks_again_on_the_same_connection(system)
    assert raw(system, "GET", "/shelf/gone")[0] == 404
    assert "failed" not in system.errors()


def test_who_is_answered_without_being_told_to_go_on_has_to_connect_again(system: System) -> None:
    """botocore mistakes what follows on such a connection for what came before."""
    for path, length, wanted in (("/shelf/empty", 0, 200), ("/nobodys-bucket/k", 9_000_000, 404)):
        with connected(system) as (connection, file):
            connection.sendall(put(path, length))
            status, headers = head(file)
            assert (status, headers["connection"]) == (wanted, "close")
            file.read(int(headers["content-length"]))
            assert file.read() == b"", "the connection goes on"
