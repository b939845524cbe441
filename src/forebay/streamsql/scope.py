"""Where an expression of Flink SQL stands: the columns there, and how to say what is wrong."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from forebay.errors import UsageError
from forebay.streamsql.lexer import place
from forebay.streamsql.nodes import Node, Type
from forebay.streamsql.types import NULL, Typed, common, family

Hook = Callable[[Node], Typed | None]


class Problem:
    """Says what is wrong with a text, and where."""

    def __init__(self, text: str) -> None:
        self.text = text

    def refuse(self, what: str, at: int, fix: str | None = None) -> NoReturn:
        """Raises UsageError `StreamSqlNotSupported`."""
        line, column = place(self.text, at)
        raise UsageError(
            "StreamSqlNotSupported", f"{what} does not run here", line=line, column=column, fix=fix
        )

    def fail(self, message: str, at: int, fix: str | None = None) -> NoReturn:
        """Raises UsageError `StreamSqlInvalid`."""
        line, column = place(self.text, at)
        raise UsageError("StreamSqlInvalid", message, line=line, column=column, fix=fix)


@dataclass(slots=True)
class Scope(ABC):
    """`columns` by name; `hook` may answer for a node before anybody else."""

    problem: Problem
    columns: Mapping[str, Typed]
    names: frozenset[str] = field(default_factory=frozenset)
    hook: Hook | None = None
    events: bool = False
    """Whether there is the event, with its arrival."""
    sides: Mapping[str, Mapping[str, Typed]] = field(default_factory=dict)
    """The columns of each of the tables that were joined, by what it is called; empty where none were."""

    @abstractmethod
    def sql(self, node: Node) -> Typed:
        """The expression and its type. Raises UsageError with the place."""

    def boolean(self, node: Node) -> str:
        """An expression that is true or false."""
        sql, type_ = self.sql(node)
        if type_.name not in ("BOOLEAN", "NULL"):
            self.problem.fail(f"a condition is BOOLEAN, not {type_}", node.at)
        return sql

    def text(self, node: Node) -> str:
        """An expression of text."""
        sql, type_ = self.sql(node)
        if family(type_) not in ("text", "NULL"):
            self.problem.fail(f"expected text, not {type_}", node.at, "CAST it to STRING")
        return sql

    def number(self, node: Node) -> Typed:
        """An expression of a number."""
        sql, type_ = self.sql(node)
        if family(type_) not in ("number", "NULL"):
            self.problem.fail(f"expected a number, not {type_}", node.at, "CAST it")
        return sql, type_

    def unified(self, given: list[tuple[str, Type, int]]) -> Type:
        """The type of what may be any of these."""
        type_ = NULL
        for _, each, at in given:
            found = common(type_, each)
            if found is None:
                self.problem.fail(f"{type_} and {each} have no type in common", at, "CAST one of them")
            type_ = found
        return type_
