"""What an expression means when that depends on the types in it."""

from __future__ import annotations

from sqlglot import exp

from forebay.query.sql.build import call, number, text
from forebay.query.sql.casts import FLOATS, TIMED, Finish, as_text, cast, cast_
from forebay.query.sql.operators import divide, field_names, pipe, plus_minus, subscript
from forebay.query.sql.typing import Types, is_decimal, is_integer

# ── operators ───────────────────────────────────────────────────────────────────────────────────


# ── casts ───────────────────────────────────────────────────────────────────────────────────────


# ── functions whose result depends on a type ────────────────────────────────────────────────────
def _date_kept(node: exp.Expr, types: Types) -> exp.Expr | None:
    """date_trunc and date_add of a date are dates."""
    assert isinstance(node, exp.Anonymous)
    return cast(node.copy(), "DATE") if types.of(node.expressions[-1]) == "DATE" else None


def _sum(node: exp.Expr, types: Types) -> exp.Expr | None:
    """sum() of whole numbers is a bigint; DuckDB's would be a HUGEINT. avg() of decimals is a decimal."""
    assert isinstance(node, exp.Anonymous)
    argument = node.expressions[0] if node.expressions else None
    if isinstance(argument, exp.Distinct):
        argument = argument.expressions[0]
    if argument is None:
        return None
    name = str(node.this).lower()
    kind = "INTEGER" if name == "count_if" else types.of(argument)
    if name in ("sum", "count_if") and is_integer(kind):
        _around(node, "BIGINT")
    elif name == "avg" and kind is not None and is_decimal(kind):
        _around(node, kind)
    return None


def _around(node: exp.Expr, kind: str) -> None:
    """Cast the aggregate with its FILTER and OVER, in place."""
    whole = node
    while isinstance(whole.parent, (exp.Filter, exp.Window, exp.IgnoreNulls)) and whole.parent.this is whole:
        whole = whole.parent
    whole.replace(cast(whole.copy(), kind))


def _join(node: exp.Expr, types: Types) -> exp.Expr | None:
    """array_join: its elements print as CAST to varchar prints them."""
    assert isinstance(node, exp.Anonymous)
    args = node.expressions
    kind = types.of(args[0])
    inner = kind[:-2] if kind and kind.endswith("[]") else None
    item = exp.to_identifier("fb_x")
    said = as_text(item.copy(), inner)
    if len(args) > 2:
        said = exp.Coalesce(this=said, expressions=[args[2].copy()])
    items = call("list_transform", args[0].copy(), exp.Lambda(this=said, expressions=[item]))
    return call("array_to_string", items, args[1].copy())


def _sequence(node: exp.Expr, types: Types) -> exp.Expr | None:
    assert isinstance(node, exp.Anonymous)
    args = [arg.copy() for arg in node.expressions]
    if types.of(node.expressions[0]) == "DATE":
        step = args[2] if len(args) > 2 else call("to_days", number(1))
        item = exp.to_identifier("fb_x")
        made = call("generate_series", args[0], args[1], step)
        return call("list_transform", made, exp.Lambda(this=cast(item.copy(), "DATE"), expressions=[item]))
    if len(args) > 2:
        return call("generate_series", *args)
    down = exp.If(this=exp.GT(this=args[0].copy(), expression=args[1].copy()), true=number(-1))
    return call("generate_series", *args, exp.Case(ifs=[down], default=number(1)))


def _iso(node: exp.Expr, types: Types) -> exp.Expr | None:
    assert isinstance(node, exp.Anonymous)
    value = node.expressions[0].copy()
    match types.of(node.expressions[0]):
        case "DATE":
            return cast(value, "VARCHAR")
        case "TIMESTAMP WITH TIME ZONE":
            return call("strftime", value, text("%Y-%m-%dT%H:%M:%S.%gZ"))
    return call("strftime", value, text("%Y-%m-%dT%H:%M:%S.%g"))


