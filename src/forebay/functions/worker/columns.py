"""Types of JSON events: which events agree with each other, and the columns that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from forebay.functions.sqlcheck import ROW

GROUPS = 16
"""Kinds of events in a batch that are told apart; in what is beyond, columns that differ become text."""

MIXED = "the batch's events differ in their types, and this one's do not suit the SQL"

Array = Any
Table = Any
Type = Any
"""Arrow's; its stubs would have each element type named."""

Kind = Any
"""`None` (null so far), a type (str, float for any number, bool), `["list", Kind]` or a dict of kinds."""


@dataclass(slots=True)
class Group:
    """Events whose types agree, with their places in the batch."""

    events: list[dict[str, Any]] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    struct: Any = None
    mixed: bool = False

    @property
    def names(self) -> list[str]:
        """The fields that at least one event has."""
        if self.struct is not None:
            return [f.name for f in self.struct.type]
        return list(dict.fromkeys(name for event in self.events for name in event))


def group_by_type(events: list[dict[str, Any]], rows: list[int]) -> list[Group]:
    """One group if all agree, which is the common case and costs no Python per event."""
    if not events:
        return []
    try:
        return [Group(events, rows, struct=pa.array(events))]
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        pass
    groups: list[tuple[dict[str, Kind], Group]] = []
    rest = Group(mixed=True)
    for event, row in zip(events, rows, strict=True):
        group = _fitting(groups, event) or rest
        group.events.append(event)
        group.rows.append(row)
    return [group for _, group in groups] + ([rest] if rest.events else [])


_CLASH = object()


def _fitting(groups: list[tuple[dict[str, Kind], Group]], event: dict[str, Any]) -> Group | None:
    """The first group that `event` agrees with, a new one, or None if there are enough."""
    for kind, group in groups:
        merged = _merge(kind, event)
        if merged is not _CLASH:
            kind.update(merged)
            return group
    own = _merge(None, event)
    if len(groups) == GROUPS or own is _CLASH:  # it may not even agree with itself: [1, "a"]
        return None
    groups.append((own, Group(mixed=True)))
    return groups[-1][1]


def _merge(kind: Kind, value: Any) -> Kind:
    """The kind of what is `kind` here and `value` there, or `_CLASH`."""
    if value is None:
        return kind
    if isinstance(value, dict):
        if kind is not None and not isinstance(kind, dict):
            return _CLASH
        merged = dict(kind or {})
        for key, item in value.items():
            merged[key] = _merge(merged.get(key), item)
            if merged[key] is _CLASH:
                return _CLASH
        return merged
    if isinstance(value, list):
        if kind is not None and not isinstance(kind, list):
            return _CLASH
        inner = kind[1] if kind else None
        for item in value:
            inner = _merge(inner, item)
            if inner is _CLASH:
                return _CLASH
        return ["list", inner]
    own = float if type(value) is int else type(value)
    return own if kind is None or kind is own else _CLASH


def to_columns(group: Group, fields: Sequence[tuple[str, ...]]) -> Table:
    """The group's events as columns, with NULL for each of `fields` that no event has, and the row's number."""
    table = pa.Table.from_struct_array(group.struct) if group.struct is not None else _columns(group)
    if ROW in table.column_names:  # an event has a field of this very name
        table = table.drop_columns(ROW)
    table = _complete(table, fields)
    return table.append_column(ROW, pa.array(group.rows, pa.int64()))


def _columns(group: Group) -> Table:
    names = group.names
    return pa.table({name: _column([event.get(name) for event in group.events]) for name in names})


def _column(values: list[Any]) -> Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        pass
    if all(v is None or type(v) in (int, float) for v in values):  # integers too large to stay exact
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    texts = [v if v is None or isinstance(v, str) else orjson.dumps(v).decode() for v in values]
    return pa.array(texts, pa.string())


def _complete(table: Table, fields: Sequence[tuple[str, ...]]) -> Table:
    for path in fields:
        names = {name.lower(): i for i, name in reversed(list(enumerate(table.column_names)))}
        at = names.get(path[0].lower())
        if at is None:
            table = table.append_column(path[0], pa.nulls(table.num_rows, _null_type(path[1:])))
        elif len(path) > 1:
            column = table.column(at)
            wanted = _with_path(column.type, path[1:])
            if wanted != column.type:
                column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
                table = table.set_column(at, table.field(at).name, _retype(column, wanted))
    return table


def _null_type(path: tuple[str, ...]) -> Type:
    return pa.struct([(path[0], _null_type(path[1:]))]) if path else pa.null()


def _with_path(kind: Type, path: tuple[str, ...]) -> Type:
    """`kind` with the field at `path`, if it is a struct (or nothing yet) that lacks it."""
    if not path:
        return kind
    if pa.types.is_null(kind):
        return _null_type(path)
    if not pa.types.is_struct(kind):
        return kind
    found = [f for f in kind if f.name.lower() == path[0].lower()]
    if not found:
        return pa.struct([*kind, (path[0], _null_type(path[1:]))])
    inner = _with_path(found[0].type, path[1:])
    return pa.struct([f.with_type(inner) if f is found[0] else f for f in kind])


def _retype(column: Array, kind: Type) -> Array:
    """`column` as the wider struct `kind`."""
    if column.type == kind:
        return column
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), kind)
    have = {f.name: i for i, f in enumerate(column.type)}
    children = [
        _retype(column.field(have[f.name]), f.type) if f.name in have else pa.nulls(len(column), f.type)
        for f in kind
    ]
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=column.is_null())
