"""One JSON value as a value of a type: what the rows that no vector can read go through.

Everything fits a string (as its JSON text), a number in text fits a number, and so on; what would lose
something is a `Misfit`.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import decimal
from typing import Any

import orjson
import pyarrow as pa

from forebay.delivery.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    TIMESTAMP,
    Array,
    Fixed,
    Struct,
    Type,
    athena,
    of_arrow,
)


class Unfit(ValueError):
    """The value is none of the type."""


def text_of(value: Any) -> str:
    """A value as a string holds it: text as it is, anything else as its JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def coerce(value: Any, kind: Type) -> Any:
    """`value` as `kind`; None stays None. Raises Unfit."""
    if value is None:
        return None
    match kind:
        case Array():
            if not isinstance(value, list):
                raise _unfit(value, kind)
            return [coerce(item, kind.item) for item in value]
        case Struct():
            return _struct(value, kind)
        case Fixed():
            return _fixed(value, kind)
    if kind == BIGINT:
        return _integer(value, kind, 64)
    if kind == DOUBLE:
        return _double(value, kind)
    if kind == BOOLEAN:
        return _boolean(value, kind)
    if kind == DATE:
        return _date(value, kind)
    if kind == TIMESTAMP:
        return _timestamp(value, kind)
    return text_of(value)


def _unfit(value: Any, kind: Type) -> Unfit:
    shown = orjson.dumps(value).decode() if not isinstance(value, decimal.Decimal) else str(value)
    return Unfit(f"{shown[:60]}{'…' if len(shown) > 60 else ''} is no {athena(kind)}")


def _struct(value: Any, kind: Struct) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _unfit(value, kind)
    given: dict[str, Any] = {}
    for name, item in value.items():
        lower = name.lower()
        if item is not None or lower not in given:
            given[lower] = item
    return {name: coerce(given.get(name), each) for name, each in kind.fields}


def _integer(value: Any, kind: Type, bits: int) -> int | None:
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            value = int(value)
        except ValueError:
            raise _unfit(value, kind) from None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise _unfit(value, kind)
    return value


def _double(value: Any, kind: Type) -> float | None:
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            return float(value)
        except ValueError:
            raise _unfit(value, kind) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _unfit(value, kind)
    return float(value)


def _boolean(value: Any, kind: Type) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if not value.strip():
            return None
        if value.lower() in ("true", "false"):
            return value.lower() == "true"
    raise _unfit(value, kind)


def _date(value: Any, kind: Type) -> dt.date | None:
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    raise _unfit(value, kind)


def _timestamp(value: Any, kind: Type) -> dt.datetime | None:
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            at = dt.datetime.fromisoformat(value)
        except ValueError:
            raise _unfit(value, kind) from None
        return at.astimezone(dt.UTC).replace(tzinfo=None) if at.tzinfo is not None else at
    raise _unfit(value, kind)


_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "integer": 32}


def _fixed(value: Any, kind: Fixed) -> Any:
    if kind.name in _BITS:
        return _integer(value, kind, _BITS[kind.name])
    if kind.name in ("float", "real"):
        return _double(value, kind)
    if kind.name == "binary":
        try:
            return base64.b64decode(value, validate=True)
        except (TypeError, ValueError, binascii.Error):
            raise _unfit(value, kind) from None
    if pa.types.is_decimal(kind.arrow):
        return _decimal(value, kind)
    if pa.types.is_map(kind.arrow):
        if not isinstance(value, dict):
            raise _unfit(value, kind)
        item = of_arrow(kind.arrow.item_type)
        key = of_arrow(kind.arrow.key_type)
        return [(coerce(name, key), coerce(each, item)) for name, each in value.items()]
    return text_of(value)


def _decimal(value: Any, kind: Fixed) -> decimal.Decimal | None:
    arrow: Any = kind.arrow
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _unfit(value, kind)
    if isinstance(value, str) and not value.strip():
        return None
    try:
        exact = decimal.Decimal(str(value))
        rounded = exact.quantize(decimal.Decimal(1).scaleb(-arrow.scale), context=_WIDE)
    except decimal.InvalidOperation:
        raise _unfit(value, kind) from None
    if len(rounded.as_tuple().digits) > arrow.precision:
        raise _unfit(value, kind)
    return rounded


_WIDE = decimal.Context(prec=60, rounding=decimal.ROUND_HALF_UP)
