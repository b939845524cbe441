"""The aggregates of Flink SQL: their state, and what comes of it."""

from __future__ import annotations

from forebay.streamsql.nodes import Call, Literal, Star, Type
from forebay.streamsql.plan import Changing, Distinct, Part, Windowed
from forebay.streamsql.scalars import Scalars
from forebay.streamsql.types import BIGINT, BITS, INTEGERS, STRING, Typed, duck, family, literal

SPREADS = {"STDDEV_POP", "STDDEV_SAMP", "VAR_POP", "VAR_SAMP", "STDDEV", "VARIANCE"}
LISTS = {"LISTAGG", "ARRAY_AGG"}
NAMES = {"COUNT", "SUM", "AVG", "MIN", "MAX", "FIRST_VALUE", "LAST_VALUE", *SPREADS, *LISTS}
KNOWN_ELSEWHERE = {
    "COLLECT", "SUM0", "RANK", "DENSE_RANK", "JSON_OBJECTAGG", "JSON_ARRAYAGG",
    "APPROX_COUNT_DISTINCT",
}  # fmt: skip


def add(call: Call, rows: Scalars, into: Windowed | Changing, known: dict[Call, Typed]) -> Typed:
    """Take an aggregate into `into`; its column there and its type."""
    if call in known:
        return known[call]
    where = rows.boolean(call.filter) if call.filter is not None else None
    between = _between(call, rows) if call.name == "LISTAGG" else None
    if len(call.args) != (1 if between is None or len(call.args) == 1 else 2):
        rows.problem.refuse(f"{call.name} of {len(call.args)} arguments", call.at)
    arg = call.args[0]
    if isinstance(arg, Star):
        if call.name != "COUNT" or call.distinct:
            rows.problem.fail(f"{call.name}(*) is no aggregate", call.at)
        value, type_ = "1", BIGINT
    else:
        value, type_ = rows.sql(arg)
        if call.name in ("SUM", "AVG") and family(type_) != "number":
            rows.problem.fail(f"{call.name} takes a number, not {type_}", call.at, "CAST it")
        if call.name in SPREADS and type_.name != "DOUBLE":
            rows.problem.refuse(f"{call.name} of {type_}", call.at, "CAST it to DOUBLE")
        if call.name in LISTS:
            _listed(call, type_, rows, into)
        if type_.name == "NULL" and call.name != "COUNT":
            rows.problem.fail(f"{call.name} of NULL", call.at)
    name = f"a{len(into.ends) + sum(len(each.ends) for each in into.distincts)}"
    result = _result(call, type_, rows)
    if call.name in LISTS:
        parts, end = _list(name, value, where, between)
        into.parts += parts
        into.ends.append((name, end))
    elif call.distinct and call.name in ("COUNT", "SUM", "AVG"):
        if isinstance(arg, Literal):
            rows.problem.refuse("DISTINCT of a constant", call.at)
        group = next((g for g in into.distincts if (g.value, g.where) == (value, where)), None)
        if group is None:
            group = Distinct(value, where)
            into.distincts.append(group)
        over = {"COUNT": "count(DISTINCT x)", "SUM": "sum(DISTINCT x)"}
        if call.name == "AVG":
            end = _average("sum(DISTINCT x)", "count(DISTINCT x)", type_)
        elif call.name == "SUM":
            end = _total(over["SUM"], result)
        else:
            end = over["COUNT"]
        group.ends.append((name, end))
    else:
        filter_ = f" FILTER (WHERE {where})" if where is not None else ""
        parts, end = _state(call.name, name, value, type_, filter_, where)
        into.parts += parts
        into.ends.append((name, end))
    known[call] = (name, result)
    return known[call]


def _between(call: Call, rows: Scalars) -> str:
    """What LISTAGG puts between values."""
    if len(call.args) < 2:
        return ","
    found = call.args[1]
    if not isinstance(found, Literal) or found.kind != "string":
        rows.problem.fail("LISTAGG's separator is a 'string'", found.at)
    return found.text


def _listed(call: Call, type_: Type, rows: Scalars, into: Windowed | Changing) -> None:
    """Say where there are no lists."""
    if isinstance(into, Changing):
        rows.problem.refuse(
            f"{call.name} without a window, which grows for ever,", call.at, "GROUP BY TUMBLE(...)"
        )
    if (
        into.window.kind != "TUMBLE"
    ):  # Flink has values there in the order in which it merged slices and sessions
        rows.problem.refuse(f"{call.name} in a {into.window.kind} window", call.at, "TUMBLE")
    if call.distinct:
        rows.problem.refuse(f"{call.name} of DISTINCT values", call.at)
    if call.name == "LISTAGG" and family(type_) != "text":
        rows.problem.fail(f"LISTAGG takes text, not {type_}", call.at, "CAST it to STRING")


