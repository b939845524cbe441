"""Syntax of Athena's that DuckDB lacks or means otherwise, where no types matter."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from forebay.query.sql.build import Arity, call


def _trim(node: exp.Expr) -> exp.Expr:
    assert isinstance(node, exp.Trim)
    name = {"LEADING": "fb_ltrim", "TRAILING": "fb_rtrim"}.get(
        str(node.args.get("position") or ""), "fb_trim"
    )
    what = node.args.get("expression")
    return call(name, node.this, *([what] if what is not None else []))


def _substring(node: exp.Expr) -> exp.Expr:
    length = node.args.get("length")
    return call("fb_substr", node.this, node.args["start"], *([length] if length is not None else []))


_PARTS = {
    "DAY_OF_WEEK": "isodow", "DOW": "isodow", "DAY_OF_YEAR": "dayofyear", "DOY": "dayofyear",
    "DAY_OF_MONTH": "day", "YEAR_OF_WEEK": "isoyear", "YOW": "isoyear", "YEAR": "year", "QUARTER": "quarter",
    "MONTH": "month", "WEEK": "week", "DAY": "day", "HOUR": "hour", "MINUTE": "minute", "SECOND": "second",
    "TIMEZONE_HOUR": "timezone_hour", "TIMEZONE_MINUTE": "timezone_minute",
}  # fmt: skip


def _extract(node: exp.Expr) -> exp.Expr:
    part = str(node.this.name).upper()
    if part not in _PARTS:
        raise Arity(f"cannot extract {part.lower()}")
    return call(_PARTS[part], node.args["expression"])


def _row(node: exp.Expr) -> exp.Expr:
    """ROW(..): fields are numbered, and named field<n> where they are shown."""
    if any(isinstance(item, exp.PropertyEQ) for item in node.expressions):
        return node
    if isinstance(node.parent, exp.Cast):
        return call("row", *node.expressions)
    named = [
        exp.PropertyEQ(this=exp.to_identifier(f"field{i}"), expression=item)
        for i, item in enumerate(node.expressions)
    ]
    return exp.Struct(expressions=named)


def _tuple(node: exp.Expr) -> exp.Expr:
    """`(a, b)` is a row where a value stands; in IN, VALUES and GROUP BY it is syntax."""
    return _row(node) if isinstance(node.parent, (exp.Lambda, exp.Array, exp.Alias, exp.Anonymous)) else node


def _json_literal(node: exp.Expr) -> exp.Expr:
    return call("fb_json_parse", node.this)


def _listagg(node: exp.Expr) -> exp.Expr:
    """Without a separator there is none; DuckDB would take a comma."""
    if node.args.get("separator") is None:
        node.set("separator", exp.Literal.string(""))
    return node


SIMPLE: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Trim: _trim,
    exp.GroupConcat: _listagg,
    exp.Substring: _substring,
    exp.Extract: _extract,
    exp.Struct: _row,
    exp.Tuple: _tuple,
    exp.ParseJSON: _json_literal,
}
