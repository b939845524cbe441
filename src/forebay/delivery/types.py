"""The types of events: what JSON values are, how types widen, and what they are for Athena and Arrow.

A type is a small tree. Widening (`merge`) only goes up:

    bigint → double → string        date → timestamp → string        boolean → string
    struct by field, array by element; anything with anything else → string, holding JSON text

Declared types (`Fixed`) never widen.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from forebay.errors import UsageError

Column = Any
"""An Arrow array whose type is known only when it runs (the stubs want it at the desk)."""

MAX_DEPTH = 12
MAX_FIELDS = 300


@dataclass(frozen=True, slots=True)
class Scalar:
    """`name` is Athena's."""

    name: str


@dataclass(frozen=True, slots=True)
class Array:
    """An array; nothing is known of what an empty one holds."""

    item: Type


@dataclass(frozen=True, slots=True)
class Struct:
    """An object, by field; names are as in the JSON."""

    fields: tuple[tuple[str, Type], ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    """A declared type that JSON does not have: its Athena text and its Arrow type."""

    name: str
    arrow: pa.DataType


Type = Scalar | Array | Struct | Fixed

NULL, BOOLEAN, BIGINT, DOUBLE, DATE, TIMESTAMP, STRING = (
    Scalar(name) for name in ("null", "boolean", "bigint", "double", "date", "timestamp", "string")
)
# Of one batch only: values of several JSON kinds. In a table it is a string.
MIXED = Scalar("mixed")

_ARROW: dict[Type, pa.DataType] = {
    NULL: pa.null(),
    BOOLEAN: pa.bool_(),
    BIGINT: pa.int64(),
    DOUBLE: pa.float64(),
    DATE: pa.date32(),
    TIMESTAMP: pa.timestamp("us"),
    STRING: pa.string(),
    MIXED: pa.string(),
}
_TEXT = {DATE, TIMESTAMP, STRING}
_NUMBERS = {BIGINT, DOUBLE}
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?")


def infer(value: Any, depth: int = 0) -> Type:
    """The type of a decoded JSON value. What is nested too deep or too wide is kept as its JSON text."""
    match value:
        case None:
            return NULL
        case bool():
            return BOOLEAN
        case int():
            return BIGINT if -(1 << 63) <= value < 1 << 63 else DOUBLE
        case float():
            return DOUBLE
        case str():
            return _of_text(value)
        case list():
            if depth >= MAX_DEPTH:
                return MIXED
            return Array(merge_all(infer(item, depth + 1) for item in value))
        case _:
            if depth >= MAX_DEPTH or len(value) > MAX_FIELDS or not value:
                return MIXED if value else NULL
            return Struct(tuple((name, infer(item, depth + 1)) for name, item in value.items()))


def _of_text(text: str) -> Type:
    if len(text) < 10 or text[4:5] != "-":
        return STRING
    try:
        if _DATE.fullmatch(text):
            dt.date.fromisoformat(text)
            return DATE
        if _TIMESTAMP.fullmatch(text):
            dt.datetime.fromisoformat(text)
            return TIMESTAMP
    except ValueError:
        pass
    return STRING


def merge(a: Type, b: Type) -> Type:
    """The least type that holds both; MIXED where they are of different JSON kinds."""
    if b in (a, NULL):
        return a
    if a == NULL:
        return b
    if isinstance(a, Array) and isinstance(b, Array):
        return Array(merge(a.item, b.item))
    if isinstance(a, Struct) and isinstance(b, Struct):
        return _merge_structs(a, b)
    if a in _NUMBERS and b in _NUMBERS:
        return DOUBLE
    if a in _TEXT and b in _TEXT:
        return STRING if STRING in (a, b) else TIMESTAMP
    return MIXED


def _merge_structs(a: Struct, b: Struct) -> Type:
    fields = dict(a.fields)
    for name, kind in b.fields:
        fields[name] = merge(fields[name], kind) if name in fields else kind
    return Struct(tuple(fields.items())) if len(fields) <= MAX_FIELDS else MIXED


def merge_all(types: Iterable[Type]) -> Type:
    """The least type that holds all; NULL for none."""
    found: Type = NULL
    for kind in types:
        found = merge(found, kind)
    return found


def settled(kind: Type) -> Type:
    """A batch's type as a table's: MIXED is a string, what is only ever null is not there (NULL)."""
    if kind == MIXED:
        return STRING
    if isinstance(kind, Array):
        item = settled(kind.item)
        return NULL if item == NULL else Array(item)
    if isinstance(kind, Struct):
        fields: dict[str, Type] = {}
        for name, each in kind.fields:
            field = settled(each)
            if field != NULL:
                lower = name.lower()
                fields[lower] = settled(merge(fields[lower], field)) if lower in fields else field
        return Struct(tuple(fields.items())) if fields else NULL
    return kind


def raw_arrow(kind: Type) -> pa.DataType | None:
    """What Arrow's JSON reader must be told to read such values as they are; None if it cannot."""
    if kind == MIXED:
        return None
    if kind in _TEXT:
        return pa.string()
    if isinstance(kind, Array):
        item = raw_arrow(kind.item)
        return None if item is None else pa.list_(item)
    if isinstance(kind, Struct):
        fields = [(name, raw_arrow(each)) for name, each in kind.fields]
        if any(each is None for _, each in fields):
            return None
        return pa.struct([pa.field(name, each) for name, each in fields])
    return arrow_type(kind)


def arrow_type(kind: Type) -> pa.DataType:
    """The type of a column of it."""
    match kind:
        case Fixed():
            return kind.arrow
        case Array():
            return pa.list_(arrow_type(kind.item))
        case Struct():
            return pa.struct([pa.field(name, arrow_type(each)) for name, each in kind.fields])
        case _:
            return _ARROW[kind]


def of_arrow(kind: pa.DataType) -> Type:
    """The type for a column that SQL made."""
    is_ = pa.types
    if is_.is_null(kind):
        return NULL
    if is_.is_boolean(kind):
        return BOOLEAN
    if is_.is_integer(kind):
        return DOUBLE if kind == pa.uint64() else BIGINT
    if is_.is_floating(kind):
        return DOUBLE
    if is_.is_date(kind):
        return DATE
    if is_.is_timestamp(kind):
        return TIMESTAMP
    if is_.is_list(kind) or is_.is_large_list(kind):
        return Array(of_arrow(kind.value_type))
    if is_.is_struct(kind):
        return Struct(tuple((field.name, of_arrow(field.type)) for field in kind))
    if is_.is_decimal(kind):
        return Fixed(f"decimal({kind.precision},{kind.scale})", pa.decimal128(kind.precision, kind.scale))
    if is_.is_map(kind):
        key, item = athena(of_arrow(kind.key_type)), athena(of_arrow(kind.item_type))
        return Fixed(f"map<{key},{item}>", kind)
    return STRING


def nulls(rows: int, kind: Type) -> Column:
    """A column without a value."""
    make: Any = pa.nulls
    return make(rows, arrow_type(kind))


def athena(kind: Type) -> str:
    """The type as Athena writes it."""
    match kind:
        case Array():
            return f"array<{athena(kind.item)}>"
        case Struct():
            return f"struct<{','.join(f'{name}:{athena(each)}' for name, each in kind.fields)}>"
        case _:
            return "string" if kind in (MIXED, NULL) else kind.name


_SIMPLE: dict[str, pa.DataType] = {
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "integer": pa.int32(),
    "float": pa.float32(),
    "real": pa.float32(),
    "binary": pa.binary(),
}


def parse(text: str) -> Type:
    """Athena's text → a type. Raises UsageError `InvalidType`."""
    kind, rest = _parse(re.sub(r"\s+", "", text.lower()))
    if rest:
        raise UsageError("InvalidType", f"{text!r} is no Athena type")
    return kind


def _parse(text: str) -> tuple[Type, str]:
    match = re.match(r"[a-z0-9_]+", text)
    word = match[0] if match else ""
    rest = text[len(word) :]
    for kind in (BOOLEAN, BIGINT, DOUBLE, DATE, TIMESTAMP, STRING):
        if word == kind.name:
            return kind, rest
    if word in _SIMPLE:
        return Fixed(word, _SIMPLE[word]), rest
    if word in ("decimal", "varchar", "char"):
        limits = re.match(r"\((\d+)(?:,(\d+))?\)", rest)
        rest = rest[limits.end() :] if limits else rest
        if word != "decimal":
            return Fixed(word + (limits[0] if limits else ""), pa.string()), rest
        precision, scale = (int(limits[1]), int(limits[2] or 0)) if limits else (10, 0)
        return Fixed(f"decimal({precision},{scale})", pa.decimal128(precision, scale)), rest
    if word == "array" and rest.startswith("<"):
        item, rest = _parse(rest[1:])
        return Array(item), _close(rest, text)
    if word == "map" and rest.startswith("<"):
        key, rest = _parse(rest[1:])
        item, rest = _parse(rest.removeprefix(","))
        name = f"map<{athena(key)},{athena(item)}>"
        return Fixed(name, pa.map_(arrow_type(key), arrow_type(item))), _close(rest, text)
    if word == "struct" and rest.startswith("<"):
        fields = []
        rest = "," + rest[1:]
        while rest.startswith(","):
            name, _, rest = rest[1:].partition(":")
            each, rest = _parse(rest)
            fields.append((name, each))
        return Struct(tuple(fields)), _close(rest, text)
    raise UsageError("InvalidType", f"{text!r} is no Athena type")


def _close(rest: str, text: str) -> str:
    if not rest.startswith(">"):
        raise UsageError("InvalidType", f"{text!r} is not closed")
    return rest[1:]
