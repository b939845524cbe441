"""Columns of text → columns of a type, all at once, where every value is written as machines write it.

Arrow's casts take a few nanoseconds a value and are strict: what they take they take as Flink does. Where a single
value is anything else (` 12`, `1.5` for a BIGINT, a time without seconds), the column is left to the SQL of `decode`.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from forebay.streamsql.arrow import Array, pc
from forebay.streamsql.nodes import Type
from forebay.streamsql.types import FLOATS, TEXTS

_NUMBERS: dict[str, pa.DataType] = {
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INT": pa.int32(),
    "BIGINT": pa.int64(),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
}
_TIME = pa.timestamp("us")


def quick(text: Array, type_: Type, iso: bool) -> Array | None:
    """`text` (strings) as the type; None if that is not for here."""
    if type_.name in TEXTS:
        return text
    try:
        if type_.name in _NUMBERS:
            return _number(text, type_)
        if type_.name == "TIMESTAMP":
            return _time(text, iso)
        if type_.name == "TIMESTAMP_LTZ":
            return _zoned(text, iso)
    except pa.ArrowInvalid:
        pass
    return None


def _number(text: Array, type_: Type) -> Array | None:
    if type_.name not in FLOATS and _has(text, b"xX"):  # Arrow reads 0x10, Java does not
        return None
    found = pc.cast(text, _NUMBERS[type_.name])
    if type_.name in FLOATS and pc.all(pc.is_finite(found)).as_py() is False:
        return None
    return found


def _has(text: Array, letters: bytes) -> bool:
    data = text.buffers()[2]
    held = b"" if data is None else data.to_pybytes()
    return any(held.find(letter) >= 0 for letter in (letters[:1], letters[1:]))


def _time(text: Array, iso: bool) -> Array | None:
    raw = text.cast(pa.binary())
    shortest = pc.min(pc.binary_length(raw)).as_py()
    if shortest is not None and shortest < (16 if iso else 19):
        return None
    # Arrow wants colons and digits in their places; it takes either letter before the hour.
    return pc.cast(text, _TIME) if _all(raw, 10, b"T" if iso else b" ") else None


def _zoned(text: Array, iso: bool) -> Array | None:
    if pc.all(pc.ends_with(text, "Z")).as_py() is False:
        return None
    return _time(pc.binary_slice(text.cast(pa.binary()), 0, -1).cast(pa.string()), iso)


def _all(raw: Array, at: int, letter: bytes) -> bool:
    sliced: Any = pc.binary_slice(raw, at, at + 1)
    return pc.all(pc.equal(sliced, letter)).as_py() is not False
