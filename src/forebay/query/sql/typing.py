"""What type an expression has, without asking DuckDB where that can be seen, and by asking where it cannot.

A type is DuckDB's name of it (`INTEGER`, `DECIMAL(3,1)`, `VARCHAR[]`). The question to DuckDB is a query that
cannot be bound: the expression is put into a call that fits no function, and the binder's refusal names its
type. That costs about a millisecond and is exact wherever the expression stands (behind aggregates, in
windows, in lambdas), which macros overloaded by type are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import duckdb
from sqlglot import exp

from forebay.query.sql.build import call
from forebay.query.sql.results import FIRST, FIXED
from forebay.query.types import split_top

Columns = Mapping[str, str]
"""A relation's columns, lower case, with their DuckDB types."""

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_DIGITS = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "HUGEINT": 38}
_PROBE = re.compile(r"argument types 'chr\((.*), STRUCT\(fb_probe INTEGER\)\)'", re.DOTALL)
_BOOLEANS = (
    exp.Predicate, exp.And, exp.Or, exp.Not, exp.Boolean, exp.In, exp.Between, exp.Exists,
)  # fmt: skip


def is_integer(kind: str | None) -> bool:
    """Whether the type is a whole number's."""
    return kind in _INTEGERS


def is_decimal(kind: str | None) -> bool:
    """Whether the type is DECIMAL."""
    return kind is not None and kind.startswith("DECIMAL(") and not kind.endswith("]")


def precision(kind: str) -> tuple[int, int]:
    """Digits and scale of a DECIMAL or whole-number type, as Trino converts it."""
    if is_decimal(kind):
        p, s = kind[8:-1].split(",")
        return int(p), int(s)
    return _DIGITS[kind], 0


