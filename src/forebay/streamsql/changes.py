"""Queries whose rows change: aggregates without a window, DISTINCT, the first n of an order. Only questions have them.

    SELECT team, SUM(points) FROM plays GROUP BY team      a row for each group, which changes with its events
    ... ORDER BY 2 DESC LIMIT 3                            the first of them; as each event by itself, too

What is `fired` then has `__group`, which says what row it is that changed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from forebay.streamsql.nodes import Call, Column, Literal, Node, Select
from forebay.streamsql.plan import Changing
from forebay.streamsql.relation import Relation
from forebay.streamsql.tables import Table
from forebay.streamsql.types import quoted

if TYPE_CHECKING:
    from forebay.streamsql.relations import Builder

MOST = 1000
"""So many rows an order may have."""


def grouped(builder: Builder, select: Select, relation: Relation) -> Relation:
    """A SELECT with GROUP BY, or with aggregates of everything. Raises UsageError with the place of what does not run."""
    at = (select.group or (select.having or select.items[0][0],))[0].at
    _once(builder, relation, "an aggregate", at)
    rows = builder.scope(relation, events=True)
    where = f" WHERE {rows.boolean(select.where)}" if select.where is not None else ""
    builder.whole = f"(SELECT * FROM {relation.sql}{where})"
    named = ", ".join(each.name if isinstance(each, Column) else "..." for each in select.group)
    node = f"GroupAggregate(groupBy=[{named}])" if named else "GroupAggregate()"
    made = builder.changing = Changing(builder.whole, node, at)
    return builder.grouped(select, relation, made, list(select.group), lambda _: None)


def distinct(builder: Builder, select: Select, relation: Relation) -> Select:
    """SELECT DISTINCT as the GROUP BY that it is."""
    if select.group or select.having is not None:
        builder.problem.refuse(
            "DISTINCT of groups", select.at, "leave out DISTINCT, or GROUP BY fewer columns"
        )
    items = tuple(builder.expanded(select, relation))
    return replace(select, items=items, group=tuple(item for item, _ in items), distinct=False)


def held(builder: Builder, relation: Relation, node: str, at: int) -> Relation:
    """The events themselves, of which those are held that are in the result."""
    _once(builder, relation, node, at)
    if builder.lookups:
        builder.problem.refuse(f"{node} of rows that were joined", at, "GROUP BY what they are about")
    made = builder.changing = Changing(relation.sql, "Rank", at, deletes=True, plain=True)
    builder.whole = made.rows
    return replace(relation, sql="fired", closed=True, changing=True)


def ordered(builder: Builder, select: Select, relation: Relation) -> Relation:
    """A SELECT with ORDER BY and LIMIT, or with either."""
    at = select.order[0][0].at if select.order else select.at
    if select.limit is None:
        if relation.origin(select.order[0][0]) in relation.rowtimes:
            builder.problem.refuse(
                "ORDER BY a time without LIMIT", at, "events are taken in the order of the log"
            )
        builder.problem.fail(
            "Sort on a non-time-attribute field is not supported", at, "LIMIT it to the first rows"
        )
    if not 0 < select.limit <= MOST:
        builder.problem.refuse(f"LIMIT {select.limit}", at, f"between 1 and {MOST}")
    if relation.closed and not relation.changing:
        builder.problem.refuse(
            "ORDER BY over windows",
            at,
            "ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY ...)",
        )
    if select.distinct:
        select = distinct(builder, select, relation)
    if not builder.aggregates(select) and not relation.changing:
        relation = held(builder, relation, "ORDER BY" if select.order else "LIMIT", at)
    items = tuple(builder.expanded(select, relation)) if not builder.aggregates(select) else select.items
    names = [alias or (item.name if isinstance(item, Column) else "") for item, alias in items]
    order, more = [], []
    for index, (value, descending, first) in enumerate(select.order):
        nulls = (not descending) if first is None else first
        meant = _meant(value, names, items)
        more.append((meant, f"__o{index}"))
        order.append(f"__o{index} {'DESC' if descending else 'ASC'} NULLS {'FIRST' if nulls else 'LAST'}")
    result = builder.select(replace(select, items=(*items, *more), order=(), limit=None), relation)
    made = builder.changing
    assert made is not None
    made.ranked = made.ordered = made.deletes = True
    made.node = f"SortLimit(fetch=[{select.limit}])"
    columns = {name: typed for name, typed in result.columns.items() if not name.startswith("__o")}
    shown = "".join(f"{quoted(name)}, " for name in columns)
    place = f"row_number() OVER (ORDER BY {', '.join([*order, '__group'])})"
    sql = f"(SELECT {shown}__group, {place} AS __place FROM {result.sql} QUALIFY __place <= {select.limit})"
    return replace(result, sql=sql, columns=columns)


def numbers(select: Select) -> Node | None:
    """A ROW_NUMBER among what is selected."""
    return next(
        (
            item
            for item, _ in select.items
            if isinstance(item, Call) and item.name == "ROW_NUMBER" and item.over is not None
        ),
        None,
    )


def settle(changing: Changing, into: Table | None, builder: Builder) -> None:
    """Rows that change are not for a stream, in Flink's words; and a number by which nothing is picked has no end."""
    if into is not None:
        kinds = "update and delete" if changing.deletes else "update"
        builder.problem.fail(
            f"Table sink '{into.name}' doesn't support consuming {kinds} changes which is produced by node {changing.node}",
            changing.at,
            "rows that are final when a window closes: GROUP BY TUMBLE(...), HOP(...), or window_start and window_end of a "
            "window function. To look at rows that change: forebay query --follow, without INSERT INTO",
        )
    if changing.numbered:
        builder.problem.fail(
            "OVER windows' ordering in stream mode must be defined on a time attribute", changing.at,
            "pick the first of them in a query around it: WHERE n <= 3",
        )  # fmt: skip


def _once(builder: Builder, relation: Relation, what: str, at: int) -> None:
    if relation.changing:
        builder.problem.refuse(f"{what} over rows that change", at)
    if relation.closed:
        builder.problem.refuse(
            f"{what} over windows",
            at,
            "aggregate in the window, or INSERT its rows into a stream and ask that",
        )


def _meant(value: Node, names: list[str], items: tuple[tuple[Node, str | None], ...]) -> Node:
    """What is selected under the name, or at the place, that ORDER BY says."""
    if isinstance(value, Literal) and value.kind == "integer" and 0 < int(value.text) <= len(items):
        return items[int(value.text) - 1][0]
    if isinstance(value, Column) and len(value.parts) == 1 and value.name in names:
        return items[names.index(value.name)][0]
    return value
