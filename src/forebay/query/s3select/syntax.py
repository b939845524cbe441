"""What an expression is, once it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Name:
    """A step of a path by name; `exact` where it was in quotation marks."""

    text: str
    exact: bool = False

    def fits(self, other: str) -> bool:
        """Whether it means `other`."""
        return self.text == other or (not self.exact and self.text.lower() == other.lower())


@dataclass(frozen=True, slots=True)
class Every:
    """`[*]`, or `.*`, which is of what is `named` too."""

    named: bool = False


Step = Name | int | Every


@dataclass(frozen=True, slots=True)
class Literal:
    """A value."""

    value: Any


@dataclass(frozen=True, slots=True)
class Path:
    """A field of the record."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Unary:
    """`-`, `+` or `not`."""

    operator: str
    of: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands: of arithmetic, a comparison, `and`, `or`, `||`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Like:
    """`LIKE`, with its escape."""

    of: Expression
    pattern: Expression
    escape: Expression | None


@dataclass(frozen=True, slots=True)
class Between:
    """`BETWEEN`, both ends included."""

    of: Expression
    low: Expression
    high: Expression


@dataclass(frozen=True, slots=True)
class In:
    """`IN` a list that is written down, or one of the record's."""

    of: Expression
    items: Expression


@dataclass(frozen=True, slots=True)
class Is:
    """`IS NULL` or `IS MISSING`."""

    of: Expression
    missing: bool


@dataclass(frozen=True, slots=True)
class Items:
    """A list that is written down."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """`CASE`; `of` where it compares."""

    of: Expression | None
    whens: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None


@dataclass(frozen=True, slots=True)
class Cast:
    """`CAST(... AS type)`."""

    of: Expression
    type: str
    parameters: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A function by its name in lower case; `part` is the part of a date it is about."""

    name: str
    arguments: tuple[Expression, ...]
    part: str = ""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One of the five; `of` is None for COUNT(*)."""

    name: str
    of: Expression | None


Expression = (
    Literal | Path | Unary | Binary | Like | Between | In | Is | Items | Case | Cast | Call | Aggregate
)


@dataclass(frozen=True, slots=True)
class Column:
    """What is selected, under which name; None for its position's."""

    of: Expression
    name: str | None


@dataclass(frozen=True, slots=True)
class Select:
    """The statement. No `columns` is `*`. `source` are the steps after S3Object, `alias` what a record is called."""

    columns: tuple[Column, ...]
    source: tuple[Step, ...]
    alias: Name
    where: Expression | None
    limit: int | None
