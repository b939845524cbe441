"""Rows → events as Flink's JSON format writes them."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pyarrow as pa

from forebay.streamsql.nodes import Type
from forebay.streamsql.plan import Plan
from forebay.streamsql.types import TIMES, quoted


def output_sql(plan: Plan) -> str:
    """The plan's output with timestamps, dates and decimals as the text that is written."""
    items = ", ".join(
        f"{_text(quoted(name), type_, plan.sink.iso)} AS {quoted(name)}" for name, type_ in plan.columns
    )
    return f"SELECT {items} FROM ({plan.output})"


def _text(column: str, type_: Type, iso: bool) -> str:
    if type_.name in TIMES:
        # Flink writes no fraction where there is none, and no zeros at its end.
        form = "%Y-%m-%dT%H:%M:%S.%f" if iso else "%Y-%m-%d %H:%M:%S.%f"
        zone = " || 'Z'" if type_.name == "TIMESTAMP_LTZ" else ""
        return f"regexp_replace(strftime({column}, '{form}'), '\\.?0+$', ''){zone}"
    if type_.name in ("DATE", "DECIMAL"):
        return f"CAST({column} AS VARCHAR)"
    return column


def events(rows: pa.Table, columns: Sequence[tuple[str, Type]]) -> list[bytes]:
    """One event a row."""
    names = [name for name, _ in columns]
    values: list[list[object]] = []
    for index, (_, type_) in enumerate(columns):
        given = rows.column(index).to_pylist()
        if type_.name == "DECIMAL":
            given = [None if each is None else orjson.Fragment(each.encode()) for each in given]
        values.append(given)
    dumps = orjson.dumps
    return [dumps(dict(zip(names, row, strict=True))) for row in zip(*values, strict=True)]


def keys_of(rows: pa.Table, columns: Sequence[tuple[str, Type]], by: Sequence[str]) -> list[bytes] | None:
    """The partition keys: the values of the columns the sink is partitioned by, between bars."""
    if not by:
        return None
    names = [name for name, _ in columns]
    picked = [rows.column(names.index(name)).to_pylist() for name in by]
    return [
        "|".join(_plain(each) for each in row).encode()[:256] or b"-" for row in zip(*picked, strict=True)
    ]


def _plain(value: object) -> str:
    return "" if value is None else str(value)
