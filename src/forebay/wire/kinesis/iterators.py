"""Shard iterators: opaque to who holds one, signed so that nobody makes one, good for five minutes."""

from __future__ import annotations

import base64
import binascii
import secrets
import struct
from dataclasses import dataclass
from hashlib import blake2b
from hmac import compare_digest

from forebay.clock import now_us, to_datetime
from forebay.runtime.documents import Documents
from forebay.wire.kinesis.base import invalid
from forebay.wire.protocol.message import AwsError

LIFE = 300_000
"""Milliseconds."""
_HEAD = bytes(7) + b"\x01"
_MAC = 16
_PARTS = struct.Struct(">QIqB")
_STEP = 16
_LEAST = 152


@dataclass(frozen=True, slots=True)
class ShardIterator:
    """Where a reader is: before the event at `offset` of shard `shard` (or the first one after)."""

    stream: str
    shard: int
    offset: int


def secret_of(documents: Documents) -> bytes:
    """What iterators are signed with; it outlives the process, as they do."""
    doc = documents.get("kinesis.settings", "iterators")
    if doc is None:
        doc = {"secret": secrets.token_hex(32)}
        documents.put("kinesis.settings", "iterators", doc)
    return bytes.fromhex(doc["secret"])


def write(iterator: ShardIterator, secret: bytes, now: int | None = None) -> str:
    """The text of an iterator made at `now` (UTC microseconds)."""
    name = iterator.stream.encode()
    stamp = now_us() if now is None else now
    parts = _PARTS.pack(stamp, iterator.shard, iterator.offset, len(name)) + name + secrets.token_bytes(4)
    room = _LEAST + (len(name) + 2) // _STEP * _STEP - len(_HEAD) - _MAC
    parts = parts.ljust(room, b"\0")
    return base64.b64encode(_HEAD + _signed(parts, secret) + parts).decode()


def read(text: str, secret: bytes, now: int | None = None) -> ShardIterator:
    """Undo `write`. Raises InvalidArgumentException, ExpiredIteratorException."""
    try:
        raw = base64.b64decode(text.strip('"'), validate=True)
    except (binascii.Error, ValueError):
        raise _no_iterator() from None
    head, mac, parts = raw[: len(_HEAD)], raw[len(_HEAD) :][:_MAC], raw[len(_HEAD) + _MAC :]
    if head != _HEAD or not compare_digest(mac, _signed(parts, secret)):
        raise _no_iterator()
    stamp, shard, offset, length = _PARTS.unpack_from(parts)
    present = now_us() if now is None else now
    if present - stamp > LIFE * 1000:
        raise AwsError(
            "ExpiredIteratorException",
            f"Iterator expired. The iterator was created at time {_shown(stamp)} while right now it is"
            f" {_shown(present)} which is further in the future than the tolerated delay of {LIFE} milliseconds.",
        )
    return ShardIterator(parts[_PARTS.size : _PARTS.size + length].decode(), shard, offset)


def _signed(parts: bytes, secret: bytes) -> bytes:
    return blake2b(parts, key=secret, digest_size=_MAC).digest()


def _no_iterator() -> AwsError:
    return invalid("Invalid ShardIterator.")


def _shown(us: int) -> str:
    return to_datetime(us).strftime("%a %b %d %H:%M:%S UTC %Y")
