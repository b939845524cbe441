"""JSON lines to columns, as the openx SerDe reads them, a vector at a time.

DuckDB's `json_transform` does the work over all lines at once. Only the rows that it cannot read (single
quotes, two objects on one line, a repeated key, a row that is an array) are rewritten one by one first.

Where Hive would fail on one value (text in an int column), the value is NULL; a line that is no JSON
object at all is an error that names its file and line, or a row of NULLs with `ignore.malformed.json`.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import duckdb
import pyarrow as pa

from forebay.errors import QueryFailed
from forebay.query.decode import lenient
from forebay.query.decode.lines import Lines
from forebay.query.decode.shape import Shape
from forebay.query.types import Type, literal, quote

_INTEGERS = {"tinyint", "smallint", "int", "integer", "bigint"}
# A line's keys; NULL for a line that is no JSON object (and must be mended before it can be read).
_KEYS = "CASE WHEN json_valid(line) AND starts_with(ltrim(line), '{') THEN json_keys(line) END"
_INNER_KEYS = (
    r"""SELECT DISTINCT unnest(regexp_extract_all(line, '"([^"\\]*[A-Z.][^"\\]*)"\s*:', 1)) FROM lines"""
)
# Python's str(dict), where turning its quotes makes it JSON: nearly all such lines, all at once.
_QUOTES = "replace(regexp_replace(line, '([:,\\[] )None([,}\\]])', '\\1\"None\"\\2', 'g'), chr(39), '\"')"
_REQUOTED = (
    f"SELECT CASE WHEN starts_with(line, '{{') AND contains(line, chr(39)) AND NOT contains(line, '\"')"
    f" AND NOT contains(line, '\\') AND NOT json_valid(line) AND json_valid({_QUOTES})"
    f" THEN {_QUOTES} ELSE line END AS line FROM lines"
)
_AS_TEXT = {"date", "timestamp", "binary", "varbinary"}


def timestamp_sql(text: str) -> str:
    """A timestamp from text as openx reads it: a date and time, seconds (with or without `.`), or milliseconds."""
    return (
        f"CASE WHEN contains({text}, ':') OR contains({text}, '-') THEN TRY_CAST({text} AS TIMESTAMP) "
        f"WHEN contains({text}, '.') THEN make_timestamp(TRY_CAST(TRY_CAST({text} AS DOUBLE) * 1000000 AS BIGINT)) "
        f"WHEN length({text}) >= 13 THEN make_timestamp(TRY_CAST({text} AS BIGINT) * 1000) "
        f"ELSE make_timestamp(TRY_CAST({text} AS BIGINT) * 1000000) END"
    )


def _structure(kind: Type, *, top: bool = False) -> Any:
    """`kind` in the language of json_transform; what json_transform reads otherwise than openx, as text."""
    match kind.name:
        case "struct":
            return {f: _structure(p) for f, p in zip(kind.fields, kind.parts, strict=True)}
        case "array":
            return [_structure(kind.parts[0])]
    if top and kind.name in _AS_TEXT:
        return "VARCHAR"
    return kind.duckdb


def _names(kind: Type) -> set[str]:
    found = set(kind.fields)
    for part in kind.parts:
        found |= _names(part)
    return found


class JsonDecoder:
    """Decodes lines for one table; safe to use from several threads, each with its own connection."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        fold = str.lower if shape.case_insensitive else str
        self.keys = {name: fold(shape.mapping.get(name, name)) for name, _ in shape.columns}
        columns = shape.columns
        self.nested = any(kind.nested for _, kind in columns)
        self.wanted = (
            set(self.keys.values()).union(*(_names(kind) for _, kind in columns)) if columns else set()
        )
        self.structure = json.dumps({self.keys[name]: _structure(kind, top=True) for name, kind in columns})
        self.integers = [name for name, kind in columns if kind.name in _INTEGERS]
        doubles = json.dumps({self.keys[name]: "DOUBLE" for name in self.integers})
        outputs = ", ".join(f"{self._output(name, kind)} AS {quote(name)}" for name, kind in columns)
        second = f", json_transform(line, {literal(doubles)}) AS d" if self.integers else ""
        self.sql = (
            f"SELECT {outputs} FROM (SELECT json_transform(line, {literal(self.structure)}) AS s{second} FROM lines)"
            if outputs
            else "SELECT NULL AS _ FROM lines"
        )

    def _output(self, name: str, kind: Type) -> str:
        value = f"s.{quote(self.keys[name])}"
        match kind.name:
            case "timestamp":
                return timestamp_sql(value)
            case "date":
                return f"TRY_CAST({value} AS DATE)"
            case "binary" | "varbinary":
                return f"encode({value})"
        if name in self.integers:  # 3.7 is no integer: NULL, where json_transform would round
            other = f"d.{quote(self.keys[name])}"
            return f"CASE WHEN {other} = trunc({other}) THEN {value} END"
        return value

    def decode(self, connection: duckdb.DuckDBPyConnection, lines: Lines) -> pa.Table:
        """One row per line. Raises QueryFailed `HIVE_BAD_DATA` with the file and line of what is no JSON."""
        array = lines.array()
        spelt = self._spellings(connection, array)
        if None in spelt:
            array = run(connection, _REQUOTED, array).column(0).combine_chunks()
            array = self._mend(connection, lines, array)
            spelt = self._spellings(connection, array)
        return run(connection, self.sql, self._fold_keys(connection, array, spelt))

    def _spellings(self, connection: duckdb.DuckDBPyConnection, array: Any) -> set[str | None]:
        """Every key at the top of a line as spelt there; None if some line must be mended first."""
        found: set[str | None] = set()
        for keys in (
            run(connection, f"SELECT {_KEYS} AS keys FROM lines GROUP BY keys", array).column(0).to_pylist()
        ):
            if keys is None or len(set(keys)) != len(keys):
                found.add(None)
            found.update(keys or ())
        return found

    def _mend(self, connection: duckdb.DuckDBPyConnection, lines: Lines, array: Any) -> Any:
        odd = run(
            connection,
            f"SELECT n FROM (SELECT row_number() OVER () - 1 AS n, {_KEYS} AS keys, line FROM lines) "
            "WHERE line IS NOT NULL AND (keys IS NULL OR len(keys) <> len(list_distinct(keys)))",
            array,
        )
        rows = array.to_pylist()
        numbers: list[Any] = odd.column(0).to_pylist()
        for n in numbers:
            rows[n] = self._mend_one(rows[n], lines, n)
        return pa.array(rows, pa.string())

    def _mend_one(self, text: str, lines: Lines, row: int) -> str | None:
        try:
            found = _strict(text)
        except ValueError:
            try:
                found = lenient.read(text)
            except (lenient.NotJson, RecursionError) as error:
                if self.shape.ignore_malformed:
                    return None
                raise QueryFailed(
                    "HIVE_BAD_DATA",
                    f"HIVE_BAD_DATA: Row is not a valid JSON Object - {error}: {lines.place(row)}",
                    where=lines.place(row),
                    fix="mend the line, or set the SerDe property 'ignore.malformed.json' = 'true'",
                ) from None
        if isinstance(found, list):  # openx reads an array by the columns' places
            found = {
                self.keys[name]: value for (name, _), value in zip(self.shape.columns, found, strict=False)
            }
        if not isinstance(found, dict):
            if self.shape.ignore_malformed:
                return None
            raise QueryFailed(
                "HIVE_BAD_DATA",
                f"HIVE_BAD_DATA: Row is not a valid JSON Object: {lines.place(row)}",
                where=lines.place(row),
            )
        return json.dumps(_finite(found))

    def _fold_keys(self, connection: duckdb.DuckDBPyConnection, array: Any, spelt: set[str | None]) -> Any:
        """Lines with every key that the table knows in the spelling that the table has."""
        if not self.shape.case_insensitive and not self.shape.dots_in_keys:
            return array
        if self.nested:
            spelt = spelt | set(run(connection, _INNER_KEYS, array).column(0).to_pylist())
        keys = [key for key in spelt if key is not None]
        variants = {
            key: folded for key in keys if (folded := self._fold(key)) != key and folded in self.wanted
        }
        if not variants:
            return array
        line = "line"
        for key, folded in variants.items():
            pattern = literal(f'"{re.escape(key)}"\\s*:')
            line = f"regexp_replace({line}, {pattern}, {literal(json.dumps(folded) + ':')}, 'g')"
        return run(connection, f"SELECT {line} AS line FROM lines", array).column(0).combine_chunks()

    def _fold(self, key: str) -> str:
        folded = key.lower() if self.shape.case_insensitive else key
        return folded.replace(".", "_") if self.shape.dots_in_keys else folded


def _strict(text: str) -> Any:
    """JSON as it is written (a repeated key keeps its last value). Raises ValueError."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {k: _finite(v) for k, v in value.items()}
        case list():
            return [_finite(v) for v in value]
        case float():
            return value if math.isfinite(value) else None
    return value


def run(connection: duckdb.DuckDBPyConnection, sql: str, array: Any) -> pa.Table:
    """Run `sql` over `array` as the table `lines(line)`, in order."""
    connection.register("lines", pa.table({"line": array}))
    try:
        found: pa.Table = connection.sql(sql).to_arrow_table()
        return found
    finally:
        connection.unregister("lines")
