"""Run a SQL transform: JSON events to columns, DuckDB over them, columns out.

A column's type comes of the batch's own values: numbers, booleans and strings as they stand in the
JSON (a string that looks like a number or a date stays a string, and a cast says what it should be);
objects are structs, arrays are lists. Events whose types do not agree with each other (`67` here, `"67"`
there) are asked apart, so that each event's fate depends on itself. A field that no event has is NULL.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import Any, cast

os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"  # the others reserve what our memory bound would count

import duckdb
import orjson
import pyarrow as pa

from forebay import event as blobs
from forebay.errors import UsageError
from forebay.functions.sqlcheck import EVENTS, ROW, SOURCE, compile_transform
from forebay.functions.tables import join
from forebay.functions.worker.columns import MIXED, Group, group_by_type, to_columns
from forebay.functions.worker.load import LoadFailed

NOT_JSON = "Function.NotJson"
ERROR = "SQL.Error"

REASONS = 50
"""Failing rows of a batch that are asked one by one for their own message."""

ROW_ERRORS = (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException)

Failed = tuple[int, str, str]


class SqlRunner:
    """Holds a DuckDB that can reach nothing but the batch it is given."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Raises LoadFailed."""
        try:
            self._compiled = compile_transform(config["handler"])
        except UsageError as error:
            raise LoadFailed(f"{error.code}: {error.message}") from None
        self._con = duckdb.connect(":memory:")
        for setting in (
            "threads = 1",
            f"memory_limit = '{config['memory'] >> 20}MiB'",
            "temp_directory = ''",
            "TimeZone = 'UTC'",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            "integer_division = true",  # as in Athena: 5 / 2 is 2
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            self._con.execute(f"SET {setting}")
        self._seen: set[str] = set()
        self._warned: set[str] = set()

    def run(self, head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """The body is a blob of JSON records; the answer's is an Arrow stream, its `source` the rows' origin."""
        del head
        records = blobs.decode_records(body).records()
        failed: list[Failed] = []
        events, rows = _objects(records, failed)
        tables: list[pa.Table] = []
        for group in group_by_type(events, rows):
            tables += self._group(group, failed)
        lost = {at for at, _, _ in failed}
        table, source = _join(tables)
        ended = lost.union(source)
        dropped = [] if len(ended) == len(records) else [i for i in range(len(records)) if i not in ended]
        answer: dict[str, Any] = {"failed": failed, "dropped": dropped, "source": source}
        if warnings := self._missing():
            answer["warnings"] = warnings
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return answer, sink.getvalue().to_pybytes()

    def _group(self, group: Group, failed: list[Failed]) -> list[pa.Table]:
        columns = to_columns(group, self._compiled.fields)
        names = {name.lower() for name in group.names}
        self._seen |= names
        try:
            return [self._own(self._ask(columns), names)]
        except ROW_ERRORS as error:
            bad = self._failing(columns)
            if not bad:
                failed += [(row, ERROR, _first_line(error)) for row in group.rows]
                return []
        except duckdb.Error as error:
            failed += [(row, ERROR, _hint(error, group)) for row in group.rows]
            return []
        reason = ""
        for n, at in enumerate(bad):
            if n < REASONS:
                reason = self._reason(columns.slice(at, 1)) or reason
            failed.append((group.rows[at], ERROR, reason))
        lost = set(bad)
        rest = columns.take(pa.array([i for i in range(columns.num_rows) if i not in lost], pa.int64()))
        try:
            return [self._own(self._ask(rest), names)]
        except duckdb.Error as error:  # what fails only together: say it of each
            failed += [(row, ERROR, _first_line(error)) for row in _numbers(rest, ROW)]
            return []

    def _own(self, table: pa.Table, names: set[str]) -> pa.Table:
        """Without the columns that are there only because the SQL names fields which these events lack."""
        keep = names | self._compiled.outputs | {SOURCE}
        return table.select([i for i, name in enumerate(table.column_names) if name.lower() in keep])

    def _ask(self, columns: pa.Table) -> pa.Table:
        return self._query(self._compiled.sql, columns)

    def _query(self, sql: str, columns: pa.Table) -> pa.Table:
        self._con.register(EVENTS, columns)
        try:
            table: pa.Table = self._con.sql(sql).to_arrow_table()
            return table
        finally:
            self._con.unregister(EVENTS)

    def _failing(self, columns: pa.Table) -> list[int]:
        """Where in `columns` the rows are on which the SQL fails; all, if they cannot be told apart."""
        rows = _numbers(columns, ROW)
        try:
            bad = set(_numbers(self._query(self._compiled.failing, columns), ROW))
        except duckdb.Error:
            return [i for i in range(len(rows)) if self._reason(columns.slice(i, 1)) is not None]
        return [i for i, row in enumerate(rows) if row in bad]

    def _reason(self, row: pa.Table) -> str | None:
        try:
            self._ask(row)
        except duckdb.Error as error:
            return _first_line(error)
        return None

    def _missing(self) -> list[str]:
        """Names that no event has had so far: NULL, and perhaps a typing mistake."""
        names = {path[0] for path in self._compiled.fields}
        missing = [n for n in sorted(names) if n.lower() not in self._seen and n.lower() not in self._warned]
        self._warned.update(name.lower() for name in missing)
        warnings = []
        for name in missing:
            near = get_close_matches(name.lower(), self._seen, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            if not near and name.lower() in self._compiled.aliases:
                hint = "; as in Athena, a name given in a SELECT is not known inside it"
            warnings.append(f"no event has had a field {name} so far: it is NULL{hint}")
        return warnings


def _objects(records: list[bytes], failed: list[Failed]) -> tuple[list[dict[str, Any]], list[int]]:
    try:
        every = list(map(orjson.loads, records))
        if set(map(type, every)) <= {dict}:
            return every, list(range(len(records)))
    except orjson.JSONDecodeError:
        pass  # which of them, is looked for below
    events: list[dict[str, Any]] = []
    rows: list[int] = []
    for i, record in enumerate(records):
        try:
            event = orjson.loads(record)
        except orjson.JSONDecodeError as error:
            failed.append((i, NOT_JSON, str(error)))
            continue
        if type(event) is dict:
            events.append(event)
            rows.append(i)
        else:
            failed.append((i, NOT_JSON, f"a JSON {type(event).__name__}, not an object, has no columns"))
    return events, rows


def _join(tables: list[pa.Table]) -> tuple[pa.Table, list[int]]:
    """The groups' rows as one table in the order of the input, and where each came from."""
    if not tables:
        return pa.table({}), []
    table = join(tables)
    if len(tables) > 1:
        table = table.sort_by(SOURCE)
    source = _numbers(table, SOURCE)
    last = {name: i for i, name in enumerate(table.column_names) if name not in (ROW, SOURCE)}
    return table.select(list(last.values())), source


def _numbers(table: pa.Table, name: str) -> list[int]:
    return cast("list[int]", table[name].to_pylist())


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:2000]


def _hint(error: Exception, group: Group) -> str:
    text = _first_line(error)
    return f"{text} ({MIXED})" if group.mixed else text
