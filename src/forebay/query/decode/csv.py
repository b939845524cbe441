"""Delimited text to columns: OpenCSVSerde's quotes, or LazySimpleSerDe's plain delimiters.

Lines of the expected number of fields (nearly always all) go through Arrow's reader at once. Otherwise
missing fields are NULL and extra ones are ignored, as in Hive. A field that does not fit its column's
type is NULL.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import re

import duckdb
import pyarrow as pa
import pyarrow.csv as arrow_csv

from forebay.errors import QueryFailed
from forebay.query.decode.json import run, timestamp_sql
from forebay.query.decode.lines import Lines
from forebay.query.decode.shape import Shape
from forebay.query.types import Type, literal, quote

_INTEGERS = {"tinyint", "smallint", "int", "integer", "bigint"}
_MARK = "\x00NULL"
_SCALAR_TEXT = {"string", "varchar", "char", "json"}


class CsvDecoder:
    """Decodes lines for one table; safe to use from several threads, each with its own connection."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.fields = [f"f{i}" for i in range(len(shape.columns))]
        self._null = shape.null
        if shape.null and shape.escape and shape.escape in shape.null:
            # Hive looks for NULL before it undoes escapes, Arrow's reader does not look at all.
            self._null = _MARK
            escape, delimiter = re.escape(shape.escape), re.escape(shape.delimiter)
            field = rf"((?:{escape}.|(?!{delimiter}).)*)({delimiter}|$)"
            self._marked = re.compile(field.encode(), re.DOTALL)
        outputs = [
            f"{self._output(field, kind)} AS {quote(name)}"
            for field, (name, kind) in zip(self.fields, shape.columns, strict=True)
        ]
        self.sql = f"SELECT {', '.join(outputs) or 'NULL AS _'} FROM fields"

    def _output(self, field: str, kind: Type) -> str:
        if self._null is not None:
            field = f"nullif({field}, {literal(self._null)})"
        return self._typed(field, kind)

    def _typed(self, text: str, kind: Type) -> str:
        if kind.name in _SCALAR_TEXT:
            return text
        if kind.name in _INTEGERS:
            return f"CASE WHEN NOT regexp_matches({text}, '[.eE]') THEN TRY_CAST({text} AS {kind.duckdb}) END"
        match kind.name:
            case "timestamp":
                return timestamp_sql(text)
            case "date":  # OpenCSVSerde holds a date as days since 1970, everybody else as a date
                return f"coalesce(TRY_CAST({text} AS DATE), DATE '1970-01-01' + TRY_CAST({text} AS INTEGER))"
            case "binary" | "varbinary":
                return f"encode({text})"
            case "array":
                one = self._typed("x", kind.parts[0])
                return f"list_transform(string_split({text}, {literal(self.shape.items)}), lambda x: {one})"
            case "map":
                pairs = f"string_split({text}, {literal(self.shape.items)})"
                sides = [
                    f"list_transform({pairs}, lambda y: list_transform([split_part(y, {literal(self.shape.keys)}, {i})], lambda x: {self._typed('x', part)})[1])"
                    for i, part in enumerate(kind.parts, 1)
                ]
                return f"map({', '.join(sides)})"
            case "struct":
                raise QueryFailed("NOT_SUPPORTED", f"NOT_SUPPORTED: delimited text cannot hold {kind}")
        return f"TRY_CAST({text} AS {kind.duckdb})"

    def decode(self, connection: duckdb.DuckDBPyConnection, lines: Lines) -> pa.Table:
        """One row per line."""
        if self._null == _MARK:
            lines = self._mark(lines)
        connection.register("fields", self._split(lines))
        try:
            found: pa.Table = connection.sql(self.sql).to_arrow_table()
            return found
        finally:
            connection.unregister("fields")

    def _mark(self, lines: Lines) -> Lines:
        null = (self.shape.null or "").encode()

        def marked(match: re.Match[bytes]) -> bytes:
            return (_MARK.encode() if match[1] == null else match[1]) + match[2]

        rows = [self._marked.sub(marked, row) if null in row else row for row in lines.rows]
        return dataclasses.replace(lines, rows=rows)

    def _split(self, lines: Lines) -> pa.Table:
        shape = self.shape
        if not lines.rows or not shape.columns:
            return pa.table({f: pa.nulls(len(lines.rows), pa.string()) for f in self.fields or ["f0"]})
        delimiter = shape.delimiter.encode()
        width = lines.rows[0].count(delimiter) + 1
        if len(shape.delimiter) == 1 and width >= len(self.fields):
            names = [f"f{i}" for i in range(width)]
            try:
                found = arrow_csv.read_csv(
                    io.BytesIO(b"\n".join(lines.rows)),
                    read_options=arrow_csv.ReadOptions(column_names=names, block_size=4 << 20),
                    parse_options=arrow_csv.ParseOptions(
                        delimiter=shape.delimiter,
                        quote_char=shape.quote or False,
                        double_quote=True,
                        escape_char=shape.escape or False,
                        ignore_empty_lines=False,
                    ),
                    convert_options=arrow_csv.ConvertOptions(
                        column_types=dict.fromkeys(names, pa.string()),
                        include_columns=self.fields,
                        strings_can_be_null=False,
                    ),
                )
                if found.num_rows == len(lines.rows):
                    return found
            except pa.ArrowInvalid:
                pass  # ragged, or not UTF-8: line by line
        return self._split_slowly(lines)

    def _split_slowly(self, lines: Lines) -> pa.Table:
        shape = self.shape
        texts = [row.decode("utf-8", "replace").removesuffix("\r") for row in lines.rows]
        if (shape.quote or shape.escape) is None or len(shape.delimiter) > 1:
            rows = [text.split(shape.delimiter) for text in texts]
        else:
            rows = [self._row(text) for text in texts]
        columns = {}
        for i, field in enumerate(self.fields):
            columns[field] = pa.array([row[i] if i < len(row) else None for row in rows], pa.string())
        return pa.table(columns)

    def _row(self, text: str) -> list[str]:
        reader = csv.reader(
            [text],
            delimiter=self.shape.delimiter,
            quotechar=self.shape.quote,
            quoting=csv.QUOTE_MINIMAL if self.shape.quote else csv.QUOTE_NONE,
            escapechar=self.shape.escape,
        )
        try:
            return next(reader, [])
        except csv.Error:
            return text.split(self.shape.delimiter)


class TextDecoder:
    """A line is the first column; the others are NULL."""

    def __init__(self, shape: Shape) -> None:
        outputs = [
            f"{'rtrim(line, chr(13))' if i == 0 else 'NULL'}::{kind.duckdb} AS {quote(name)}"
            for i, (name, kind) in enumerate(shape.columns)
        ]
        self.sql = f"SELECT {', '.join(outputs) or 'NULL AS _'} FROM lines"

    def decode(self, connection: duckdb.DuckDBPyConnection, lines: Lines) -> pa.Table:
        """One row per line."""
        return run(connection, self.sql, lines.array())
