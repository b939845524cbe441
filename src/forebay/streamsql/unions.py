"""UNION ALL: its parts have nothing to do with one another, so each becomes a consumer of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from forebay.streamsql.nodes import Call, Column, CreateView, Node, Query, Select, Star, Sub, TableRef, Union


def branches(query: Query, views: Mapping[str, CreateView]) -> list[Query]:
    """The queries that together give the rows of `query`.

    What filters and projects a union does so with each of its parts. What groups it is left as it is.
    """
    if isinstance(query, Union):
        first = query.parts[0]
        return [each for part in query.parts for each in branches(_named_as(part, first), views)]
    source = query.source
    if isinstance(source, TableRef) and source.name in views:
        inner, alias = views[source.name].query, source.alias or source.name
    elif isinstance(source, Sub):
        inner, alias = source.query, source.alias or ""
    else:
        return [query]
    grouped = query.group or query.having is not None or any(_over(item) for item, _ in query.items)
    picked = query.distinct or query.order or query.limit is not None
    found = branches(inner, views)
    if grouped or picked or len(found) == 1:
        return [query]
    return [replace(query, source=Sub(each, alias or None, at=source.at)) for each in found]


def _named_as(part: Select, first: Select) -> Select:
    """With the names that the columns of a union have: those of its first part."""
    if part is first or any(isinstance(item, Star) for item, _ in (*part.items, *first.items)):
        return part
    names = [
        alias or (item.name if isinstance(item, Column) else f"EXPR${at}")
        for at, (item, alias) in enumerate(first.items)
    ]
    if len(names) != len(part.items):
        return part
    return replace(part, items=tuple((item, name) for (item, _), name in zip(part.items, names, strict=True)))


def _over(item: Node) -> bool:
    return isinstance(item, Call) and item.over is not None
