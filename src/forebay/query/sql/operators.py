"""Operators whose meaning depends on types."""

from __future__ import annotations

from sqlglot import exp

from forebay.query.sql.build import call, number, text
from forebay.query.sql.casts import FLOATS, cast, error
from forebay.query.sql.typing import Types, is_decimal, is_integer, precision
from forebay.query.types import split_top


def divide(node: exp.Expr, types: Types) -> exp.Expr | None:
    """Whole numbers truncate, decimals keep their scale, doubles divide."""
    assert isinstance(node, exp.Div)
    left, right = types.of(node.this), types.of(node.expression)
    if left is None or right is None or {left, right} & {*FLOATS, "INTERVAL", "NULL"}:
        return None
    a, b = _wrap(node.this), _wrap(node.expression)
    if is_integer(left) and is_integer(right):
        return exp.IntDiv(this=a, expression=b)
    if (is_decimal(left) or is_integer(left)) and (is_decimal(right) or is_integer(right)):
        (p1, s1), (_p2, s2) = precision(left), precision(right)
        scale = max(s1, s2)
        digits = min(38, p1 + s2 + max(s2 - s1, 0))
        zero = exp.If(this=exp.EQ(this=b.copy(), expression=number(0)), true=error("Division by zero"))
        quotient = exp.Div(this=cast(a, "DOUBLE"), expression=b)
        whole = cast(call("round", quotient, number(scale)), f"DECIMAL({max(digits, scale + 1)},{scale})")
        return exp.Case(ifs=[zero], default=whole)
    return None


def _wrap(node: exp.Expr) -> exp.Expr:
    copied = node.copy()
    return exp.Paren(this=copied) if isinstance(copied, (exp.Binary, exp.Neg)) else copied


def plus_minus(node: exp.Expr, types: Types) -> exp.Expr | None:
    """Dates with intervals stay dates; the difference of two is an interval."""
    assert isinstance(node, (exp.Add, exp.Sub))
    sides = (node.this, node.expression)
    seen = [types.of(side, ask=False) for side in sides]
    if "INTERVAL" in seen:
        other = 1 - seen.index("INTERVAL")
        if (seen[other] or types.of(sides[other])) == "DATE":
            return cast(exp.Paren(this=node.copy()), "DATE")
    elif isinstance(node, exp.Sub) and seen == ["DATE", "DATE"]:
        return call("to_days", cast(exp.Paren(this=node.copy()), "INTEGER"))
    return None


def pipe(node: exp.Expr, types: Types) -> exp.Expr | None:
    """`||` of lists, and of a list with an element."""
    seen = [types.of(side, ask=False) for side in (node.this, node.args["expression"])]
    if "VARCHAR" in seen:
        return None
    left, right = types.of(node.this), types.of(node.args["expression"])
    lists = [kind is not None and kind.endswith("]") for kind in (left, right)]
    if lists == [True, True]:
        return call("list_concat", node.this.copy(), node.args["expression"].copy())
    if lists == [False, True]:
        return call("list_prepend", node.this.copy(), node.args["expression"].copy())
    if lists == [True, False]:
        return call("list_append", node.this.copy(), node.args["expression"].copy())
    return None


def subscript(node: exp.Expr, types: Types) -> exp.Expr | None:
    """`x[i]`: an array (an error past its end), a map (an error without the key), or a row."""
    assert isinstance(node, exp.Anonymous)
    subject, index = node.expressions
    kind = types.of(subject)
    if kind is None:
        return None
    if kind.endswith("]"):
        outside = exp.or_(
            exp.GT(this=index.copy(), expression=call("len", subject.copy())),
            exp.LT(this=index.copy(), expression=number(1)),
        )
        message = "INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal to array length: "
        return exp.Case(
            ifs=[exp.If(this=outside, true=error(message, index.copy()))],
            default=call("list_extract", subject.copy(), index.copy()),
        )
    if kind.startswith("MAP("):
        missing = exp.and_(
            exp.Not(this=call("map_contains", subject.copy(), index.copy())),
            exp.Not(this=exp.Is(this=index.copy(), expression=exp.Null())),
        )
        message = "INVALID_FUNCTION_ARGUMENT: Key not present in map: "
        return exp.Case(
            ifs=[exp.If(this=missing, true=error(message, index.copy()))],
            default=call("list_extract", call("map_extract", subject.copy(), index.copy()), number(1)),
        )
    names = field_names(kind)
    if names and isinstance(index, exp.Literal) and 0 < int(str(index.this)) <= len(names):
        return call("struct_extract", subject.copy(), text(names[int(str(index.this)) - 1]))
    return None


def field_names(kind: str) -> list[str]:
    """The fields of a STRUCT type, as DuckDB names them."""
    if not kind.startswith("STRUCT(") or kind.endswith("]"):
        return []
    return [part.partition(" ")[0].strip('"') for part in split_top(kind[7:-1])]
