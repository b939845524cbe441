"""Athena's column types: read from a table's declaration, said to DuckDB and Arrow, and read back.

A declaration is Hive's (`array<struct<a:int>>`, `decimal(10,2)`, `string`); Trino's spelling
(`array(row(a integer))`, `varchar(20)`) is read too. A result's type is named as Trino names it, which is
what Athena's clients see.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa

from forebay.errors import ForebayError

_DUCKDB = {
    "string": "VARCHAR",
    "varchar": "VARCHAR",
    "char": "VARCHAR",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "real": "FLOAT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "binary": "BLOB",
    "varbinary": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "json": "JSON",
}
_TRINO = {
    "VARCHAR": "varchar",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "bigint",
    "UTINYINT": "integer",
    "USMALLINT": "integer",
    "UINTEGER": "bigint",
    "UBIGINT": "bigint",
    "UHUGEINT": "bigint",
    "FLOAT": "real",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "BLOB": "varbinary",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "TIME WITH TIME ZONE": "time with time zone",
    "INTERVAL": "interval day to second",
    "JSON": "json",
    "UUID": "uuid",
    "NULL": "unknown",
    '"NULL"': "unknown",
}
_ARROW: dict[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "BLOB": pa.binary(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "JSON": pa.string(),
}
_TOKEN = re.compile(
    r"""\s*(?:(?P<word>[A-Za-z_$@.\-0-9][^\s<>(),:"`]*)|["`](?P<quoted>[^"`]*)["`]|(?P<mark>[<>(),:]))"""
)


@dataclass(frozen=True, slots=True)
class Type:
    """A column's type: a scalar `name` (with `precision`, `scale`), or array, map, struct of `parts`."""

    name: str
    parts: tuple[Type, ...] = ()
    fields: tuple[str, ...] = ()
    precision: int = 0
    scale: int = 0

    @property
    def duckdb(self) -> str:
        """DuckDB's spelling."""
        match self.name:
            case "array":
                return f"{self.parts[0].duckdb}[]"
            case "map":
                return f"MAP({self.parts[0].duckdb}, {self.parts[1].duckdb})"
            case "struct":
                inner = (f"{quote(f)} {p.duckdb}" for f, p in zip(self.fields, self.parts, strict=True))
                return f"STRUCT({', '.join(inner)})"
            case "decimal":
                return f"DECIMAL({self.precision},{self.scale})"
        return _DUCKDB[self.name]

    @property
    def arrow(self) -> pa.DataType:
        """Arrow's type, as DuckDB would export it."""
        match self.name:
            case "array":
                return pa.list_(self.parts[0].arrow)
            case "map":
                return pa.map_(self.parts[0].arrow, self.parts[1].arrow)
            case "struct":
                return pa.struct([(f, p.arrow) for f, p in zip(self.fields, self.parts, strict=True)])
            case "decimal":
                return pa.decimal128(self.precision, self.scale)
        return _ARROW[_DUCKDB[self.name]]

    @property
    def trino(self) -> str:
        """As DESCRIBE of a result names it."""
        return trino_name(self.duckdb)

    @property
    def nested(self) -> bool:
        """Whether a struct occurs anywhere inside."""
        return self.name == "struct" or any(part.nested for part in self.parts)

    def __str__(self) -> str:
        """Hive's spelling, as DDL has it."""
        match self.name:
            case "array":
                return f"array<{self.parts[0]}>"
            case "map":
                return f"map<{self.parts[0]},{self.parts[1]}>"
            case "struct":
                return f"struct<{','.join(f'{f}:{p}' for f, p in zip(self.fields, self.parts, strict=True))}>"
            case "decimal":
                return f"decimal({self.precision},{self.scale})"
        return f"{self.name}({self.precision})" if self.precision else self.name


def quote(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


@lru_cache(maxsize=4096)
def parse_type(text: str) -> Type:
    """Read a declared type. Raises ForebayError `UnknownType` naming what is not one."""
    reader = _Reader(text)
    found = reader.type()
    if reader.peek() is not None:
        raise reader.error()
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, bool]] = []  # (text, whether a mark)
        at = 0
        text = text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self.error()
            at = found.end()
            mark = found["mark"]
            self.tokens.append((mark or found["word"] or found["quoted"] or "", mark is not None))
        self.at = 0

    def error(self) -> ForebayError:
        return ForebayError(
            "UnknownType",
            f"{self.text!r} is not a column type",
            fix="one of string, int, bigint, double, boolean, date, timestamp, decimal(p,s), array<..>, map<..,..>, struct<a:..>",
        )

    def peek(self) -> str | None:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else None

    def take(self, *expected: str) -> str:
        token = self.peek()
        if token is None or (expected and token not in expected):
            raise self.error()
        self.at += 1
        return token

    def number(self) -> int:
        token = self.take()
        if not token.isdigit():
            raise self.error()
        return int(token)

    def type(self) -> Type:
        name = self.take().lower()
        match name:
            case "array":
                self.take("<", "(")
                part = self.type()
                self.take(">", ")")
                return Type("array", (part,))
            case "map":
                self.take("<", "(")
                key = self.type()
                self.take(",")
                value = self.type()
                self.take(">", ")")
                return Type("map", (key, value))
            case "struct" | "row":
                return self.struct()
            case "decimal" | "numeric":
                precision, scale = 10, 0
                if self.peek() == "(":
                    self.take()
                    precision = self.number()
                    if self.peek() == ",":
                        self.take()
                        scale = self.number()
                    self.take(")")
                if not (0 < precision <= 38 and scale <= precision):
                    raise self.error()
                return Type("decimal", precision=precision, scale=scale)
            case "varchar" | "char" | "timestamp":
                length = 0
                if self.peek() == "(":
                    self.take()
                    length = self.number()
                    self.take(")")
                return Type(name, precision=0 if name == "timestamp" else length)
        if name not in _DUCKDB:
            raise self.error()
        return Type(name)

    def struct(self) -> Type:
        self.take("<", "(")
        fields: list[str] = []
        parts: list[Type] = []
        while True:
            fields.append(self.take().lower())
            if self.peek() == ":":
                self.take()
            parts.append(self.type())
            if self.take(",", ">", ")") != ",":
                return Type("struct", tuple(parts), tuple(fields))


