"""The JSON protocol with CBOR for JSON (`application/x-amz-cbor-1.1`), as AWS's Java SDK speaks to Kinesis.

Not rpc-v2-cbor: the operation is in `X-Amz-Target`, and a timestamp is a number of milliseconds, which the
SDK tags as seconds. So it is read by a small decoder of its own, which passes tags over.
"""

from __future__ import annotations

import datetime as dt
import struct
from typing import Any

import cbor2
from botocore.model import ListShape, MapShape, Shape, StructureShape

from forebay.wire.protocol.message import AwsError
from forebay.wire.protocol.model import wire_name

CONTENT_TYPE = "application/x-amz-cbor-1.1"
_DEEPEST = 64
_FLOATS = {25: struct.Struct(">e"), 26: struct.Struct(">f"), 27: struct.Struct(">d")}
_BREAK = object()


def loads(body: bytes) -> Any:
    """The document. Raises AwsError `SerializationException`."""
    try:
        return _Reader(body).item(0)
    except (IndexError, ValueError, struct.error, UnicodeDecodeError, TypeError):
        raise AwsError("SerializationException", "The CBOR body does not parse") from None


class _Reader:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def _take(self, n: int) -> bytes:
        if n > len(self._body) - self._at:
            raise ValueError("it ends early")
        self._at += n
        return self._body[self._at - n : self._at]

    def item(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("too deep")
        head = self._take(1)[0]
        kind, info = head >> 5, head & 31
        if kind == 7:
            return self._simple(info)
        endless = info == 31 and kind >= 2
        if info < 24:
            n = info
        elif info <= 27:
            n = int.from_bytes(self._take(1 << (info - 24)), "big")
        elif endless:
            n = -1
        else:
            raise ValueError("no such length")
        match kind:
            case 0:
                return n
            case 1:
                return -1 - n
            case 2:
                return self._take(n) if not endless else b"".join(self._until_break(depth))
            case 3:
                return self._take(n).decode() if not endless else "".join(self._until_break(depth))
            case 4:
                return self._until_break(depth) if endless else [self.item(depth + 1) for _ in range(n)]
            case 5:
                return self._map(n, depth)
            case _:
                return self.item(depth + 1)  # a tag: what is tagged says enough

    def _simple(self, info: int) -> Any:
        if info in _FLOATS:
            return _FLOATS[info].unpack(self._take(_FLOATS[info].size))[0]
        if info == 31:
            return _BREAK
        return {20: False, 21: True}.get(info)

    def _until_break(self, depth: int) -> list[Any]:
        items = []
        while (item := self.item(depth + 1)) is not _BREAK:
            items.append(item)
        return items

    def _map(self, n: int, depth: int) -> dict[Any, Any]:
        found = {}
        while n != 0:
            key = self.item(depth + 1)
            if key is _BREAK:
                break
            found[key] = self.item(depth + 1)
            n -= 1
        return found


def in_seconds(shape: Shape, value: Any) -> Any:
    """`value` with its timestamps, which are milliseconds, in seconds."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {wire_name(name, member): member for name, member in shape.members.items()}
        return {
            key: in_seconds(members[key], item) if key in members else item for key, item in value.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [in_seconds(shape.member, item) for item in value]
    if shape.type_name == "timestamp" and isinstance(value, int | float | str):
        try:
            return float(value) / 1000
        except ValueError:
            return value  # a date
    return value


def dumps(shape: Shape | None, value: Any) -> bytes:
    """An answer, timestamps in milliseconds."""
    return cbor2.dumps({} if shape is None else _dumpable(shape, value))


def _dumpable(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        return {
            wire_name(name, member): _dumpable(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if isinstance(shape, ListShape):
        return [_dumpable(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _dumpable(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp":
        seconds = value.timestamp() if isinstance(value, dt.datetime) else value
        return round(seconds * 1000)
    return value
