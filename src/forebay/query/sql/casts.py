"""CAST and TRY_CAST as Trino does them."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from forebay.query.sql.build import call, number, text
from forebay.query.sql.typing import Types

Finish = Callable[[exp.Expr, Types], "exp.Expr | None"]
"""Gives what replaces a node, now that types can be asked for; None to leave it."""


_INTEGER_TARGETS = {exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT}


_TEXT_TARGETS = {exp.DType.VARCHAR, exp.DType.TEXT, exp.DType.CHAR}


FLOATS = ("DOUBLE", "FLOAT")


TIMED = "TIMESTAMP WITH TIME ZONE"


def cast(node: exp.Expr, kind: str) -> exp.Cast:
    """`node` as DuckDB's `kind`."""
    return exp.Cast(this=node, to=exp.DataType.build(kind, dialect="duckdb"))


def error(message: str, value: exp.Expr | None = None) -> exp.Expr:
    """A call that fails with `message` (and the value, as text) when it is reached."""
    said: exp.Expr = text(message)
    if value is not None:
        said = exp.DPipe(this=said, expression=cast(value, "VARCHAR"))
    return call("error", said)


def cast_(node: exp.Expr, types: Types) -> exp.Expr | None:
    """CAST and TRY_CAST, by the type of what is cast."""
    assert isinstance(node, exp.Cast)
    target = node.to
    made: exp.Expr | None = None
    value = node.this
    if target.is_type("json"):
        kind = types.of(value)
        held: exp.Expr = value.copy()
        return held if kind == "JSON" else call("to_json", held)
    matters = target.this in _TEXT_TARGETS or target.this in _INTEGER_TARGETS or types.json
    source = types.of(value, ask=matters)
    if source == "JSON":
        made = _from_json(node)
    elif target.this in _TEXT_TARGETS:
        made = _to_text(node, source)
    elif target.this in _INTEGER_TARGETS:
        made = _to_integer(node, source)
    if made is None:
        return None
    if isinstance(node, exp.TryCast):
        made = quiet(made)
        for inner in list(made.find_all(exp.Cast)):
            if type(inner) is exp.Cast:
                inner.replace(exp.TryCast(this=inner.this, to=inner.to)) if inner is not made else None
    return made


def quiet(tree: exp.Expr) -> exp.Expr:
    """`tree` with NULL for each error that we raise ourselves: DuckDB's TRY takes no call of error()."""
    for found in list(tree.find_all(exp.Anonymous)):
        if str(found.this) == "error":
            found.replace(exp.Null())
    return tree


def as_text(value: exp.Expr, source: str | None) -> exp.Expr:
    """`value` as Trino's CAST to varchar prints it."""
    match source:
        case "DOUBLE":
            return call("fb_text_of_double", value)
        case "FLOAT":
            return call("fb_text_of_double", cast(cast(value, "VARCHAR"), "DOUBLE"))
        case "TIMESTAMP":
            return call("strftime", value, text("%Y-%m-%d %H:%M:%S.%g"))
        case "TIMESTAMP WITH TIME ZONE":
            return call("strftime", value, text("%Y-%m-%d %H:%M:%S.%g UTC"))
    return cast(value, "VARCHAR")


def _to_text(node: exp.Cast, source: str | None) -> exp.Expr | None:
    length = node.to.expressions
    if source not in ("DOUBLE", "FLOAT", "TIMESTAMP", TIMED) and not length:
        return None
    made = as_text(node.this.copy(), source)
    if length:
        made = call("left", made, number(int(str(length[0].name))))
    return made


def _to_integer(node: exp.Cast, source: str | None) -> exp.Expr | None:
    if source in FLOATS:
        return exp.Cast(this=call("round", node.this.copy()), to=node.to.copy())
    if source == "VARCHAR":
        bad = call("regexp_matches", node.this.copy(), text("[.eE]"))
        message = f"INVALID_CAST_ARGUMENT: Cannot cast to {node.to.sql('trino').lower()}: "
        plain = exp.Cast(this=node.this.copy(), to=node.to.copy())
        return exp.Case(ifs=[exp.If(this=bad, true=error(message, node.this.copy()))], default=plain)
    return None


def _from_json(node: exp.Cast) -> exp.Expr | None:
    value = node.this
    if node.to.this in _TEXT_TARGETS:
        kind = call("json_type", value.copy())
        nested = exp.In(this=kind, expressions=[text("ARRAY"), text("OBJECT")])
        return exp.Case(
            ifs=[
                exp.If(
                    this=nested, true=error("INVALID_CAST_ARGUMENT: Cannot cast to varchar: ", value.copy())
                )
            ],
            default=call("json_extract_string", value.copy(), text("$")),
        )
    if node.to.is_type("struct"):
        fields = []
        for i, field in enumerate(node.to.expressions):
            if not isinstance(field, exp.ColumnDef):
                return None
            place, kind = text(f"$[{i}]"), field.args["kind"]
            item = (
                call("json_extract_string", value.copy(), place)
                if kind.this in _TEXT_TARGETS
                else exp.Cast(this=call("json_extract", value.copy(), place), to=kind.copy())
            )
            fields.append(exp.PropertyEQ(this=field.this.copy(), expression=item))
        array = exp.EQ(this=call("json_type", value.copy()), expression=text("ARRAY"))
        plain = exp.Cast(this=value.copy(), to=node.to.copy())
        return exp.Case(ifs=[exp.If(this=array, true=exp.Struct(expressions=fields))], default=plain)
    return None
