"""Put tables together whose types were inferred apart."""

from __future__ import annotations

import orjson
import pyarrow as pa


def join(tables: list[pa.Table]) -> pa.Table:
    """One table of pieces whose inferred types may differ: widened where possible, else JSON text."""
    tables = [table for table in tables if table.num_rows] or tables[:1]
    if not tables:
        return pa.table({})
    if len(tables) == 1:
        return tables[0]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.concat_tables([_as_text(table, tables) for table in tables], promote_options="permissive")


def _as_text(table: pa.Table, tables: list[pa.Table]) -> pa.Table:
    for i, field in enumerate(table.schema):
        types = {t.schema.field(field.name).type for t in tables if field.name in t.column_names} - {
            pa.null()
        }
        if len(types) > 1:
            values = [
                v if v is None or isinstance(v, str) else orjson.dumps(v, default=str).decode()
                for v in table.column(i).to_pylist()
            ]
            table = table.set_column(i, field.name, pa.array(values, pa.string()))
    return table