@lru_cache(maxsize=4096)
def trino_name(duckdb: str) -> str:
    """Trino's name of a DuckDB type: `INTEGER[]` → `array(integer)`."""
    text = duckdb.strip()
    if text.endswith("]"):
        return f"array({trino_name(text[: text.rindex('[')])})"
    if text.startswith("MAP("):
        key, value = split_top(text[4:-1])
        return f"map({trino_name(key)}, {trino_name(value)})"
    if text.startswith("STRUCT("):
        fields = (_field(part) for part in split_top(text[7:-1]))
        return f"row({', '.join(f'{name} {trino_name(kind)}' for name, kind in fields)})"
    if text.startswith("TUPLE("):
        return f"row({', '.join(trino_name(part) for part in split_top(text[6:-1]))})"
    if text.startswith("DECIMAL("):
        return "decimal(" + text[8:].replace(" ", "")
    return _TRINO.get(text, text.lower())


def _field(text: str) -> tuple[str, str]:
    text = text.strip()
    if text.startswith('"'):
        end = 1
        while True:
            end = text.index('"', end)
            if text[end + 1 : end + 2] != '"':
                break
            end += 2
        return text[1:end].replace('""', '"'), text[end + 1 :].strip()
    name, _, kind = text.partition(" ")
    return name, kind.strip()


def split_top(text: str) -> list[str]:
    """Split at the commas that stand in no bracket and no quotes."""
    parts: list[str] = []
    depth = start = 0
    quoted = False
    for i, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    parts.append(text[start:].strip())
    return parts
