"""Rows → events as Flink's JSON format writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa

from forebay.streamsql import nested
from forebay.streamsql.nodes import Type
from forebay.streamsql.plan import Plan
from forebay.streamsql.types import FLOATS, TEXTS, TIMES, literal, quoted


def output_sql(plan: Plan) -> str:
    """The plan's output as `__event`, the JSON of a row, and `__by0...`, the values the sink is partitioned by."""
    types = dict(plan.columns)
    keys = "".join(
        f", {_text(quoted(name), types[name], plan.sink.iso)} AS __by{at}"
        for at, name in enumerate(plan.sink.partitioned)
    )
    if plan.changing is not None:
        keys = "".join(f", {name}" for name in plan.changing.hidden)
    return f"SELECT {object_sql(plan.columns, plan.sink.iso)} AS __event{keys} FROM ({plan.output})"


def object_sql(columns: Sequence[tuple[str, Type]], iso: bool) -> str:
    """The JSON object of these columns."""
    parts = []
    for at, (name, type_) in enumerate(columns):
        parts.append(literal(("," if at else "{") + json.dumps(name, ensure_ascii=False) + ":"))
        parts.append(f"coalesce({json_sql(quoted(name), type_, iso)}, 'null')")
    return f"concat({', '.join(parts)}, '}}')" if parts else "'{}'"


def _text(column: str, type_: Type, iso: bool) -> str:
    if type_.name in TIMES:
        # Flink writes no fraction where there is none, and no zeros at its end; so does DuckDB.
        shown = f"CAST({column} AS VARCHAR)"
        shown = f"replace({shown}, ' ', 'T')" if iso else shown
        return f"({shown} || 'Z')" if type_.name == "TIMESTAMP_LTZ" else shown
    if type_.name in ("DATE", "DECIMAL"):
        return f"CAST({column} AS VARCHAR)"
    return column


def json_sql(column: str, type_: Type, iso: bool) -> str:
    """The JSON of a value; NULL is NULL."""
    if type_.name in TEXTS:
        return f"CAST(to_json({column}) AS VARCHAR)"
    if type_.of:
        return nested.as_json(column, type_, iso)
    if type_.name in FLOATS:
        return f"CASE WHEN isfinite({column}) THEN CAST({column} AS VARCHAR) END"
    if type_.name in (*TIMES, "DATE"):
        return f"""'"' || {_text(column, type_, iso)} || '"'"""
    return f"CAST({column} AS VARCHAR)"


def events(rows: pa.Table) -> list[bytes]:
    """One event a row."""
    return [each for each in rows.column("__event").cast(pa.binary()).to_pylist() if each is not None]


def keys_of(rows: pa.Table) -> list[bytes] | None:
    """The partition keys: the values of the columns the sink is partitioned by, between bars."""
    picked = [rows.column(name).to_pylist() for name in rows.column_names if name != "__event"]
    if not picked:
        return None
    return [
        "|".join(_plain(each) for each in row).encode()[:256] or b"-" for row in zip(*picked, strict=True)
    ]


def _plain(value: object) -> str:
    return "" if value is None else str(value)
