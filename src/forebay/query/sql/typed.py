"""What an expression means when that depends on the types in it."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from forebay.query.sql.functions import Arity, call, number, text
from forebay.query.sql.typing import Types, is_decimal, is_integer, precision
from forebay.query.types import split_top

Finish = Callable[[exp.Expr, Types], "exp.Expr | None"]
"""Gives what replaces a node, now that types can be asked for; None to leave it."""

_INTEGER_TARGETS = {exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT}
_TEXT_TARGETS = {exp.DType.VARCHAR, exp.DType.TEXT, exp.DType.CHAR}
_FLOATS = ("DOUBLE", "FLOAT")
_TIMED = "TIMESTAMP WITH TIME ZONE"


def cast(node: exp.Expr, kind: str) -> exp.Cast:
    """`node` as DuckDB's `kind`."""
    return exp.Cast(this=node, to=exp.DataType.build(kind, dialect="duckdb"))


def _error(message: str, value: exp.Expr | None = None) -> exp.Expr:
    said: exp.Expr = text(message)
    if value is not None:
        said = exp.DPipe(this=said, expression=cast(value, "VARCHAR"))
    return call("error", said)


# ── operators ───────────────────────────────────────────────────────────────────────────────────
def _divide(node: exp.Expr, types: Types) -> exp.Expr | None:
    assert isinstance(node, exp.Div)
    left, right = types.of(node.this), types.of(node.expression)
    if left is None or right is None or {left, right} & {*_FLOATS, "INTERVAL", "NULL"}:
        return None
    a, b = _wrap(node.this), _wrap(node.expression)
    if is_integer(left) and is_integer(right):
        return exp.IntDiv(this=a, expression=b)
    if (is_decimal(left) or is_integer(left)) and (is_decimal(right) or is_integer(right)):
        (p1, s1), (_p2, s2) = precision(left), precision(right)
        scale = max(s1, s2)
        digits = min(38, p1 + s2 + max(s2 - s1, 0))
        zero = exp.If(this=exp.EQ(this=b.copy(), expression=number(0)), true=_error("Division by zero"))
        quotient = exp.Div(this=cast(a, "DOUBLE"), expression=b)
        whole = cast(call("round", quotient, number(scale)), f"DECIMAL({max(digits, scale + 1)},{scale})")
        return exp.Case(ifs=[zero], default=whole)
    return None


def _wrap(node: exp.Expr) -> exp.Expr:
    copied = node.copy()
    return exp.Paren(this=copied) if isinstance(copied, (exp.Binary, exp.Neg)) else copied


def _plus_minus(node: exp.Expr, types: Types) -> exp.Expr | None:
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


def _pipe(node: exp.Expr, types: Types) -> exp.Expr | None:
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


def _subscript(node: exp.Expr, types: Types) -> exp.Expr | None:
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
            ifs=[exp.If(this=outside, true=_error(message, index.copy()))],
            default=call("list_extract", subject.copy(), index.copy()),
        )
    if kind.startswith("MAP("):
        missing = exp.and_(
            exp.Not(this=call("map_contains", subject.copy(), index.copy())),
            exp.Not(this=exp.Is(this=index.copy(), expression=exp.Null())),
        )
        message = "INVALID_FUNCTION_ARGUMENT: Key not present in map: "
        return exp.Case(
            ifs=[exp.If(this=missing, true=_error(message, index.copy()))],
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


# ── casts ───────────────────────────────────────────────────────────────────────────────────────
def _cast(node: exp.Expr, types: Types) -> exp.Expr | None:
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
    if source not in ("DOUBLE", "FLOAT", "TIMESTAMP", _TIMED) and not length:
        return None
    made = as_text(node.this.copy(), source)
    if length:
        made = call("left", made, number(int(str(length[0].name))))
    return made


def _to_integer(node: exp.Cast, source: str | None) -> exp.Expr | None:
    if source in _FLOATS:
        return exp.Cast(this=call("round", node.this.copy()), to=node.to.copy())
    if source == "VARCHAR":
        bad = call("regexp_matches", node.this.copy(), text("[.eE]"))
        message = f"INVALID_CAST_ARGUMENT: Cannot cast to {node.to.sql('trino').lower()}: "
        plain = exp.Cast(this=node.this.copy(), to=node.to.copy())
        return exp.Case(ifs=[exp.If(this=bad, true=_error(message, node.this.copy()))], default=plain)
    return None


def _from_json(node: exp.Cast) -> exp.Expr | None:
    value = node.this
    if node.to.this in _TEXT_TARGETS:
        kind = call("json_type", value.copy())
        nested = exp.In(this=kind, expressions=[text("ARRAY"), text("OBJECT")])
        return exp.Case(
            ifs=[
                exp.If(
                    this=nested, true=_error("INVALID_CAST_ARGUMENT: Cannot cast to varchar: ", value.copy())
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
        return cast(plain, "DOUBLE" if kind in _FLOATS else "DECIMAL(1,0)")
    if name == "round" and kind is not None and is_decimal(kind) and len(args) > 1:
        return cast(plain, kind)
    return plain


def _concat(node: exp.Expr, types: Types) -> exp.Expr | None:
    made = exp.DPipe(this=node.expressions[0].copy(), expression=node.expressions[1].copy())
    node.replace(made)
    fresh = _pipe(made, types)
    if fresh is not None:
        made.replace(fresh)
    return None


def _zone(node: exp.Expr, types: Types) -> exp.Expr | None:
    """The wall clock at the zone. (A time with its own zone: said by the output column's type only.)"""
    assert isinstance(node, exp.AtTimeZone)
    value, zone = node.this.copy(), node.args["zone"].copy()
    if types.of(node.this) != _TIMED:
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
    exp.Div: _divide,
    exp.Add: _plus_minus,
    exp.Sub: _plus_minus,
    exp.DPipe: _pipe,
    exp.Cast: _cast,
    exp.TryCast: _cast,
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
    "[]": _subscript,
    "reverse": _reverse,
    "map_from_entries": _entries,
    "multimap_from_entries": _entries,
}


# ── syntax that needs no types ──────────────────────────────────────────────────────────────────
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


SIMPLE: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Trim: _trim,
    exp.Substring: _substring,
    exp.Extract: _extract,
    exp.Struct: _row,
    exp.Tuple: _tuple,
    exp.ParseJSON: _json_literal,
}