def _list(name: str, value: str, where: str | None, between: str | None) -> tuple[list[Part], str]:
    """Values in the order of the log; as text with something between them, without those that are NULL."""
    met = [*([f"{value} IS NOT NULL"] if between is not None else []), *([where] if where else [])]
    there = f" FILTER (WHERE {' AND '.join(met)})" if met else ""
    merged = f"CASE WHEN count({name}) > 0 THEN flatten(list({name})) END"
    values = f"[x.v for x in list_sort({merged})]"
    shown = f"list_aggregate({values}, 'string_agg', {literal(between)})" if between is not None else values
    return [Part(name, f"list({{'r': __row, 'v': {value}}}){there}", merged)], shown


def _result(call: Call, type_: Type, rows: Scalars) -> Type:
    if call.name == "COUNT":
        return BIGINT
    if call.name == "LISTAGG":
        return STRING
    if call.name == "ARRAY_AGG":
        return Type("ARRAY", of=(("element", type_),))
    if call.name == "AVG" and type_.name == "DECIMAL":
        return Type("DECIMAL", 38, max(type_.s or 0, 6))
    if call.name == "SUM" and type_.name == "DECIMAL":
        return Type("DECIMAL", 38, type_.s)
    return type_


def _state(  # noqa: PLR0917 - an aggregate, taken apart
    kind: str, name: str, value: str, type_: Type, filter_: str, where: str | None
) -> tuple[list[Part], str]:
    match kind:
        case "COUNT":
            return [
                Part(name, f"count({value}){filter_}", f"CAST(sum({name}) AS BIGINT)")
            ], f"CAST(coalesce(sum({name}), 0) AS BIGINT)"
        case "MIN" | "MAX":
            way = kind.lower()
            return [Part(name, f"{way}({value}){filter_}", f"{way}({name})")], f"{way}({name})"
        case "FIRST_VALUE" | "LAST_VALUE":
            pick, way = ("arg_min", "min") if kind == "FIRST_VALUE" else ("arg_max", "max")
            there = f" FILTER (WHERE {value} IS NOT NULL{f' AND {where}' if where else ''})"
            both = [
                Part(name, f"{pick}({value}, __row){there}", f"{pick}({name}, {name}_at)"),
                Part(f"{name}_at", f"{way}(__row){there}", f"{way}({name}_at)"),
            ]
            return both, f"{pick}({name}, {name}_at)"
    if kind in SPREADS:
        return _spread(kind, name, value, filter_)
    exact = type_.name in INTEGERS
    held = "DECIMAL(38,0)" if exact else f"DECIMAL(38,{type_.s})" if type_.name == "DECIMAL" else "DOUBLE"
    parts = [Part(name, f"CAST(sum({value}){filter_} AS {held})", f"CAST(sum({name}) AS {held})")]
    if kind == "SUM":
        return parts, _total(
            f"sum({name})", Type("DECIMAL", 38, type_.s) if type_.name == "DECIMAL" else type_
        )
    count = f"{name}_n"
    parts.append(Part(count, f"count({value}){filter_}", f"CAST(sum({count}) AS BIGINT)"))
    return parts, _average(f"sum({name})", f"sum({count})", type_)


def _spread(kind: str, name: str, value: str, filter_: str) -> tuple[list[Part], str]:
    """By sums, sums of squares and counts, as Flink does."""
    sums = [
        Part(name, f"CAST(sum({value}){filter_} AS DOUBLE)", f"CAST(sum({name}) AS DOUBLE)"),
        Part(
            f"{name}_s", f"CAST(sum({value} * {value}){filter_} AS DOUBLE)", f"CAST(sum({name}_s) AS DOUBLE)"
        ),
        Part(f"{name}_n", f"count({value}){filter_}", f"CAST(sum({name}_n) AS BIGINT)"),
    ]
    total, count = f"sum({name})", f"CAST(sum({name}_n) AS DOUBLE)"
    by = count if kind.endswith("_POP") else f"({count} - 1)"
    variance = f"((sum({name}_s) - {total} * {total} / nullif({count}, 0)) / nullif({by}, 0))"
    return sums, variance if kind.startswith(
        "VAR"
    ) else f"sqrt(CASE WHEN {variance} < 0 THEN 0 ELSE {variance} END)"


def _total(sum_: str, result: Type) -> str:
    if result.name in INTEGERS:
        return f"CAST(wrap(CAST({sum_} AS HUGEINT), {BITS[result.name]}) AS {duck(result)})"
    return f"CAST({sum_} AS {duck(result)})"


def _average(sum_: str, count: str, type_: Type) -> str:
    if type_.name == "DECIMAL":
        scale, out = type_.s or 0, max(type_.s or 0, 6)
        scaled = f"unscaled(CAST({sum_} AS DECIMAL(38,{scale}))) * 1{'0' * (out - scale)}::HUGEINT"
        exact = f"pointed(divided({scaled}, CAST({count} AS HUGEINT)), {out})"
        return f"CAST({exact} AS DECIMAL(38,{out}))"
    if type_.name in INTEGERS:
        return f"CAST(CAST({sum_} AS HUGEINT) // nullif(CAST({count} AS HUGEINT), 0) AS {duck(type_)})"
    return f"CAST(CAST({sum_} AS DOUBLE) / nullif(CAST({count} AS DOUBLE), 0) AS {duck(type_)})"
