"""Keys as bytes that sort as their values do: what rows are found and ordered by."""

from __future__ import annotations

import decimal
import hashlib
from collections.abc import Mapping
from typing import Any

HASH = 4
_MIDDLE = 1000


def sortable(value: Mapping[str, Any]) -> bytes:
    """Bytes for a stored scalar; of two of one type, the lesser value has the lesser bytes."""
    ((kind, content),) = value.items()
    if kind == "S":
        return bytes(content.encode())
    if kind == "B":
        return bytes(content)
    return _number(content)


def _number(text: str) -> bytes:
    value = decimal.Decimal(text)
    if not value:
        return b"\x80"
    digits = "".join(map(str, value.as_tuple().digits)).rstrip("0").encode()
    magnitude = (value.adjusted() + _MIDDLE).to_bytes(2, "big") + digits
    if value > 0:
        return b"\x81" + magnitude
    return b"\x7f" + bytes(255 - byte for byte in magnitude) + b"\xff"


def hashed(value: Mapping[str, Any]) -> bytes:
    """Bytes for a partition key: its hash, by which a scan is ordered and split into segments, and itself."""
    raw = sortable(value)
    return hashlib.md5(raw, usedforsecurity=False).digest()[:HASH] + raw


def segment(at: int, of: int) -> tuple[bytes, bytes | None]:
    """The hashes of a segment of a scan: from this on, up to that one (None: to the end)."""
    space = 1 << (8 * HASH)
    low, high = at * space // of, (at + 1) * space // of
    return low.to_bytes(HASH, "big"), None if at + 1 == of else high.to_bytes(HASH, "big")
