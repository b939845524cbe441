"""How forebay and a function's worker talk: frames over a socket pair that no user output can reach.

A frame is two big-endian uint32 (the length of the head, of the body), a JSON head and a body: the
events, as an `event.encode_records` blob or an Arrow stream. Both sides take turns: one request, one
answer. The first two answers come unasked: `ready` (the interpreter runs) and, after the set-up
frame, `loaded` or `failed` (the user's code could not be imported).

The head is JSON and not MessagePack because a worker has orjson for the events anyway, and importing
a second codec would double its start-up time.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

import orjson

SIZES = struct.Struct(">II")
MAX_FRAME = 1 << 30

PROGRESS = struct.Struct("=Q")
"""The shared page's content: the index of the event under way, which outlives the worker's death."""

NOT_STARTED = (1 << 64) - 1


def pack(head: dict[str, Any], body: bytes = b"") -> list[bytes]:
    """The parts of a frame, to be sent one after the other."""
    encoded = orjson.dumps(head, option=orjson.OPT_NON_STR_KEYS)
    return [SIZES.pack(len(encoded), len(body)) + encoded, body]


def send(channel: socket.socket, head: dict[str, Any], body: bytes = b"") -> None:
    """Write a frame, blocking."""
    for part in pack(head, body):
        if part:
            channel.sendall(part)


def receive(channel: socket.socket) -> tuple[dict[str, Any], bytes]:
    """Read a frame, blocking. Raises EOFError if the other side hung up."""
    head_size, body_size = SIZES.unpack(_exactly(channel, SIZES.size))
    head = orjson.loads(_exactly(channel, head_size))
    return head, _exactly(channel, body_size)


def _exactly(channel: socket.socket, size: int) -> bytes:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        n = channel.recv_into(view)
        if not n:
            raise EOFError
        view = view[n:]
    return bytes(data)
