"""From DuckDB's answer to a Result: Athena's names, Trino's types, whole numbers as bigint."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from forebay.query.copysql import PATH
from forebay.query.result import Column
from forebay.query.sql.parse import failed
from forebay.query.sql.relations import Rewritten
from forebay.query.types import trino_name

_WHOLE = {"HUGEINT", "UHUGEINT", "UBIGINT", "UINTEGER"}


def collect(
    cursor: duckdb.DuckDBPyConnection, text: str, rewritten: Rewritten, max_rows: int | None
) -> tuple[list[Column], pa.Table, bool]:
    """Run `text`: columns, at most `max_rows` rows, and whether there would have been more."""
    relation = cursor.sql(text)
    kinds = [str(kind) for kind in relation.types]
    names = _names(relation.columns, rewritten.generated)
    zones = rewritten.zones
    columns = [
        Column(name, f"timestamp with time zone {zones[name]}" if name in zones else trino_name(kind))
        for name, kind in zip(names, kinds, strict=True)
    ]
    truncated = False
    if max_rows is None:
        table = relation.to_arrow_table()
    else:
        table, truncated = _first(relation, max_rows)
    table = _whole_numbers(table, kinds).rename_columns(names)
    if names == [PATH] and not any(use.path for use in rewritten.uses):
        return [], table.select([]), truncated  # `*` of a table without columns, for which it stood in
    return columns, table, truncated


def _first(relation: duckdb.DuckDBPyRelation, most: int) -> tuple[pa.Table, bool]:
    reader = relation.to_arrow_reader(max(min(most + 1, 100_000), 2048))
    batches: list[pa.RecordBatch] = []
    rows = 0
    try:
        for batch in reader:
            batches.append(batch)
            rows += batch.num_rows
            if rows > most:
                break
    finally:
        reader.close()
    table = pa.Table.from_batches(batches, schema=reader.schema)
    return (table.slice(0, most), True) if rows > most else (table, False)


def _names(found: list[str], generated: set[str]) -> list[str]:
    """Lower case, as Athena prints them; an output without a name is `_col<its place>`."""
    return [f"_col{i}" if name in generated else name.lower() for i, name in enumerate(found)]


def _whole_numbers(table: pa.Table, kinds: list[str]) -> pa.Table:
    for i, kind in enumerate(kinds):
        if kind in _WHOLE:
            try:
                column = table.column(i).cast(pa.int64())
            except pa.ArrowInvalid:
                raise failed("NUMERIC_VALUE_OUT_OF_RANGE", "bigint overflow", None) from None
            table = table.set_column(i, table.column_names[i], column)
    return table


def explain(cursor: duckdb.DuckDBPyConnection, text: str) -> pa.Table:
    """DuckDB's plan, a line a row."""
    found = cursor.execute(f"EXPLAIN {text}").fetchall()
    return pa.table({"query plan": [line for _, plan in found for line in plan.splitlines()]})
