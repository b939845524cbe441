"""CAST of Flink SQL, as DuckDB's. What cannot be cast is NULL."""

from __future__ import annotations

from forebay.streamsql.nodes import Type
from forebay.streamsql.types import BITS, FLOATS, INTEGERS, TIMES, duck, family, quoted


def cast(sql: str, given: Type, to: Type) -> str | None:
    """`CAST(sql AS to)`; None if that does not run here."""
    if given.name == "NULL":
        return f"CAST(NULL AS {duck(to)})"
    a, b = family(given), family(to)
    if given.of or to.of:
        return _nested(sql, given, to)
    if b == "text":
        shown = text(sql, given)
        if to.name == "CHAR":
            return f"left(rpad({shown}, {to.p}, ' '), {to.p})"
        return f"left({shown}, {to.p})" if to.p is not None else shown
    if a == "text" and b == "number":
        return _number(f"trim({sql})", to)
    if a == "number" and to.name in INTEGERS:
        return _whole(sql, given, to)
    if a == "number" and b == "number":
        return f"TRY_CAST({sql} AS {duck(to)})"
    if a == "text" and b == "BOOLEAN":
        return (
            f"(CASE WHEN lower(trim({sql})) IN ('true', 't', 'yes', 'y', '1') THEN true "
            f"WHEN lower(trim({sql})) IN ('false', 'f', 'no', 'n', '0') THEN false END)"
        )
    if a == "number" and b == "BOOLEAN":
        return f"({sql} <> 0)" if given.name in INTEGERS else None
    if a == "BOOLEAN" and b == "number":
        return f"CAST(CAST({sql} AS INTEGER) AS {duck(to)})"
    if a == "text" and b in ("time", "DATE"):
        return _time(sql, to)
    if a == "time" and b == "time":
        return cut(f"CAST({sql} AS TIMESTAMP)", given, to)
    if (a, b) in (("time", "DATE"), ("DATE", "time")) or a == b:
        return f"TRY_CAST({sql} AS {duck(to)})"
    return None


def cut(sql: str, given: Type, to: Type) -> str:
    """A timestamp with no more digits than its type has."""
    if (to.p or 0) >= (given.p or 0) or (to.p or 0) > 3:
        return sql
    return f"date_trunc('{'second' if not to.p else 'millisecond'}', {sql})"


def text(sql: str, given: Type) -> str:
    """As Flink shows it."""
    if given.name in FLOATS:
        return f"java_double({sql})"
    if given.name == "BOOLEAN":
        return f"(CASE WHEN {sql} THEN 'TRUE' WHEN NOT {sql} THEN 'FALSE' END)"
    if given.name in TIMES:
        digits = given.p or 0
        return f"strftime({sql}, '%Y-%m-%d %H:%M:%S{'.%f' if digits > 3 else '.%g' if digits else ''}')"
    return f"CAST({sql} AS VARCHAR)"


def _number(trimmed: str, to: Type) -> str:
    if to.name in INTEGERS:
        whole = f"CASE WHEN regexp_full_match({trimmed}, '[+-]?[0-9]+(\\.[0-9]*)?') THEN"
        return f"({whole} TRY_CAST(regexp_extract({trimmed}, '[+-]?[0-9]+') AS {duck(to)}) END)"
    if to.name == "DECIMAL":
        return f"TRY_CAST({trimmed} AS {duck(to)})"
    return f"(CASE WHEN regexp_matches({trimmed}, '[0-9]') THEN TRY_CAST({trimmed} AS {duck(to)}) END)"


def _whole(sql: str, given: Type, to: Type) -> str:
    if given.name in INTEGERS:
        wrapped = f"CAST(wrap(CAST({sql} AS HUGEINT), {BITS[to.name]}) AS {duck(to)})"
        return f"CAST({sql} AS {duck(to)})" if BITS[given.name] <= BITS[to.name] else wrapped
    if given.name in FLOATS:
        # As Java: what is too great is the greatest there is.
        bits = BITS["BIGINT"] if to.name == "BIGINT" else BITS["INT"]
        top, low = (1 << (bits - 1)) - 1, -(1 << (bits - 1))
        made = (
            f"(CASE WHEN isnan({sql}) THEN 0 WHEN {sql} >= {top} THEN {top} WHEN {sql} <= {low} THEN {low} "
            f"ELSE CAST(trunc({sql}) AS BIGINT) END)"
        )
        if to.name in ("TINYINT", "SMALLINT"):
            return f"CAST(wrap(CAST({made} AS HUGEINT), {BITS[to.name]}) AS {duck(to)})"
        return f"CAST({made} AS {duck(to)})"
    return f"TRY_CAST(trunc({sql}) AS {duck(to)})"


def _time(sql: str, to: Type) -> str:
    trimmed = f"trim({sql})"
    shape = "^\\d{4}-\\d\\d?-\\d\\d?([ T]\\d\\d?(:\\d\\d?(:\\d\\d?(\\.\\d{1,9})?)?)?)?$"
    made = f"(CASE WHEN regexp_matches({trimmed}, '{shape}') THEN TRY_CAST({trimmed} AS TIMESTAMP) END)"
    if to.name == "DATE":
        return f"CAST({made} AS DATE)"
    return cut(made, Type("TIMESTAMP", 9), to)


def _nested(sql: str, given: Type, to: Type) -> str | None:
    """Field by field, whatever the fields are called."""
    if given.name != to.name or len(given.of) != len(to.of):
        return None
    if given.name != "ROW":
        return sql if duck(given) == duck(to) else f"TRY_CAST({sql} AS {duck(to)})"
    fields = []
    for (name, one), (called, other) in zip(given.of, to.of, strict=True):
        made = cast(f"({sql}).{quoted(name)}", one, other)
        if made is None:
            return None
        fields.append(f"{quoted(called)} := {made}")
    return f"(CASE WHEN {sql} IS NOT NULL THEN struct_pack({', '.join(fields)}) END)"