def _whole(node: exp.Expr, types: Types) -> exp.Expr | None:
    """ceil, floor, round, sign keep a whole number's type; sign of a double is a double."""
    assert isinstance(node, exp.Anonymous)
    kind = types.of(node.expressions[0])
    name = str(node.this).removeprefix("fb_")
    args = [arg.copy() for arg in node.expressions]
    plain = call(name, *args)
    if is_integer(kind):
        return cast(plain, str(kind))
    if name == "sign":
        return cast(plain, "DOUBLE" if kind in FLOATS else "DECIMAL(1,0)")
    if name == "round" and kind is not None and is_decimal(kind) and len(args) > 1:
        return cast(plain, kind)
    return plain


def _concat(node: exp.Expr, types: Types) -> exp.Expr | None:
    made = exp.DPipe(this=node.expressions[0].copy(), expression=node.expressions[1].copy())
    node.replace(made)
    fresh = pipe(made, types)
    if fresh is not None:
        made.replace(fresh)
    return None


def _zone(node: exp.Expr, types: Types) -> exp.Expr | None:
    """The wall clock at the zone. (A time with its own zone: said by the output column's type only.)"""
    assert isinstance(node, exp.AtTimeZone)
    value, zone = node.this.copy(), node.args["zone"].copy()
    if types.of(node.this) != TIMED:
        value = call("timezone", text("UTC"), cast(value, "TIMESTAMP"))
    made = call("timezone", zone, value)
    if isinstance(zone, exp.Literal):
        made.meta["zone"] = str(zone.this)
    return made


def _with_zone(node: exp.Expr, types: Types) -> exp.Expr | None:
    assert isinstance(node, exp.Anonymous)
    value, zone = node.expressions
    made = cast(value.copy(), "TIMESTAMP")
    if isinstance(zone, exp.Literal) and isinstance(node.parent, exp.Alias):
        made.meta["zone"] = str(zone.this)
        return made
    return None


def _cardinality(node: exp.Expr, types: Types) -> exp.Expr | None:
    assert isinstance(node, exp.Anonymous)
    return cast(node.copy(), "BIGINT")


def _reverse(node: exp.Expr, types: Types) -> exp.Expr | None:
    assert isinstance(node, exp.Anonymous)
    kind = types.of(node.expressions[0]) or ""
    return call("list_reverse", node.expressions[0].copy()) if kind.endswith("]") else None


def _entries(node: exp.Expr, types: Types) -> exp.Expr | None:
    """map_from_entries takes rows whatever their fields are called."""
    assert isinstance(node, exp.Anonymous)
    names = field_names((types.of(node.expressions[0]) or "").removesuffix("[]"))
    if len(names) != 2:
        return None
    item = exp.to_identifier("fb_x")
    sides = [
        call(
            "list_transform",
            node.expressions[0].copy(),
            exp.Lambda(this=call("struct_extract", item.copy(), text(name)), expressions=[item.copy()]),
        )
        for name in names
    ]
    return call("map" if str(node.this) == "map_from_entries" else "fb_multimap_of", *sides)


NODES: dict[type[exp.Expr], Finish] = {
    exp.Div: divide,
    exp.Add: plus_minus,
    exp.Sub: plus_minus,
    exp.DPipe: pipe,
    exp.Cast: cast_,
    exp.TryCast: cast_,
    exp.AtTimeZone: _zone,
}
FUNCTIONS: dict[str, Finish] = {
    "date_trunc": _date_kept,
    "date_add": _date_kept,
    "sum": _sum,
    "count_if": _sum,
    "avg": _sum,
    "array_join": _join,
    "sequence": _sequence,
    "to_iso8601": _iso,
    "ceil": _whole,
    "ceiling": _whole,
    "floor": _whole,
    "round": _whole,
    "sign": _whole,
    "concat": _concat,
    "with_timezone": _with_zone,
    "at_timezone": _zone,
    "cardinality": _cardinality,
    "[]": subscript,
    "reverse": _reverse,
    "map_from_entries": _entries,
    "multimap_from_entries": _entries,
}


# ── syntax that needs no types ──────────────────────────────────────────────────────────────────
