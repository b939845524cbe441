"""What a table says of its files: the columns, and how its SerDe reads a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from forebay.query.types import Type


@dataclass(frozen=True, slots=True)
class Shape:
    """How lines become columns.

    `kind` is json, csv or text. `columns` are the table's own, without partition columns. For CSV,
    `quote` is None where the SerDe knows no quotes (LazySimpleSerDe), and `null` is the text of NULL.
    """

    kind: str
    columns: tuple[tuple[str, Type], ...]
    ignore_malformed: bool = False
    case_insensitive: bool = True
    dots_in_keys: bool = False
    mapping: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None
    null: str | None = None
    items: str = "\x02"
    keys: str = "\x03"
    skip: int = 0


def _yes(value: str | None, default: bool = False) -> bool:
    return default if value is None else value.strip().lower() == "true"


def _char(value: str | None, default: str | None) -> str | None:
    """A delimiter as DDL writes it: `\\t`, `\\001`, `\\u0001`, a decimal code, or the character itself."""
    if value is None or value == "":
        return default
    if len(value) == 1:
        return value
    if value.startswith("\\"):
        known = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\", "\\0": "\0", "\\'": "'", '\\"': '"'}
        if value in known:
            return known[value]
        digits = value[1:]
        if digits.startswith("u"):
            return chr(int(digits[1:], 16))
        if digits.isdigit():
            return chr(int(digits, 8))
    return chr(int(value)) if value.isdigit() else value


def _byte(value: str | None, default: str) -> str:
    """A separator of Hive's own SerDe, which takes a number for a byte: `serialization.format` is often 1."""
    return chr(int(value)) if value and value.isdigit() else _char(value, default) or default


def shape(
    format: str,
    columns: Sequence[tuple[str, Type]],
    serde: str | None,
    serde_parameters: Mapping[str, str],
    parameters: Mapping[str, str],
) -> Shape:
    """Read the SerDe's settings as Hive does. A missing `serde` means: openx JSON, or CSV with quotes."""
    own = {str(k).lower(): str(v) for k, v in serde_parameters.items()}
    table = {str(k).lower(): str(v) for k, v in parameters.items()}
    cols = tuple(columns)
    name = (serde or "").rpartition(".")[2].lower()
    skip = int(table.get("skip.header.line.count", own.get("skip.header.line.count", "0")) or 0)
    if format == "json" or name == "jsonserde":
        return Shape(
            "json",
            cols,
            ignore_malformed=_yes(own.get("ignore.malformed.json")),
            case_insensitive=_yes(own.get("case.insensitive"), True),
            dots_in_keys=_yes(own.get("dots.in.keys")),
            mapping={k[8:]: v for k, v in own.items() if k.startswith("mapping.")},
            skip=skip,
        )
    if format == "text":
        return Shape("text", cols, skip=skip)
    delimiter = own.get("separatorchar") or own.get("field.delim") or own.get("serialization.format")
    if name == "lazysimpleserde":
        return Shape(
            "csv",
            cols,
            delimiter=_byte(own.get("field.delim") or own.get("serialization.format"), "\x01"),
            quote=None,
            escape=_char(own.get("escape.delim"), None),
            null=own.get("serialization.null.format", "\\N"),
            items=_byte(own.get("collection.delim") or own.get("colelction.delim"), "\x02"),
            keys=_byte(own.get("mapkey.delim"), "\x03"),
            skip=skip,
        )
    return Shape(
        "csv",
        cols,
        delimiter=_char(delimiter, ",") or ",",
        quote=_char(own.get("quotechar"), '"'),
        escape=_char(own.get("escapechar"), "\\" if name == "opencsvserde" else None),
        skip=skip,
    )
