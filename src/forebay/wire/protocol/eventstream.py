"""AWS's event-stream framing.

A message is a length, the headers' length, their checksum, the headers, a payload and a checksum of all
(https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

CONTENT_TYPE = "application/vnd.amazon.eventstream"


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message."""
    encoded = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(encoded) + len(payload), len(encoded))
    head = prelude + struct.pack(">I", zlib.crc32(prelude))
    whole = head + encoded + payload
    return whole + struct.pack(">I", zlib.crc32(whole))
