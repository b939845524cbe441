"""The SQL and Arrow of hidden copies: rows with their partition columns and `"$path"`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from forebay.query.partitions import Values
from forebay.query.snapshot import Object, Table
from forebay.query.types import literal, quote

FORMAT = 1
"""Of the copies: another number, and they are all made again."""

PATH = "$path"
"""The column that tells a row's object, as in Athena."""

Entry = tuple[str, str, Values]
"""An object in a copy: its URL, its etag, its partition values."""


@dataclass(slots=True)
class Copy:
    """One Parquet file: the objects in it and its rows."""

    path: str
    rows: int
    entries: frozenset[Entry]


def entry(item: Object, values: Values) -> Entry:
    """What identifies an object's decoded rows."""
    return item.url, item.etag, values


@dataclass(slots=True)
class Parts:
    """Where the rows of some objects are: in memory, or in copies (some objects of which are not wanted)."""

    memory: list[tuple[Object, Values, pa.Table]] = field(default_factory=list)
    copies: list[tuple[Copy, frozenset[str]]] = field(default_factory=list)


class Vanished(Exception):
    """A file that was planned is gone: plan again."""


def typed(name: str, kind: str) -> str:
    """A partition value as its column's type; text that does not fit is NULL."""
    return quote(name) if kind == "VARCHAR" else f"TRY_CAST({quote(name)} AS {kind})"


def columns_sql(table: Table, *, path: bool = True) -> str:
    """All columns of a relation that `with_places` made, with `"$path"` last or without it."""
    own = [quote(name) for name, _ in table.columns]
    keys = [f"{typed(name, kind.duckdb)} AS {quote(name)}" for name, kind in table.partition_keys]
    return ", ".join([*own, *keys, *([quote(PATH)] if path else [])])


def copy_sql(copy: Copy, gone: frozenset[str], columns: str = "*") -> str:
    """The rows of one copy, without those of objects that are gone."""
    where = f" WHERE {quote(PATH)} NOT IN ({', '.join(map(literal, sorted(gone)))})" if gone else ""
    return f"SELECT {columns} FROM read_parquet({literal(copy.path)}){where}"


def with_places(parts: Sequence[tuple[str, Values, pa.Table]], table: Table) -> pa.Table:
    """Rows of several objects as one table, with partition columns and `$path` as text, run-length encoded."""
    rows = pa.concat_tables([part for _, _, part in parts])
    ends: list[int] = []
    at = 0
    for _, _, part in parts:
        at += part.num_rows
        ends.append(at)
    full = [i for i, (_, _, part) in enumerate(parts) if part.num_rows]
    run_ends = pa.array([ends[i] for i in full], pa.int32())

    def runs(values: list[str | None]) -> Any:
        if not full:
            return pa.array([], pa.string())
        return pa.RunEndEncodedArray.from_arrays(run_ends, pa.array([values[i] for i in full], pa.string()))

    for i, (name, _) in enumerate(table.partition_keys):
        rows = rows.append_column(name, runs([values[i] for _, values, _ in parts]))
    return rows.append_column(PATH, runs([path for path, _, _ in parts]))


def folder_name(table: Table) -> str:
    """`<id>-<version>-<what the rows look like>`; another decoder or shape is another folder."""
    told = f"{FORMAT} {table.shape!r} {[(n, str(t)) for n, t in table.partition_keys]} {sorted(table.parameters.items())}"
    return f"{table.id}-{table.version}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
