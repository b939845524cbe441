"""Queries and scans: rows in order, filtered, a page at a time.

A page ends with its limit or past a megabyte of items; where it ended is the key from which the next goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import apsw

from forebay.keyvalue.conditions import Test
from forebay.keyvalue.errors import Invalid
from forebay.keyvalue.items import checked_key
from forebay.keyvalue.key_conditions import KeyCondition, Stretch
from forebay.keyvalue.keys import hashed, segment
from forebay.keyvalue.rows import decode, place
from forebay.keyvalue.table import Index, KeySchema, Table
from forebay.keyvalue.values import Item, equal

PAGE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Asked:
    """What is read: of a table, or of one of its indexes.

    `condition` is a query's, None for a scan, which may be of one segment (at, of). `start` is the key after
    which a page begins. `whole` shows attributes that the index does not have.
    """

    table: Table
    now: int
    index: Index | None = None
    condition: KeyCondition | None = None
    segment: tuple[int, int] | None = None
    start: Item | None = None
    limit: int | None = None
    backwards: bool = False
    test: Test | None = None
    whole: bool = False


@dataclass(slots=True)
class Page:
    """Items of a page; `scanned` were looked at, of `size` bytes. `last` is the key to go on from."""

    items: list[Item] = field(default_factory=list)
    scanned: int = 0
    size: int = 0
    last: Item | None = None


def key_schema(table: Table, index: Index | None) -> KeySchema:
    """The key that is asked."""
    return table.schema if index is None else index.schema


def checked_start(asked: Asked, given: dict[str, Any]) -> Item:
    """An exclusive start key in stored form. Raises Invalid."""
    table, index = asked.table, asked.index
    names = dict.fromkeys((*table.schema.names, *(index.schema.names if index is not None else ())))
    if set(given) != set(names):
        raise Invalid(
            "The provided starting key is invalid"
            if index is not None or len(given) == len(names)
            else "Exclusive Start Key must have same size as table's key schema"
        )
    try:
        start = checked_key(table.schema, {name: given[name] for name in table.schema.names})
        if index is not None:
            start |= checked_key(index.schema, {name: given[name] for name in index.schema.names})
    except Invalid as error:
        raise Invalid(f"The provided starting key is invalid: {error.message}") from None
    if asked.condition is not None:
        schema = key_schema(table, index)
        own = place(schema, start)
        if not equal(start[schema.hash.name], asked.condition.partition):
            raise Invalid(
                "The provided starting key is outside query boundaries based on provided conditions"
            )
        if schema.range is not None and not asked.condition.stretch.holds(own[1]):
            raise Invalid("The provided starting key does not match the range key predicate")
    return start


def page(db: apsw.Connection, asked: Asked) -> Page:
    """One page."""
    found = Page()
    visible = None if asked.index is None or asked.whole else asked.index.visible(asked.table.schema)
    # A local index sees the whole item when it filters; a global one has only what was projected.
    narrow_first = asked.index is not None and not asked.index.local
    for size, blob in _rows(db, asked):
        item = decode(blob)
        found.scanned += 1
        found.size += size
        full = item
        if visible is not None and narrow_first:
            item = {name: value for name, value in item.items() if name in visible}
        if asked.test is None or asked.test(item):
            if visible is not None and not narrow_first:
                item = {name: value for name, value in item.items() if name in visible}
            found.items.append(item)
        if (asked.limit is not None and found.scanned >= asked.limit) or found.size >= PAGE_BYTES:
            found.last = _key(asked, full)
            break
    return found


def _key(asked: Asked, item: Item) -> Item:
    names = (*asked.table.schema.names, *(asked.index.schema.names if asked.index is not None else ()))
    return {name: item[name] for name in names}


def _rows(db: apsw.Connection, asked: Asked) -> Iterator[tuple[int, bytes]]:
    """(size, stored item), in order, those that are over left out."""
    where, values = _where(asked)
    order = "DESC" if asked.backwards else "ASC"
    if asked.index is None:
        sql = f"SELECT size, item FROM items WHERE tbl = ?{where} AND (expires IS NULL OR expires > ?)"
        sql += f" ORDER BY pk {order}, sk {order}"
        given = [asked.table.id, *values, asked.now]
    else:
        sql = (
            "SELECT i.size, i.item FROM entries e CROSS JOIN items i ON i.tbl = ? AND i.pk = e.tpk AND i.sk = e.tsk"
            f" WHERE e.idx = ?{where} AND (i.expires IS NULL OR i.expires > ?)"
            f" ORDER BY e.pk {order}, e.sk {order}, e.tpk {order}, e.tsk {order}"
        )
        given = [asked.table.id, asked.index.id, *values, asked.now]
    rows: Any = db.execute(sql, given)
    return iter(rows)


def _where(asked: Asked) -> tuple[str, list[Any]]:
    prefix = "" if asked.index is None else "e."
    where, values = "", []
    if asked.condition is not None:
        where += f" AND {prefix}pk = ?"
        values.append(hashed(asked.condition.partition))
        more, bounds = _bounds(asked.condition.stretch, f"{prefix}sk")
        where += more
        values += bounds
    elif asked.segment is not None:
        low, high = segment(*asked.segment)
        where += f" AND {prefix}pk >= ?"
        values.append(low)
        if high is not None:
            where += f" AND {prefix}pk < ?"
            values.append(high)
    if asked.start is not None:
        sign = "<" if asked.backwards else ">"
        at = place(key_schema(asked.table, asked.index), asked.start)
        if asked.index is None:
            where += f" AND (pk, sk) {sign} (?, ?)"
            values += at
        else:
            where += f" AND (e.pk, e.sk, e.tpk, e.tsk) {sign} (?, ?, ?, ?)"
            values += [*at, *place(asked.table.schema, asked.start)]
    return where, values


def _bounds(stretch: Stretch, column: str) -> tuple[str, list[bytes]]:
    where, values = "", []
    if stretch.low is not None:
        where += f" AND {column} {'>=' if stretch.low_in else '>'} ?"
        values.append(stretch.low)
    if stretch.high is not None:
        where += f" AND {column} {'<=' if stretch.high_in else '<'} ?"
        values.append(stretch.high)
    return where, values
