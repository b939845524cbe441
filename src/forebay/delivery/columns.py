"""A delivery's columns: what they are by now, and JSON lines made into them.

The fast way is Arrow's own JSON reader, told exactly what to expect; it reads a line as it is or not at
all. When it meets what it was not told, the lines are looked at one by one: the columns widen (or,
declared, the misfits are set apart), and the fast way is told anew. Lines that no plan fits (a column
that holds both text and numbers) go the slow way for as long as they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from forebay.delivery.coerce import Unfit, coerce
from forebay.delivery.fit import coalesce, fit
from forebay.delivery.types import (
    BOOLEAN,
    DOUBLE,
    NULL,
    STRING,
    Column,
    Fixed,
    Type,
    arrow_type,
    athena,
    infer,
    merge,
    nulls,
    parse,
    raw_arrow,
    settled,
)

MAX_COLUMNS = 1000
MOST_KEYS = 2 * MAX_COLUMNS
REST = "_rest"
SAMPLE = 256
# What a value of this kind does not widen.
_OBVIOUS: dict[type, tuple[Type, ...]] = {
    str: (STRING,),
    float: (DOUBLE,),
    bool: (BOOLEAN,),
}


@dataclass(slots=True)
class Read:
    """Rows as columns. `kept[i]` is the line that row i came of (None: every line); `misfits` are the others."""

    table: pa.Table
    kept: list[int] | None
    misfits: list[tuple[int, str]]


class Columns:
    """The columns of one delivery. Not for two threads at once."""

    def __init__(self, given: Sequence[tuple[str, str]], *, declared: bool) -> None:
        self.declared = declared
        self.types: dict[str, Type] = {name.lower(): parse(kind) for name, kind in given}
        self.changed = False
        self._raws: dict[str, Type] = {}
        self._ignoring = False

    def listed(self, without: Sequence[str] = ()) -> list[tuple[str, str]]:
        """The columns with Athena's types."""
        return [(name, athena(kind)) for name, kind in self.types.items() if name not in without]

    def read(self, lines: Sequence[bytes]) -> Read:
        """Columns of the table's types for JSON lines."""
        table = self._fast(lines)
        if table is not None:
            return Read(table, None, [])
        if len(lines) > 4 * SAMPLE:  # most often a part tells it all
            self.learn(_decode(lines[:: len(lines) // SAMPLE])[0])
            table = self._fast(lines)
            if table is not None:
                return Read(table, None, [])
        rows, kept, misfits = _decode(lines)
        self.learn(rows)
        good = lines if not misfits else [lines[i] for i in kept]
        table = self._fast(good) if good else self._columns({}, 0)
        if table is None:
            table, chosen, more = self._slow(rows)
            misfits += [(kept[row], reason) for row, reason in more]
            kept = [kept[row] for row in chosen]
        return Read(table, kept if misfits else None, sorted(misfits))

    def learn(self, rows: Sequence[dict[str, Any]]) -> None:
        """Widen to what these events hold, unless the columns are declared; plan to read more like them."""
        seen: dict[str, Type] = {}
        for row in rows:
            for key, value in row.items():
                old = seen.get(key)
                if (value is None and old is not None) or old in _OBVIOUS.get(type(value), ()):
                    continue
                kind = infer(value)
                if old is None:
                    seen[key] = kind
                elif old != kind:
                    seen[key] = merge(old, kind)
        for key, kind in seen.items():
            before = merge(self._raws.get(key, NULL), kind)
            self._raws[key] = kind if raw_arrow(before) is None else before
        if self.declared:
            self._ignoring = self._ignoring or any(
                raw_arrow(kind) is None and key.lower() not in self.types for key, kind in self._raws.items()
            )
        else:
            self._widen(seen)
            if not self.types:  # events without a field are rows all the same
                self.types[REST] = STRING
                self.changed = True

    def adopt(self, schema: dict[str, Type]) -> None:
        """Widen to columns that SQL made."""
        if not self.declared:
            self._widen(schema)

    def _widen(self, seen: dict[str, Type]) -> None:
        for key, kind in seen.items():
            name = key.lower()
            old = self.types.get(name, NULL)
            new = settled(merge(old, settled(kind))) if not isinstance(old, Fixed) else old
            if new in (old, NULL):
                continue
            if name not in self.types and len(self.types) >= MAX_COLUMNS:
                name, new = REST, STRING
                if REST in self.types:
                    continue
            self.types[name] = new
            self.changed = True

    def _fast(self, lines: Sequence[bytes]) -> pa.Table | None:
        if not self._raws or len(self._raws) > MOST_KEYS or len(self.types) > MAX_COLUMNS:
            return None
        fields = []
        for key, kind in self._raws.items():
            raw = raw_arrow(kind)
            wanted = self.types.get(key.lower())
            if wanted is None and self._ignoring:
                continue
            if raw is None or (isinstance(wanted, Fixed) and pa.types.is_map(wanted.arrow)):
                return None
            fields.append(pa.field(key, raw))
        if not all(line.startswith(b"{") for line in lines):
            return None
        data = b"\n".join(lines)
        try:
            table = pj.read_json(
                cast("Any", pa.BufferReader(data)),
                read_options=pj.ReadOptions(use_threads=False, block_size=len(data) + 1),
                parse_options=pj.ParseOptions(
                    explicit_schema=pa.schema(fields),
                    unexpected_field_behavior="ignore" if self._ignoring else "error",
                ),
            ).combine_chunks()
            if table.num_rows != len(lines) or not _sound(table):
                return None
            return self._columns({name: table.column(name) for name in table.column_names}, len(lines))
        except (pa.ArrowInvalid, Unfit):
            return None

    def _columns(self, found: dict[str, Column], rows: int) -> pa.Table:
        arrays: dict[str, list[Column]] = {}
        for key, column in found.items():
            name = key.lower()
            if name in self.types:
                arrays.setdefault(name, []).append(fit(column.combine_chunks(), self.types[name]))
        return pa.table(
            {
                name: coalesce(arrays[name]) if name in arrays else nulls(rows, kind)
                for name, kind in self.types.items()
            }
        )

    def _slow(self, rows: Sequence[dict[str, Any]]) -> tuple[pa.Table, list[int], list[tuple[int, str]]]:
        values: dict[str, list[Any]] = {name: [None] * len(rows) for name in self.types}
        bad: list[tuple[int, str]] = []
        rests = values.get(REST) if not self.declared else None
        for i, row in enumerate(rows):
            rest = {}
            for key, value in row.items():
                name = key.lower()
                kind = self.types.get(name)
                if kind is None or name == REST:
                    rest[key] = value
                    continue
                try:
                    fitted = coerce(value, kind)
                except Unfit as error:
                    bad.append((i, f"column {name}: {error}"))
                    break
                if fitted is not None or values[name][i] is None:
                    values[name][i] = fitted
            if rest and rests is not None:
                rests[i] = orjson.dumps(rest).decode()
        wrong = {i for i, _ in bad}
        chosen = [i for i in range(len(rows)) if i not in wrong]
        table = pa.table(
            {name: pa.array(values[name], arrow_type(kind)) for name, kind in self.types.items()}
        )
        return (table.take(chosen) if wrong else table), chosen, bad


def _decode(lines: Sequence[bytes]) -> tuple[list[dict[str, Any]], list[int], list[tuple[int, str]]]:
    rows: list[dict[str, Any]] = []
    kept: list[int] = []
    misfits: list[tuple[int, str]] = []
    for i, line in enumerate(lines):
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            misfits.append((i, f"it is no JSON: {error}"))
            continue
        if isinstance(row, dict):
            rows.append(row)
            kept.append(i)
        else:
            misfits.append((i, "it is JSON, but no object"))
    return rows, kept, misfits


def _sound(table: pa.Table) -> bool:
    """Whether all text is UTF-8 and every number finite: what Arrow's reader lets through unlooked."""
    try:
        table.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return all(
        pc.all(pc.is_finite(column)).as_py() is not False
        for column in table.columns
        if pa.types.is_floating(column.type)
    )
