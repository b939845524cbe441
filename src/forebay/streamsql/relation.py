"""What a query of Flink SQL reads or gives, as DuckDB's SQL: columns with their types, and which of them are times."""

from __future__ import annotations

from dataclasses import dataclass, field

from forebay.streamsql.nodes import Column, Node
from forebay.streamsql.types import Typed


@dataclass(slots=True)
class Relation:
    """A table so far. `closed`: its rows are of windows that closed; `edges` are its columns that say which."""

    sql: str
    columns: dict[str, Typed]
    names: frozenset[str] = frozenset()
    rowtimes: frozenset[str] = frozenset()
    proctimes: frozenset[str] = frozenset()
    closed: bool = False
    edges: dict[str, str] = field(default_factory=dict)
    sides: dict[str, dict[str, Typed]] = field(default_factory=dict)
    """What was joined, by what it is called; empty where nothing was."""
    stream: str = ""
    """Which of them is the stream's."""
    changing: bool = False
    """Whether its rows change; `closed` too, as they are of no event any more."""
    static: str = ""
    """The table of the catalog whose rows these are, if they are no events, by its name in SQL."""

    def origin(self, node: Node) -> str | None:
        """The stream's column that is meant."""
        if not isinstance(node, Column):
            return None
        if not self.sides:
            return node.name
        if len(node.parts) > 1:
            return node.parts[1] if node.parts[0] == self.stream else None
        return node.name if node.name in self.sides[self.stream] else None