class Types:
    """Types of expressions inside one statement.

    `relation` gives the columns of a table node (or None), `bind` prepares the whole statement as it stands
    and raises DuckDB's error where that cannot be. `json` says that JSON values occur in it.
    """

    def __init__(
        self, relation: Callable[[exp.Table], Columns | None], bind: Callable[[], None], *, json: bool = False
    ) -> None:
        self._relation = relation
        self._bind = bind
        self.json = json
        self.asked = 0

    def of(self, node: exp.Expr, *, ask: bool = True) -> str | None:
        """The type of `node`, which stands in the statement; None if it cannot be known."""
        found = self.seen(node)
        return found if found is not None or not ask else self._ask(node)

    def _ask(self, node: exp.Expr) -> str | None:
        self.asked += 1
        probe = call(
            "chr",
            node.copy(),
            exp.Struct(
                expressions=[
                    exp.PropertyEQ(this=exp.to_identifier("fb_probe"), expression=exp.Literal.number(1))
                ]
            ),
        )
        parent, key, index = node.parent, node.arg_key, node.index
        if parent is None or key is None:
            return None
        node.replace(probe)
        try:
            self._bind()
        except duckdb.Error as error:
            found = _PROBE.search(str(error))
            return _plain(found[1]) if found else None
        finally:
            probe.replace(node)
            assert node.parent is parent, (key, index)
        return None

    def seen(self, node: exp.Expr | None) -> str | None:
        """The type as far as the text and the tables' columns tell."""
        match node:
            case None:
                return None
            case (
                exp.Paren()
                | exp.Alias()
                | exp.Neg()
                | exp.Window()
                | exp.Filter()
                | exp.IgnoreNulls()
                | exp.Distinct()
            ):
                return self.seen(
                    node.this if not isinstance(node, exp.Distinct) else (node.expressions or [None])[0]
                )
            case exp.Literal():
                return _literal(node)
            case exp.Cast():
                return _plain(node.to.sql(dialect="duckdb"))
            case exp.Column():
                return self._column(node)
            case exp.CurrentDate():
                return "DATE"
            case exp.CurrentTimestamp():
                return "TIMESTAMP WITH TIME ZONE"
            case exp.Interval():
                return "INTERVAL"
            case exp.IntDiv():
                return _widest(self.seen(node.this), self.seen(node.expression))
            case exp.Add() | exp.Sub() | exp.Mul() | exp.Mod():
                return self._arithmetic(node)
            case exp.Case():
                return self._same(
                    [branch.args["true"] for branch in node.args["ifs"]] + [node.args.get("default")]
                )
            case exp.Coalesce():
                return self._same([node.this, *node.expressions])
            case exp.Array():
                inner = self._same(node.expressions)
                return f"{inner}[]" if inner else None
            case exp.DPipe() | exp.Substring() | exp.Trim():
                return None if isinstance(node, exp.DPipe) else "VARCHAR"
            case exp.Extract():
                return "BIGINT"
            case exp.Anonymous():
                return self._function(node)
            case _ if isinstance(node, _BOOLEANS):
                return "BOOLEAN"
        return None

    def _same(self, nodes: list[exp.Expr | None]) -> str | None:
        kinds = {self.seen(n) for n in nodes if n is not None and not isinstance(n, exp.Null)}
        return kinds.pop() if len(kinds) == 1 else None

    def _arithmetic(self, node: exp.Binary) -> str | None:
        left, right = self.seen(node.this), self.seen(node.expression)
        if left is None or right is None:
            return None
        kinds = {left, right}
        if kinds & {"DOUBLE", "FLOAT"}:
            return (
                "DOUBLE"
                if kinds <= {"DOUBLE", "FLOAT", *_INTEGERS}
                or all(map(is_decimal, kinds - {"DOUBLE", "FLOAT"}))
                else None
            )
        return _widest(left, right)

    def _function(self, node: exp.Anonymous) -> str | None:
        name = str(node.this).lower()
        if name in FIXED:
            return FIXED[name]
        args = node.expressions
        if name in FIRST and args:
            return self.seen(args[0])
        if name == "avg" and args:
            kind = self.seen(args[0])
            return None if kind is None or is_decimal(kind) else "DOUBLE"
        if name == "sum" and args:
            kind = self.seen(args[0])
            if kind in ("DOUBLE", "FLOAT"):
                return "DOUBLE"
            return "HUGEINT" if is_integer(kind) else None
        if name in ("list_transform", "list_filter", "list_sort") and name != "list_transform" and args:
            return self.seen(args[0])
        return None

    def _column(self, column: exp.Column) -> str | None:
        if isinstance(column.this, exp.Star):
            return None
        name, table = column.name.lower(), column.table.lower()
        select = column.find_ancestor(exp.Select)
        inner: exp.Expr = column
        while select is not None:
            found: str | None = None
            hits = 0
            for alias, columns in self._sources(select, inner):
                if table and alias != table:
                    continue
                if columns is None:
                    if not table:
                        return None  # it may come from there
                    return None
                if name in columns:
                    found, hits = columns[name], hits + 1
            if hits:
                return found if hits == 1 else None
            inner, select = select, select.find_ancestor(exp.Select)
        return None

    def _sources(self, select: exp.Select, inner: exp.Expr) -> list[tuple[str, Columns | None]]:
        found: list[tuple[str, Columns | None]] = []
        nodes = [select.args["from_"].this] if select.args.get("from_") else []
        nodes += [join.this for join in select.args.get("joins") or []]
        for node in nodes:
            if isinstance(node, exp.Table):
                columns = self._relation(node)
                if node.args.get("alias") and node.args["alias"].columns:
                    columns = None
                found.append((node.alias_or_name.lower(), columns))
            else:
                found.append((node.alias_or_name.lower() if node.alias_or_name else "", None))
        return found


def _literal(node: exp.Literal) -> str:
    if node.is_string:
        return "VARCHAR"
    text = str(node.this).lower()
    if "e" in text:
        return "DOUBLE"
    if "." in text:
        whole, _, part = text.partition(".")
        digits = len(whole.lstrip("0")) + len(part)
        return f"DECIMAL({max(digits, 1)},{len(part)})"
    value = int(text)
    return "INTEGER" if value < 2**31 else "BIGINT" if value < 2**63 else "HUGEINT"


def _widest(left: str | None, right: str | None) -> str | None:
    if left in _INTEGERS and right in _INTEGERS:
        return max(left, right, key=_INTEGERS.index)
    return left if left == right and left in ("DOUBLE",) else None


def _plain(kind: str) -> str:
    """One spelling a type, as DuckDB's binder prints it."""
    text = kind.strip()
    if text.endswith("]"):
        return _plain(text[: text.rindex("[")]) + "[]"
    if text.startswith("DECIMAL"):
        return text.replace(" ", "") if "(" in text else "DECIMAL(18,3)"
    if text.startswith("MAP("):
        return f"MAP({', '.join(map(_plain, split_top(text[4:-1])))})"
    if text.startswith(("TEXT", "VARCHAR", "STRING_LITERAL")):
        return "VARCHAR"
    known = {
        "INT": "INTEGER",
        "INTEGER_LITERAL": "INTEGER",
        "REAL": "FLOAT",
        "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
        '"NULL"': "NULL",
    }
    return known.get(text, text)
