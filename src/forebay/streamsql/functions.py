"""The functions and casts of Flink SQL that run here, as DuckDB's, with Flink's meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from forebay.streamsql.nodes import Type
from forebay.streamsql.types import (
    BIGINT,
    BITS,
    BOOLEAN,
    DOUBLE,
    FLOATS,
    INT,
    INTEGERS,
    LTZ,
    STRING,
    TIMES,
    TIMESTAMP,
    duck,
    family,
)

Typed = tuple[str, Type]

_WORDS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "SSS": "%g"}
SQL_TIME = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,9})?$"


def cast(sql: str, given: Type, to: Type) -> str | None:
    """`CAST(sql AS to)`; None if that does not run here. What cannot be cast is NULL."""
    if given.name == "NULL":
        return f"CAST(NULL AS {duck(to)})"
    a, b = family(given), family(to)
    if b == "text":
        shown = _shown(sql, given)
        if shown is not None and to.p is not None and to.name == "VARCHAR":
            return f"left({shown}, {to.p})"
        return shown if to.name == "VARCHAR" or shown is None else None
    if a == "text" and b == "number":
        trimmed = f"trim({sql})"
        if to.name in INTEGERS:
            whole = f"CASE WHEN regexp_full_match({trimmed}, '[+-]?[0-9]+(\\.[0-9]*)?') THEN"
            return f"({whole} TRY_CAST(trunc(TRY_CAST({trimmed} AS DECIMAL(38,9))) AS {duck(to)}) END)"
        return f"TRY_CAST({trimmed} AS {duck(to)})"
    if a == "number" and to.name in INTEGERS:
        if given.name in INTEGERS:
            wrapped = f"CAST(wrap(CAST({sql} AS HUGEINT), {BITS[to.name]}) AS {duck(to)})"
            return f"CAST({sql} AS {duck(to)})" if BITS[given.name] <= BITS[to.name] else wrapped
        return f"TRY_CAST(trunc({sql}) AS {duck(to)})"
    if a == "text" and b == "BOOLEAN":
        return f"(CASE lower(trim({sql})) WHEN 'true' THEN true WHEN 't' THEN true WHEN 'false' THEN false WHEN 'f' THEN false END)"
    if a == "text" and b in ("time", "DATE"):
        return f"TRY_CAST({sql} AS {duck(to)})"
    if a == b or (a, b) in (("time", "DATE"), ("DATE", "time"), ("BOOLEAN", "number")):
        return f"TRY_CAST({sql} AS {duck(to)})"
    return None


def _shown(sql: str, given: Type) -> str | None:
    if given.name in FLOATS:
        return None  # Java writes 1.0E10 where others write 1e10
    if given.name == "BOOLEAN":
        return f"(CASE WHEN {sql} THEN 'TRUE' WHEN NOT {sql} THEN 'FALSE' END)"
    if given.name in TIMES:
        digits = given.p or 0
        return f"strftime({sql}, '%Y-%m-%d %H:%M:%S{'.%f' if digits > 3 else '.%g' if digits else ''}')"
    return f"CAST({sql} AS VARCHAR)"


def _format(pattern: str | None) -> str | None:
    """Java's pattern as strftime's; None if it has more than plain fields."""
    if pattern is None:
        return None
    out = ""
    for word in re.findall(r"[A-Za-z]+|'[^']*'|[^A-Za-z']+", pattern):
        if word[0] == "'":
            out += word[1:-1]
        elif word[0].isalpha():
            if word not in _WORDS:
                return None
            out += _WORDS[word]
        else:
            out += word.replace("%", "%%")
    return out.replace("'", "''")


def _to_timestamp(args: Sequence[Typed], texts: Sequence[str | None]) -> Typed | str:
    if len(args) == 1:
        return (
            f"(CASE WHEN regexp_matches({args[0][0]}, '{SQL_TIME}') THEN TRY_CAST({args[0][0]} AS TIMESTAMP) END)",
            TIMESTAMP,
        )
    form = _format(texts[1])
    if form is None:
        return f"the format {texts[1]!r} of TO_TIMESTAMP"
    return f"TRY(strptime({args[0][0]}, '{form}'))", TIMESTAMP


def _to_ltz(args: Sequence[Typed], texts: Sequence[str | None]) -> Typed | str:
    if family(args[0][1]) != "number":
        return "TO_TIMESTAMP_LTZ of text"
    if len(args) == 1 or texts[1] == "3":
        return f"TRY(epoch_ms(CAST({args[0][0]} AS BIGINT)))", LTZ
    if texts[1] != "0":
        return "a precision other than 0 and 3 of TO_TIMESTAMP_LTZ"
    return f"TRY(make_timestamp(CAST({args[0][0]} AS BIGINT) * 1000000))", LTZ


def _date_format(args: Sequence[Typed], texts: Sequence[str | None]) -> Typed | str:
    form = _format(texts[1]) if len(texts) == 2 else None
    if form is None:
        return f"the format {texts[-1]!r} of DATE_FORMAT"
    value, type_ = args[0]
    if family(type_) == "text":
        value = f"TRY_CAST({value} AS TIMESTAMP)"
    return f"strftime({value}, '{form}')", STRING


_PARTS = {
    "YEAR": "year", "QUARTER": "quarter", "MONTH": "month", "WEEK": "week", "DAY": "day", "HOUR": "hour",
    "MINUTE": "minute", "SECOND": "second", "DAYOFMONTH": "day", "DAYOFYEAR": "dayofyear",
}  # fmt: skip


def _json_value(args: Sequence[Typed], texts: Sequence[str | None]) -> Typed | str:
    path = texts[1] if len(texts) == 2 else None
    if path is None or not re.fullmatch(r"(lax )?\$(\.[A-Za-z_][A-Za-z0-9_]*|\[\d+\])*", path):
        return f"the path {path!r} of JSON_VALUE"
    path = path.removeprefix("lax ")
    value = f"TRY(json_extract({args[0][0]}, '{path}'))"
    return (
        f"(CASE WHEN TRY(json_type({value})) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN {value} ->> '$' END)",
        STRING,
    )


def _concat(args: Sequence[Typed], _: Sequence[str | None]) -> Typed:
    return "(" + " || ".join(sql for sql, _ in args) + ")", STRING


def _split(args: Sequence[Typed], _: Sequence[str | None]) -> Typed:
    text, by, at = (sql for sql, _ in args)
    return f"(CASE WHEN {at} >= 0 THEN string_split({text}, {by})[{at} + 1] END)", STRING


def _round(args: Sequence[Typed], texts: Sequence[str | None]) -> Typed | str:
    if args[0][1].name not in FLOATS:
        return f"ROUND of {args[0][1]}"
    return f"round({args[0][0]}, {texts[1] if len(texts) > 1 and texts[1] else 0})", DOUBLE


def _same(template: str, kinds: str, result: Type | None) -> tuple[str, str, Type | None]:
    return template, kinds, result


_PLAIN: dict[str, tuple[str, str, Type | None]] = {
    "UPPER": _same("upper({0})", "t", STRING),
    "LOWER": _same("lower({0})", "t", STRING),
    "CHAR_LENGTH": _same("CAST(length({0}) AS INTEGER)", "t", INT),
    "CHARACTER_LENGTH": _same("CAST(length({0}) AS INTEGER)", "t", INT),
    "TRIM": _same("trim({0}, ' ')", "t", STRING),
    "LTRIM": _same("ltrim({0}, ' ')", "t", STRING),
    "RTRIM": _same("rtrim({0}, ' ')", "t", STRING),
    "REVERSE": _same("reverse({0})", "t", STRING),
    "REPLACE": _same("replace({0}, {1}, {2})", "ttt", STRING),
    "LEFT": _same("left({0}, {1})", "tn", STRING),
    "RIGHT": _same("right({0}, {1})", "tn", STRING),
    "REGEXP": _same("TRY(regexp_matches({0}, {1}))", "tt", BOOLEAN),
    "STARTSWITH": _same("starts_with({0}, {1})", "tt", BOOLEAN),
    "ENDSWITH": _same("suffix({0}, {1})", "tt", BOOLEAN),
    "ABS": _same("abs({0})", "n", None),
    "MOD": _same("({0} % {1})", "nn", None),
    "SQRT": _same("TRY(sqrt(CAST({0} AS DOUBLE)))", "n", DOUBLE),
    "EXP": _same("exp(CAST({0} AS DOUBLE))", "n", DOUBLE),
    "LN": _same("TRY(ln(CAST({0} AS DOUBLE)))", "n", DOUBLE),
    "LOG10": _same("TRY(log10(CAST({0} AS DOUBLE)))", "n", DOUBLE),
    "POWER": _same("pow(CAST({0} AS DOUBLE), CAST({1} AS DOUBLE))", "nn", DOUBLE),
    "FLOOR": _same("floor({0})", "n", None),
    "CEIL": _same("ceil({0})", "n", None),
    "CEILING": _same("ceil({0})", "n", None),
    "SIGN": _same("CAST(sign({0}) AS {T})", "n", None),
}

_OWN: dict[str, tuple[str, Callable[[Sequence[Typed], Sequence[str | None]], Typed | str]]] = {
    "CONCAT": ("t*", _concat),
    "SPLIT_INDEX": ("ttn", _split),
    "TO_TIMESTAMP": ("tt?", _to_timestamp),
    "TO_TIMESTAMP_LTZ": ("an?", _to_ltz),
    "DATE_FORMAT": ("at", _date_format),
    "JSON_VALUE": ("tt", _json_value),
    "ROUND": ("nn?", _round),
}


def call(name: str, args: Sequence[Typed], texts: Sequence[str | None]) -> Typed | str:
    """The function's SQL and type; or, as text, what of it does not run here.

    `texts` has the argument's own text where it is a literal.
    """
    if name in _OWN:
        kinds, own = _OWN[name]
        return _unfit(name, kinds, args) or own(args, texts)
    if name in ("SUBSTRING", "SUBSTR"):
        given = ", ".join(sql for sql, _ in args)
        return _unfit(name, "tnn?", args) or (f"substring({given})", STRING)
    if name == "EXTRACT" or name in _PARTS:
        part = str(texts[0]) if name == "EXTRACT" else name
        if part not in _PARTS or args[-1][1].name not in (*TIMES, "DATE"):
            return f"{name} of {part} from {args[-1][1]}"
        return f"CAST({_PARTS[part]}({args[-1][0]}) AS BIGINT)", BIGINT
    if name not in _PLAIN:
        return f"the function {name}"
    template, kinds, result = _PLAIN[name]
    wrong = _unfit(name, kinds, args)
    if wrong:
        return wrong
    if name in ("MOD", "ABS", "FLOOR", "CEIL", "CEILING", "SIGN") and any(
        t.name == "DECIMAL" for _, t in args
    ):
        return f"{name} of DECIMAL"
    type_ = result or max((t for _, t in args), key=lambda t: BITS.get(t.name, 99))
    if name in ("FLOOR", "CEIL", "CEILING") and type_.name in INTEGERS:
        return args[0]
    return template.format(*(sql for sql, _ in args), T=duck(type_)), type_


def _unfit(name: str, kinds: str, args: Sequence[Typed]) -> str:
    """What is wrong with the arguments: `t` text, `n` number, `a` any, `?` after one that may be left out."""
    many = kinds.endswith("*")
    optional = kinds.count("?")
    kinds = kinds.replace("?", "").rstrip("*")
    if many:
        kinds = kinds * len(args)
    if not len(kinds) - optional <= len(args) <= len(kinds):
        return f"{name} of {len(args)} arguments"
    for kind, (_, type_) in zip(kinds, args, strict=False):
        if kind != "a" and family(type_) not in ({"t": "text", "n": "number"}[kind], "NULL"):
            return f"{name} of {type_}"
    return ""
