"""What is named in a tree of Flink SQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from forebay.streamsql.nodes import Call, Column, Join, Node, Select, Star, Sub


def columns_in(node: Node) -> Iterator[Column]:
    """The columns in an expression."""
    stack: list[Any] = [node]
    while stack:
        each = stack.pop()
        if isinstance(each, Column):
            yield each
        elif isinstance(each, (tuple, list)):
            stack += each
        elif is_dataclass(each) and not isinstance(each, type):
            stack += [getattr(each, field.name) for field in fields(each)]


def names_in(node: Any) -> set[str]:
    """The names of columns in a tree; `*` for all."""
    found: set[str] = set()
    stack = [node]
    while stack:
        each = stack.pop()
        if isinstance(each, Column):
            found.update(each.parts)
        elif isinstance(each, Star):
            found.add("*")
        elif isinstance(each, Call) and any(isinstance(arg, Star) for arg in each.args):
            each = replace(each, args=())  # COUNT(*) needs no column
        elif isinstance(each, Select) and isinstance(each.source, Sub):  # its * are the columns named below
            each = replace(each, items=tuple(item for item in each.items if not isinstance(item[0], Star)))
        elif isinstance(each, Join):  # as of when is no column that is read
            each = replace(each, as_of=None)
        if isinstance(each, (tuple, list)):
            stack += each
        elif is_dataclass(each) and not isinstance(each, type):
            if getattr(each, "time", None):
                found.add(each.time)  # type: ignore[attr-defined]
            stack += [getattr(each, field.name) for field in fields(each)]
    return found
