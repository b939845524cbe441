"""What Flink SQL is parsed into. `at` is the place in the text, which equality leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Type:
    """A type of Flink's: `p` and `s` are a DECIMAL's precision and scale, or a timestamp's or text's length.

    `of` has a ROW's fields by name, or what an ARRAY (`element`) or a MAP (`key`, `value`) holds.
    """

    name: str
    p: int | None = None
    s: int | None = None
    of: tuple[tuple[str, Type], ...] = ()

    def __str__(self) -> str:
        if self.name == "VARCHAR" and self.p is None:
            return "STRING"
        if self.of:
            inside = ", ".join(
                (f"{name} " if self.name == "ROW" else "") + str(type_) for name, type_ in self.of
            )
            return f"{self.name}<{inside}>"
        given = ", ".join(str(each) for each in (self.p, self.s) if each is not None)
        return f"{self.name}({given})" if given else self.name


@dataclass(frozen=True, slots=True)
class Node:
    """An expression."""

    at: int = field(compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """`kind` is string, integer, decimal, double, boolean or null; `text` is its value as text."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Interval(Node):
    """Days to milliseconds, in milliseconds; or years to months, in months."""

    ms: int
    months: int = 0


@dataclass(frozen=True, slots=True)
class Column(Node):
    """A column, with what qualifies it before."""

    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last part."""
        return self.parts[-1]


@dataclass(frozen=True, slots=True)
class Star(Node):
    """`*` or `t.*`."""

    of: str | None = None


Order = tuple[Node, bool, bool | None]
"""One of ORDER BY: expression, descending, nulls first or None."""


@dataclass(frozen=True, slots=True)
class Over:
    """`OVER (PARTITION BY ... ORDER BY ...)`."""

    partition: tuple[Node, ...]
    order: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function; `name` in upper case. `COUNT(*)` has one argument, a Star."""

    name: str
    args: tuple[Node, ...] = ()
    distinct: bool = False
    filter: Node | None = None
    over: Over | None = None


@dataclass(frozen=True, slots=True)
class Cast(Node):
    """CAST or TRY_CAST."""

    value: Node
    type: Type
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`-`, `+` or NOT."""

    op: str
    value: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """Arithmetic, comparison, AND, OR, `||`."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Is(Node):
    """IS [NOT] NULL, TRUE, FALSE; `what` is the word."""

    value: Node
    what: str
    negated: bool


@dataclass(frozen=True, slots=True)
class In(Node):
    """IN with a list."""

    value: Node
    items: tuple[Node, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Between(Node):
    """BETWEEN."""

    value: Node
    low: Node
    high: Node
    negated: bool


@dataclass(frozen=True, slots=True)
class Like(Node):
    """LIKE, or SIMILAR TO."""

    value: Node
    pattern: Node
    escape: Node | None
    negated: bool
    similar: bool = False


@dataclass(frozen=True, slots=True)
class At(Node):
    """`a[1]`, `m['k']`, or with `field` a ROW's field."""

    value: Node
    index: Node
    field: bool = False


@dataclass(frozen=True, slots=True)
class Make(Node):
    """An ARRAY, a MAP (keys and values by turns) or a ROW of values."""

    kind: str
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class IsJson(Node):
    """`IS [NOT] JSON`, of the kind VALUE, SCALAR, ARRAY or OBJECT."""

    value: Node
    kind: str
    negated: bool


@dataclass(frozen=True, slots=True)
class JsonCall(Node):
    """JSON_VALUE, JSON_QUERY or JSON_EXISTS; `empty` and `error` are what is said ON EMPTY and ON ERROR."""

    name: str
    value: Node
    path: str
    returning: Type | None
    wrapper: str
    empty: str
    error: str
    empty_default: Node | None
    error_default: Node | None


@dataclass(frozen=True, slots=True)
class Case(Node):
    """CASE; `operand` if it compares."""

    operand: Node | None
    whens: tuple[tuple[Node, Node], ...]
    otherwise: Node | None


@dataclass(frozen=True, slots=True)
class TableRef(Node):
    """A table or a view by its name; `database` is what stands before it."""

    name: str
    alias: str | None = None
    database: str | None = None


@dataclass(frozen=True, slots=True)
class Sub(Node):
    """A query in FROM, or one that WITH names."""

    query: Select | Union
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class WindowRef(Node):
    """`TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), ...))`; `sizes` in milliseconds as the function takes them."""

    kind: str
    table: TableRef | Sub
    time: str
    sizes: tuple[int, ...]
    keys: tuple[str, ...] = ()
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Join(Node):
    """`left JOIN right ON condition`; `kind` is INNER, LEFT, RIGHT or FULL, `as_of` the time in FOR SYSTEM_TIME AS OF."""

    left: Node
    right: Node
    kind: str
    on: Node
    as_of: Node | None = None


@dataclass(frozen=True, slots=True)
class Select(Node):
    """A SELECT; an item is (expression, alias)."""

    items: tuple[tuple[Node, str | None], ...]
    source: Node
    where: Node | None = None
    group: tuple[Node, ...] = ()
    having: Node | None = None
    distinct: bool = False
    order: tuple[Order, ...] = ()
    """As in `Over`."""
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Union(Node):
    """UNION ALL of queries."""

    parts: tuple[Select, ...]


Query = Select | Union


@dataclass(frozen=True, slots=True)
class ColumnDef:
    """A column of CREATE TABLE: of the record, `computed`, or `metadata` under this key."""

    name: str
    type: Type | None
    computed: Node | None = None
    metadata: str | None = None
    not_null: bool = False
    at: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class CreateTable:
    """CREATE TABLE."""

    name: str
    columns: tuple[ColumnDef, ...]
    watermark: tuple[str, Node] | None
    options: Mapping[str, str]
    partitioned: tuple[str, ...]
    if_not_exists: bool
    at: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class CreateView:
    """CREATE [TEMPORARY] VIEW."""

    name: str
    query: Query
    if_not_exists: bool
    at: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Drop:
    """DROP TABLE or VIEW."""

    name: str
    if_exists: bool
    at: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class SetOption:
    """SET 'key' = 'value'."""

    key: str
    value: str
    at: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Insert:
    """INSERT INTO."""

    table: str
    columns: tuple[str, ...]
    query: Query
    at: int = field(compare=False)
    database: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A query by itself."""

    query: Query
    at: int = field(compare=False)


Statement = CreateTable | CreateView | Drop | SetOption | Insert | Ask
